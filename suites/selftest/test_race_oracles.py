"""The oracles about races: silent about a good history, and each says of a bad one what is wrong with it."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

from fixtures.postgres.databases import connect
from fixtures.targets.calls import FunctionCall, Notice, Reply
from fixtures.targets.database import TargetDatabase
from fixtures.targets.functions import function
from fixtures.targets.kinds import Value
from fixtures.workers.record import Record
from strategies.catalogues import backup, job, uuid
from suites.oracles import job_histories
from suites.oracles.invariants import Invariant, broken_invariants, load_invariants
from suites.oracles.linearizability import linearizable
from suites.oracles.race import Race, Row
from suites.oracles.race_judge import judge_race

JOB, BACKUP = uuid(1), uuid(2)
BUSY = Reply(notices=(Notice("WARNING", "01000", "PGGIT_CONCURRENT: another session is inside"),))
TRUE, FALSE = Reply((("t",),)), Reply((("f",),))


def record(worker: str, began: int, ended: int | None, name: str, reply: Reply | None, **arguments: Value) -> Record:
    called = function(f"pggit.{name}")
    return Record(worker, FunctionCall(called, tuple(arguments.items()), called.transaction), began, ended, reply)


def claim(worker: str, began: int, ended: int | None, attempts: int | None) -> Record:
    row = (JOB, BACKUP, "true", "pg_dump", str(attempts), f'{{"worker_id": "{worker}"}}')
    reply = None if ended is None else Reply((row,) if attempts else ())
    return record(worker, began, ended, "get_next_backup_job", reply, p_worker_id=worker)


def complete(worker: str, began: int, ended: int | None, reply: Reply | None) -> Record:
    return record(worker, began, ended, "complete_backup_job", reply, p_job_id=JOB, p_worker_id=worker)


def fail(worker: str, began: int, ended: int, reply: Reply) -> Record:
    """By the worker itself, or by an operator `x` who tells no worker."""
    arguments: dict[str, Value] = {"p_error": None, "p_retry_delay_seconds": 0}
    arguments |= {} if worker == "x" else {"p_worker_id": worker}
    return record(worker, began, ended, "fail_backup_job", reply, p_job_id=JOB, **arguments)


def row_of_job(status: str, attempts: int, worker: str | None = None) -> Row:
    return {
        "job_id": JOB, "backup_id": BACKUP, "job_type": "backup", "status": status, "attempts": str(attempts),
        "max_attempts": "3", "next_retry_at": None, "started_at": None, "completed_at": None, "last_error": None,
        "metadata": f'{{"worker_id": "{worker}"}}' if worker else "{}",
    }  # fmt: skip


def race(*records: Record, end: Row | None, audit: int = 0) -> Race:
    """A race for one job that is queued at the start."""
    backups: list[Row] = [
        {
            "backup_id": BACKUP, "backup_type": "full", "backup_tool": "pg_dump", "status": "in_progress",
            "commit_hash": "commit-3", "error_message": None,
        }
    ]  # fmt: skip
    tables = {"pggit.backups": backups, "pggit.operation_audit": []}
    told: list[Row] = [
        {"audit_id": str(n), "operation_name": "cleanup_old_jobs", "operation_type": "delete", "success": "t"}
        for n in range(audit)
    ]
    return Race(
        records,
        {**tables, "pggit.backup_jobs": [row_of_job("queued", 0)]},
        {**tables, "pggit.backup_jobs": [end] if end else [], "pggit.operation_audit": told},
    )


def codes(race: Race) -> set[str]:
    return {finding.code for finding in judge_race(race)}


DONE = row_of_job("completed", 1, "a")
GOOD = (claim("a", 1, 3, 1), claim("b", 2, 4, None), complete("a", 5, 6, TRUE), complete("b", 7, 8, FALSE))


@pytest.mark.parametrize(
    "good",
    [
        race(claim("a", 1, 9, 1), fail("x", 2, 3, TRUE), claim("b", 4, 5, 2), end=row_of_job("running", 2, "b")),
        race(*GOOD, end=DONE),
        race(claim("a", 1, 2, 1), complete("a", 3, None, None), end=DONE),
        race(claim("a", 1, 2, 1), complete("a", 3, None, None), end=row_of_job("running", 1, "a")),
        race(claim("a", 1, None, None), end=row_of_job("running", 1, "a")),
        race(claim("a", 1, None, None), end=row_of_job("queued", 0)),
        race(claim("a", 1, 2, 1), fail("a", 3, 9, TRUE), claim("b", 4, 8, 2), end=row_of_job("running", 2, "b")),
    ],
    ids=[
        "answer heard late",
        "plain",
        "reply lost",
        "call lost",
        "claim lost, done",
        "claim lost, not done",
        "overlapping",
    ],
)
def test_a_good_history_is_not_blamed(good: Race) -> None:
    assert judge_race(good) == []


AGAIN = (claim("a", 1, 2, 1), fail("a", 3, 4, TRUE), claim("b", 5, 6, 1))
CLEAN = record("a", 1, 2, "cleanup_old_jobs", Reply((("deleted", "0", "{}"),)), p_dry_run=False)


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (race(claim("a", 1, 3, 1), claim("b", 2, 4, 1), end=row_of_job("running", 1, "b")), "C5:claimed-twice"),
        (race(claim("a", 1, 3, 1), claim("b", 2, 4, 1), end=row_of_job("running", 1, "b")), "C1:not-linearizable"),
        (race(GOOD[0], GOOD[2], complete("a", 7, 8, TRUE), end=DONE), "J1:completed-twice"),
        (race(GOOD[0], GOOD[2], end=row_of_job("running", 1, "a")), "J1:completion-lost"),
        (race(GOOD[0], end=DONE), "J1:completed-by-nobody"),
        (race(GOOD[0], complete("b", 5, 6, TRUE), end=DONE), "C1:not-linearizable"),
        (race(*AGAIN, end=row_of_job("running", 1, "b")), "J2:attempts-lost"),
        (race(end=None), "B6:jobs-lost"),
        (race(end=row_of_job("cancelled", 0)), "C1:not-linearizable"),
        (race(CLEAN, end=row_of_job("queued", 0)), "A1:audit-rows"),
        (race(CLEAN, end=row_of_job("queued", 0), audit=2), "A1:audit-rows"),
        (race(replace(CLEAN, reply=BUSY), end=row_of_job("queued", 0)), "L1:held-from-outside"),
        (race(replace(CLEAN, reply=Reply(sqlstate="40P01")), end=row_of_job("queued", 0)), "C3:deadlock"),
        (race(replace(CLEAN, reply=Reply(sqlstate="55P03")), end=row_of_job("queued", 0)), "C2:no-witness"),
        (race(replace(CLEAN, reply=Reply(sqlstate="42P01")), end=row_of_job("queued", 0)), "E3:raw-42P01"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_a_bad_history_is_blamed_with_its_code(bad: Race, code: str) -> None:
    assert code in codes(bad)


def test_too_many_states_are_unknown_and_never_green(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_histories, "linearizable", partial(linearizable, budget=1))
    assert codes(race(*GOOD, end=DONE)) == {"C1:unknown"}


BROKEN = {
    "two-live-jobs": backup(uuid(1), "b", status="in_progress") + job(uuid(2), uuid(1)) + job(uuid(3), uuid(1)),
    "two-running-jobs": backup(uuid(1), "b", status="in_progress")
    + job(uuid(2), uuid(1), "running", 1)
    + job(uuid(3), uuid(1), "running", 1),
    "claim-incomplete": backup(uuid(1), "b", status="in_progress") + job(uuid(2), uuid(1), "running", 0),
    "too-many-attempts": backup(uuid(1), "b") + job(uuid(2), uuid(1), "completed", 4),
    "end-without-time": backup(uuid(1), "b")
    + job(uuid(2), uuid(1), "completed", 1)
    + "UPDATE pggit.backup_jobs SET completed_at = NULL;",
    "backup-does-not-follow": backup(uuid(1), "b", status="in_progress") + job(uuid(2), uuid(1), "cancelled", 1),
    "completed-without-time": "ALTER TABLE pggit.backups DROP CONSTRAINT IF EXISTS backups_completed_has_time;"
    + backup(uuid(1), "b")
    + "UPDATE pggit.backups SET completed_at = NULL;",
    "base-gone": backup(uuid(1), "b", status="expired")
    + backup(uuid(2), "i", "incremental")
    + f"UPDATE pggit.backups SET metadata = '{{\"base_backup_id\": \"{uuid(1)}\"}}' WHERE backup_id = '{uuid(2)}';",
    "two-open-verifications": backup(uuid(1), "b")
    + "INSERT INTO pggit.backup_verifications (backup_id, verification_type, status)"
    f" SELECT '{uuid(1)}', 'checksum', 'queued' FROM generate_series(1, 2);",
    "audit-row-open": "INSERT INTO pggit.operation_audit (operation_name, operation_type) VALUES ('x', 'write');",
    "claimable-left": backup(uuid(1), "b", status="in_progress") + job(uuid(2), uuid(1)),
    "paused-left": backup(uuid(1), "b", status="in_progress") + job(uuid(2), uuid(1), "paused"),
}
"""A catalogue that breaks each of them; `guard-left` is about sessions."""


@pytest.mark.parametrize("invariant", load_invariants(), ids=lambda each: each.name)
def test_an_invariant_tells_what_breaks_it_and_holds_of_an_empty_catalogue(
    database: TargetDatabase, invariant: Invariant
) -> None:
    with database.starting() as connection, connect(database.conninfo) as other:
        assert broken_invariants(connection, at_rest=True) == []
        with connection.transaction(force_rollback=True):
            if invariant.name == "guard-left":
                other.execute("SELECT pg_advisory_lock(1)")
            else:
                connection.execute(BROKEN[invariant.name].encode())
            found = broken_invariants(connection, at_rest=True)
    assert f"{invariant.clause}:{invariant.name}" in {each.code for each in found}
