"""Maintenance mode is a state (J7), and cleaning up the queue (B6)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import psycopg
import pytest

from fixtures.targets.database import TargetDatabase
from fixtures.targets.interface import interface
from suites.sequential.calling import answer, backup, call, in_block, job, refused, rows, statuses, unchanged
from suites.sequential.catalogue import a_backup, a_job, a_pair, ago, ahead, backup_id, job_id

DOCUMENTED = {table.name for table in interface().tables}
ENDED = {1: "running", 2: "completed", 3: "cancelled", 4: "failed"}
CALLS_THAT_QUEUE = {
    "enqueue_backup_job": [backup_id(1), "true", "pg_dump"],
    "backup_pg_dump": [],
    "backup_pgbackrest": [],
    "backup_barman": ["server-1"],
}


def on(conn: psycopg.Connection) -> int:
    """Turns maintenance on; how many jobs that paused."""
    paused: int = answer(conn, "set_maintenance_mode", True)["paused_jobs"]
    return paused


def off(conn: psycopg.Connection) -> int:
    """Turns maintenance off; how many jobs that resumed."""
    resumed: int = answer(conn, "set_maintenance_mode", False)["resumed_jobs"]
    return resumed


def row_versions(conn: psycopg.Connection, tables: Iterable[str]) -> dict[str, list[Any]]:
    """Which transactions have written the rows of these tables: a row that was written as it is changes, too."""
    return {table: rows(conn, f"SELECT xmin::text FROM {table} ORDER BY 1") for table in tables}


@pytest.mark.clause("J7", "J1", "J2")
def test_a_client_may_empty_the_tables_that_a_switch_writes(database: TargetDatabase) -> None:
    with database.starting(a_pair(1) + a_backup(2, status="in_progress")) as conn:
        conn.execute("SET statement_timeout = '20s'")
        own = set(database.dump(conn)) - DOCUMENTED
        before = row_versions(conn, own)
        on(conn)
        kept = [table for table, versions in row_versions(conn, own).items() if versions != before[table]]
        off(conn)
        emptied = "".join(f"DELETE FROM {table};" for table in kept).encode()
        conn.execute(emptied)
        assert call(conn, "get_next_backup_job")[0].job_id == job_id(1)
        conn.execute(emptied)
        assert answer(conn, "enqueue_backup_job", backup_id(2), "true", "pg_dump")
        conn.execute(emptied)
        assert (on(conn), call(conn, "get_next_backup_job")) == (1, [])
        conn.execute(emptied)
        assert (off(conn), len(call(conn, "get_next_backup_job"))) == (1, 1)


@pytest.mark.clause("J7")
def test_queued_and_waiting_jobs_of_every_type_are_paused_and_counted(database: TargetDatabase) -> None:
    queue = a_pair(1) + a_pair(2, "waiting") + a_job(3) + a_job(4, job_type="verify") + a_job(5, job_type="cleanup")
    with database.starting(queue) as conn:
        assert on(conn) == 5
        assert set(statuses(conn).values()) == {"paused"}


@pytest.mark.clause("J7")
def test_a_job_that_waits_for_a_later_retry_is_paused_too(database: TargetDatabase) -> None:
    with database.starting(a_pair(1, "waiting", next_retry_at=ahead("1 hour"))) as conn:
        assert on(conn) == 1
        assert job(conn, 1).status == "paused"


@pytest.mark.clause("J7")
def test_running_and_ended_jobs_are_untouched(database: TargetDatabase) -> None:
    with database.starting("".join(a_pair(number, status) for number, status in ENDED.items())) as conn:
        before = rows(conn, "SELECT * FROM pggit.backup_jobs ORDER BY 1")
        assert (on(conn), off(conn)) == (0, 0)
        assert rows(conn, "SELECT * FROM pggit.backup_jobs ORDER BY 1") == before


@pytest.mark.clause("J7")
@pytest.mark.parametrize("attempts", [3, 7])
def test_a_job_that_failed_for_good_is_never_revived(database: TargetDatabase, attempts: int) -> None:
    with database.starting(a_pair(1, "failed", attempts=attempts, next_retry_at=ago("1 hour"))) as conn:
        assert (on(conn), off(conn)) == (0, 0)
        assert job(conn, 1).status == "failed"


@pytest.mark.clause("J7", "C4")
@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
def test_in_one_snapshot_it_counts_no_other_jobs_either(database: TargetDatabase, level: str) -> None:
    jobs = a_pair(9) + "".join(a_pair(number, status) for number, status in ENDED.items())
    with database.starting(jobs) as conn:
        conn.execute(f"SET default_transaction_isolation = '{level}'".encode())
        assert (on(conn), off(conn)) == (1, 1)


@pytest.mark.clause("J7")
def test_the_answer_tells_state_reason_and_time(database: TargetDatabase) -> None:
    with database.starting() as conn:
        told = answer(conn, "set_maintenance_mode", True, "new disks")
        assert set(told) == {"maintenance_mode", "paused_jobs", "reason", "timestamp"}
        assert (told["maintenance_mode"], told["reason"]) == (True, "new disks")
        told = answer(conn, "set_maintenance_mode", False)
        assert set(told) == {"maintenance_mode", "resumed_jobs", "reason", "timestamp"}
        assert (told["maintenance_mode"], told["reason"]) == (False, "Manual maintenance")


@pytest.mark.clause("J7", "J2")
def test_nothing_is_claimable_while_it_is_on(database: TargetDatabase) -> None:
    with database.starting(a_pair(1) + a_pair(2, "waiting")) as conn:
        on(conn)
        assert call(conn, "get_next_backup_job") == []


@pytest.mark.clause("J7", "J2")
def test_not_even_a_job_that_a_client_queues_is_claimable(database: TargetDatabase) -> None:
    with database.starting() as conn:
        on(conn)
        conn.execute(a_pair(1).encode())
        assert call(conn, "get_next_backup_job") == []
        off(conn)
        assert [row.job_id for row in call(conn, "get_next_backup_job")] == [job_id(1)]


@pytest.mark.clause("J7")
@pytest.mark.parametrize("name", CALLS_THAT_QUEUE)
def test_a_job_that_would_be_queued_is_paused_until_it_is_off(database: TargetDatabase, name: str) -> None:
    with database.starting(a_backup(1, status="in_progress")) as conn:
        on(conn)
        answer(conn, name, *CALLS_THAT_QUEUE[name])
        assert rows(conn, "SELECT status FROM pggit.backup_jobs") == [("paused",)]
        assert off(conn) == 1
        assert rows(conn, "SELECT status, attempts FROM pggit.backup_jobs") == [("queued", 0)]


@pytest.mark.clause("J7", "J4")
def test_a_job_that_would_wait_for_its_retry_is_paused_until_it_is_off(database: TargetDatabase) -> None:
    with database.starting(a_pair(1, "running")) as conn:
        on(conn)
        assert answer(conn, "fail_backup_job", job_id(1), "boom", 60) is True
        paused = job(conn, 1)
        assert paused.status == "paused"
        assert off(conn) == 1
        resumed = job(conn, 1)
        assert (resumed.status, resumed.last_error) == ("failed", "boom")
        assert resumed.next_retry_at == paused.next_retry_at is not None


@pytest.mark.clause("J7", "J4")
def test_a_job_that_fails_for_good_is_not_paused(database: TargetDatabase) -> None:
    with database.starting(a_pair(1, "running", attempts=3)) as conn:
        on(conn)
        assert answer(conn, "fail_backup_job", job_id(1), "boom") is True
        assert (job(conn, 1).status, backup(conn, 1).status) == ("failed", "failed")
        assert off(conn) == 0


@pytest.mark.clause("J7", "J5")
def test_a_job_that_would_be_reset_is_paused_until_it_is_off(database: TargetDatabase) -> None:
    with database.starting(a_backup(1, status="failed") + a_job(1, 1, "failed")) as conn:
        on(conn)
        assert answer(conn, "reset_job", job_id(1)) is True
        assert (job(conn, 1).status, backup(conn, 1).status) == ("paused", "in_progress")
        assert off(conn) == 1
        assert (job(conn, 1).status, job(conn, 1).attempts) == ("queued", 0)


@pytest.mark.clause("J7")
def test_a_running_job_ends_while_it_is_on(database: TargetDatabase) -> None:
    with database.starting(a_pair(1, "running")) as conn:
        on(conn)
        assert answer(conn, "complete_backup_job", job_id(1)) is True
        assert off(conn) == 0
        assert job(conn, 1).status == "completed"


@pytest.mark.clause("J1", "J7")
def test_each_job_gets_back_what_it_was(database: TargetDatabase) -> None:
    queue = a_pair(1) + a_pair(2, "waiting", next_retry_at=ahead("1 hour")) + a_pair(3, "waiting", attempts=2)
    queue += a_pair(4, next_retry_at=ahead("1 hour")) + a_pair(5, attempts=1)
    with database.starting(queue) as conn:
        before = rows(conn, "SELECT * FROM pggit.backup_jobs ORDER BY 1")
        assert (on(conn), off(conn)) == (5, 5)
        assert rows(conn, "SELECT * FROM pggit.backup_jobs ORDER BY 1") == before


@pytest.mark.clause("J7", "I3")
def test_repeating_it_answers_none_and_changes_nothing(database: TargetDatabase) -> None:
    with database.starting(a_pair(1) + a_pair(2, "waiting")) as conn:
        assert on(conn) == 2
        with unchanged(database, conn):
            assert on(conn) == 0
        assert off(conn) == 2
        with unchanged(database, conn):
            assert off(conn) == 0


@pytest.mark.clause("J7")
@pytest.mark.parametrize(
    "odd",
    [
        {"attempts": None},
        {"max_attempts": None},
        {"attempts": 1},
        {"attempts": -1},
        {"attempts": 9},
        {"attempts": 2147483647, "max_attempts": 2147483647},
        {"metadata": None},
        {"metadata": [1]},
        {"metadata": {"paused_from": "nonsense", "previous_status": 7}},
        {"backup_id": None, "job_type": "verify"},
    ],
    ids=str,
)
def test_an_odd_row_keeps_no_other_from_resuming(database: TargetDatabase, odd: dict[str, object]) -> None:
    with database.starting(a_pair(1) + a_pair(2, "waiting")) as conn:
        on(conn)
        conn.execute(a_pair(3, "paused", **odd).encode())
        off(conn)
        assert {number: statuses(conn)[number] for number in (1, 2)} == {1: "queued", 2: "failed"}
        assert statuses(conn)[3] != "paused"


@pytest.mark.clause("J7")
def test_jobs_that_clients_pause_beforehand_resume_as_well(database: TargetDatabase) -> None:
    due = {"next_retry_at": ago("1 second"), "last_error": "boom"}
    with database.starting(a_pair(1, "paused") + a_pair(2, "paused", attempts=1, **due)) as conn:
        assert off(conn) == 2
        assert statuses(conn) == {1: "queued", 2: "failed"}


@pytest.mark.clause("J7", "V1")
def test_maintenance_is_on_or_off_and_never_null(database: TargetDatabase) -> None:
    with database.starting(a_pair(1)) as conn, unchanged(database, conn), refused("22004", "p_enabled"):
        answer(conn, "set_maintenance_mode", None)


def left_after_cleanup(conn: psycopg.Connection, days: int = 7) -> list[int]:
    """The numbers of the jobs that a real run leaves."""
    in_block(conn, "cleanup_old_jobs", days, False)
    return list(statuses(conn))


@pytest.mark.clause("B6")
@pytest.mark.parametrize("status", ["completed", "cancelled", "failed"])
def test_an_ended_job_is_removed_when_it_is_older_than_the_retention(database: TargetDatabase, status: str) -> None:
    young, old = {"completed_at": ago("7 days -1 minute")}, {"completed_at": ago("7 days 1 minute")}
    with database.starting(a_pair(1, status, **old) + a_pair(2, status, **young)) as conn:
        assert left_after_cleanup(conn) == [2]


@pytest.mark.clause("B6")
@pytest.mark.parametrize("status", ["completed", "cancelled", "failed"])
def test_an_ended_job_without_an_end_counts_from_its_creation(database: TargetDatabase, status: str) -> None:
    old = {"completed_at": None, "created_at": ago("8 days")}
    young = {"completed_at": None, "created_at": ago("6 days")}
    with database.starting(a_pair(1, status, **old) + a_pair(2, status, **young)) as conn:
        assert left_after_cleanup(conn) == [2]


@pytest.mark.clause("B6")
def test_an_old_job_that_ended_lately_is_kept(database: TargetDatabase) -> None:
    with database.starting(a_pair(1, "completed", created_at=ago("30 days"), completed_at=ago("1 day"))) as conn:
        assert left_after_cleanup(conn) == [1]


@pytest.mark.clause("B6")
@pytest.mark.parametrize("status", ["queued", "running", "paused", "waiting"])
def test_a_live_job_is_never_removed_however_old_it_is(database: TargetDatabase, status: str) -> None:
    old = {"created_at": ago("9 years"), "started_at": ago("9 years"), "completed_at": ago("9 years")}
    with database.starting(a_pair(1, status, **old)) as conn, unchanged(database, conn):
        assert left_after_cleanup(conn) == [1]


@pytest.mark.clause("B6")
@pytest.mark.parametrize("type", ["verify", "cleanup"])
def test_ended_jobs_of_every_type_are_removed(database: TargetDatabase, type: str) -> None:
    with database.starting(a_job(1, None, "completed", job_type=type, completed_at=ago("8 days"))) as conn:
        assert left_after_cleanup(conn) == []


@pytest.mark.clause("B6")
def test_nothing_but_jobs_is_removed(database: TargetDatabase) -> None:
    catalogue = a_backup(1, age="900 days") + a_backup(2, status="failed", age="900 days")
    with database.starting(catalogue + a_job(1, 1, "completed", completed_at=ago("8 days"))) as conn:
        left_after_cleanup(conn, 1)
        assert statuses(conn, "backups") == {1: "completed", 2: "failed"}


@pytest.mark.clause("B6")
def test_a_clean_up_tells_what_it_counts_and_what_it_removed(database: TargetDatabase) -> None:
    old = "".join(a_job(number, None, "completed", completed_at=ago("8 days")) for number in (1, 2))
    with database.starting(old) as conn:
        with unchanged(database, conn):
            ((action, count, details),) = call(conn, "cleanup_old_jobs", 7)
        assert (action, count, details["retention_days"]) == ("would_delete", 2, 7)
        assert "cutoff_date" in details
        ((action, count, details),) = in_block(conn, "cleanup_old_jobs", 7, False)
        assert (action, count, details["deleted_count"]) == ("deleted", 2, 2)
