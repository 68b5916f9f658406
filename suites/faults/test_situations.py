"""Faults that nobody thought of: a situation, its order and what strikes in it are drawn and shrunk together."""

from __future__ import annotations

import pytest

from fixtures.engine.finding import Finding
from fixtures.engine.scheduler import Engine
from strategies.fault_plans import Struck, struck_situations
from suites.drawn import budget, no_new_finding
from suites.oracles.judge import Judge
from suites.verdict import Verdict

_TIMES = 5
"""So many more examples than other properties get: there is more to draw."""


@pytest.mark.clause("C1", "C2", "C6", "L5", "T3")
def test_no_situation_with_a_fault_comes_to_what_the_calls_that_committed_could_not(
    engine: Engine, judge: Judge, verdict: Verdict, fenced: bool
) -> None:
    def look(struck: Struck) -> list[Finding]:
        history = engine.run(struck.situation.plan, struck.situation.choose, fault=struck.fault)
        verdict.counts["situations drawn that a fault met" if history.struck else "situations that no fault met"] += 1
        findings = judge.findings(history)
        judge.serial.forget()
        return findings

    smallest = "a smaller catalogue, fewer calls or an earlier fault do not show it"
    no_new_finding(struck_situations(fenced), look, verdict, budget(_TIMES), smallest)
