from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from fixtures.targets.calls import FunctionCall, Reply
from fixtures.targets.database import TargetDatabase
from fixtures.targets.functions import CALLABLE
from fixtures.targets.kinds import Choice, Json, JsonObject, Policy, Range, Text, Value
from fixtures.targets.perform import perform
from strategies import catalogues as c
from suites.sequential.asking import ask, guard, holding, session, value
from suites.sequential.plain_calls import CATALOGUE, plain_call
from suites.sequential.refusing import BACKUP, JOB, NOBODY, OPERATION, Arguments, refused

FIRST: dict[str, tuple[str, Arguments, str, str]] = {
    "null before form": (
        "register_backup", BACKUP | {"p_backup_name": " ", "p_location": None}, "22004", "p_location"),
    "form in parameter order": (
        "register_backup", BACKUP | {"p_backup_type": "odd", "p_backup_tool": "odd"}, "22023", "p_backup_type"),
    "a blank text in parameter order": (
        "audited_operation", OPERATION | {"p_operation_type": "odd", "p_operation_sql": " "}, "22023",
        "p_operation_type"),
    "range in parameter order": (
        "fail_backup_job", {"p_job_id": c.JOB_LAST_TRY, "p_error": "x", "p_retry_delay_seconds": -1,
                            "p_worker_id": ""}, "22003", "p_retry_delay_seconds"),
    "form before existence": (
        "verify_backup", {"p_backup_id": NOBODY, "p_verification_type": "odd"}, "22023", "p_verification_type"),
    "range before existence": (
        "enqueue_backup_job", JOB | {"p_backup_id": NOBODY, "p_max_attempts": 0}, "22003", "p_max_attempts"),
    "existence before state": (
        "register_backup", BACKUP | {"p_backup_type": "incremental", "p_branch_name": "nowhere",
                                     "p_metadata": Json(f'{{"base_backup_id": "{c.FAILED}"}}')}, "02000", "nowhere"),
    "a path that leaves no room for a name before existence": (
        "backup_pg_dump", {"p_branch_name": "nowhere", "p_output_path": "/" + "x" * 980}, "22023", "p_output_path"),
    "range before the transaction": (
        "cleanup_old_jobs", {"p_retention_days": 0, "p_dry_run": False}, "22003", "p_retention_days"),
}  # fmt: skip

WRONG: dict[type, Value] = {
    Range: -1, Text: " ", Choice: "nonsense", JsonObject: Json("[]"), Policy: Json("[]"),
}  # fmt: skip
"""By kind of parameter: what has a wrong form on its face."""


@pytest.mark.clause("V0")
@pytest.mark.parametrize(("name", "arguments", "sqlstate", "culprit"), FIRST.values(), ids=FIRST)
def test_of_several_defects_the_first_is_told(
    database: TargetDatabase, name: str, arguments: Arguments, sqlstate: str, culprit: str
) -> None:
    if "p_worker_id" in arguments and not _takes(database, "fail_backup_job", "p_worker_id"):
        arguments = {key: value for key, value in arguments.items() if key != "p_worker_id"}
    refused(database, name, arguments, sqlstate, culprit)


def _takes(database: TargetDatabase, name: str, parameter: str) -> bool:
    with database.starting() as conn:
        query = "SELECT %s = ANY (proargnames) FROM pg_proc WHERE pronamespace = 'pggit'::regnamespace AND proname = %s"
        return bool(value(conn, query, parameter, name))


@pytest.mark.clause("V0")
@pytest.mark.parametrize("name", ["cleanup_old_jobs", "cancel_stuck_jobs", "cleanup_expired_backups"])
def test_a_missing_transaction_is_told_before_a_taken_guard(database: TargetDatabase, name: str) -> None:
    with database.starting(CATALOGUE), holding(database, guard(name)), session(database) as conn:
        reply = ask(conn, name, p_dry_run=False)
    assert (reply.sqlstate, reply.notices) == ("25P01", ())


def wrong_forms() -> Iterator[Any]:
    """A plain call of each function that writes, with one argument of a wrong form: a pytest case each."""
    for function in CALLABLE:
        for parameter in function.parameters if function.writes else ():
            kind = type(parameter.kind)
            if kind in WRONG and not parameter.added and not getattr(parameter.kind, "blank", False):
                plain = plain_call(function)
                arguments = dict(plain.arguments) | {parameter.name: WRONG[kind]}
                wrong = FunctionCall(function, tuple(arguments.items()), plain.in_block)
                marks = pytest.mark.needs(function.qualified)
                yield pytest.param(wrong, parameter.name, id=f"{function.name}.{parameter.name}", marks=marks)


@pytest.mark.clause("V0")
@pytest.mark.parametrize(("wrong", "parameter"), list(wrong_forms()))
def test_a_wrong_form_is_told_before_any_row_is_waited_for(
    database: TargetDatabase, wrong: FunctionCall, parameter: str
) -> None:
    every_row = "".join(f"SELECT FROM {table} FOR UPDATE;" for table in database.tables)
    with database.starting(CATALOGUE), holding(database, every_row), session(database) as conn:
        conn.execute("SET lock_timeout = '1ms'")
        reply = perform(conn, wrong)
    assert (reply.sqlstate in ("22003", "22023"), parameter in reply.message) == (True, True), reply


@pytest.mark.clause("V0")
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("reset_job", {"p_job_id": NOBODY}),
        ("update_verification_result", {"p_verification_id": NOBODY, "p_status": "completed"}),
        ("backup_pgbackrest", {"p_branch_name": "nowhere"}),
        ("backup_barman", {"p_server_name": "s", "p_branch_name": "nowhere"}),
        ("backup_pg_dump", {"p_branch_name": "nowhere"}),
    ],
)
def test_existence_is_told_before_locks(database: TargetDatabase, name: str, arguments: Arguments) -> None:
    every_row = "".join(f"SELECT FROM {table} FOR UPDATE;" for table in database.tables)
    with database.starting(CATALOGUE), holding(database, every_row), session(database) as conn:
        conn.execute("SET lock_timeout = '1ms'")
        assert ask(conn, name, **arguments).sqlstate == "02000"


NOT_NULL = [
    pytest.param(plain_call(function), parameter.name, id=function.name)
    for function in CALLABLE
    if function.validated
    for parameter in function.parameters[:1]
    if not parameter.null
]


@pytest.mark.clause("V1")
@pytest.mark.parametrize(("plain", "parameter"), NOT_NULL)
def test_a_validated_function_refuses_null(database: TargetDatabase, plain: FunctionCall, parameter: str) -> None:
    refused(
        database, plain.function.name, dict(plain.arguments) | {parameter: None}, "22004", parameter, "cannot be NULL"
    )


@pytest.mark.clause("V2")
@pytest.mark.parametrize("name", ["cleanup_old_jobs", "cancel_stuck_jobs", "cleanup_expired_backups"])
def test_null_is_a_dry_run(database: TargetDatabase, name: str) -> None:
    with database.starting(CATALOGUE) as conn:
        by_null, by_name = (ask(conn, name, p_dry_run=dry_run).rows for dry_run in (None, True))
    assert [row[:2] for row in by_null] == [row[:2] for row in by_name]
    assert by_null[0][0] in ("would_delete", "would_cancel")


@pytest.mark.clause("V2")
def test_null_is_disaster_recovery(database: TargetDatabase) -> None:
    with database.starting(CATALOGUE) as conn:
        plans = [
            ask(conn, "generate_recovery_plan", p_target_commit=c.HEAD, p_recovery_mode=mode)
            for mode in (None, "disaster")
        ]
    assert plans[0].rows == plans[1].rows
    assert plans[0].sqlstate is None


@pytest.mark.clause("V2")
def test_null_is_the_default_policy(database: TargetDatabase) -> None:
    with database.starting(CATALOGUE) as conn:
        assert ask(conn, "validate_retention_policy", p_policy=None).rows == (("30", "7"),)
        assert len(ask(conn, "apply_retention_policy", p_policy=None).rows) == 2
    with database.starting(CATALOGUE) as conn:
        assert len(ask(conn, "apply_retention_policy").rows) == 2


UNKNOWN: dict[str, Arguments] = {
    "register_backup": BACKUP | {"p_commit_hash": "nowhere"},
    "complete_backup": {"p_backup_id": NOBODY},
    "fail_backup": {"p_backup_id": NOBODY, "p_error_message": "x"},
    "get_backup_info": {"p_backup_id": NOBODY},
    "enqueue_backup_job": JOB | {"p_backup_id": NOBODY},
    "complete_backup_job": {"p_job_id": NOBODY},
    "fail_backup_job": {"p_job_id": NOBODY, "p_error": "x"},
    "backup_pgbackrest": {"p_branch_name": "nowhere"},
    "update_pgbackrest_metadata": {"p_backup_id": NOBODY, "p_info_json": Json("{}")},
    "backup_barman": {"p_server_name": "s", "p_branch_name": "nowhere"},
    "backup_pg_dump": {"p_branch_name": "empty"},
    "reset_job": {"p_job_id": NOBODY},
    "generate_recovery_plan": {"p_target_commit": "nowhere"},
    "restore_from_commit": {"p_target_commit": "nowhere"},
    "verify_backup": {"p_backup_id": NOBODY},
    "update_verification_result": {"p_verification_id": NOBODY, "p_status": "completed"},
    "list_backup_verifications": {"p_backup_id": NOBODY},
    "test_backup_restore": {"p_backup_id": NOBODY},
    "complete_audit": {"p_audit_id": 999, "p_success": True},
}


@pytest.mark.clause("V5")
@pytest.mark.parametrize(("name", "arguments"), UNKNOWN.items(), ids=UNKNOWN)
def test_what_is_not_there_is_refused(database: TargetDatabase, name: str, arguments: Arguments) -> None:
    refused(database, name, arguments, "02000", "not found")


@pytest.mark.clause("V5")
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("find_backup_for_commit", {"p_commit_hash": "nowhere"}),
        ("list_backups", {"p_branch_name": "nowhere"}),
        ("list_backups", {"p_commit_hash": "nowhere"}),
    ],
)
def test_what_is_looked_for_and_not_there_gives_no_rows(
    database: TargetDatabase, name: str, arguments: Arguments
) -> None:
    with database.starting(CATALOGUE) as conn:
        assert ask(conn, name, **arguments) == Reply()


@pytest.mark.clause("V5")
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("complete_backup_job", {"p_job_id": c.JOB_QUEUED}),
        ("fail_backup_job", {"p_job_id": c.JOB_QUEUED, "p_error": "x"}),
        ("reset_job", {"p_job_id": c.JOB_LAST_TRY}),
        ("reset_job", {"p_job_id": c.JOB_OLD}),
    ],
)
def test_a_known_job_in_the_wrong_state_is_answered_false(
    database: TargetDatabase, name: str, arguments: Arguments
) -> None:
    with database.starting(CATALOGUE) as conn:
        assert ask(conn, name, **arguments) == Reply(rows=(("f",),))


SETS: dict[str, tuple[str, Arguments, str]] = {
    "backup type": ("register_backup", BACKUP, "p_backup_type"),
    "tool": ("register_backup", BACKUP, "p_backup_tool"),
    "job tool": ("enqueue_backup_job", JOB, "p_tool"),
    "preferred tool": ("generate_recovery_plan", {"p_target_commit": c.HEAD}, "p_preferred_tool"),
    "format": ("backup_pg_dump", {}, "p_format"),
    "verification type": ("verify_backup", {"p_backup_id": c.FULL_NEW}, "p_verification_type"),
    "verification status": ("update_verification_result", {"p_verification_id": c.VERIFICATION}, "p_status"),
    "test type": ("test_backup_restore", {"p_backup_id": c.FULL_NEW}, "p_test_type"),
    "recovery mode": ("generate_recovery_plan", {"p_target_commit": c.HEAD}, "p_recovery_mode"),
    "restore mode": ("restore_from_commit", {"p_target_commit": c.HEAD}, "p_recovery_mode"),
    "pgBackRest type": ("backup_pgbackrest", {}, "p_backup_type"),
}


@pytest.mark.clause("V6")
@pytest.mark.parametrize("outside", ["odd", "FULL", ""])
@pytest.mark.parametrize(("name", "arguments", "parameter"), SETS.values(), ids=SETS)
def test_a_value_outside_its_set_is_refused(
    database: TargetDatabase, name: str, arguments: Arguments, parameter: str, outside: str
) -> None:
    words = "Invalid recovery mode" if parameter == "p_recovery_mode" else parameter
    refused(database, name, arguments | {parameter: outside}, "22023", words, outside)


@pytest.mark.clause("V0")
def test_an_unknown_commit_is_told_before_an_unknown_branch(database: TargetDatabase) -> None:
    asked = "SELECT pggit.register_backup('b', 'full', 'pg_dump', '/b', 'no-commit', 'no-branch')"
    with database.starting() as conn, pytest.raises(psycopg.errors.NoData, match='Commit "no-commit" not found'):
        conn.execute(asked.encode())
