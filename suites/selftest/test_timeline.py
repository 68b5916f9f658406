"""A finding's page tells the race by itself: who did what, who waited for whom, and why no serial order explains it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from fixtures.engine.explorer import every_order
from fixtures.engine.finding import Difference, Finding
from fixtures.engine.history import History
from fixtures.engine.plan import Call, Plan, Program
from fixtures.postgres.server import Server
from fixtures.reporting.answers import Answers
from fixtures.reporting.failure import describe
from fixtures.reporting.lanes import Lanes, lay_out
from fixtures.reporting.page import page
from suites.oracles.serial_equivalence import SerialEquivalence
from suites.selftest.textbook import Textbook, opened

LOST = Call.of("book.lost_update", 1)
CAREFUL = Call.of("book.careful_update", 1)
TRANSFERS = (Call.of("book.transfer", 1, 2), Call.of("book.transfer", 2, 1))


@pytest.fixture(scope="module")
def book(server: Server) -> Iterator[Textbook]:
    with opened(server, "timeline") as book:
        yield book


def orders(book: Textbook, *calls: Call) -> list[History]:
    plan = Plan("", tuple(Program.single(name, call) for name, call in zip("ab", calls, strict=True)))
    return list(every_order(lambda choose: book.engine.run(plan, choose)))


def lost_update(book: Textbook) -> Finding:
    oracle = SerialEquivalence(book.serial)
    return next(found for history in orders(book, LOST, LOST) if (found := oracle.judge(history)))


def lanes_of(history: History) -> Lanes:
    return lay_out(history, Answers(history))


def test_a_finding_says_of_each_serial_order_what_differs(book: Textbook) -> None:
    tried = {order.calls: set(order.differences) for order in lost_update(book).tried}
    first, second = "a: book.lost_update(1)", "b: book.lost_update(1)"
    balance = Difference("book.account, id 1", "balance = 90", "balance = 80")
    assert tried == {
        (first, second): {balance, stale_answer("b")},
        (second, first): {balance, stale_answer("a")},
    }


def stale_answer(session: str) -> Difference:
    where = f"the answer to {session}: book.lost_update"
    return Difference(where, "lost_update = 100", "lost_update = 90")


def test_a_row_that_only_the_serial_order_touches_is_told(book: Textbook) -> None:
    skip = Call.of("book.skip_to_free")
    oracle = SerialEquivalence(book.serial)
    history = next(h for h in orders(book, skip, LOST) if not oracle.judge(h))
    history.final = history.start
    finding = oracle.judge(history)
    assert finding is not None
    told = {(difference.where, difference.seen) for difference in finding.tried[0].differences}
    assert ("book.account, id 1", "balance = 100") in told


def test_every_wait_is_an_arrow_from_who_waits_to_who_holds(book: Textbook) -> None:
    waits = 0
    for history in orders(book, CAREFUL, CAREFUL):
        lanes = lanes_of(history)
        told = {(arrow.waiter, arrow.blocker) for arrow in lanes.arrows}
        lane = dict(zip(lanes.sessions, range(2), strict=True))
        assert told == {
            (lane[o.session], lane[blocker]) for o in history.outcomes for wait in o.waits for blocker in wait.blockers
        }
        waits += len(told)
    assert waits


def test_a_session_waits_until_another_ends_and_its_transaction_is_open_all_the_while(book: Textbook) -> None:
    history = next(h for h in orders(book, CAREFUL, CAREFUL) if any(o.waits for o in h.outcomes))
    lanes = lanes_of(history)
    (wait,) = [span for span in lanes.spans if span.kind == "wait"]
    opened = {span.lane: span for span in lanes.spans if span.kind == "open"}
    assert opened[wait.lane].first <= wait.first <= wait.last < opened[wait.lane].last
    assert opened[1 - wait.lane].last in (wait.last, wait.last + 1)


def test_a_deadlock_shows_both_waits_before_the_refusal(book: Textbook) -> None:
    history = next(h for h in orders(book, *TRANSFERS) if any(o.sqlstate == "40P01" for o in h.outcomes))
    lanes = lanes_of(history)
    (refusal,) = [card.row for card in lanes.cards if any(line.kind == "refused" for line in card.lines)]
    assert {(arrow.waiter, arrow.blocker) for arrow in lanes.arrows if arrow.row < refusal} == {(0, 1), (1, 0)}


def test_the_page_says_who_held_what(book: Textbook) -> None:
    skip, never_waits = Call.of("book.skip_to_free"), Call.of("book.refuses_to_wait")
    waited, missed, refused = (
        {line.text for history in orders(book, *calls) for card in lanes_of(history).cards for line in card.lines}
        for calls in (TRANSFERS, (skip, skip), (never_waits, never_waits))
    )
    assert "must wait, and holds book.account (RowExclusiveLock)" in waited
    assert {"passed over (1) of book.account: held by a", "passed over (1) of book.account: held by b"} <= missed
    assert {f"{who} held book.account (RowShareLock) then" for who in "ab"} <= refused


def test_the_page_holds_everything_that_it_shows(book: Textbook) -> None:
    finding = lost_update(book)
    text = page(finding, "the replay command", "what was searched")
    assert not re.search(r"https?:|<script|<link|\bsrc=|url\(", text)
    for told in ("the replay command", "what was searched", finding.sentence, "balance = 90", "lost_update · line"):
        assert told in text


def test_what_a_target_says_is_never_markup(book: Textbook) -> None:
    history = orders(book, Call("SELECT '<script>alert(1)</script>'"), Call("SELECT 1"))[0]
    assert "<script" not in page(Finding("X:y", "f", "<script>", history), "replay", "searched")


def test_generated_ids_are_told_by_number(book: Textbook) -> None:
    history = orders(book, Call("SELECT gen_random_uuid()"), Call("SELECT gen_random_uuid()"))[0]
    text = describe(Finding("X:y", "f", "said", history), Path("x.schedule"), Path("x.html"), "searched")
    assert "<id 1>" in text
    assert "<id 2>" in text
