"""The oracle says no where it must, and yes where it must."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fixtures.engine.explorer import every_order
from fixtures.engine.plan import Call, Plan, Program, Transaction
from fixtures.postgres.server import Server
from suites.oracles.serial_equivalence import SerialEquivalence
from suites.selftest.textbook import Textbook, opened


@pytest.fixture(scope="module")
def book(server: Server) -> Iterator[Textbook]:
    with opened(server, "serial") as book:
        yield book


def verdicts(book: Textbook, *calls: Call) -> set[bool]:
    """Whether each order of the calls, a session each, was found equivalent."""
    plan = Plan("", tuple(Program.single(name, call) for name, call in zip("abcd", calls, strict=False)))
    return orders_of(book, plan)


def orders_of(book: Textbook, plan: Plan) -> set[bool]:
    oracle = SerialEquivalence(book.serial)
    histories = every_order(lambda choose: book.engine.run(plan, choose))
    return {oracle.judge(history) is None for history in histories}


def test_lost_updates_are_found(book: Textbook) -> None:
    assert verdicts(book, *[Call.of("book.lost_update", 1)] * 2) == {True, False}


def test_locked_updates_are_equivalent_in_every_order(book: Textbook) -> None:
    assert verdicts(book, *[Call.of("book.careful_update", 1)] * 2) == {True}


def test_updates_of_different_rows_are_equivalent_in_every_order(book: Textbook) -> None:
    assert verdicts(book, Call.of("book.lost_update", 1), Call.of("book.lost_update", 2)) == {True}


def test_a_row_passed_over_is_explained_by_a_bystander(book: Textbook) -> None:
    """The careful update holds row 1 and gives it back: skipping it has no serial order without a holder."""
    assert verdicts(book, Call.of("book.skip_to_free"), Call.of("book.careful_update", 1)) == {True}


def test_what_a_rolled_back_transaction_did_is_left_out(book: Textbook) -> None:
    undone = Program("a", (Transaction((Call.of("book.careful_update", 1),), "read committed", "ROLLBACK"),))
    other = Program.single("b", Call.of("book.careful_update", 1))
    assert orders_of(book, Plan("", (undone, other))) == {True}


def test_reading_before_writing_in_two_calls_of_one_block_is_found(book: Textbook) -> None:
    read = Call("SELECT balance FROM book.account WHERE id = 1", "read")
    reader = Program("a", (Transaction((read, Call.of("book.lost_update", 1)), "read committed"),))
    assert False in orders_of(book, Plan("", (reader, Program.single("b", Call.of("book.lost_update", 1)))))


def test_minutes_that_go_by_between_two_runs_are_no_difference(book: Textbook) -> None:
    clock = "date_part('milliseconds', clock_timestamp())"
    assert verdicts(book, Call(f"SELECT {clock} AS stuck_minutes", "read")) == {True}
    assert verdicts(book, Call(f"SELECT {clock} AS told", "read")) == {False}
