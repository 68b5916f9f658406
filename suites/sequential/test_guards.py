from __future__ import annotations

from collections.abc import Callable
from typing import LiteralString

import psycopg
import pytest

from fixtures.targets.calls import FunctionCall, Reply
from fixtures.targets.database import TargetDatabase
from fixtures.targets.functions import CALLABLE
from fixtures.targets.perform import perform
from strategies import catalogues as c
from suites.sequential.asking import ask, guard, holding, is_busy, row, session, value
from suites.sequential.plain_calls import CATALOGUE, plain_call

BEGIN = b"BEGIN; SELECT pg_current_xact_id()"
TRY_GUARD: LiteralString = "SELECT pg_try_advisory_xact_lock(hashtext(%s))"

GUARDED = [
    pytest.param(FunctionCall(function, plain_call(function).arguments, in_block=True), id=function.name)
    for function in CALLABLE
    if function.guarded
]
guarded = pytest.mark.parametrize("real_run", GUARDED)


def run(conn: psycopg.Connection, real_run: FunctionCall) -> Reply:
    """The real run in a transaction that stays open."""
    conn.execute(BEGIN)
    return perform(conn, FunctionCall(real_run.function, real_run.arguments))


@pytest.mark.clause("L1")
@guarded
def test_a_real_run_keeps_others_out_until_its_transaction_ends(
    database: TargetDatabase, real_run: FunctionCall
) -> None:
    with database.starting(CATALOGUE) as conn, session(database) as other:
        assert run(conn, real_run).rows
        during = database.dump(other)
        assert perform(other, real_run).rows == ()
        assert _but_audit(database.dump(other)) == _but_audit(during)
        conn.execute("ROLLBACK")
        assert perform(other, real_run).rows


@pytest.mark.clause("L1")
@guarded
def test_the_guard_is_the_key_that_older_installs_use(database: TargetDatabase, real_run: FunctionCall) -> None:
    name = real_run.function.name
    with database.starting(CATALOGUE) as conn, session(database) as other:
        run(conn, real_run)
        assert value(other, TRY_GUARD, name) is False
        conn.execute("COMMIT")
        assert value(other, TRY_GUARD, name) is True


@pytest.mark.clause("L1")
@guarded
def test_a_guard_keeps_out_nobody_from_another_function(database: TargetDatabase, real_run: FunctionCall) -> None:
    others = [plain.values[0] for plain in GUARDED if plain.values[0] != real_run]
    with database.starting(CATALOGUE) as conn, session(database) as other:
        run(conn, real_run)
        for another in others:
            assert isinstance(another, FunctionCall)
            reply = perform(other, another)
            assert reply.sqlstate is None
            assert not any("PGGIT_CONCURRENT" in notice.message for notice in reply.notices)


@pytest.mark.clause("L2")
@guarded
def test_a_contender_is_told_at_once_who_is_busy(database: TargetDatabase, real_run: FunctionCall) -> None:
    name = real_run.function.name
    with database.starting(CATALOGUE), holding(database, guard(name)), session(database) as contender:
        assert is_busy(perform(contender, real_run), name)


@pytest.mark.clause("L2")
@guarded
def test_nothing_to_do_is_not_told_as_busy(database: TargetDatabase, real_run: FunctionCall) -> None:
    with database.starting() as conn:
        reply = perform(conn, real_run)
    assert (reply.sqlstate, reply.notices) == (None, ())


HELD = {
    "the job of reset_job": ("reset_job", {"p_job_id": c.JOB_FAILED}, ("backup_jobs", "job_id", c.JOB_FAILED)),
    "the backup of reset_job": ("reset_job", {"p_job_id": c.JOB_FAILED}, ("backups", "backup_id", c.FAILED)),
    "the verification": (
        "update_verification_result",
        {"p_verification_id": c.VERIFICATION, "p_status": "completed"},
        ("backup_verifications", "verification_id", c.VERIFICATION),
    ),
}


@pytest.mark.clause("L3")
@pytest.mark.parametrize(("name", "arguments", "held"), HELD.values(), ids=HELD)
def test_a_held_row_is_refused_at_once_and_taken_when_it_is_free(
    database: TargetDatabase, name: str, arguments: dict[str, str], held: tuple[str, str, str]
) -> None:
    with database.starting(CATALOGUE), session(database) as contender, holding(database, row(*held)) as holder:
        refused = ask(contender, name, **arguments)
        assert (refused.sqlstate, refused.detail.split(":")[0]) == ("55P03", "PGGIT_LOCKED")
        holder.execute("ROLLBACK")
        assert ask(contender, name, **arguments) == Reply(rows=(("t",),))


@pytest.mark.clause("L3")
@pytest.mark.parametrize(
    ("name", "parameters"),
    [("reset_job", {"p_job_id": c.uuid(999)}),
     ("update_verification_result", {"p_verification_id": c.uuid(999), "p_status": "completed"})],
)  # fmt: skip
def test_an_unknown_id_is_never_told_as_held(database: TargetDatabase, name: str, parameters: dict[str, str]) -> None:
    everything = "".join(f"SELECT FROM {table} FOR UPDATE;" for table in database.tables)
    with database.starting(CATALOGUE), holding(database, everything), session(database) as conn:
        assert ask(conn, name, **parameters).sqlstate == "02000"


@pytest.mark.clause("L3")
def test_reset_job_keeps_the_rows_until_its_transaction_ends(database: TargetDatabase) -> None:
    with database.starting(CATALOGUE) as conn, session(database) as other:
        conn.execute("BEGIN")
        assert ask(conn, "reset_job", p_job_id=c.JOB_FAILED).rows == (("t",),)
        for held in (("backups", "backup_id", c.FAILED), ("backup_jobs", "job_id", c.JOB_FAILED)):
            with pytest.raises(psycopg.errors.LockNotAvailable):
                other.execute(f"{row(*held)} NOWAIT".encode())


MISSED = {
    "a due backup": ("apply_retention_policy", ("backups", "backup_id", c.FULL_OLD), None),
    "a due incremental": ("apply_retention_policy", ("backups", "backup_id", c.INCREMENTAL_OLD), None),
    "an expired backup": ("cleanup_expired_backups", ("backups", "backup_id", c.EXPIRED), None),
    "an old job": ("cleanup_old_jobs", ("backup_jobs", "job_id", c.JOB_OLD), None),
    "a stuck job": ("cancel_stuck_jobs", ("backup_jobs", "job_id", c.JOB_STUCK), None),
    "a stuck job's backup": (
        "cancel_stuck_jobs", ("backups", "backup_id", c.STUCK), ("backup_jobs", "job_id", c.JOB_STUCK),
    ),
}  # fmt: skip


@pytest.mark.clause("L4")
@pytest.mark.parametrize(("name", "held", "missed"), MISSED.values(), ids=MISSED)
def test_a_held_row_is_passed_over_and_taken_next_time(
    database: TargetDatabase, name: str, held: tuple[str, str, str], missed: tuple[str, str, str] | None
) -> None:
    (real_run,) = [plain.values[0] for plain in GUARDED if plain.id == name]
    assert isinstance(real_run, FunctionCall)
    with database.starting(CATALOGUE) as conn, session(database) as cleaner:
        before = _contents(conn, missed or held)
        with holding(database, row(*held)):
            passed = perform(cleaner, real_run)
            assert (passed.sqlstate, passed.notices) == (None, ())
            assert _contents(conn, missed or held) == before
        assert perform(cleaner, real_run).rows
        assert _contents(conn, missed or held) != before


def commit(holder: psycopg.Connection) -> None:
    holder.execute("COMMIT")


def roll_back(holder: psycopg.Connection) -> None:
    holder.execute("ROLLBACK")


def fail(holder: psycopg.Connection) -> None:
    with pytest.raises(psycopg.errors.DivisionByZero):
        holder.execute("SELECT 1 / 0")


def cancel(holder: psycopg.Connection) -> None:
    with pytest.raises(psycopg.errors.QueryCanceled):
        holder.execute("SELECT pg_cancel_backend(pg_backend_pid())")


def kill(holder: psycopg.Connection) -> None:
    with pytest.raises(psycopg.errors.AdminShutdown):
        holder.execute("SELECT pg_terminate_backend(pg_backend_pid())")


def disconnect(holder: psycopg.Connection) -> None:
    holder.close()


@pytest.mark.clause("L5")
@guarded
@pytest.mark.parametrize("end", [commit, roll_back, fail, cancel])
def test_the_guard_is_gone_as_soon_as_the_transaction_has_ended(
    database: TargetDatabase, real_run: FunctionCall, end: Callable[[psycopg.Connection], None]
) -> None:
    name = real_run.function.name
    with database.starting(CATALOGUE), session(database) as holder, session(database) as contender:
        run(holder, real_run)
        assert is_busy(perform(contender, real_run), name)
        end(holder)
        assert not is_busy(perform(contender, real_run), name)


@pytest.mark.clause("L5")
@guarded
@pytest.mark.parametrize("end", [kill, disconnect])
def test_the_guard_goes_with_its_session(
    database: TargetDatabase, real_run: FunctionCall, end: Callable[[psycopg.Connection], None]
) -> None:
    name = real_run.function.name
    with database.starting(CATALOGUE), session(database) as holder, session(database) as contender:
        run(holder, real_run)
        assert is_busy(perform(contender, real_run), name)
        end(holder)
        contender.execute(f"BEGIN; {guard(name)}".encode())  # waits until the other session's process has ended
        assert not is_busy(perform(contender, FunctionCall(real_run.function, real_run.arguments)), name)


def _but_audit(dump: dict[str, list[dict[str, str | None]]]) -> dict[str, list[dict[str, str | None]]]:
    return dump | {"pggit.operation_audit": []}


def _contents(conn: psycopg.Connection, key: tuple[str, str, str]) -> list[object]:
    table, column, id = key
    return list(conn.execute(f"SELECT t::text FROM pggit.{table} t WHERE {column} = '{id}'".encode()).fetchall())
