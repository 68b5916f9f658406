"""Leaving out orders that come to the same loses no outcome."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest

from fixtures.engine.explorer import every_order, every_trace
from fixtures.engine.history import History
from fixtures.engine.plan import Call, Plan, Program
from fixtures.postgres.server import Server
from suites.oracles.canonical import Canonical, Canonicaliser
from suites.selftest.test_scheduler import CAREFUL, LOST, PLANS, SKIP
from suites.selftest.textbook import Textbook, opened

COMPARED = {
    **{name: plan for name, plan in PLANS.items() if name != "deadlock"},
    "different rows": Plan("", (Program.single("a", LOST), Program.single("b", Call.of("book.lost_update", 2)))),
    "three sessions": Plan(
        "", tuple(Program.single(name, call) for name, call in zip("abc", (LOST, CAREFUL, SKIP), strict=True))
    ),
    "a trigger's own step": Plan(
        "", (Program.single("a", Call.of("book.note", "x")), Program.single("b", Call.of("book.note", "y")))
    ),
}


@pytest.fixture(scope="module")
def book(server: Server) -> Iterator[Textbook]:
    with opened(server, "selftest_explorer") as book:
        yield book


def outcomes(histories: Iterable[History]) -> tuple[int, set[Canonical]]:
    """How many orders there were, and what they came to."""
    seen = set()
    count = 0
    for history in histories:
        count += 1
        answers = sorted(history.outcomes, key=lambda outcome: (outcome.session, outcome.position))
        rows = [[*outcome.rows, (outcome.sqlstate,)] for outcome in answers]
        seen.add(Canonicaliser(history.start, ()).run(rows, history.final))
    return count, seen


@pytest.mark.parametrize("name", COMPARED)
def test_the_reduced_search_comes_to_the_same_outcomes(book: Textbook, name: str) -> None:
    all_orders, full = outcomes(every_order(lambda choose: book.engine.run(COMPARED[name], choose)))
    traces, reduced = outcomes(every_trace(lambda choose: book.engine.run(COMPARED[name], choose)))
    assert reduced == full
    assert traces <= all_orders


def test_orders_of_functions_that_do_not_meet_are_run_once(book: Textbook) -> None:
    apart = Plan("", (Program.single("a", LOST), Program.single("b", Call("SELECT 1"))))
    all_orders = list(every_order(lambda choose: book.engine.run(apart, choose)))
    traces = list(every_trace(lambda choose: book.engine.run(apart, choose)))
    assert len(all_orders) == 4
    assert len(traces) == 3  # before the other call begins, before its commit, after it: real time counts (C1)


def test_no_order_has_more_preemptions_than_allowed(book: Textbook) -> None:
    plan = COMPARED["different rows"]
    found = [[h.switches for h in every_order(lambda choose: book.engine.run(plan, choose), most)] for most in range(6)]
    assert [max(switches) for switches in found[:4]] == [0, 1, 2, 3]
    assert len(found[5]) == 20
    assert len(found[0]) == 2
