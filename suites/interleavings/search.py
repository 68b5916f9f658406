"""Tries a plan in every order, judges each, and finds the shortest schedule that shows what was found."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import pytest

from fixtures.engine.counting import orders_represented
from fixtures.engine.explorer import every_order, every_trace
from fixtures.engine.finding import Finding
from fixtures.engine.history import History
from fixtures.engine.lock_order import LockOrder
from fixtures.engine.plan import Plan
from fixtures.engine.scheduler import Engine, EngineError
from suites.matrix import EQUIVALENT, FINDING, PARTLY, REFUSED, Cell
from suites.oracles.judge import Judge
from suites.oracles.refusals import is_nonsense, refused

_MOST_PREEMPTIONS = 3
_Key = tuple[str, str]


@dataclass
class Searched:
    """What a search came to: orders run, how many feasible ones they stand for, how many were not reached, how many
    had a finding, refusals by kind, distinct outcomes, and the shortest finding by (code, function). `cut`: that there
    are more than `most` orders to run, and the others were not. `senseless`: why no order has let a call in yet, by
    session and position; empty when one has."""

    plan: Plan
    most: int | None = None
    cut: bool = False
    orders: int = 0
    feasible: int = 0
    unreached: int = 0
    bad: int = 0
    outcomes: int = 0
    refusals: Counter[str] = field(default_factory=Counter)
    locks: LockOrder = field(default_factory=LockOrder)
    senseless: dict[tuple[str, int], str] = field(default_factory=dict)
    shortest: dict[_Key, Finding] = field(default_factory=dict)

    def note(self, history: History, findings: list[Finding]) -> None:
        """Counts one order with its findings."""
        if history.diverged:
            self.unreached += 1
            return
        self.orders += 1
        self.feasible += orders_represented(history)
        self.locks.note(history.acquired)
        self.bad += bool(findings)
        for outcome in history.outcomes:
            call = (outcome.session, outcome.position)
            said = f"{outcome.call.sql}: {outcome.message}" if is_nonsense(outcome) else ""
            self.senseless[call] = said and self.senseless.get(call, said)
        self.refusals.update(filter(None, map(refused, history.outcomes)))
        for finding in findings:
            self.keep(finding)

    @property
    def cell(self) -> Cell:
        """What the race matrix keeps of it."""
        answer = (
            FINDING if self.bad else PARTLY if self.unreached or self.cut else REFUSED if self.refusals else EQUIVALENT
        )
        refusals = dict(sorted(self.refusals.items()))
        return Cell(answer, self.feasible, self.orders, self.outcomes, self.unreached, refusals)

    def keep(self, finding: Finding) -> None:
        """Remembers `finding` if no shorter one of its kind is known."""
        key = (finding.code, finding.function)
        if key not in self.shortest or _length(finding) < _length(self.shortest[key]):
            self.shortest[key] = finding

    def __str__(self) -> str:
        return (
            f"{self.bad} of {self.orders} orders of {self.plan.title or 'the plan'} show something wrong "
            f"(they stand for {self.feasible}: orders that differ only by steps that can change places are run once)"
        )


def _length(finding: Finding) -> tuple[int, int, tuple[int, ...]]:
    history = finding.history
    return (history.switches, len(history.decisions), history.choices)


def search(engine: Engine, judge: Judge, plan: Plan, most: int | None = None) -> Searched:
    """Every order of `plan` that could come to something else, once each, or the first `most` of them (then the cell
    is "not explored fully"). A plan that cannot be run fails the test, and so does one whose first order takes a lock
    that no statement's text tells of."""
    searched, why = Searched(plan, most), ""
    try:
        for history in every_trace(lambda choose: engine.run(plan, choose, check_locks=not searched.orders)):
            _check_footprints(history)
            if searched.orders == most:
                searched.cut = True
                break
            searched.note(history, judge.findings(history))
        _check_calls(searched)
        searched.outcomes = judge.serial.distinct(plan)
    except EngineError as error:
        why = str(error)
    if why:  # told alone: neither the engine's traceback nor the server's
        pytest.fail(f"{plan.title or 'the plan'} cannot be run: {why}", pytrace=False)
    _shorten(engine, judge, searched)
    judge.serial.forget()
    return searched


def _check_footprints(history: History) -> None:
    if history.unforeseen:
        locks = ", ".join(f"{lock.mode} on {lock.on}" for lock in dict.fromkeys(history.unforeseen))
        raise EngineError(f"no statement's text tells of {locks}, so orders cannot be left out")


def _check_calls(searched: Searched) -> None:
    if said := next(filter(None, searched.senseless.values()), ""):
        raise EngineError(f"{said}: mend the call, or the target")


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
