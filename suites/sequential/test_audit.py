from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta
from typing import Any, LiteralString

import psycopg
import pytest
from psycopg.rows import namedtuple_row

from fixtures.targets.calls import FunctionCall
from fixtures.targets.database import TargetDatabase
from fixtures.targets.functions import CALLABLE
from fixtures.targets.kinds import Value
from fixtures.targets.perform import perform
from strategies import catalogues as c
from suites.sequential.asking import ask, call, guard, holding, is_busy, session
from suites.sequential.plain_calls import plain_call

BEGIN = b"BEGIN; SELECT pg_current_xact_id()"
ROWS: LiteralString = "SELECT *, started_at > now() AS by_wall_clock FROM pggit.operation_audit ORDER BY audit_id"
AUDITED = {function.name: plain_call(function) for function in CALLABLE if function.audited}
CLEAN_UPS = [name for name, made in AUDITED.items() if made.function.transaction]
AFFECTED = {"apply_retention_policy": 2, "cleanup_expired_backups": 1, "cleanup_old_jobs": 2, "cancel_stuck_jobs": 1}


def audit(conn: psycopg.Connection) -> list[Any]:
    """The audit rows, oldest first."""
    return conn.cursor(row_factory=namedtuple_row).execute(ROWS).fetchall()


def duration(row: Any) -> int:
    """The duration of an audit row in ms, rounded up (A1)."""
    took: timedelta = row.completed_at - row.started_at
    return max(1, math.ceil(took / timedelta(milliseconds=1)))


def type_of(made: FunctionCall) -> str:
    """A1: delete for real clean-ups, else write; cancelling deletes nothing."""
    return "delete" if made.function.name.startswith("cleanup_") else "write"


def told_values(parameters: Any) -> set[str]:
    return {str(told).lower() for told in parameters.values()}


@pytest.mark.clause("A1")
@pytest.mark.parametrize("made", AUDITED.values(), ids=AUDITED)
def test_a_committed_call_leaves_one_true_audit_row(database: TargetDatabase, made: FunctionCall) -> None:
    with database.starting(c.BUSY_DAY) as conn:
        conn.execute(BEGIN)
        assert perform(conn, replace(made, in_block=False)).rows
        (row,) = audit(conn)
        conn.execute("COMMIT")
        assert len(audit(conn)) == 1
    assert (row.operation_name, row.operation_type, row.success) == (made.function.name, type_of(made), True)
    assert {str(given).lower() for _, given in made.arguments} <= told_values(row.parameters)
    assert row.by_wall_clock
    assert row.duration_ms == duration(row)
    assert row.rows_affected == AFFECTED.get(made.function.name, row.rows_affected) > 0


@pytest.mark.clause("A1")
@pytest.mark.parametrize("name", CLEAN_UPS)
def test_a_dry_run_is_audited_as_a_read(database: TargetDatabase, name: str) -> None:
    with database.starting(c.BUSY_DAY) as conn:
        ask(conn, name, p_dry_run=True)
        (row,) = audit(conn)
    assert (row.operation_name, row.operation_type, row.success, row.rows_affected) == (name, "read", True, 0)


@pytest.mark.clause("A1")
@pytest.mark.parametrize("name", CLEAN_UPS)
def test_a_clean_up_that_finds_nothing_is_audited_too(database: TargetDatabase, name: str) -> None:
    with database.starting() as conn:
        assert ask(conn, name, True, p_dry_run=False).sqlstate is None
        (row,) = audit(conn)
    assert (row.operation_name, row.success, row.rows_affected) == (name, True, 0)


@pytest.mark.clause("A1")
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("reset_job", {"p_job_id": c.JOB_QUEUED}),
        ("reset_job", {"p_job_id": c.JOB_OLD}),
        ("fail_backup", {"p_backup_id": c.FULL_NEW, "p_error_message": "late"}),
        ("set_maintenance_mode", {"p_enabled": False}),
        ("apply_retention_policy", {}),
    ],
    ids=["reset_queued", "reset_refused", "fail_completed", "maintenance_off", "nothing_due"],
)
def test_a_call_that_changes_nothing_is_audited_too(
    database: TargetDatabase, name: str, arguments: dict[str, Value]
) -> None:
    catalogue = c.BUSY_DAY if arguments else ""
    with database.starting(catalogue) as conn:
        assert ask(conn, name, **arguments).sqlstate is None
        (row,) = audit(conn)
    assert (row.operation_name, row.rows_affected, row.duration_ms > 0) == (name, 0, True)


@pytest.mark.clause("A1")
@pytest.mark.parametrize("name", [name for name, made in AUDITED.items() if made.function.guarded])
def test_a_busy_answer_is_audited_as_a_failure(database: TargetDatabase, name: str) -> None:
    with database.starting(c.BUSY_DAY), holding(database, guard(name)), session(database) as conn:
        assert is_busy(perform(conn, replace(AUDITED[name], in_block=True)), name)
        (row,) = audit(conn)
    assert (row.operation_name, row.operation_type, row.success) == (name, type_of(AUDITED[name]), False)
    assert "PGGIT_CONCURRENT" in f"{row.error_code} {row.error_message}"
    assert not row.rows_affected
    assert row.completed_at >= row.started_at


REFUSED: dict[str, dict[str, Value]] = {
    "apply_retention_policy": {"p_policy": None},
    "cleanup_expired_backups": {"p_dry_run": False},
    "cleanup_old_jobs": {"p_retention_days": 0},
    "cancel_stuck_jobs": {"p_timeout_minutes": None},
    "reset_job": {"p_job_id": c.uuid(999)},
    "set_maintenance_mode": {"p_enabled": None},
    "fail_backup": {"p_backup_id": c.uuid(999), "p_error_message": "x"},
}


@pytest.mark.clause("A1")
@pytest.mark.parametrize("name", [name for name in REFUSED if name != "apply_retention_policy"])
def test_a_refusal_is_not_audited(database: TargetDatabase, name: str) -> None:
    with database.starting(c.BUSY_DAY) as conn:
        assert ask(conn, name, **REFUSED[name]).sqlstate is not None
        assert audit(conn) == []


@pytest.mark.clause("A1")
def test_a_call_in_a_read_only_transaction_is_not_audited(database: TargetDatabase) -> None:
    with database.starting(c.BUSY_DAY) as conn:
        conn.execute("BEGIN READ ONLY")
        assert ask(conn, "cleanup_old_jobs").rows
        conn.execute("COMMIT")
        assert audit(conn) == []


@pytest.mark.clause("A3")
@pytest.mark.parametrize("name", AUDITED)
def test_a_transaction_that_fails_takes_its_audit_rows_with_it(database: TargetDatabase, name: str) -> None:
    with database.starting(c.BUSY_DAY) as conn:
        conn.execute(BEGIN)
        assert perform(conn, replace(AUDITED[name], in_block=False)).rows
        assert len(audit(conn)) == 1
        with pytest.raises(psycopg.errors.DivisionByZero):
            conn.execute("SELECT 1 / 0")
        conn.execute("COMMIT")  # which rolls back
        assert audit(conn) == []


@pytest.mark.clause("A3")
def test_a_call_that_raises_takes_its_audit_row_with_it(database: TargetDatabase) -> None:
    link = f"INSERT INTO pggit.backup_dependencies VALUES ('{c.INCREMENTAL_OLD}', '{c.EXPIRED}', 'base');"
    with database.starting(c.BUSY_DAY + link) as conn:
        assert ask(conn, "cleanup_expired_backups", True, p_dry_run=False).sqlstate == "23503"
        assert audit(conn) == []


def opened(conn: psycopg.Connection) -> int:
    """The id of an audit row that waits to be completed."""
    return int(ask(conn, "audit_operation", p_operation_name="copy", p_operation_type="write").rows[0][0] or 0)


@pytest.mark.clause("A4")
def test_an_audit_row_is_opened_and_completed(database: TargetDatabase) -> None:
    with database.starting() as conn:
        id = opened(conn)
        (row,) = audit(conn)
        assert (row.audit_id, row.operation_name, row.operation_type) == (id, "copy", "write")
        assert (row.completed_at, row.success, row.duration_ms) == (None, None, None)
        ask(conn, "complete_audit", p_audit_id=id, p_success=False, p_error_code="53100", p_error_message="full",
            p_rows_affected=3)  # fmt: skip
        (row,) = audit(conn)
    assert (row.success, row.error_code, row.error_message, row.rows_affected) == (False, "53100", "full", 3)
    assert row.duration_ms >= 1


@pytest.mark.clause("A4")
def test_a_second_completion_changes_nothing_and_says_so(database: TargetDatabase) -> None:
    with database.starting() as conn:
        id = opened(conn)
        ask(conn, "complete_audit", p_audit_id=id, p_success=True)
        before = audit(conn)
        reply = ask(conn, "complete_audit", p_audit_id=id, p_success=False, p_error_message="late")
        assert audit(conn) == before
    assert reply.sqlstate is None
    assert [notice.severity for notice in reply.notices] == ["NOTICE"]


@pytest.mark.clause("A4")
def test_completing_an_unknown_audit_row_is_refused(database: TargetDatabase) -> None:
    with database.starting() as conn:
        assert ask(conn, "complete_audit", p_audit_id=999, p_success=True).sqlstate == "02000"


@pytest.mark.clause("A4")
def test_no_function_rewrites_a_completed_row(database: TargetDatabase) -> None:
    completed = (
        "INSERT INTO pggit.operation_audit (operation_name, operation_type, started_at, completed_at, success)"
        " SELECT name, 'write', now() - interval '1 day', now() - interval '1 day', true"
        f" FROM unnest(ARRAY{list(AUDITED)}) AS name;"
    )
    with database.starting(c.BUSY_DAY + completed) as conn:
        before = audit(conn)
        for function in CALLABLE:
            perform(conn, plain_call(function))
        after = {row.audit_id: row[:-1] for row in audit(conn)}
    assert [after[row.audit_id] for row in before] == [row[:-1] for row in before]
    assert len(after) > len(before)


@pytest.mark.clause("A4")
def test_clients_may_delete_audit_rows(database: TargetDatabase) -> None:
    with database.starting() as conn:
        ask(conn, "set_maintenance_mode", p_enabled=True)
        assert conn.execute("DELETE FROM pggit.operation_audit").rowcount == 1


@pytest.mark.clause("A4")
@pytest.mark.parametrize(("moved", "low", "high"), [("-90 seconds", 90_000, 150_000), ("1 hour", 0, 1)])
def test_a_duration_is_by_the_wall_clock_and_never_negative(
    database: TargetDatabase, moved: str, low: int, high: int
) -> None:
    with database.starting() as conn:
        conn.execute("BEGIN")
        id = opened(conn)
        conn.execute("UPDATE pggit.operation_audit SET started_at = started_at + %s::interval", (moved,))
        ask(conn, "complete_audit", p_audit_id=id, p_success=True)
        (row,) = audit(conn)
    assert low <= row.duration_ms <= high
    assert row.duration_ms == duration(row)


@pytest.mark.clause("A4")
def test_start_and_end_of_an_operation_are_by_the_wall_clock(database: TargetDatabase) -> None:
    with database.starting() as conn:
        conn.execute("BEGIN")
        call_made = call("complete_audit", p_audit_id=opened(conn), p_success=True)
        perform(conn, call_made)
        (row,) = audit(conn)
    assert row.by_wall_clock
    assert row.completed_at > row.started_at
