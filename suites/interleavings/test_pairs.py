"""Every pair of writing functions, in every order of their statements."""

from __future__ import annotations

import pytest

from fixtures.engine.plan import Plan
from fixtures.engine.scheduler import Engine
from strategies.programs import pairs
from suites.drawn import budget
from suites.interleavings.search import search
from suites.oracles.judge import Judge
from suites.verdict import Verdict

_MOST = 50
"""So many orders are run in a cell for each of the profile's examples; those with more are told to be cut short."""


@pytest.mark.clause("C1", "C2", "C3")
@pytest.mark.parametrize("plan", list(pairs()), ids=lambda plan: plan.title)
def test_every_order_could_have_come_from_running_them_one_after_another(
    plan: Plan, engine: Engine, judge: Judge, verdict: Verdict
) -> None:
    searched = search(engine, judge, plan, budget(_MOST).max_examples)
    verdict.cells[plan.title] = searched.cell
    verdict.locks.include(searched.locks)
    verdict.settle(searched.shortest.values(), str(searched))
