"""Explorers: leaving out orders that come to the same loses no outcome, and what is drawn is drawn again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

import pytest

from fixtures.engine.counting import orders_represented
from fixtures.engine.explorer import chance, drawn_by_priorities, every_order, every_trace
from fixtures.engine.history import Decision, History
from fixtures.engine.plan import Call, Plan, Program, Transaction
from fixtures.engine.scheduler import Chooser, Engine
from fixtures.postgres.server import Server
from strategies.catalogues import DAY, NIGHT
from strategies.programs import program
from suites.interleavings.search import search
from suites.oracles.canonical import Canonical, Canonicaliser
from suites.oracles.judge import Judge
from suites.oracles.serial_equivalence import SerialEquivalence
from suites.selftest.test_scheduler import LOST, PLANS, SKIP
from suites.selftest.textbook import Textbook, opened

APART = (LOST, Call.of("book.lost_update", 2), SKIP)
COMPARED = {
    **{name: plan for name, plan in PLANS.items() if name != "deadlock"},
    "different rows": Plan("", (Program.single("a", LOST), Program.single("b", Call.of("book.lost_update", 2)))),
    # Never two that wait for one row: the server would choose who goes on.
    "three sessions": Plan("", tuple(Program.single(name, call) for name, call in zip("abc", APART, strict=True))),
    "a trigger's own step": Plan(
        "", (Program.single("a", Call.of("book.note", "x")), Program.single("b", Call.of("book.note", "y")))
    ),
}


TRYING = {
    name: Call.of(f"book.{name}", *arguments)
    for name, *arguments in (
        ("skip_to_free",),
        ("empty_the_rich",),
        ("close_what_is_free",),
        ("skip_in_dynamic_sql",),
        ("update_or_leave", 1),
    )
}
MEETING = TRYING | {
    name: Call.of(f"book.{name}", *arguments)
    for name, *arguments in (
        ("careful_update", 2),
        ("open_account", 3),
        ("close_account", 1),
        ("renumber", 1, 3),
        ("update_or_leave", 2),
        ("transfer", 2, 1),
    )
}
"""What takes the rows that are free, beside what it can meet."""

RARE = Plan(
    "",
    (
        Program.single("a", Call.of("book.reads_four_times")),
        Program("b", tuple(Transaction((Call.of("book.credit", 1),)) for _ in range(3))),
    ),
)

MATRIX = (
    "claim+claim",
    "claim+fail-backup",
    "claim+finish-verification",
    "cleanup-backups+cleanup-backups",
    "verify+retention",
)

AWAY = """
CREATE SCHEMA book;
CREATE TABLE book.account (id integer PRIMARY KEY, balance integer NOT NULL);
CREATE TABLE book.log (what text PRIMARY KEY);
CREATE SCHEMA away;
CREATE FUNCTION away.lock_key() RETURNS void LANGUAGE sql AS 'SELECT pg_advisory_xact_lock(7)';
CREATE FUNCTION away.lock_rows() RETURNS bigint LANGUAGE sql AS
  'WITH locked AS (SELECT FROM book.account FOR SHARE) SELECT count(*) FROM locked';
CREATE FUNCTION book.update() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  UPDATE book.account SET balance = 0;
END $$;
CREATE FUNCTION book.hides(p_what text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  CASE p_what WHEN 'key' THEN PERFORM away.lock_key(); ELSE PERFORM away.lock_rows(); END CASE;
  INSERT INTO book.log VALUES (p_what);
END $$;
"""
"""Functions of a schema that the engine was not told of take locks."""

EXACT = ("backup-then-job+test-restore", "job-then-backup+verify")
"""Blocks with EXCEPTION that lock rows, beside what locks another."""


@pytest.fixture(scope="module")
def book(server: Server) -> Iterator[Textbook]:
    with opened(server, "explorer") as book:
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
    traces = list(every_trace(lambda choose: book.engine.run(COMPARED[name], choose)))
    assert outcomes(traces)[1] == full
    stand_for = sum(map(orders_represented, traces))
    # A row counts as passed over when it is held, wanted or not, so then the number is not exact.
    passed_over = any(outcome.misses for history in traces for outcome in history.outcomes)
    assert stand_for == all_orders or passed_over


@pytest.mark.parametrize(("one", "other"), [(one, other) for one in TRYING for other in MEETING])
def test_leaving_out_orders_of_what_takes_free_rows_loses_no_outcome(book: Textbook, one: str, other: str) -> None:
    plan = Plan("", (Program.single("a", TRYING[one]), Program.single("b", MEETING[other])))
    _, full = outcomes(every_order(lambda choose: book.engine.run(plan, choose)))
    assert outcomes(every_trace(lambda choose: book.engine.run(plan, choose)))[1] == full


def test_a_bug_that_one_order_in_a_hundred_shows_is_not_left_out(book: Textbook) -> None:
    def shows(history: History) -> bool:
        return any(outcome.rows == (("bug",),) for outcome in history.outcomes)

    everything = list(every_order(lambda choose: book.engine.run(RARE, choose)))
    traces = list(every_trace(lambda choose: book.engine.run(RARE, choose)))
    assert 0 < sum(map(shows, everything)) / len(everything) < 0.015
    assert any(map(shows, traces))
    assert len(traces) * 3 < len(everything)
    assert outcomes(traces)[1] == outcomes(everything)[1]


@pytest.mark.parametrize("cell", MATRIX)
def test_leaving_out_orders_loses_no_outcome_of_the_race_matrix(engine: Engine, cell: str) -> None:
    first, second = cell.split("+")
    plan = Plan(NIGHT, (program(first, "a"), program(second, "b")), cell)
    count, full = outcomes(every_order(lambda choose: engine.run(plan, choose)))
    traces = list(every_trace(lambda choose: engine.run(plan, choose)))
    assert outcomes(traces)[1] == full
    assert len(traces) < count


@pytest.mark.parametrize(
    ("hidden", "told"), [("key", "ExclusiveLock on advisory 7"), ("rows", "RowShareLock on book.")]
)
def test_a_lock_that_no_text_foretells_ends_the_search(server: Server, hidden: str, told: str) -> None:
    with opened(server, "away", AWAY) as book:
        plan = Plan(
            "", (Program.single("a", Call.of("book.update")), Program.single("b", Call.of("book.hides", hidden)))
        )
        with pytest.raises(pytest.fail.Exception, match=rf"no statement's text tells of {told}"):
            search(book.engine, Judge(SerialEquivalence(book.serial)), plan)


@pytest.mark.parametrize("cell", EXACT)
def test_rows_that_a_part_of_a_transaction_locked_are_the_session_s_and_no_order_is_begun_twice(
    engine: Engine, cell: str
) -> None:
    first, second = cell.split("+")
    plan = Plan(DAY, (program(first, "a"), program(second, "b")), cell)
    runs: list[History] = []

    def run(choose: Chooser) -> History:
        runs.append(engine.run(plan, choose))
        return runs[-1]

    traces = list(every_trace(run))
    assert len(runs) == len(traces)
    assert sum(map(orders_represented, traces)) == sum(1 for _ in every_order(lambda choose: engine.run(plan, choose)))


def test_long_orders_are_counted_too() -> None:
    steps = [Decision(("a",), 0)] * 2000
    assert orders_represented(History(Plan("", ()), steps, footprints=[frozenset()] * len(steps))) == 1


def test_orders_of_functions_that_do_not_meet_are_run_once(book: Textbook) -> None:
    apart = Plan("", (Program.single("a", LOST), Program.single("b", Call("SELECT 1"))))
    all_orders = list(every_order(lambda choose: book.engine.run(apart, choose)))
    traces = list(every_trace(lambda choose: book.engine.run(apart, choose)))
    assert len(all_orders) == 4
    assert len(traces) == 3  # before the other call begins, before its commit, after it: real time counts (C1)


def test_a_server_that_wakes_another_session_is_told_as_not_reached(book: Textbook) -> None:
    """The engine answers as if, in every run but the first, session b could not go on at the second step."""
    plan = COMPARED["different rows"]
    runs: list[History] = []

    def run(choose: Chooser) -> History:
        history = book.engine.run(plan, choose)
        if runs and not history.pruned:
            history = History(plan, [Decision(("a", "b"), 0)], diverged="c went on")
        runs.append(history)
        return history

    assert [bool(history.diverged) for history in islice(every_trace(run), 2)] == [False, True]
    assert len(runs) == 1 + 20


def test_drawing_again_with_the_same_seed_gives_the_same_order(book: Textbook) -> None:
    plan = COMPARED["two lost updates"]
    labels = [
        [drawn_by_priorities(lambda c: book.engine.run(plan, c), seed, 2, 6).labels for seed in range(20)]
        for _ in range(2)
    ]
    assert labels[0] == labels[1]
    assert len(set(map(tuple, labels[0]))) > 2


def test_priorities_find_a_lost_update_at_least_as_often_as_they_promise(book: Textbook) -> None:
    plan = COMPARED["two lost updates"]
    drawn = [drawn_by_priorities(lambda c: book.engine.run(plan, c), seed, 2, 6) for seed in range(60)]
    lost = [history for history in drawn if history.final["book.account"][0]["balance"] == "90"]
    assert chance(2, 2, 6) == pytest.approx(1 / 12)
    assert len(lost) / len(drawn) >= chance(2, 2, 6)


def test_no_order_has_more_preemptions_than_allowed(book: Textbook) -> None:
    plan = COMPARED["different rows"]
    found = [[h.switches for h in every_order(lambda choose: book.engine.run(plan, choose), most)] for most in range(6)]
    assert [max(switches) for switches in found[:4]] == [0, 1, 2, 3]
    assert len(found[5]) == 20
    assert len(found[0]) == 2
