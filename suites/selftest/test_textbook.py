"""The races of textbooks get the verdicts that they are known for: nothing in the engine is made for pgGit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fixtures.engine.explorer import every_order, every_trace
from fixtures.engine.history import SHARES, TRIES, WAITS, History
from fixtures.engine.lock_order import Edge, LockOrder, circles
from fixtures.engine.plan import Call, Plan, Program, Transaction
from fixtures.engine.scheduler import ByName
from fixtures.engine.stepping import WAKES
from fixtures.postgres.server import Server
from suites.oracles.serial_equivalence import SerialEquivalence
from suites.selftest.textbook import Textbook, opened

SQL = (Path(__file__).parent / "races.sql").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def book(server: Server) -> Iterator[Textbook]:
    with opened(server, "textbook", SQL) as book:
        yield book


def singles(*calls: Call) -> Plan:
    return Plan("", tuple(Program.single(name, call) for name, call in zip("abc", calls, strict=False)))


def twice(function: str, *arguments: object) -> Plan:
    call = Call.of(f"book.{function}", *arguments)
    return singles(call, call)


def block(session: str, *sql: str, isolation: str = "read committed") -> Program:
    calls = tuple(Call(text, text) for text in sql)
    return Program(session, (Transaction(calls, isolation),))


LOST = "SELECT book.lost_update()"
SERIALIZABLE = Plan("", (block("a", LOST, isolation="serializable"), block("b", LOST, isolation="serializable")))
WRITE_SKEW = [f"SELECT book.go_off_call('{name}')" for name in ("ann", "bob")]

RACES = {
    "lost update": twice("lost_update"),
    "check, then insert": twice("check_then_insert"),
    "write skew": singles(Call.of("book.go_off_call", "ann"), Call.of("book.go_off_call", "bob")),
    "double spend": twice("spend", 60),
    "the same seat taken twice": singles(Call.of("book.take_a_seat", "ann"), Call.of("book.take_a_seat", "bob")),
    "a loop over what was read before": singles(Call.of("book.average_out"), Call.of("book.credit", 1, 50)),
    "a trigger that counts": singles(Call.of("book.enter", "one"), Call.of("book.enter", "two")),
    "write skew in repeatable read": Plan(
        "", tuple(block(name, sql, isolation="repeatable read") for name, sql in zip("ab", WRITE_SKEW, strict=True))
    ),
}
SAFE = {
    "spending in one statement": twice("spend_in_one", 60),
    "each takes a free seat": singles(*(Call.of("book.take_a_free_seat", who) for who in ("ann", "bob"))),
    "three take two seats": singles(*(Call.of("book.take_a_free_seat", who) for who in ("ann", "bob", "cid"))),
    "upsert": twice("count_visit"),
    "upsert by hand, with an exception block in a loop": twice("count_visit_by_hand"),
    "a function that calls a function": twice("transfer", 1, 2),
    "a lost update, serializable": SERIALIZABLE,
    "write skew, serializable": Plan(
        "", tuple(block(name, sql, isolation="serializable") for name, sql in zip("ab", WRITE_SKEW, strict=True))
    ),
    "what is undone by a savepoint": Plan(
        "",
        (
            block("a", "SAVEPOINT s", LOST, "ROLLBACK TO s", "SELECT book.credit(2, 1)"),
            block("b", "SELECT book.credit(1, 5)"),
        ),
    ),
}


def judged(book: Textbook, plan: Plan) -> list[tuple[bool, History]]:
    oracle = SerialEquivalence(book.serial)
    histories = every_trace(lambda choose: book.engine.run(plan, choose))
    return [(oracle.judge(history) is None, history) for history in histories]


@pytest.mark.parametrize("name", RACES)
def test_a_race_is_found_in_some_orders_and_not_in_others(book: Textbook, name: str) -> None:
    assert {serial for serial, _ in judged(book, RACES[name])} == {True, False}


@pytest.mark.parametrize("name", SAFE)
def test_safe_functions_are_equivalent_in_every_order(book: Textbook, name: str) -> None:
    assert {serial for serial, _ in judged(book, SAFE[name])} == {True}


def test_transfers_in_opposite_directions_deadlock_in_some_orders(book: Textbook) -> None:
    both = singles(Call.of("book.transfer", 1, 2), Call.of("book.transfer", 2, 1))
    codes = [{outcome.sqlstate for outcome in history.outcomes} for _, history in judged(book, both)]
    assert {""} in codes
    assert {"", "40P01"} in codes


def test_locks_taken_in_opposite_orders_are_a_circle_also_where_it_does_not_strike(book: Textbook) -> None:
    apart = Plan("", (block("a", "SELECT book.seat_then_account()", "SELECT book.account_then_seat()"),))
    order = LockOrder()
    order.note(book.engine.run(apart).acquired)
    assert circles(order.within) == [("account", "seat")]
    assert "account → seat → account, by book.account_then_seat, book.seat_then_account" in order.told()[1]


def test_locks_taken_in_one_order_are_no_circle(book: Textbook) -> None:
    order = LockOrder()
    order.note(book.engine.run(twice("account_then_seat")).acquired)
    assert order.within == {Edge("account", WAITS, "seat", WAITS): {"book.account_then_seat"}}
    assert circles(order.within) == []


@pytest.mark.parametrize(
    ("modes", "strikes"),
    [
        ((WAITS, WAITS, WAITS, WAITS), True),
        ((SHARES, WAITS, WAITS, SHARES), False),  # the account is shared by both
        ((WAITS, SHARES, SHARES, WAITS), False),  # the seat is shared by both
        ((WAITS, SHARES, WAITS, WAITS), True),
        ((WAITS, TRIES, WAITS, WAITS), False),  # who tries never waits
        ((TRIES, WAITS, WAITS, WAITS), True),  # but holds what it got
    ],
)
def test_only_locks_that_wait_for_one_another_are_a_circle(modes: tuple[str, str, str, str], strikes: bool) -> None:
    first, second, third, fourth = modes
    edges = {Edge("account", first, "seat", second): {"f"}, Edge("seat", third, "account", fourth): {"g"}}
    assert circles(edges) == ([("account", "seat")] if strikes else [])
    order = LockOrder(edges)
    assert LockOrder.unpacked(order.packed()) == order


def test_serializable_blocks_are_refused_with_40001_in_some_orders(book: Textbook) -> None:
    codes = {outcome.sqlstate for _, history in judged(book, SERIALIZABLE) for outcome in history.outcomes}
    assert codes == {"", "40001"}


def test_who_is_refused_a_lock_is_told_who_held_it(book: Textbook) -> None:
    for _, history in judged(book, twice("refuses_to_wait")):
        for outcome in history.outcomes:
            held = {(lock.session, lock.on) for lock in outcome.witnesses}
            other = "ab".replace(outcome.session, "")
            assert (outcome.sqlstate == "55P03") == ((other, "book.account") in held)


def test_who_finds_a_guard_taken_is_told_who_held_it(book: Textbook) -> None:
    seen = set()
    for _, history in judged(book, twice("once_under_lock")):
        for outcome in history.outcomes:
            held = {(lock.session, lock.on) for lock in outcome.witnesses if lock.is_advisory}
            seen.add(outcome.rows)
            assert (outcome.rows == (("busy",),)) == (held == {("ab".replace(outcome.session, ""), "advisory 7")})
    assert seen == {(("busy",),), (("made",),), (("there",),)}


def test_who_waits_is_recorded_with_whom_for_and_what_it_held(book: Textbook) -> None:
    both = singles(Call.of("book.transfer", 1, 2), Call.of("book.transfer", 1, 2))
    waits = [wait for _, history in judged(book, both) for outcome in history.outcomes for wait in outcome.waits]
    assert {wait.blockers for wait in waits} == {("a",), ("b",)}
    assert {lock.on for wait in waits for lock in wait.holding} == {"book.account"}


def queued(book: Textbook, call: Call) -> tuple[Plan, History]:
    """Three sessions with the same call, in an order in which b and c wait for a, in this order."""
    plan = singles(call, call, call)
    return plan, book.engine.run(plan, (0, 1, 1))


def test_a_schedule_with_another_wake_order_is_not_followed(book: Textbook) -> None:
    plan, history = queued(book, Call.of("book.in_turn"))  # who waits for a key gets it in turn
    other = [label.replace(f"{WAKES}b)", f"{WAKES}c)") for label in history.labels]
    assert "woke b, not c" in book.engine.run(plan, ByName(other)).diverged
    assert book.engine.run(plan, ByName(history.labels)).labels == history.labels


def test_a_run_ends_early_where_the_server_lets_another_have_the_row(book: Textbook) -> None:
    plan, history = queued(book, Call.of("book.credit", 1, 1))
    for _ in range(20):  # b and c race for the version that a has made
        again = book.engine.run(plan, ByName(history.labels))
        assert bool(again.diverged) == (again.labels != history.labels)


def test_where_others_wait_than_then_the_target_has_changed(book: Textbook) -> None:
    plan = twice("credit", 1, 1)
    waking = next(
        history
        for history in every_order(lambda choose: book.engine.run(plan, choose))
        if any("(wakes b)" in label for label in history.labels)
    )
    order = ByName([label.replace(" (wakes b)", "") for label in waking.labels])  # as before a lock was put in
    history = book.engine.run(plan, order)
    assert not history.diverged
    assert history.labels == waking.labels
    assert "woke b, not nobody" in order.diverged
