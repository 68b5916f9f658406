"""Faults that nobody thought of: a situation, its order and what strikes in it are drawn and shrunk together."""

from __future__ import annotations

from typing import cast

import pytest
from hypothesis import given, settings

from fixtures.engine.finding import Finding
from fixtures.engine.history import History
from fixtures.engine.scheduler import Engine
from strategies.fault_plans import Struck, struck_situations
from suites.oracles.judge import Judge
from suites.verdict import Verdict

_TIMES = 5
"""So many more examples than other properties get: there is more to draw."""


class NewFinding(Exception):
    """What makes Hypothesis shrink; the test itself fails with the shrunk finding."""


@pytest.mark.clause("C1", "C2", "C6", "L5", "T3")
def test_no_situation_with_a_fault_comes_to_what_the_calls_that_committed_could_not(
    engine: Engine, judge: Judge, verdict: Verdict
) -> None:
    last: list[Finding] = []

    @settings(max_examples=_TIMES * cast(int, settings.default.max_examples))  # type: ignore[union-attr]
    @given(struck_situations())
    def look(struck: Struck) -> None:
        history = run(engine, struck)
        verdict.counts["situations drawn that a fault met" if history.struck else "situations that no fault met"] += 1
        new = [finding for finding in judge.findings(history) if not verdict.is_known(finding)]
        judge.serial.forget()
        if new:
            last[:] = new
            raise NewFinding

    try:
        look()
    except NewFinding:
        verdict.fail(last, "drawn and shrunk: a smaller catalogue, fewer calls or an earlier fault do not show it")


def run(engine: Engine, struck: Struck) -> History:
    """One run in the situation's order; when its choices are used up, the session that went last goes on."""
    choices = struck.situation.choices

    def choose(history: History, enabled: tuple[str, ...]) -> int:
        number = len(history.decisions)
        return choices[number] % len(enabled) if number < len(choices) else 0

    return engine.run(struck.situation.plan, choose, fault=struck.fault)
