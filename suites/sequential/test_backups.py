"""A backup's life (B1)."""

from __future__ import annotations

import pytest

from fixtures.targets.database import TargetDatabase
from suites.sequential.calling import answer, backup, call, in_block, job, refused, rows, statuses, unchanged
from suites.sequential.catalogue import a_backup, a_branch, a_job, ago, backup_id, job_id

OVER = ["completed", "failed", "expired", "deleted"]


@pytest.mark.clause("B1")
def test_a_registered_backup_is_in_progress_at_its_commit(database: TargetDatabase) -> None:
    with database.starting() as conn:
        id = answer(conn, "register_backup", "nightly", "full", "custom", "s3://b", "commit-2", p_metadata={"a": 1})
        (new,) = rows(conn, f"SELECT * FROM pggit.backups WHERE backup_id = '{id}'")
        told = (new.backup_name, new.backup_type, new.backup_tool, new.location, new.commit_hash, new.metadata)
        assert told == ("nightly", "full", "custom", "s3://b", "commit-2", {"a": 1})
        assert (new.status, new.completed_at, new.error_message) == ("in_progress", None, None)


@pytest.mark.clause("B1")
@pytest.mark.parametrize(("wanted", "count"), [(True, 1), (False, 0)])
def test_a_backup_has_a_snapshot_when_one_is_asked_for(database: TargetDatabase, wanted: bool, count: int) -> None:
    recorded = "SELECT snapshot_id FROM pggit.backups JOIN pggit.temporal_snapshots USING (snapshot_id)"
    with database.starting() as conn:
        answer(conn, "register_backup", "b", "full", "pg_dump", "file:///b", p_create_snapshot=wanted)
        assert len(rows(conn, recorded)) == len(rows(conn, "SELECT FROM pggit.temporal_snapshots")) == count


@pytest.mark.clause("B1")
@pytest.mark.parametrize(
    ("named", "commit"),
    [
        ({}, "commit-3"),
        ({"p_branch_name": "dev"}, "commit-dev"),
        ({"p_commit_hash": "commit-1"}, "commit-1"),
        ({"p_branch_name": "main", "p_commit_hash": "commit-1"}, "commit-1"),
    ],
    ids=str,
)
def test_a_backup_is_of_the_commit_named_or_else_of_the_branch_s_head(
    database: TargetDatabase, named: dict[str, str], commit: str
) -> None:
    with database.starting(a_branch("dev", "commit-dev")) as conn:
        answer(conn, "register_backup", "b", "full", "pg_dump", "file:///b", **named)
        assert rows(conn, "SELECT commit_hash FROM pggit.backups") == [(commit,)]


@pytest.mark.clause("B1")
def test_without_commit_and_branch_a_backup_is_of_the_current_branch(database: TargetDatabase) -> None:
    with database.starting(a_branch("dev", "commit-dev")) as conn, conn.transaction():
        conn.execute("SET LOCAL pggit.current_branch = 'dev'")
        answer(conn, "register_backup", "b", "full", "pg_dump", "file:///b")
        assert rows(conn, "SELECT commit_hash FROM pggit.backups") == [("commit-dev",)]


@pytest.mark.clause("B1")
@pytest.mark.parametrize(
    ("named", "told"),
    [
        ({"p_commit_hash": "commit-9"}, "commit-9"),
        ({"p_branch_name": "nowhere"}, "not found or has no commits"),
        ({"p_branch_name": "empty"}, "not found or has no commits"),
    ],
    ids=str,
)
def test_no_backup_is_registered_without_a_commit(database: TargetDatabase, named: dict[str, str], told: str) -> None:
    with database.starting() as conn, unchanged(database, conn), refused("02000", *named.values(), told):
        answer(conn, "register_backup", "b", "full", "pg_dump", "file:///b", **named)


@pytest.mark.clause("B1")
@pytest.mark.parametrize("branch", ["main", "nowhere"])
def test_no_backup_is_registered_while_the_current_branch_has_no_commit(database: TargetDatabase, branch: str) -> None:
    no_head = "UPDATE pggit.branches SET head_commit_hash = NULL;"
    with database.starting(no_head) as conn, refused("02000", branch), conn.transaction():
        conn.execute(f"SET LOCAL pggit.current_branch = '{branch}'".encode())
        answer(conn, "register_backup", "b", "full", "pg_dump", "file:///b")


@pytest.mark.clause("B1")
@pytest.mark.parametrize("branch", ["nowhere", "empty"])
@pytest.mark.parametrize(
    ("name", "first"), [("backup_pg_dump", []), ("backup_pgbackrest", ["full"]), ("backup_barman", ["s"])]
)
def test_no_backup_is_scheduled_without_a_commit(
    database: TargetDatabase, name: str, first: list[str], branch: str
) -> None:
    with database.starting() as conn, unchanged(database, conn), refused("02000", branch):
        answer(conn, name, *first, p_branch_name=branch)


@pytest.mark.clause("B1")
def test_a_backup_in_progress_is_completed(database: TargetDatabase) -> None:
    with database.starting(a_backup(1, status="in_progress")) as conn:
        assert answer(conn, "complete_backup", backup_id(1), 1000, 400, "zstd") is True
        done = backup(conn, 1)
        assert (done.status, done.backup_size, done.compressed_size, done.compression) == (
            "completed",
            1000,
            400,
            "zstd",
        )
        assert done.completed_at > done.started_at


@pytest.mark.clause("B1")
def test_a_backup_in_progress_is_failed(database: TargetDatabase) -> None:
    with database.starting(a_backup(1, status="in_progress")) as conn:
        assert answer(conn, "fail_backup", backup_id(1), "disk full") is True
        lost = backup(conn, 1)
        assert (lost.status, lost.error_message) == ("failed", "disk full")
        assert lost.completed_at > lost.started_at


@pytest.mark.clause("B1")
@pytest.mark.parametrize("name", ["complete_backup", "fail_backup"])
def test_a_backup_ends_by_the_wall_clock(database: TargetDatabase, name: str) -> None:
    with database.starting(a_backup(1, status="in_progress")) as conn, conn.transaction():
        answer(conn, name, backup_id(1), *(["boom"] if name == "fail_backup" else []))
        assert rows(conn, "SELECT completed_at > now() FROM pggit.backups") == [(True,)]


@pytest.mark.clause("B1", "I4")
@pytest.mark.parametrize("state", OVER)
def test_a_backup_that_is_not_in_progress_is_not_completed(database: TargetDatabase, state: str) -> None:
    told = backup_id(1), "not found or not in progress"
    with database.starting(a_backup(1, status=state)) as conn, unchanged(database, conn), refused("02000", *told):
        answer(conn, "complete_backup", backup_id(1), 1000)


@pytest.mark.clause("B1", "I4")
@pytest.mark.parametrize("state", OVER)
def test_a_backup_that_is_not_in_progress_is_not_failed(database: TargetDatabase, state: str) -> None:
    with database.starting(a_backup(1, status=state)) as conn, unchanged(database, conn):
        assert answer(conn, "fail_backup", backup_id(1), "boom") is False


@pytest.mark.clause("B1")
@pytest.mark.parametrize("state", ["in_progress", "failed", "expired", "deleted"])
def test_only_completed_backups_expire(database: TargetDatabase, state: str) -> None:
    due = {"age": "900 days", "expires_at": ago("1 day")}
    with database.starting(a_backup(1, status=state, **due)) as conn, unchanged(database, conn):
        assert call(conn, "apply_retention_policy") == []


@pytest.mark.clause("B1")
@pytest.mark.parametrize("state", ["in_progress", "completed", "failed", "deleted"])
def test_only_expired_backups_are_deleted(database: TargetDatabase, state: str) -> None:
    due = {"age": "900 days", "expires_at": ago("1 day")}
    with database.starting(a_backup(1, status=state, **due)) as conn, unchanged(database, conn):
        assert in_block(conn, "cleanup_expired_backups", False) == []


@pytest.mark.clause("B1")
def test_a_backup_goes_from_completed_to_expired_to_deleted(database: TargetDatabase) -> None:
    with database.starting(a_backup(1, expires_at=ago("1 minute"))) as conn:
        assert [row.action for row in call(conn, "apply_retention_policy")] == ["expire"]
        assert backup(conn, 1).status == "expired"
        ((action, id, name, location),) = in_block(conn, "cleanup_expired_backups", False)
        assert (action, id, name, location) == ("deleted", backup_id(1), "backup-1", "file:///backups/1")
        assert backup(conn, 1).status == "deleted"


@pytest.mark.clause("B1")
def test_a_deleted_backup_is_never_revived(database: TargetDatabase) -> None:
    with database.starting(a_backup(1, status="deleted") + a_job(1, 1, "failed")) as conn, unchanged(database, conn):
        assert answer(conn, "reset_job", job_id(1)) is False


@pytest.mark.clause("B1")
@pytest.mark.parametrize("name", ["complete_backup", "fail_backup"])
def test_a_backup_without_a_commit_is_neither_completed_nor_failed(database: TargetDatabase, name: str) -> None:
    odd = a_backup(1, status="in_progress", commit_hash=None)
    with database.starting(odd) as conn, unchanged(database, conn), refused("22023", backup_id(1)):
        answer(conn, name, backup_id(1), *(["boom"] if name == "fail_backup" else []))


@pytest.mark.clause("B1", "J4")
def test_the_last_failure_of_a_job_whose_backup_has_no_commit_fails_the_job_only(database: TargetDatabase) -> None:
    catalogue = a_backup(1, status="in_progress", commit_hash=None) + a_job(1, 1, "running", attempts=3)
    with database.starting(catalogue) as conn:
        before = backup(conn, 1)
        assert answer(conn, "fail_backup_job", job_id(1), "boom") is True
        assert (job(conn, 1).status, backup(conn, 1)) == ("failed", before)


@pytest.mark.clause("B1", "J5")
def test_a_stuck_job_whose_backup_has_no_commit_is_cancelled_all_the_same(database: TargetDatabase) -> None:
    catalogue = a_backup(1, status="in_progress", commit_hash=None)
    catalogue += a_job(1, 1, "running", started_at=ago("2 hours"))
    with database.starting(catalogue) as conn:
        before = backup(conn, 1)
        assert len(in_block(conn, "cancel_stuck_jobs", 60, False)) == 1
        assert (job(conn, 1).status, backup(conn, 1)) == ("cancelled", before)


@pytest.mark.clause("B1")
def test_backups_move_one_at_a_time(database: TargetDatabase) -> None:
    with database.starting("".join(a_backup(number, status="in_progress") for number in (1, 2, 3))) as conn:
        answer(conn, "complete_backup", backup_id(1))
        answer(conn, "fail_backup", backup_id(2), "boom")
        assert statuses(conn, "backups") == {1: "completed", 2: "failed", 3: "in_progress"}
