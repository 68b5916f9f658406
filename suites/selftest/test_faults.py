"""Faults do what they are said to do, session and engine survive them, and a planted bug is found and replays."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from psycopg import pq

from fixtures.engine.finding import Finding
from fixtures.engine.history import History, Status
from fixtures.engine.plan import READ_COMMITTED, Call, Plan, Program, Transaction
from fixtures.engine.schedule_file import ScheduleFile
from fixtures.engine.scheduler import Engine
from fixtures.errors import SetupError
from fixtures.faults import striking
from fixtures.faults.kinds import Fault, Kind
from fixtures.faults.striking import cut
from fixtures.postgres.databases import connect
from fixtures.postgres.server import OwnServer, Server, running_server
from fixtures.targets.mutants import load_mutants
from strategies.fault_plans import alone, held_up, to_savepoint
from suites.faults.striking import order
from suites.interleavings.replaying import replay
from suites.oracles.judge import Judge
from suites.oracles.serial_equivalence import SerialEquivalence
from suites.selftest.test_mutants import opened as opened_target
from suites.selftest.textbook import Textbook, opened
from suites.sequential.asking import until

SQL = """
CREATE SCHEMA book;
CREATE TABLE book.account (id integer PRIMARY KEY, balance integer NOT NULL);
INSERT INTO book.account VALUES (1, 100), (2, 100);

CREATE FUNCTION book.transfer() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  UPDATE book.account SET balance = balance - 10 WHERE id = 1;
  UPDATE book.account SET balance = balance + 10 WHERE id = 2;
END $$;

CREATE FUNCTION book.stubborn_transfer() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  UPDATE book.account SET balance = balance - 10 WHERE id = 1;
  BEGIN
    UPDATE book.account SET balance = balance + 10 WHERE id = 2;
  EXCEPTION WHEN query_canceled THEN
    NULL;
  END;
  RETURN 'done';
END $$;

CREATE FUNCTION book.written() RETURNS integer LANGUAGE sql AS $$
  UPDATE book.account SET balance = balance - 10 WHERE id = 1 RETURNING id
$$;

CREATE FUNCTION book.writes_at_its_end() RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
  RETURN book.written();
END $$;

CREATE FUNCTION book.forgets_its_lock() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_lock(42);
  UPDATE book.account SET balance = balance + 1 WHERE id = 1;
  PERFORM pg_advisory_unlock(42);
END $$;
"""
GATES = 3
"""Of `transfer`: two statements and the end."""
TWICE = Plan("", tuple(Program.single(name, Call.of("book.transfer")) for name in ("a", "next")))
BLOCK = Plan("", (Program("a", (Transaction((Call.of("book.transfer"),), READ_COMMITTED),)),))


@pytest.fixture(scope="module")
def book(server: Server) -> Iterator[Textbook]:
    with opened(server, "faults", SQL) as book:
        yield book


def strike(engine: Engine, plan: Plan, step: int, kind: Kind) -> History:
    fault = Fault("a", step, kind)
    return engine.run(plan, order(fault), fault=fault, timeout_ms=100)


def transferred(history: History) -> int:
    return sum(100 - int(row["balance"] or 0) for row in history.final["book.account"] if row["id"] == "1") // 10


@pytest.mark.parametrize("kind", [Kind.CANCEL, Kind.STATEMENT_TIMEOUT])
def test_a_call_that_is_cancelled_at_any_gate_is_told_so_and_undone(book: Textbook, kind: Kind) -> None:
    for step in range(1, GATES + 1):
        history = strike(book.engine, TWICE, step, kind)
        assert [outcome.sqlstate for outcome in history.outcomes] == ["57014", ""]
        assert (history.struck, transferred(history)) == (f"a transfer/{step}", 1)


def test_a_session_that_is_cancelled_again_and_again_still_stops_at_every_gate(book: Textbook) -> None:
    for _ in range(2 * 4):  # keys
        assert strike(book.engine, TWICE, 1, Kind.CANCEL).struck == "a transfer/1"
    assert len(book.engine.run(TWICE).labels) == 2 * GATES


@pytest.mark.parametrize("kind", [Kind.TERMINATE, Kind.CUT])
def test_who_is_lost_before_the_end_has_done_nothing(book: Textbook, kind: Kind) -> None:
    for step in range(1, GATES + (kind == Kind.TERMINATE)):
        history = strike(book.engine, TWICE, step, kind)
        lost, following = history.outcomes
        assert (lost.status, lost.committed, following.status) == (Status.LOST, None, Status.ANSWERED)
        assert transferred(history) == 1


@pytest.mark.parametrize(("plan", "step"), [(TWICE, GATES), (BLOCK, GATES)], ids=["last gate", "COMMIT"])
def test_a_cut_at_the_end_loses_the_reply_and_nothing_else(book: Textbook, plan: Plan, step: int) -> None:
    history = strike(book.engine, plan, step, Kind.CUT)
    assert history.outcomes[0].committed is not None
    assert transferred(history) == len(history.outcomes)


def test_a_cut_call_that_writes_only_behind_its_last_gate_is_known_to_have_committed(book: Textbook) -> None:
    history = strike(book.engine, Plan("", (Program.single("a", Call.of("book.writes_at_its_end")),)), 1, Kind.CUT)
    (lost,) = history.outcomes
    assert (lost.status, lost.committed is not None, transferred(history)) == (Status.LOST, True, 1)


def test_a_call_that_comes_to_a_gate_before_its_connection_is_cut_is_undone(
    book: Textbook, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut_late(connection: pq.abc.PGconn) -> None:
        with connect(book.ungated) as other:
            until(other, "SELECT cardinality(pg_blocking_pids(%s)) > 0", connection.backend_pid)
        cut(connection)

    monkeypatch.setattr(striking, "cut", cut_late)
    block = Transaction((Call.of("book.transfer"),), "repeatable read")  # its snapshot is taken when it is sent
    history = strike(book.engine, Plan("", (Program("a", (block,)),)), 1, Kind.CUT)
    assert history.struck
    assert [outcome.status for outcome in history.outcomes] == [Status.LOST]
    assert transferred(history) == 0


def test_a_lock_timeout_strikes_who_waits_and_nobody_else(book: Textbook) -> None:
    holder = Program("holder", (Transaction((Call("SELECT FROM book.account FOR UPDATE"),), READ_COMMITTED),))
    plan = Plan("", (*TWICE.programs[:1], holder, *TWICE.programs[1:]))
    history = strike(book.engine, plan, 1, Kind.LOCK_TIMEOUT)
    assert [outcome.sqlstate for outcome in history.outcomes if outcome.session == "a"] == ["55P03"]
    assert (history.struck, transferred(history)) == ("a transfer/1", 1)
    assert strike(book.engine, TWICE, 1, Kind.LOCK_TIMEOUT).struck == ""


@pytest.mark.parametrize("kind", Kind)
def test_what_strikes_is_the_same_every_time(book: Textbook, kind: Kind) -> None:
    if not kind.takes_server_down:
        runs = [strike(book.engine, TWICE, 2, kind).skeleton() for _ in range(3)]
        assert runs[1:] == runs[:-1]


def test_half_a_transfer_that_survives_a_cancel_is_found(book: Textbook) -> None:
    oracle = SerialEquivalence(book.serial)
    plan = Plan("", (Program.single("a", Call.of("book.stubborn_transfer")),))
    found = [oracle.judge(strike(book.engine, plan, step, Kind.CANCEL)) for step in (1, 2)]
    assert [finding and finding.code for finding in found] == [None, "C1:not-serial"]


def test_a_lock_that_outlives_a_cancel_is_told(book: Textbook) -> None:
    plan = Plan("", (Program.single("a", Call.of("book.forgets_its_lock")),))
    assert [strike(book.engine, plan, step, Kind.CANCEL).left for step in (1, 2)] == [(), ("a",)]


def test_a_server_of_others_is_never_taken_down(book: Textbook) -> None:
    with pytest.raises(SetupError, match="crash needs a server of our own"):
        strike(book.engine, TWICE, 1, Kind.CRASH)


@pytest.mark.needs("own-server")
def test_what_was_answered_before_the_server_went_down_is_still_there(server: Server) -> None:
    assert isinstance(server, OwnServer)
    programs = [Program.single(name, Call.of("book.transfer")) for name in ("a", "earlier", "next")]
    with running_server(server.binaries, durable=True) as durable, opened(durable, "down", SQL) as book:
        book.engine.crash = durable.crash
        for kind in (Kind.KILL, Kind.CRASH):
            history = strike(book.engine, Plan("", tuple(programs)), 2, kind)
            assert [outcome.status for outcome in history.outcomes] == ["answered", "lost", "answered"]
            assert transferred(history) == 2
            assert SerialEquivalence(book.serial).judge(history) is None


FOUND = {
    "cancel_swallowed": (alone("fail-job"), Kind.CANCEL, "T3:cancel-swallowed"),
    "lock_timeout_swallowed": (held_up("fail-backup"), Kind.LOCK_TIMEOUT, "C1:not-serial"),
    "lock_timeout_raw": (held_up("complete-backup"), Kind.LOCK_TIMEOUT, "E2:raw-55P03"),
    "reset_not_repeatable": (alone("reset"), Kind.CUT, "I4:not-repeatable"),
    "session_guard": (to_savepoint("cleanup-jobs"), Kind.CANCEL, "L5:lock-left"),
}
WITHOUT_A_SCHEDULE = {"full_disk_swallowed", "answered_before_it_is_on_disk"}
"""They need a disk that is full, and a server that loses what it has not written: `--mutants` has them killed."""


def test_every_mutant_of_faults_has_its_place_here() -> None:
    mutants = {mutant.name for mutant in load_mutants().values() if mutant.suite == "faults"}
    assert set(FOUND) - {"session_guard"} | WITHOUT_A_SCHEDULE == mutants


@pytest.mark.parametrize("mutant", FOUND)
def test_a_planted_bug_is_found_by_a_fault_and_replays(server: Server, mutant: str) -> None:
    plan, kind, code = FOUND[mutant]
    with opened_target(server, f"mutant:{mutant}") as (engine, judge):
        finding = found(engine, judge, plan, kind, code)
        schedule = ScheduleFile.of(finding, f"mutant:{mutant}", "any")
        assert all(replay(engine, judge, schedule).same for _ in range(3))
    with opened_target(server, "reference") as (engine, judge):
        again = replay(engine, judge, schedule)
        assert (again.same, again.other) == (None, ())


def found(engine: Engine, judge: Judge, plan: Plan, kind: Kind, code: str) -> Finding:
    for step in range(1, 10):
        history = strike(engine, plan, step, kind)
        for finding in judge.findings(history):
            if finding.code == code:
                return finding
    raise AssertionError(f"{code} was not found")
