"""The small plans in which a race's finding is looked for again: on a target that is right they show none."""

from __future__ import annotations

import pytest

from fixtures.engine.explorer import every_order
from fixtures.engine.plan import Plan
from fixtures.engine.scheduler import Engine
from suites.oracles.judge import Judge
from suites.verdict import Verdict


@pytest.mark.clause("C1", "C5", "J1", "J2", "J3")
def test_two_workers_one_after_the_other_show_nothing(
    small_plan: Plan, engine: Engine, judge: Judge, verdict: Verdict
) -> None:
    histories = list(every_order(lambda choose: engine.run(small_plan, choose), preemptions=0))
    verdict.settle([finding for history in histories for finding in judge.findings(history)], "no preemption")
    judge.serial.forget()
