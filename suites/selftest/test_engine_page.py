"""The example that fixtures/engine/README.md draws is what the engine does."""

from __future__ import annotations

from math import comb

from fixtures.engine.explorer import every_order, every_trace
from fixtures.engine.history import History
from fixtures.engine.plan import Call, Plan, Program
from fixtures.postgres.server import Server
from suites.oracles.serial_equivalence import SerialEquivalence
from suites.selftest.command_line import ROOT
from suites.selftest.textbook import TEXTBOOK, opened

PAGE = (ROOT / "fixtures" / "engine" / "README.md").read_text(encoding="utf-8")
LOST_UPDATE = Call.of("book.lost_update", 1)
DRAWN = ["a 1", "b 1", "a 2", "b 2", "a 3 (wakes b)", "b 3"]


def outcome(history: History) -> tuple[object, ...]:
    return (*sorted(outcome.rows for outcome in history.outcomes), history.final["book.account"][0]["balance"])


def test_the_page_tells_what_the_engine_finds(server: Server) -> None:
    plan = Plan("", tuple(Program.single(name, LOST_UPDATE) for name in "ab"))
    with opened(server, "page") as book:
        orders, traces = (
            list(explore(lambda choose: book.engine.run(plan, choose))) for explore in (every_order, every_trace)
        )
        (drawn,) = [each for each in orders if [label.replace("lost_update/", "") for label in each.labels] == DRAWN]
        assert SerialEquivalence(book.serial).judge(drawn) is not None
    assert outcome(drawn) == ((("100",),), (("100",),), "90")
    assert set(map(outcome, orders)) == set(map(outcome, traces))
    shuffled = comb(6, 3)
    assert f"shuffled in {shuffled} ways. In {shuffled - len(orders)} of them" in PAGE
    assert f"so {len(orders)} orders are feasible" in PAGE
    assert f"{len(traces)} runs stand for all {len(orders)}, and have the same {len(set(map(outcome, orders)))}" in PAGE


def test_the_function_on_the_page_is_the_one_that_is_run() -> None:
    drawn = PAGE.partition("```sql\n")[2].partition("```")[0]
    assert [line.partition("--")[0].strip() for line in drawn.splitlines()] == [
        line.strip()
        for line in TEXTBOOK[TEXTBOOK.index(drawn.splitlines()[0]) :].splitlines()[: len(drawn.splitlines())]
    ]
