"""Situations that nobody thought of: catalogue, programs and order drawn together, and shrunk together."""

from __future__ import annotations

import pytest
from hypothesis import target

from fixtures.engine.finding import Finding
from fixtures.engine.scheduler import Engine
from strategies.situations import Situation, situations
from suites.drawn import budget, no_new_finding
from suites.oracles.judge import Judge
from suites.verdict import Verdict

_TIMES = 5
"""So many more examples than other properties get: there is more to draw."""


@pytest.mark.clause("C1", "C2", "C3", "C4", "C6", "L4", "L5", "T3")
def test_no_situation_comes_to_what_running_the_calls_one_after_another_could_not(
    engine: Engine, judge: Judge, verdict: Verdict, fenced: bool
) -> None:
    def look(situation: Situation) -> list[Finding]:
        history = engine.run(situation.plan, situation.choose)
        verdict.counts["situations drawn"] += 1
        target(float(history.switches), label="context switches")
        target(float(sum(len(outcome.waits) for outcome in history.outcomes)), label="waits")
        findings = judge.findings(history)
        judge.serial.forget()
        return findings

    smallest = "a smaller catalogue, fewer calls or fewer switches do not show it"
    no_new_finding(situations(fenced), look, verdict, budget(_TIMES), smallest)
