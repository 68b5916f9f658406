from __future__ import annotations

from collections.abc import Callable

import pytest
from psycopg.pq import DiagnosticField

from fixtures.targets.calls import FunctionCall, Notice
from fixtures.targets.database import TargetDatabase
from fixtures.targets.functions import Function
from fixtures.targets.interface import Code, interface
from fixtures.targets.kinds import Json, Value
from fixtures.targets.perform import perform
from strategies import catalogues as c
from suites.oracles.contract import Refusal
from suites.oracles.replies import judge_reply
from suites.sequential.asking import ask, call, holding, row, session, until, value
from suites.sequential.plain_calls import CATALOGUE, plain_calls

CODES = interface().codes
LOUD = [code for code in CODES if code.severity == "ERROR"]
QUIET = [code for code in CODES if code.severity != "ERROR"]
RAISE = "pggit_errors.raise_error"
NOBODY = c.uuid(999)
BLOCKED = "SELECT cardinality(pg_blocking_pids(%s)) > 0"


def named(code: Code) -> str:
    return code.name


def every_row(database: TargetDatabase) -> str:
    return "".join(f"SELECT FROM {table} FOR UPDATE;" for table in database.tables)


def every_table(database: TargetDatabase) -> str:
    """Against writers, as somebody does who makes an index."""
    return "".join(f"LOCK TABLE {table} IN SHARE MODE;" for table in database.tables)


@pytest.mark.clause("E1")
def test_the_error_table_holds_the_twelve_codes_each_with_its_own_sqlstate(database: TargetDatabase) -> None:
    with database.starting() as conn:
        found = conn.execute(
            'SELECT error_code, sqlstate, severity FROM pggit_errors.error_codes ORDER BY error_code COLLATE "C"'
        ).fetchall()
    assert found == [(code.name, code.sqlstate, code.severity) for code in CODES]
    assert len(found) == len({sqlstate for _, sqlstate, _ in found}) == 12


REFUSED: dict[str, tuple[str, bool, dict[str, Value], Refusal]] = {
    "null": ("verify_backup", False, {"p_backup_id": None}, Refusal("V1", "22004", ("p_backup_id",))),
    "range": ("cleanup_old_jobs", False, {"p_retention_days": -5}, Refusal("V3", "22003", ("p_retention_days",), "-5")),
    "form": (
        "verify_backup", False, {"p_backup_id": c.FULL_NEW, "p_verification_type": "md5"},
        Refusal("V6", "22023", ("p_verification_type",), "md5"),
    ),
    "unknown": ("verify_backup", False, {"p_backup_id": NOBODY}, Refusal("V5", "02000", ("ackup",), NOBODY)),
    "second": (
        "enqueue_backup_job", False, {"p_backup_id": c.RUNNING, "p_command": "x", "p_tool": "custom"},
        Refusal("J6", "23505", ("ackup",), c.RUNNING),
    ),
    "dependency": (
        "register_backup", False,
        {"p_backup_name": "n", "p_backup_type": "incremental", "p_backup_tool": "pg_dump", "p_location": "x",
         "p_metadata": Json(f'{{"base_backup_id": "{c.FAILED}"}}')},
        Refusal("B2", "23503", ("base",), c.FAILED),
    ),
    "no_transaction": ("cleanup_old_jobs", False, {"p_dry_run": False}, Refusal("T1", "25P01", ("cleanup_old_jobs",))),
}  # fmt: skip


@pytest.mark.clause("E2")
@pytest.mark.parametrize(("name", "in_block", "arguments", "refusal"), REFUSED.values(), ids=REFUSED)
def test_a_refusal_names_the_culprit_and_its_value_has_a_hint_and_carries_its_code(
    database: TargetDatabase, name: str, in_block: bool, arguments: dict[str, Value], refusal: Refusal
) -> None:
    made = call(name, in_block, **arguments)
    with database.starting(CATALOGUE) as conn:
        assert judge_reply(made, (refusal,), perform(conn, made)) == []


@pytest.mark.clause("E2")
def test_a_refusal_for_a_held_row_is_told_like_any_other(database: TargetDatabase) -> None:
    made = call("reset_job", p_job_id=c.JOB_FAILED)
    refusal = Refusal("L3", "55P03", ("job", "Job"), c.JOB_FAILED)
    held = row("backup_jobs", "job_id", c.JOB_FAILED)
    with database.starting(CATALOGUE), holding(database, held), session(database) as conn:
        assert judge_reply(made, (refusal,), perform(conn, made)) == []


@pytest.mark.clause("E2")
def test_functions_raise_what_the_error_table_says(database: TargetDatabase) -> None:
    change = "UPDATE pggit_errors.error_codes SET sqlstate = '02P42' WHERE error_code = 'PGGIT_NOT_FOUND';"
    with database.starting(change) as conn:
        replies = [
            ask(conn, "verify_backup", p_backup_id=NOBODY),
            ask(conn, "reset_job", p_job_id=NOBODY),
            ask(conn, "complete_audit", p_audit_id=0, p_success=True),
        ]
    assert [reply.sqlstate for reply in replies] == ["02P42"] * 3


@pytest.mark.clause("E2")
@pytest.mark.parametrize("locks", [every_row, every_table])
@pytest.mark.parametrize("call", plain_calls(lambda function: function.writes))
def test_a_lock_timeout_is_told_as_a_locked_row(
    database: TargetDatabase, call: FunctionCall, locks: Callable[[TargetDatabase], str]
) -> None:
    with database.starting(CATALOGUE) as conn:
        before = database.dump(conn)
        perform(conn, call)
        writes = database.dump(conn) != before
    with database.starting(CATALOGUE), holding(database, locks(database)), session(database) as conn:
        conn.execute("SET lock_timeout = '1ms'")
        reply = perform(conn, call)
    assert reply.sqlstate in (None, "55P03"), reply
    assert reply.sqlstate or locks is every_row or not writes, reply
    assert (reply.sqlstate is None) != reply.detail.startswith("PGGIT_LOCKED"), reply


def writes_anyhow(function: Function) -> bool:
    return function.writes and function.name != "audited_operation"  # what it runs fails, not itself


@pytest.mark.clause("E2")
@pytest.mark.parametrize("call", plain_calls(writes_anyhow))
def test_the_servers_refusal_to_write_passes_untouched(database: TargetDatabase, call: FunctionCall) -> None:
    with database.starting(CATALOGUE) as conn:
        conn.execute("BEGIN READ ONLY; SELECT pg_current_xact_id()")
        reply = perform(conn, call)
    assert (reply.sqlstate, reply.detail) == ("25006", "")


@pytest.mark.clause("E2")
def test_a_serialization_failure_passes_untouched(database: TargetDatabase) -> None:
    with database.starting(CATALOGUE) as conn, session(database) as other:
        other.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT FROM pggit.backups")
        conn.execute("UPDATE pggit.backups SET location = 'elsewhere' WHERE backup_id = %s", (c.RUNNING,))
        reply = ask(other, "complete_backup", p_backup_id=c.RUNNING)
    assert (reply.sqlstate, reply.detail) == ("40001", "")


@pytest.mark.clause("E2", "A2")
def test_a_serialization_failure_of_an_audited_statement_passes_untouched(database: TargetDatabase) -> None:
    statement = "UPDATE pggit.backups SET location = 'here'"
    with database.starting(CATALOGUE) as conn, session(database) as other:
        other.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT FROM pggit.backups")
        conn.execute("UPDATE pggit.backups SET location = 'elsewhere'")
        reply = ask(
            other, "audited_operation", p_operation_name="x", p_operation_type="write", p_operation_sql=statement
        )
    assert reply.sqlstate == "40001"


@pytest.mark.needs("superuser-settings")
@pytest.mark.clause("E2")
def test_a_deadlock_passes_untouched(database: TargetDatabase) -> None:
    with database.starting(CATALOGUE) as conn, session(database) as other:
        other.execute(f"SET deadlock_timeout = '1h'; BEGIN; {row('backups', 'backup_id', c.RUNNING)}".encode())
        conn.execute("BEGIN")
        ask(conn, "complete_backup", p_backup_id=c.FRESH)
        other.pgconn.send_query(row("backups", "backup_id", c.FRESH).encode())
        until(conn, BLOCKED, other.info.backend_pid)
        reply = ask(conn, "complete_backup", p_backup_id=c.RUNNING)
        conn.rollback()
        while other.pgconn.get_result():
            """It has the row now."""
    assert (reply.sqlstate, reply.detail.startswith("PGGIT")) == ("40P01", False)


@pytest.mark.clause("E2")
def test_a_cancel_passes_untouched(database: TargetDatabase) -> None:
    held = row("backups", "backup_id", c.RUNNING)
    with database.starting(CATALOGUE) as conn, holding(database, held), session(database) as other:
        other.pgconn.send_query(call("complete_backup", p_backup_id=c.RUNNING).sql.encode())
        until(conn, BLOCKED, other.info.backend_pid)
        conn.execute("SELECT pg_cancel_backend(%s)", (other.info.backend_pid,))
        result = other.pgconn.get_result()
        assert other.pgconn.get_result() is None
    assert result is not None
    assert result.error_field(DiagnosticField.SQLSTATE) == b"57014"
    assert result.error_field(DiagnosticField.MESSAGE_DETAIL) is None


@pytest.mark.needs("superuser-settings")
@pytest.mark.clause("E2")
def test_a_lack_of_resources_passes_untouched(database: TargetDatabase) -> None:
    many = "INSERT INTO pggit.backups (backup_name, backup_type, backup_tool, location) SELECT repeat('x', 255),"
    many += " 'full', 'custom', repeat('x', 1000) FROM generate_series(1, 500);"
    with database.starting(many), session(database) as conn:
        conn.execute("SET work_mem = '64kB'; SET temp_file_limit = 0")
        reply = ask(conn, "list_backups", p_limit=1000)
    assert (reply.sqlstate, reply.detail) == ("53400", "")


RAW = {
    "22P02": ("register_backup", {
        "p_backup_name": "n", "p_backup_type": "full", "p_backup_tool": "custom", "p_location": "x",
        "p_metadata": Json('{"base_backup_id": "none"}'),
    }, {"02000", "22023"}),
    "22P02 policy": ("apply_retention_policy", {
        "p_policy": Json('{"full_days": "x", "incremental_days": 1}'),
    }, {"22023"}),
    "22003 policy": ("apply_retention_policy", {
        "p_policy": Json('{"full_days": 1e400, "incremental_days": 1}'),
    }, {"22003"}),
    "22008": ("get_backup_stats", {"p_since_days": 2**31 - 1}, {None, "22003"}),
    "22015": ("list_active_workers", {"p_since_minutes": 2**31 - 1}, {None, "22003"}),
    "2201W": ("list_backups", {"p_limit": -1}, {"22003"}),
    "23502": ("set_maintenance_mode", {"p_enabled": None}, {"22004"}),
    "23503": ("verify_backup", {"p_backup_id": NOBODY}, {"02000"}),
    "23505": ("enqueue_backup_job", {"p_backup_id": c.RUNNING, "p_command": "x", "p_tool": "custom"}, {"23505"}),
    "23514": ("update_verification_result", {"p_verification_id": c.VERIFICATION, "p_status": "?"}, {"22023"}),
    "54000": ("list_backups", {"p_commit_hash": "x" * 9000}, {None, "22023"}),
    "42601": ("audited_operation", {
        "p_operation_name": "n", "p_operation_type": "read", "p_operation_sql": "SELEC 1",
    }, {None, "22023"}),
}  # fmt: skip


@pytest.mark.clause("E3")
@pytest.mark.parametrize(("name", "arguments", "documented"), RAW.values(), ids=RAW)
def test_what_would_be_an_internal_error_is_answered_or_refused(
    database: TargetDatabase, name: str, arguments: dict[str, Value], documented: set[str | None]
) -> None:
    with database.starting(CATALOGUE) as conn:
        reply = ask(conn, name, **arguments)
    assert reply.sqlstate in documented
    assert reply.sqlstate is None or reply.detail.startswith("PGGIT_")


@pytest.mark.clause("E4")
@pytest.mark.parametrize("code", LOUD, ids=named)
def test_raise_error_raises_a_code_of_severity_error(database: TargetDatabase, code: Code) -> None:
    with database.starting() as conn:
        reply = ask(conn, RAISE, p_error_code=code.name)
    assert (reply.sqlstate, reply.notices) == (code.sqlstate, ())


@pytest.mark.clause("E4")
@pytest.mark.parametrize("code", QUIET, ids=named)
def test_raise_error_only_tells_a_code_of_severity_warning_or_notice(database: TargetDatabase, code: Code) -> None:
    with database.starting() as conn:
        reply = ask(conn, RAISE, p_error_code=code.name)
    assert reply.sqlstate is None
    assert [(notice.severity, notice.sqlstate) for notice in reply.notices] == [(code.severity, code.sqlstate)]


@pytest.mark.clause("E4")
@pytest.mark.parametrize(("code", "sqlstate"), [("PGGIT_NOPE", "22023"), ("", "22023"), ("pggit_locked", "22023")])
def test_raise_error_refuses_an_unknown_code(database: TargetDatabase, code: str, sqlstate: str) -> None:
    with database.starting() as conn:
        reply = ask(conn, RAISE, p_error_code=code)
    assert reply.sqlstate == sqlstate
    assert code in reply.message


@pytest.mark.clause("E2")
def test_raise_error_tells_the_tables_words_unless_it_is_given_others(database: TargetDatabase) -> None:
    with database.starting() as conn:
        description, hint = conn.execute(
            "SELECT description, recovery_hint FROM pggit_errors.error_codes WHERE error_code = 'PGGIT_LOCKED'"
        ).fetchall()[0]
        plain = ask(conn, RAISE, p_error_code="PGGIT_LOCKED")
        other = ask(conn, RAISE, p_error_code="PGGIT_LOCKED", p_detail="row 7", p_hint="Wait.")
    assert (plain.message, plain.hint) == (description, hint)
    assert (other.message, other.hint) == (description, "Wait.")
    assert other.detail.startswith("PGGIT_LOCKED")
    assert "row 7" in other.detail


@pytest.mark.clause("E2")
@pytest.mark.needs("pggit_errors.raise_error.p_message")
def test_raise_error_takes_another_message(database: TargetDatabase) -> None:
    with database.starting() as conn:
        loud = ask(conn, RAISE, p_error_code="PGGIT_LOCKED", p_message="Row 7 is held")
        quiet = ask(conn, RAISE, p_error_code="PGGIT_IDEMPOTENT_SKIP", p_message="Done before")
    assert loud.message == "Row 7 is held"
    assert quiet.notices == (Notice("NOTICE", "00000", "Done before"),)


LATE = {
    "second_job": ("reset_job", {"p_job_id": c.JOB_FAILED}, "23505"),
    "blocked": ("cleanup_expired_backups", {"p_dry_run": False}, "23503"),
    "not_completed": ("verify_backup", {"p_backup_id": c.RUNNING}, "22023"),
}
LATE_CATALOGUE = CATALOGUE + "".join(
    [
        "UPDATE pggit.backups SET status = 'in_progress', completed_at = NULL WHERE status = 'failed';",
        c.job(c.uuid(108), c.FAILED),
        f"INSERT INTO pggit.backup_dependencies VALUES ('{c.INCREMENTAL_OLD}', '{c.EXPIRED}', 'base');",
    ]
)


@pytest.mark.clause("E5")
@pytest.mark.parametrize(("name", "arguments", "sqlstate"), LATE.values(), ids=LATE)
def test_a_refusal_changes_nothing_and_keeps_no_lock(
    database: TargetDatabase, name: str, arguments: dict[str, Value], sqlstate: str
) -> None:
    with database.starting(LATE_CATALOGUE) as conn:
        before = database.dump(conn)
        assert ask(conn, name, name == "cleanup_expired_backups", **arguments).sqlstate == sqlstate
        assert database.dump(conn) == before
        assert value(conn, "SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'advisory'") == 0
        with session(database) as other:
            other.execute(f"BEGIN; SET LOCAL lock_timeout = '1ms'; {every_row(database)}".encode())


@pytest.mark.clause("E1")
def test_a_code_that_is_changed_tells_when(database: TargetDatabase) -> None:
    with database.starting() as conn:
        conn.execute("UPDATE pggit_errors.error_codes SET updated_at = '2020-01-01', recovery_hint = 'another'")
        assert value(conn, "SELECT min(updated_at) > '2020-01-02' FROM pggit_errors.error_codes")
