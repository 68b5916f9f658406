from __future__ import annotations

import os
import socket
from typing import LiteralString

import psycopg
import pytest

from fixtures.targets.calls import FunctionCall
from fixtures.targets.database import TargetDatabase
from fixtures.targets.functions import CALLABLE
from fixtures.targets.perform import perform
from strategies import catalogues as c
from suites.sequential.asking import ask, call, guard, holding, session, until, value
from suites.sequential.plain_calls import CATALOGUE, plain_calls

CLEAN_UPS = [function.name for function in CALLABLE if function.transaction]
GONE: LiteralString = "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = %s)"
BEGIN = b"BEGIN; SELECT pg_current_xact_id()"
AUDIT = "pggit.operation_audit"


@pytest.mark.clause("T1")
@pytest.mark.parametrize("name", CLEAN_UPS)
def test_a_real_clean_up_outside_a_transaction_is_refused_and_changes_nothing(
    database: TargetDatabase, name: str
) -> None:
    with database.starting(CATALOGUE) as conn:
        before = database.dump(conn)
        reply = ask(conn, name, p_dry_run=False)
        assert database.dump(conn) == before
    assert reply.sqlstate == "25P01"
    assert f"{name} must be called within a transaction" in reply.message


@pytest.mark.clause("T2")
@pytest.mark.parametrize("name", CLEAN_UPS)
def test_a_real_clean_up_inside_a_transaction_works(database: TargetDatabase, name: str) -> None:
    with database.starting(CATALOGUE) as conn:
        due = ask(conn, name, p_dry_run=True).rows
        done = ask(conn, name, True, p_dry_run=False).rows
        left = ask(conn, name, p_dry_run=True).rows
    assert {row[0] for row in done} <= {"deleted", "cancelled"}
    assert len(done) == len(due) > 0
    assert [row[:2] for row in left] != [row[:2] for row in due]


@pytest.mark.clause("T2")
@pytest.mark.parametrize("name", CLEAN_UPS)
def test_a_block_without_an_xid_is_told_how_to_get_one(database: TargetDatabase, name: str) -> None:
    with database.starting(CATALOGUE) as conn:
        conn.execute("BEGIN")
        refused = ask(conn, name, p_dry_run=False)
        conn.execute("ROLLBACK; BEGIN; SELECT pg_current_xact_id()")
        taken = ask(conn, name, p_dry_run=False)
    assert refused.sqlstate == "25P01"
    assert "SELECT pg_current_xact_id()" in refused.hint
    assert taken.sqlstate is None


@pytest.mark.clause("T3")
@pytest.mark.parametrize("plain", plain_calls(lambda function: function.writes))
def test_a_rolled_back_call_leaves_nothing(database: TargetDatabase, plain: FunctionCall) -> None:
    with database.starting(CATALOGUE) as conn:
        before = database.dump(conn)
        conn.execute(BEGIN)
        assert conn.execute(plain.sql.encode()).rowcount > 0
        assert database.dump(conn) != before
        conn.execute("ROLLBACK")
        assert database.dump(conn) == before


@pytest.mark.clause("T3")
@pytest.mark.parametrize("plain", plain_calls(lambda function: function.writes))
def test_a_call_after_a_savepoint_is_undone_alone(database: TargetDatabase, plain: FunctionCall) -> None:
    with database.starting(CATALOGUE) as conn:
        conn.execute(BEGIN)
        ask(conn, "audit_operation", p_operation_name="first", p_operation_type="write")
        first = database.dump(conn)
        conn.execute("SAVEPOINT before_the_call")
        conn.execute(plain.sql.encode())
        assert database.dump(conn) != first
        conn.execute("ROLLBACK TO SAVEPOINT before_the_call; COMMIT")
        assert database.dump(conn) == first


@pytest.mark.clause("T3")
@pytest.mark.parametrize("plain", plain_calls(lambda function: function.writes and not function.transaction))
def test_a_cancelled_call_leaves_nothing(database: TargetDatabase, plain: FunctionCall) -> None:
    cancelled = plain.sql.replace("SELECT *", "SELECT pg_cancel_backend(pg_backend_pid())", 1)  # once it has its rows
    with database.starting(CATALOGUE) as conn:
        before = database.dump(conn)
        with pytest.raises(psycopg.errors.QueryCanceled):
            conn.execute(cancelled.encode())
        assert database.dump(conn) == before


@pytest.mark.clause("T3")
def test_a_killed_call_leaves_nothing(database: TargetDatabase) -> None:
    called = call("set_maintenance_mode", p_enabled=True).sql
    killed = called.replace("SELECT *", "SELECT pg_terminate_backend(pg_backend_pid())", 1)
    with database.starting(CATALOGUE) as conn, session(database) as other:
        before, pid = database.dump(conn), other.info.backend_pid
        with pytest.raises(psycopg.errors.AdminShutdown):
            other.execute(killed.encode())
        until(conn, GONE, pid)
        assert database.dump(conn) == before


@pytest.mark.clause("T3")
def test_a_lost_connection_leaves_nothing(database: TargetDatabase) -> None:
    with database.starting(CATALOGUE) as conn, session(database) as other:
        before, pid = database.dump(conn), other.info.backend_pid
        other.execute(BEGIN)
        assert perform(other, call("set_maintenance_mode", p_enabled=True)).sqlstate is None
        with socket.socket(fileno=os.dup(other.fileno())) as line:
            line.shutdown(socket.SHUT_RDWR)
        other.close()
        until(conn, GONE, pid)
        assert database.dump(conn) == before


DRY_RUNS = {name: call(name, p_dry_run=True) for name in CLEAN_UPS} | {
    "restore_from_commit": call("restore_from_commit", p_target_commit=c.HEAD, p_dry_run=True)
}


@pytest.mark.clause("T4")
@pytest.mark.parametrize("dry_run", DRY_RUNS.values(), ids=DRY_RUNS)
def test_a_dry_run_answers_and_changes_nothing_but_the_audit(database: TargetDatabase, dry_run: FunctionCall) -> None:
    with database.starting(CATALOGUE) as conn:
        before = database.dump(conn)
        assert perform(conn, dry_run).rows
        after = database.dump(conn)
    assert before | {AUDIT: []} == after | {AUDIT: []}


@pytest.mark.clause("T4")
@pytest.mark.parametrize("name", CLEAN_UPS)
@pytest.mark.parametrize("held", ["nothing", "guard"])
def test_a_dry_run_takes_no_guard_and_meets_none(database: TargetDatabase, name: str, held: str) -> None:
    with (
        database.starting(CATALOGUE),
        holding(database, guard(name) if held == "guard" else "SELECT"),
        session(database) as conn,
    ):
        conn.execute("BEGIN")
        reply = ask(conn, name, p_dry_run=True)
        locks = value(conn, "SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'advisory'")
    assert (reply.sqlstate, reply.notices, locks) == (None, (), 0)
    assert reply.rows


@pytest.mark.clause("T4")
@pytest.mark.parametrize("dry_run", DRY_RUNS.values(), ids=DRY_RUNS)
def test_a_dry_run_works_in_a_read_only_transaction_and_is_not_audited(
    database: TargetDatabase, dry_run: FunctionCall
) -> None:
    with database.starting(CATALOGUE) as conn:
        before = database.dump(conn)
        conn.execute("BEGIN READ ONLY")
        reply = perform(conn, dry_run)
        conn.execute("COMMIT")
        assert reply.sqlstate is None
        assert reply.rows
        assert database.dump(conn) == before
