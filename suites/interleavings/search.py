"""Tries a plan in every order, judges each, and finds the shortest schedule that shows what was found."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from fixtures.engine.explorer import every_order, every_trace
from fixtures.engine.finding import Finding
from fixtures.engine.plan import Plan
from fixtures.engine.scheduler import Engine, EngineError
from suites.oracles.judge import Judge

_MOST_PREEMPTIONS = 3
_Key = tuple[str, str]


@dataclass
class Searched:
    """What a search came to: orders run, how many had a finding, the shortest by (code, function)."""

    plan: Plan
    orders: int = 0
    bad: int = 0
    shortest: dict[_Key, Finding] = field(default_factory=dict)

    def note(self, findings: list[Finding]) -> None:
        """Counts one order with its findings."""
        self.orders += 1
        self.bad += bool(findings)
        for finding in findings:
            self.keep(finding)

    def keep(self, finding: Finding) -> None:
        """Remembers `finding` if no shorter one of its kind is known."""
        key = (finding.code, finding.function)
        if key not in self.shortest or _length(finding) < _length(self.shortest[key]):
            self.shortest[key] = finding

    def __str__(self) -> str:
        return (
            f"{self.bad} of {self.orders} orders of {self.plan.title or 'the plan'} show something wrong "
            "(orders that differ only by steps that can change places are run once)"
        )


def _length(finding: Finding) -> tuple[int, int, tuple[int, ...]]:
    history = finding.history
    return (history.switches, len(history.decisions), history.choices)


def search(engine: Engine, judge: Judge, plan: Plan) -> Searched:
    """Every order of `plan` that could come to something else, once each. A plan that cannot be run fails the test."""
    searched = Searched(plan)
    try:
        for history in every_trace(lambda choose: engine.run(plan, choose)):
            searched.note(judge.findings(history))
    except EngineError as error:
        pytest.fail(f"{plan.title or 'the plan'} cannot be run: {error}", pytrace=False)
    _shorten(engine, judge, searched)
    judge.serial.forget()
    return searched


def _shorten(engine: Engine, judge: Judge, searched: Searched) -> None:
    """Looks for each finding in the orders with the fewest preemptions: an explorer's own order may have more."""
    wanted = set(searched.shortest)
    for preemptions in range(_MOST_PREEMPTIONS + 1):
        for history in every_order(lambda choose: engine.run(searched.plan, choose), preemptions) if wanted else ():
            for finding in judge.findings(history):
                searched.keep(finding)
                wanted.discard((finding.code, finding.function))
            if not wanted:
                return
