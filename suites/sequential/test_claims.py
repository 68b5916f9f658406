"""Claiming jobs: J2, the fence of J3, and what one session can see of C5."""

from __future__ import annotations

import psycopg
import pytest

from fixtures.targets.database import TargetDatabase
from suites.sequential.asking import holding, row
from suites.sequential.calling import answer, call, job, rows, statuses, unchanged
from suites.sequential.catalogue import a_backup, a_job, a_pair, ago, ahead, backup_id, job_id

COMPLETE_FENCED = pytest.mark.needs("pggit.complete_backup_job.p_worker_id")
FAIL_FENCED = pytest.mark.needs("pggit.fail_backup_job.p_worker_id")
_MANY = 50


def claimed(conn: psycopg.Connection, worker: str = "w1") -> list[int]:
    """The number of the job that a worker gets, in a list: empty when it gets none."""
    return [int(row.job_id[-12:]) - 100 for row in call(conn, "get_next_backup_job", worker)]


def all_claimed(conn: psycopg.Connection) -> list[int]:
    """The numbers of the jobs that workers get one after another until there are none."""
    found: list[int] = []
    for _ in range(_MANY):
        if not (one := claimed(conn)):
            return found
        found += one
    pytest.fail(f"still jobs after {_MANY} claims: {found}")


@pytest.mark.clause("J2")
def test_an_empty_queue_gives_no_job(database: TargetDatabase) -> None:
    with database.starting() as conn:
        assert claimed(conn) == []


@pytest.mark.clause("J2")
def test_the_claimed_job_is_told_as_it_is_stored(database: TargetDatabase) -> None:
    with database.starting(a_pair(1, command="dump it", tool="pg_dump", metadata={"kept": 1})) as conn:
        (told,) = call(conn, "get_next_backup_job", "w7")
        metadata = {"kept": 1, "worker_id": "w7"}
        assert tuple(told) == (job_id(1), backup_id(1), "dump it", "pg_dump", 1, metadata)
        assert (job(conn, 1).status, job(conn, 1).attempts, job(conn, 1).metadata) == ("running", 1, metadata)


@pytest.mark.clause("J2")
@pytest.mark.parametrize("metadata", [None, [1], "text"], ids=repr)
def test_a_claim_records_its_worker_whatever_the_metadata_was(database: TargetDatabase, metadata: object) -> None:
    with database.starting(a_pair(1, metadata=metadata if metadata != "text" else '"text"')) as conn:
        (told,) = call(conn, "get_next_backup_job", "w7")
        assert told.metadata["worker_id"] == "w7"
        assert job(conn, 1).metadata["worker_id"] == "w7"


@pytest.mark.clause("J2")
@pytest.mark.parametrize("most", [1, 3])
def test_a_client_s_missing_attempts_count_as_none(database: TargetDatabase, most: int) -> None:
    with database.starting(a_pair(1, attempts=None, max_attempts=most)) as conn:
        assert call(conn, "get_next_backup_job")[0].attempts == 1


@pytest.mark.clause("J2")
def test_a_retry_counts_one_attempt_more(database: TargetDatabase) -> None:
    with database.starting(a_pair(1, "waiting", attempts=1)) as conn:
        assert call(conn, "get_next_backup_job")[0].attempts == 2
        assert job(conn, 1).attempts == 2


@pytest.mark.clause("J2")
def test_a_claim_starts_by_the_wall_clock(database: TargetDatabase) -> None:
    with database.starting(a_pair(1)) as conn, conn.transaction():
        assert claimed(conn) == [1]
        assert rows(conn, "SELECT started_at > now() AND started_at <= clock_timestamp() FROM pggit.backup_jobs") == [
            (True,)
        ]


@pytest.mark.clause("J2")
def test_a_new_claim_replaces_the_start_of_the_last_attempt(database: TargetDatabase) -> None:
    with database.starting(a_pair(1, "waiting", started_at=ago("1 day"))) as conn:
        assert claimed(conn) == [1]
        assert rows(conn, "SELECT started_at > now() - interval '1 hour' FROM pggit.backup_jobs") == [(True,)]


@pytest.mark.clause("J2")
def test_the_job_that_is_due_longest_comes_first(database: TargetDatabase) -> None:
    queue = (
        a_pair(1, created_at=ago("10 minutes"))
        + a_pair(2, created_at=ago("30 minutes"))
        + a_pair(3, created_at=ago("20 minutes"))
    )
    with database.starting(queue) as conn:
        assert all_claimed(conn) == [2, 3, 1]


@pytest.mark.clause("J2")
def test_a_retry_is_due_from_its_retry_time_and_not_from_its_creation(database: TargetDatabase) -> None:
    queue = (
        a_pair(1, "waiting", created_at=ago("3 days"), next_retry_at=ago("10 minutes"))
        + a_pair(2, created_at=ago("20 minutes"))
        + a_pair(3, created_at=ago("5 minutes"))
    )
    with database.starting(queue) as conn:
        assert all_claimed(conn) == [2, 1, 3]


@pytest.mark.clause("J2")
def test_a_retry_is_not_starved_by_new_jobs(database: TargetDatabase) -> None:
    newer = "".join(a_pair(number, created_at=ago("1 minute")) for number in range(2, 12))
    with database.starting(newer + a_pair(1, "waiting", next_retry_at=ago("2 minutes"))) as conn:
        assert claimed(conn) == [1]


@pytest.mark.clause("J2")
def test_jobs_due_at_the_same_time_come_in_the_order_of_their_ids(database: TargetDatabase) -> None:
    time = "2026-01-01 00:00+00"
    queue = "".join(a_pair(number, created_at=time) for number in (5, 1, 4))
    queue += a_pair(2, "waiting", next_retry_at=time) + a_pair(3, "queued", next_retry_at=time)
    with database.starting(queue) as conn:
        assert all_claimed(conn) == [1, 2, 3, 4, 5]


@pytest.mark.clause("J2")
@pytest.mark.parametrize("status", ["waiting", "queued"])
def test_a_job_is_not_claimed_before_its_retry_time(database: TargetDatabase, status: str) -> None:
    with database.starting(a_pair(1, status, next_retry_at=ahead("1 minute"))) as conn:
        assert claimed(conn) == []


@pytest.mark.clause("J2")
@pytest.mark.parametrize("status", ["running", "completed", "failed", "cancelled", "paused"])
def test_only_queued_and_waiting_jobs_are_claimed(database: TargetDatabase, status: str) -> None:
    with database.starting(a_pair(1, status)) as conn, unchanged(database, conn):
        assert claimed(conn) == []


@pytest.mark.clause("J2")
@pytest.mark.parametrize("attempts", [3, 4, 2147483647])
@pytest.mark.parametrize("status", ["queued", "failed"])
def test_a_job_without_attempts_left_is_not_claimed(database: TargetDatabase, status: str, attempts: int) -> None:
    with database.starting(a_pair(1, status, attempts=attempts, next_retry_at=ago("1 minute"))) as conn:
        assert claimed(conn) == []


@pytest.mark.clause("J2")
@pytest.mark.parametrize("state", ["completed", "failed", "expired", "deleted"])
def test_a_job_whose_backup_is_not_in_progress_is_not_claimed(database: TargetDatabase, state: str) -> None:
    with database.starting(a_backup(1, status=state) + a_job(1, 1) + a_pair(2, created_at=ago("1 second"))) as conn:
        assert all_claimed(conn) == [2]


@pytest.mark.clause("J2")
def test_a_job_of_no_backup_is_claimed(database: TargetDatabase) -> None:
    with database.starting(a_job(1)) as conn:
        assert claimed(conn) == [1]


@pytest.mark.clause("J2")
@pytest.mark.parametrize("type", ["verify", "cleanup"])
def test_a_job_of_another_type_is_claimed_whatever_its_backup_is(database: TargetDatabase, type: str) -> None:
    with database.starting(a_backup(1) + a_job(1, 1, job_type=type)) as conn:
        assert claimed(conn) == [1]


@pytest.mark.clause("J2", "J6")
def test_two_jobs_of_one_backup_never_run_at_the_same_time(database: TargetDatabase) -> None:
    with database.starting(a_pair(1) + a_job(2, 1)) as conn:
        assert all_claimed(conn) == [1]
        assert answer(conn, "complete_backup_job", job_id(1))
        assert all_claimed(conn) == [2]


@pytest.mark.clause("J2", "J4")
def test_a_retry_without_delay_is_due_at_once(database: TargetDatabase) -> None:
    with database.starting(a_pair(1)) as conn:
        for attempt in (1, 2, 3):
            assert call(conn, "get_next_backup_job")[0].attempts == attempt
            assert answer(conn, "fail_backup_job", job_id(1), "boom", 0)
        assert claimed(conn) == []


@pytest.mark.clause("J2", "J4")
def test_a_retry_without_delay_is_due_at_once_in_the_same_transaction(database: TargetDatabase) -> None:
    with database.starting(a_pair(1)) as conn, conn.transaction():
        assert claimed(conn) == [1]
        assert answer(conn, "fail_backup_job", job_id(1), "boom", 0)
        assert claimed(conn) == [1]


@pytest.mark.clause("C5")
def test_a_claimed_job_is_not_claimed_again(database: TargetDatabase) -> None:
    with database.starting(a_pair(1) + a_pair(2)) as conn:
        assert claimed(conn, "w1") + claimed(conn, "w2") == [1, 2]
        assert claimed(conn, "w3") == []


@pytest.mark.clause("C5")
def test_an_empty_answer_means_that_nothing_claimable_is_left(database: TargetDatabase) -> None:
    queue = "".join(a_pair(number, "waiting" if number % 2 else "queued") for number in range(1, 21))
    with database.starting(queue) as conn:
        assert sorted(all_claimed(conn)) == list(range(1, 21))
        assert set(statuses(conn).values()) == {"running"}


@pytest.mark.clause("C5", "C6")
@pytest.mark.parametrize("held", [row("backup_jobs", "job_id", job_id(1)), row("backups", "backup_id", backup_id(1))])
def test_a_job_that_a_client_holds_is_passed_over_and_the_next_one_taken(database: TargetDatabase, held: str) -> None:
    with database.starting(a_pair(1) + a_pair(2)) as conn, holding(database, held):
        conn.execute("SET lock_timeout = '1s'")  # who waits for the client waits for ever
        assert all_claimed(conn) == [2]


@COMPLETE_FENCED
@pytest.mark.clause("J3")
def test_the_worker_that_holds_the_claim_completes_its_job(database: TargetDatabase) -> None:
    with database.starting(a_pair(1)) as conn:
        claimed(conn, "w7")
        assert answer(conn, "complete_backup_job", job_id(1), "done", "w7")
        assert job(conn, 1).status == "completed"


@FAIL_FENCED
@pytest.mark.clause("J3")
def test_the_worker_that_holds_the_claim_fails_its_job(database: TargetDatabase) -> None:
    with database.starting(a_pair(1)) as conn:
        claimed(conn, "w7")
        assert answer(conn, "fail_backup_job", job_id(1), "boom", 60, "w7")
        assert job(conn, 1).status == "failed"


@COMPLETE_FENCED
@pytest.mark.clause("J3")
@pytest.mark.parametrize("metadata", [{"worker_id": "w1"}, {"worker_id": None}, {}, None, [1]], ids=str)
def test_any_other_worker_completes_nothing(database: TargetDatabase, metadata: object) -> None:
    with database.starting(a_pair(1, "running", metadata=metadata)) as conn, unchanged(database, conn):
        assert answer(conn, "complete_backup_job", job_id(1), "done", "w2") is False


@FAIL_FENCED
@pytest.mark.clause("J3")
@pytest.mark.parametrize("attempts", [1, 3])
@pytest.mark.parametrize("metadata", [{"worker_id": "w1"}, {"worker_id": None}, {}, None, [1]], ids=str)
def test_any_other_worker_fails_nothing(database: TargetDatabase, metadata: object, attempts: int) -> None:
    running = a_pair(1, "running", metadata=metadata, attempts=attempts)
    with database.starting(running) as conn, unchanged(database, conn):
        assert answer(conn, "fail_backup_job", job_id(1), "boom", 60, "w2") is False


@COMPLETE_FENCED
@FAIL_FENCED
@pytest.mark.clause("J3")
def test_a_worker_that_lost_its_claim_is_fenced_off(database: TargetDatabase) -> None:
    with database.starting(a_pair(1)) as conn:
        assert claimed(conn, "w1") == [1]
        assert answer(conn, "fail_backup_job", job_id(1), "boom", 0)
        assert claimed(conn, "w2") == [1]
        with unchanged(database, conn):
            assert answer(conn, "complete_backup_job", job_id(1), "late", "w1") is False
            assert answer(conn, "fail_backup_job", job_id(1), "late", 0, "w1") is False
        assert answer(conn, "complete_backup_job", job_id(1), "done", "w2")


@COMPLETE_FENCED
@pytest.mark.clause("J3")
def test_nobody_holds_the_claim_of_a_job_that_was_reset(database: TargetDatabase) -> None:
    with database.starting(a_pair(1, "cancelled", metadata={"worker_id": "w1"})) as conn:
        assert answer(conn, "reset_job", job_id(1))
        assert answer(conn, "complete_backup_job", job_id(1), "late", "w1") is False
        assert job(conn, 1).status == "queued"


@pytest.mark.clause("J3")
@pytest.mark.parametrize("name", ["complete_backup_job", "fail_backup_job"])
def test_a_call_without_a_worker_id_is_not_fenced(database: TargetDatabase, name: str) -> None:
    with database.starting(a_pair(1, "running", metadata={"worker_id": "w1"})) as conn:
        assert answer(conn, name, job_id(1), "done") is True
