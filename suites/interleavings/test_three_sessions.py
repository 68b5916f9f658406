"""Three sessions have too many orders to run them all: they are drawn by priorities, with a known chance."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fixtures.engine.explorer import chance, drawn_by_priorities
from fixtures.engine.plan import Plan
from fixtures.engine.scheduler import Engine
from strategies.programs import triples
from suites.drawn import budget
from suites.oracles.judge import Judge
from suites.verdict import Verdict

_DEPTH = 3
"""A bug that shows when three steps come in a certain order."""


@pytest.mark.clause("C1", "C2", "C3", "C6")
@pytest.mark.parametrize("plan", list(triples()), ids=lambda plan: plan.title)
def test_orders_of_three_sessions_could_have_come_from_running_them_one_after_another(
    plan: Plan, engine: Engine, judge: Judge, verdict: Verdict, record_property: Callable[[str, object], None]
) -> None:
    draws = max(1, budget().max_examples // 4)
    steps = len(engine.run(plan).decisions)
    histories = [
        drawn_by_priorities(lambda choose: engine.run(plan, choose), seed, _DEPTH, steps) for seed in range(draws)
    ]
    findings = [finding for history in histories for finding in judge.findings(history)]
    judge.serial.forget()
    verdict.counts["orders of three sessions drawn"] += draws
    one_in = round(1 / chance(3, _DEPTH, steps))
    record_property("chance", f"1 in {one_in} for each of {draws} orders")
    tried = f"{draws} orders drawn; each shows a bug that needs {_DEPTH} steps in order with a chance of 1 in {one_in}"
    verdict.settle(findings, tried)
