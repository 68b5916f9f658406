"""What is done is not done again (I1, I3), and a lost reply is safe to retry (I4)."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
from typing import Any

import psycopg
import pytest

from fixtures.targets.database import TargetDatabase
from suites.sequential.calling import answer, backup, call, in_block, job, let_pass, refused, rows, unchanged
from suites.sequential.catalogue import (
    a_backup,
    a_job,
    a_link,
    a_pair,
    a_verification,
    ago,
    backup_id,
    job_id,
    verification_id,
)

DUE = a_backup(1, age="90 days") + a_backup(2, "incremental", age="90 days") + a_link(2, 1) + a_backup(3)
DUE += a_backup(4, expires_at=ago("1 hour"))


@pytest.mark.clause("I1")
def test_applying_the_policy_twice_marks_once(database: TargetDatabase) -> None:
    with database.starting(DUE) as conn:
        assert len(call(conn, "apply_retention_policy")) == 3
        with unchanged(database, conn):
            assert call(conn, "apply_retention_policy") == []


@pytest.mark.clause("I1")
def test_the_first_timestamps_stay_however_much_later_it_is_applied_again(database: TargetDatabase) -> None:
    with database.starting(DUE) as conn:
        call(conn, "apply_retention_policy")
        let_pass(conn, "5 days")
        marked = "SELECT * FROM pggit.backups WHERE status = 'expired' ORDER BY 1"
        before = rows(conn, marked)
        call(conn, "apply_retention_policy", {"full_days": 40, "incremental_days": 9})
        assert rows(conn, marked) == before


@pytest.mark.clause("I3")
def test_resetting_a_queued_job_changes_nothing(database: TargetDatabase) -> None:
    tried = a_pair(1, attempts=2, last_error="boom", next_retry_at=ago("1 day"))
    with database.starting(tried) as conn, unchanged(database, conn):
        assert answer(conn, "reset_job", job_id(1)) is True


@pytest.mark.clause("I3")
def test_resetting_a_job_twice_is_resetting_it_once(database: TargetDatabase) -> None:
    with database.starting(a_backup(1, status="failed") + a_job(1, 1, "failed")) as conn:
        assert answer(conn, "reset_job", job_id(1)) is True
        with unchanged(database, conn):
            assert answer(conn, "reset_job", job_id(1)) is True


Call = Callable[[psycopg.Connection], Any]

RETRIED: dict[str, tuple[str, Call, list[object]]] = {
    "complete_backup_job": (
        a_pair(1, "running"),
        lambda c: answer(c, "complete_backup_job", job_id(1), "x"),
        [True, False],
    ),
    "fail_backup_job": (a_pair(1, "running"), lambda c: answer(c, "fail_backup_job", job_id(1), "boom"), [True, False]),
    "fail_backup_job, the last time": (
        a_pair(1, "running", attempts=3),
        lambda c: answer(c, "fail_backup_job", job_id(1), "boom"),
        [True, False],
    ),
    "fail_backup": (a_pair(1), lambda c: answer(c, "fail_backup", backup_id(1), "boom"), [True, False]),
    "update_verification_result": (
        a_backup(1) + a_verification(1, 1),
        lambda c: answer(c, "update_verification_result", verification_id(1), "failed", {"a": 1}),
        [True, True],
    ),
    "apply_retention_policy": (DUE, lambda c: len(call(c, "apply_retention_policy")), [3, 0]),
    "cleanup_expired_backups": (
        a_backup(1, status="expired"),
        lambda c: len(in_block(c, "cleanup_expired_backups", False)),
        [1, 0],
    ),
    "cleanup_old_jobs": (
        a_job(1, None, "completed", completed_at=ago("9 days")),
        lambda c: in_block(c, "cleanup_old_jobs", 7, False)[0].job_count,
        [1, 0],
    ),
    "cancel_stuck_jobs": (
        a_pair(1, "running", started_at=ago("2 hours")),
        lambda c: len(in_block(c, "cancel_stuck_jobs", 60, False)),
        [1, 0],
    ),
}


@pytest.mark.clause("I4")
@pytest.mark.parametrize("name", RETRIED)
def test_doing_what_is_done_changes_nothing(database: TargetDatabase, name: str) -> None:
    catalogue, made, told = RETRIED[name]
    with database.starting(catalogue) as conn:
        first = made(conn)
        with unchanged(database, conn):
            assert [first, made(conn)] == told


@pytest.mark.clause("I4")
def test_completing_a_backup_again_is_refused_and_changes_nothing(database: TargetDatabase) -> None:
    with database.starting(a_backup(1, status="in_progress")) as conn:
        assert answer(conn, "complete_backup", backup_id(1), 1000) is True
        with unchanged(database, conn), refused("02000", "not found or not in progress"):
            answer(conn, "complete_backup", backup_id(1), 1000)


@pytest.mark.clause("I4")
def test_completing_an_audit_again_changes_nothing(database: TargetDatabase) -> None:
    with database.starting() as conn:
        id = answer(conn, "audit_operation", "backup", "write")
        call(conn, "complete_audit", id, True)
        before = database.dump(conn)
        call(conn, "complete_audit", id, False, "XX000", "late")
        assert database.dump(conn) == before


@pytest.mark.clause("I4")
@pytest.mark.parametrize("name", ["verify_backup", "test_backup_restore"])
def test_asking_for_a_verification_again_gives_the_same(database: TargetDatabase, name: str) -> None:
    with database.starting(a_backup(1)) as conn:
        first = answer(conn, name, backup_id(1))
        with unchanged(database, conn):
            assert answer(conn, name, backup_id(1)) == first


@pytest.mark.clause("I4", "J7")
@pytest.mark.parametrize("enabled", [True, False])
def test_setting_the_maintenance_mode_again_changes_nothing(database: TargetDatabase, enabled: bool) -> None:
    with database.starting(a_pair(1) + a_pair(2, "waiting")) as conn:
        answer(conn, "set_maintenance_mode", not enabled)
        answer(conn, "set_maintenance_mode", enabled)
        with unchanged(database, conn):
            told = answer(conn, "set_maintenance_mode", enabled)
        assert told["paused_jobs" if enabled else "resumed_jobs"] == 0


RETRIES: dict[str, Call] = {
    "complete_backup_job": lambda conn: answer(conn, "complete_backup_job", job_id(1), "done"),
    "fail_backup_job": lambda conn: answer(conn, "fail_backup_job", job_id(1), "boom", 0),
    "fail_backup": lambda conn: answer(conn, "fail_backup", backup_id(1), "boom"),
    "cancel_stuck_jobs": lambda conn: in_block(conn, "cancel_stuck_jobs", 60, False),
    "reset_job": lambda conn: answer(conn, "reset_job", job_id(1)),
}


@pytest.mark.clause("I4")
@pytest.mark.parametrize("attempts", [1, 3])
def test_no_order_of_retries_turns_a_good_backup_into_a_failed_one(database: TargetDatabase, attempts: int) -> None:
    running = a_backup(1, status="in_progress")
    running += a_job(1, 1, "running", attempts=attempts, started_at=ago("2 hours"))
    for order in permutations(RETRIES, 3):
        with database.starting(running) as conn:
            assert answer(conn, "complete_backup", backup_id(1), 1000) is True
            good = backup(conn, 1)
            for name in order:
                RETRIES[name](conn)
            assert backup(conn, 1) == good, order


@pytest.mark.clause("I4")
def test_a_completed_job_stays_completed_whatever_is_retried(database: TargetDatabase) -> None:
    with database.starting(a_pair(1, "running")) as conn:
        assert answer(conn, "complete_backup_job", job_id(1), "done") is True
        done = job(conn, 1)
        for order in permutations(["complete_backup_job", "fail_backup_job", "cancel_stuck_jobs", "reset_job"]):
            for name in order:
                RETRIES[name](conn)
        assert (job(conn, 1), backup(conn, 1).status) == (done, "in_progress")


@pytest.mark.clause("I4")
def test_registering_again_makes_another(database: TargetDatabase) -> None:
    with database.starting() as conn:
        ids = {answer(conn, "register_backup", "b", "full", "pg_dump", "file:///b") for _ in range(3)}
        assert len(ids) == 3


@pytest.mark.clause("I4")
@pytest.mark.parametrize("name", ["backup_pg_dump", "backup_pgbackrest", "backup_barman"])
def test_scheduling_again_makes_another(database: TargetDatabase, name: str) -> None:
    server = ["server-1"] if name == "backup_barman" else []
    with database.starting() as conn:
        assert answer(conn, name, *server) != answer(conn, name, *server)
        assert rows(conn, "SELECT count(*) FROM pggit.backup_jobs") == [(2,)]


@pytest.mark.clause("I4")
def test_claiming_again_takes_another_and_health_shows_what_was_left_behind(database: TargetDatabase) -> None:
    with database.starting(a_pair(1) + a_pair(2)) as conn:
        claims = [call(conn, "get_next_backup_job", "w1")[0].job_id for _ in range(2)]
        assert claims == [job_id(1), job_id(2)]
        health = {row.metric: row.value for row in call(conn, "get_backup_health")}
        assert health["running_jobs"] == 2
