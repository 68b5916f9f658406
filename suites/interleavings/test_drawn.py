"""Situations that nobody thought of: catalogue, programs and order drawn together, and shrunk together."""

from __future__ import annotations

from typing import cast

import pytest
from hypothesis import given, settings, target

from fixtures.engine.finding import Finding
from fixtures.engine.history import History
from fixtures.engine.scheduler import Engine
from strategies.situations import Situation, situations
from suites.oracles.judge import Judge
from suites.verdict import Verdict

_TIMES = 5
"""So many more examples than other properties get: there is more to draw."""


class NewFinding(Exception):
    """What makes Hypothesis shrink; the test itself fails with the shrunk finding."""


@pytest.mark.clause("C1", "C2", "C3", "C4", "C6", "L4", "L5", "T3")
def test_no_situation_comes_to_what_running_the_calls_one_after_another_could_not(
    engine: Engine, judge: Judge, verdict: Verdict
) -> None:
    last: list[Finding] = []

    @settings(max_examples=_TIMES * cast(int, settings.default.max_examples))  # type: ignore[union-attr]
    @given(situations())
    def look(situation: Situation) -> None:
        history = run(engine, situation)
        verdict.counts["situations drawn"] += 1
        target(float(history.switches), label="context switches")
        target(float(sum(len(outcome.waits) for outcome in history.outcomes)), label="waits")
        new = [finding for finding in judge.findings(history) if not verdict.is_known(finding)]
        judge.serial.forget()
        if new:
            last[:] = new
            raise NewFinding

    try:
        look()
    except NewFinding:
        verdict.fail(last, "drawn and shrunk: a smaller catalogue, fewer calls or fewer switches do not show it")


def run(engine: Engine, situation: Situation) -> History:
    """One run in the situation's order; when its choices are used up, the session that went last goes on."""

    def choose(history: History, enabled: tuple[str, ...]) -> int:
        number = len(history.decisions)
        return situation.choices[number] % len(enabled) if number < len(situation.choices) else 0

    return engine.run(situation.plan, choose)
