"""The same schedule gives the same history, and every feasible order is run once."""

from __future__ import annotations

from collections.abc import Iterator
from math import comb

import pytest

from fixtures.engine.explorer import every_order
from fixtures.engine.history import History, Status
from fixtures.engine.plan import Call, Plan, Program, Transaction
from fixtures.postgres.server import Server
from suites.selftest.textbook import Textbook, opened

LOST = Call.of("book.lost_update", 1)
CAREFUL = Call.of("book.careful_update", 1)
SKIP = Call.of("book.skip_to_free")


@pytest.fixture(scope="module")
def book(server: Server) -> Iterator[Textbook]:
    with opened(server, "scheduler") as book:
        yield book


def plan(*calls: Call) -> Plan:
    return Plan("", tuple(Program.single(name, call) for name, call in zip("abcd", calls, strict=False)))


def in_block(session: str, *calls: Call, isolation: str = "read committed", end: str = "COMMIT") -> Program:
    return Program(session, (Transaction(calls, isolation, end),))


def all_orders(book: Textbook, plan: Plan) -> list[History]:
    return list(every_order(lambda choose: book.engine.run(plan, choose)))


PLANS = {
    "two lost updates": plan(LOST, LOST),
    "two careful updates": plan(CAREFUL, CAREFUL),
    "skipping": plan(SKIP, SKIP),
    "deadlock": plan(Call.of("book.transfer", 1, 2), Call.of("book.transfer", 2, 1)),
    "blocks": Plan("", (in_block("a", LOST, SKIP), Program.single("b", CAREFUL))),
    "repeatable read": Plan("", (in_block("a", CAREFUL, isolation="repeatable read"), in_block("b", LOST))),
    "rollback": Plan("", (in_block("a", LOST, end="ROLLBACK"), Program.single("b", LOST))),
    "an error in a block": Plan("", (in_block("a", LOST, Call("SELECT 1/0"), LOST), Program.single("b", LOST))),
}


@pytest.mark.parametrize("name", PLANS)
def test_every_schedule_run_again_gives_the_same_history(book: Textbook, name: str) -> None:
    for history in all_orders(book, PLANS[name]):
        again = book.engine.run(PLANS[name], history.choices)
        assert again.skeleton() == history.skeleton()
        assert again.final == history.final


def test_functions_that_do_not_meet_are_run_in_every_order(book: Textbook) -> None:
    histories = all_orders(book, plan(LOST, Call.of("book.lost_update", 2)))
    assert len(histories) == comb(6, 3)
    assert len({tuple(history.labels) for history in histories}) == len(histories)


def test_blocked_sessions_are_not_offered(book: Textbook) -> None:
    for history in all_orders(book, plan(CAREFUL, CAREFUL)):
        assert {event.kind for event in history.events} >= {"answered", "commit"}
        assert all(outcome.status == Status.ANSWERED for outcome in history.outcomes)


def test_a_lost_update_is_in_some_order_and_not_in_the_serial_ones(book: Textbook) -> None:
    balances = [history.final["book.account"][0]["balance"] for history in all_orders(book, plan(LOST, LOST))]
    assert set(balances) == {"80", "90"}
    assert balances[0] == "80"


def test_a_deadlock_is_an_outcome_like_any_other(book: Textbook) -> None:
    codes = [{o.sqlstate for o in history.outcomes} for history in all_orders(book, PLANS["deadlock"])]
    assert {""} in codes
    assert {"", "40P01"} in codes


def test_a_row_passed_over_is_recorded_with_the_step_that_passed_it(book: Textbook) -> None:
    histories = all_orders(book, plan(SKIP, SKIP))
    missed = [o for history in histories for o in history.outcomes if o.misses]
    assert {o.rows for o in missed} == {(("2",),)}
    assert {miss.keys for o in missed for miss in o.misses} == {("(1)",)}
    assert {o.rows for h in histories for o in h.outcomes if not o.misses} == {(("1",),)}


def test_a_call_in_a_failed_block_is_not_committed(book: Textbook) -> None:
    for history in all_orders(book, PLANS["an error in a block"]):
        failed = [outcome for outcome in history.outcomes if outcome.session == "a"]
        assert [outcome.committed for outcome in failed] == [None, None]
        assert [outcome.sqlstate for outcome in failed] == ["", "22012"]


def test_a_lock_that_outlives_its_transaction_is_told_and_does_not_meet_the_next_run(book: Textbook) -> None:
    forgetful = plan(Call.of("book.forgets_its_lock"))
    histories = [book.engine.run(forgetful) for _ in range(2)]
    assert [history.left for history in histories] == [("a",), ("a",)]
    assert book.engine.run(plan(LOST)).left == ()


def test_a_session_that_never_comes_back_is_unknown_and_leaves_the_engine_usable(
    book: Textbook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fixtures.engine.stepping._PATIENCE", 0.05)
    history = book.engine.run(plan(Call("SELECT pg_sleep(60)")))
    assert history.stuck
    assert history.outcomes[0].status == Status.UNFINISHED
    monkeypatch.undo()
    assert not book.engine.run(plan(LOST)).stuck
