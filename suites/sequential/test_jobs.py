"""A job's life: its moves (J1), retries (J4), one live job a backup (J6), no output file twice (J9)."""

from __future__ import annotations

import shlex

import pytest

from fixtures.targets.database import TargetDatabase
from suites.sequential.calling import answer, backup, call, in_block, job, refused, rows, statuses, unchanged
from suites.sequential.catalogue import a_backup, a_job, a_pair, ago, backup_id, job_id

NOT_RUNNING = ["queued", "waiting", "paused", "completed", "failed", "cancelled"]
WAITING = ["queued", "waiting", "paused"]


@pytest.mark.clause("J1")
def test_a_running_job_is_completed(database: TargetDatabase) -> None:
    with database.starting(a_pair(1, "running")) as conn:
        assert answer(conn, "complete_backup_job", job_id(1), "42 tables") is True
        done = job(conn, 1)
        assert (done.status, done.metadata["output"], done.metadata["completed_by"]) == ("completed", "42 tables", "w1")
        assert done.completed_at > done.started_at


@pytest.mark.clause("J1", "J4")
def test_a_running_job_fails_and_waits_for_its_retry(database: TargetDatabase) -> None:
    with database.starting(a_pair(1, "running")) as conn:
        assert answer(conn, "fail_backup_job", job_id(1), "disk full", 60) is True
        failed = job(conn, 1)
        assert (failed.status, failed.attempts, failed.last_error) == ("failed", 1, "disk full")
        assert failed.next_retry_at is not None
        assert backup(conn, 1).status == "in_progress"


@pytest.mark.clause("J1", "J4", "J5")
@pytest.mark.parametrize("status", NOT_RUNNING)
@pytest.mark.parametrize("name", ["complete_backup_job", "fail_backup_job"])
def test_a_job_that_is_not_running_is_neither_completed_nor_failed(
    database: TargetDatabase, name: str, status: str
) -> None:
    with database.starting(a_pair(1, status)) as conn, unchanged(database, conn):
        assert answer(conn, name, job_id(1), "text") is False


@pytest.mark.clause("J1", "J5")
@pytest.mark.parametrize("status", ["failed", "cancelled", "waiting"])
def test_a_failed_or_cancelled_job_is_reset(database: TargetDatabase, status: str) -> None:
    with database.starting(a_pair(1, status)) as conn:
        assert answer(conn, "reset_job", job_id(1)) is True
        assert job(conn, 1).status == "queued"


@pytest.mark.clause("J1")
@pytest.mark.parametrize("status", ["running", "completed"])
def test_a_running_or_completed_job_is_not_reset(database: TargetDatabase, status: str) -> None:
    with database.starting(a_pair(1, status)) as conn, unchanged(database, conn):
        assert answer(conn, "reset_job", job_id(1)) is False


@pytest.mark.clause("J1")
def test_a_paused_job_is_not_moved_by_a_reset(database: TargetDatabase) -> None:
    with database.starting(a_pair(1)) as conn:
        answer(conn, "set_maintenance_mode", True)
        with unchanged(database, conn):
            answer(conn, "reset_job", job_id(1))


@pytest.mark.clause("J1", "J5")
def test_a_stuck_job_is_cancelled_and_told(database: TargetDatabase) -> None:
    with database.starting(a_pair(1, "running", started_at=ago("90 minutes"))) as conn:
        since = job(conn, 1).started_at
        (told,) = in_block(conn, "cancel_stuck_jobs", 60, False)
        assert tuple(told) == ("cancelled", job_id(1), "backup-1", since, 90)
        assert (job(conn, 1).status, backup(conn, 1).status) == ("cancelled", "failed")
        assert job(conn, 1).completed_at is not None


@pytest.mark.clause("J1")
def test_a_job_that_is_not_stuck_yet_runs_on(database: TargetDatabase) -> None:
    young, old = {"started_at": ago("59 minutes"), "created_at": ago("9 days")}, {"started_at": ago("61 minutes")}
    catalogue = a_pair(1, "running", **young) + a_pair(2, "running", **old)
    catalogue += a_job(3, None, "running", **young) + a_job(4, None, "running", **old)
    with database.starting(catalogue) as conn:
        assert {row.job_id for row in in_block(conn, "cancel_stuck_jobs", 60, False)} == {job_id(2), job_id(4)}
        assert statuses(conn) == {1: "running", 2: "cancelled", 3: "running", 4: "cancelled"}


@pytest.mark.clause("J1")
@pytest.mark.parametrize(("created", "status"), [("61 minutes", "cancelled"), ("59 minutes", "running")])
def test_a_running_job_without_a_start_counts_from_its_creation(
    database: TargetDatabase, created: str, status: str
) -> None:
    with database.starting(a_pair(1, "running", started_at=None, created_at=ago(created))) as conn:
        in_block(conn, "cancel_stuck_jobs", 60, False)
        assert job(conn, 1).status == status


@pytest.mark.clause("J1")
@pytest.mark.parametrize("status", NOT_RUNNING)
def test_a_job_that_is_not_running_is_never_stuck(database: TargetDatabase, status: str) -> None:
    old = {"created_at": ago("9 days"), "started_at": ago("9 days")}
    with database.starting(a_pair(1, status, **old)) as conn, unchanged(database, conn):
        assert in_block(conn, "cancel_stuck_jobs", 60, False) == []


@pytest.mark.clause("J1")
def test_stuck_jobs_are_told_oldest_first(database: TargetDatabase) -> None:
    ages = {1: "3 hours", 2: "5 hours", 3: "4 hours"}
    stuck = "".join(a_pair(number, "running", started_at=ago(age)) for number, age in ages.items())
    with database.starting(stuck) as conn:
        dry = [(row.action, row.job_id) for row in call(conn, "cancel_stuck_jobs", 60)]
        assert dry == [("would_cancel", job_id(number)) for number in (2, 3, 1)]
        assert [row.job_id for row in in_block(conn, "cancel_stuck_jobs", 60, False)] == [id for _, id in dry]


@pytest.mark.clause("J1", "J4")
@pytest.mark.parametrize("type", ["verify", "cleanup"])
def test_a_job_of_another_type_never_fails_its_backup(database: TargetDatabase, type: str) -> None:
    catalogue = a_backup(1, status="in_progress") + "".join(
        a_job(number, 1, "running", job_type=type, attempts=3, started_at=ago("2 hours")) for number in (1, 2)
    )
    with database.starting(catalogue) as conn:
        before = backup(conn, 1)
        assert answer(conn, "fail_backup_job", job_id(1), "boom") is True
        assert len(in_block(conn, "cancel_stuck_jobs", 60, False)) == 1
        assert statuses(conn) == {1: "failed", 2: "cancelled"}
        assert backup(conn, 1) == before


@pytest.mark.clause("J1", "J5")
def test_resetting_a_job_of_another_type_leaves_its_backup_alone(database: TargetDatabase) -> None:
    with database.starting(
        a_backup(1, status="failed", error_message="boom") + a_job(1, 1, "failed", job_type="verify")
    ) as conn:
        before = backup(conn, 1)
        assert answer(conn, "reset_job", job_id(1)) is True
        assert (job(conn, 1).status, backup(conn, 1)) == ("queued", before)


@pytest.mark.clause("J4")
@pytest.mark.parametrize(
    ("attempts", "delay", "seconds"),
    [
        (1, 300, 300),
        (2, 300, 600),
        (3, 300, 1200),
        (9, 300, 76800),
        (10, 300, 86400),
        (2, 86400, 86400),
        (99, 1, 86400),
    ],
)
def test_each_failure_doubles_the_delay_up_to_a_day(
    database: TargetDatabase, attempts: int, delay: int, seconds: int
) -> None:
    with database.starting(a_pair(1, "running", attempts=attempts, max_attempts=100)) as conn:
        ((before,),) = rows(conn, "SELECT clock_timestamp()")
        assert answer(conn, "fail_backup_job", job_id(1), "boom", delay) is True
        ((after,),) = rows(conn, "SELECT clock_timestamp()")
        retry = job(conn, 1).next_retry_at
        assert (retry - before).total_seconds() >= seconds
        assert (retry - after).total_seconds() <= seconds


@pytest.mark.clause("J4")
@pytest.mark.parametrize("attempts", [1000, 1_000_000, 2147483646, 0, -1, -2147483648, None])
@pytest.mark.parametrize("delay", [0, 1, 86400])
def test_odd_numbers_of_attempts_never_overflow(database: TargetDatabase, attempts: int | None, delay: int) -> None:
    with database.starting(a_pair(1, "running", attempts=attempts, max_attempts=2147483647)) as conn:
        assert answer(conn, "fail_backup_job", job_id(1), "boom", delay) is True
        within_a_day = "next_retry_at BETWEEN started_at AND clock_timestamp() + interval '24 hours'"
        assert rows(conn, f"SELECT status, {within_a_day} AS fine FROM pggit.backup_jobs") == [("failed", True)]


@pytest.mark.clause("J4")
@pytest.mark.parametrize(("attempts", "left"), [(2, True), (3, False)])
def test_a_job_that_says_nothing_of_how_often_it_may_be_tried_has_the_usual_three_attempts(
    database: TargetDatabase, attempts: int, left: bool
) -> None:
    with database.starting(a_pair(1, "running", attempts=attempts, max_attempts=None)) as conn:
        assert answer(conn, "fail_backup_job", job_id(1), "boom") is True
        assert (job(conn, 1).next_retry_at is not None) == left


@pytest.mark.clause("J4")
def test_the_retry_time_is_by_the_wall_clock(database: TargetDatabase) -> None:
    with database.starting(a_pair(1, "running")) as conn, conn.transaction():
        assert answer(conn, "fail_backup_job", job_id(1), "boom", 60) is True
        assert rows(conn, "SELECT next_retry_at > now() + interval '60 s' FROM pggit.backup_jobs") == [(True,)]


@pytest.mark.clause("J4")
@pytest.mark.parametrize("attempts", [3, 4, 2147483647])
def test_the_last_failure_fails_the_job_for_good_and_its_backup(database: TargetDatabase, attempts: int) -> None:
    with database.starting(a_pair(1, "running", attempts=attempts)) as conn:
        assert answer(conn, "fail_backup_job", job_id(1), "disk full") is True
        failed, lost = job(conn, 1), backup(conn, 1)
        assert (failed.status, failed.attempts, failed.last_error) == ("failed", attempts, "disk full")
        assert failed.next_retry_at is None
        assert failed.completed_at is not None
        assert lost.status == "failed"
        assert lost.completed_at is not None
        assert str(attempts) in lost.error_message


@pytest.mark.clause("J4", "I4")
@pytest.mark.parametrize("state", ["completed", "expired", "deleted", "failed"])
def test_the_last_failure_changes_no_backup_that_is_not_in_progress(database: TargetDatabase, state: str) -> None:
    with database.starting(a_backup(1, status=state) + a_job(1, 1, "running", attempts=3)) as conn:
        before = backup(conn, 1)
        assert answer(conn, "fail_backup_job", job_id(1), "boom") is True
        assert (job(conn, 1).status, backup(conn, 1)) == ("failed", before)


@pytest.mark.clause("J4")
def test_a_failure_concerns_no_other_job_or_backup(database: TargetDatabase) -> None:
    with database.starting(a_pair(1, "running", attempts=3) + a_pair(2, "running", attempts=3)) as conn:
        others = job(conn, 2), backup(conn, 2)
        answer(conn, "fail_backup_job", job_id(1), "boom")
        assert (job(conn, 2), backup(conn, 2)) == others


@pytest.mark.clause("J6")
@pytest.mark.parametrize("status", ["queued", "running", "paused", "waiting"])
def test_a_second_live_job_of_a_backup_is_refused(database: TargetDatabase, status: str) -> None:
    with database.starting(a_pair(1, status)) as conn, unchanged(database, conn), refused("23505", backup_id(1)):
        call(conn, "enqueue_backup_job", backup_id(1), "true", "pg_dump")


@pytest.mark.clause("J5", "B1")
@pytest.mark.parametrize("status", ["completed", "failed", "expired", "deleted"])
def test_a_backup_that_is_not_in_progress_gets_no_job(database: TargetDatabase, status: str) -> None:
    with (
        database.starting(a_backup(1, status=status)) as conn,
        unchanged(database, conn),
        refused("22023", backup_id(1)),
    ):
        call(conn, "enqueue_backup_job", backup_id(1), "true", "pg_dump")


@pytest.mark.clause("J6")
@pytest.mark.parametrize("status", ["completed", "cancelled", "failed"])
def test_a_backup_whose_job_has_ended_gets_another(database: TargetDatabase, status: str) -> None:
    with database.starting(a_pair(1, status)) as conn:
        assert answer(conn, "enqueue_backup_job", backup_id(1), "true", "pg_dump")
        assert len(rows(conn, "SELECT FROM pggit.backup_jobs WHERE status = 'queued'")) == 1


@pytest.mark.clause("J6")
def test_a_live_job_of_another_type_is_no_obstacle(database: TargetDatabase) -> None:
    with database.starting(a_backup(1, status="in_progress") + a_job(1, 1, job_type="verify")) as conn:
        assert answer(conn, "enqueue_backup_job", backup_id(1), "true", "pg_dump")


@pytest.mark.clause("J6")
def test_second_live_jobs_that_clients_insert_are_tolerated(database: TargetDatabase) -> None:
    with database.starting(a_pair(1, "running") + a_job(2, 1) + a_job(3, 1, "waiting")) as conn:
        assert answer(conn, "complete_backup_job", job_id(1)) is True
        assert answer(conn, "set_maintenance_mode", True)["paused_jobs"] == 2
        assert answer(conn, "set_maintenance_mode", False)["resumed_jobs"] == 2
        assert statuses(conn) == {1: "completed", 2: "queued", 3: "failed"}


@pytest.mark.clause("J9")
@pytest.mark.parametrize("format", ["custom", "tar", "plain"])
def test_dumps_of_one_transaction_never_share_an_output_file(database: TargetDatabase, format: str) -> None:
    with database.starting() as conn, conn.transaction():
        for schema in [None, "all", "all", "a b", "a_b", "a-b"] * 3:
            answer(conn, "backup_pg_dump", "main", schema, format)
        commands = [shlex.split(row.command) for row in rows(conn, "SELECT command FROM pggit.backup_jobs")]
        files = {word for command in commands for word in command if word.startswith("--file=")}
        assert len(files) == len(commands) == 18


@pytest.mark.clause("J9")
def test_dumps_never_share_a_location(database: TargetDatabase) -> None:
    with database.starting() as conn, conn.transaction():
        for _ in range(10):
            answer(conn, "backup_pg_dump")
        assert rows(conn, "SELECT count(DISTINCT location) FROM pggit.backups") == [(10,)]
