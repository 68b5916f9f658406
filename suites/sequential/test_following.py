"""The backup follows its job (J5), and nothing is lost to NULL (J8)."""

from __future__ import annotations

from typing import Any

import pytest

from fixtures.targets.database import TargetDatabase
from suites.sequential.calling import answer, backup, call, in_block, job, refused, rows, statuses, unchanged
from suites.sequential.catalogue import LETTERED, a_backup, a_job, a_link, a_pair, ago, ahead, backup_id, job_id

LIVE = ["queued", "running", "paused", "waiting"]
LOST = ["in_progress", "failed", "expired", "deleted"]


@pytest.mark.clause("J5", "I4")
@pytest.mark.parametrize("state", ["completed", "expired", "deleted"])
def test_cancelling_a_stuck_job_changes_no_backup_that_is_not_in_progress(database: TargetDatabase, state: str) -> None:
    with database.starting(a_backup(1, status=state) + a_job(1, 1, "running", started_at=ago("2 hours"))) as conn:
        before = backup(conn, 1)
        in_block(conn, "cancel_stuck_jobs", 60, False)
        assert (job(conn, 1).status, backup(conn, 1)) == ("cancelled", before)


@pytest.mark.clause("J5")
def test_failing_a_backup_cancels_its_waiting_jobs_and_no_other(database: TargetDatabase) -> None:
    jobs = [*LIVE, "completed", "failed", "cancelled"]
    catalogue = a_backup(1, status="in_progress") + a_pair(9)
    catalogue += "".join(a_job(number, 1, status) for number, status in enumerate(jobs, start=1))
    with database.starting(catalogue + a_job(8, 1, job_type="verify")) as conn:
        assert answer(conn, "fail_backup", backup_id(1), "boom") is True
        gone = {1: "cancelled", 2: "running", 3: "cancelled", 4: "cancelled"}
        kept = {5: "completed", 6: "failed", 7: "cancelled", 8: "queued", 9: "queued"}
        assert statuses(conn) == gone | kept
        assert backup(conn, 9).status == "in_progress"


@pytest.mark.clause("J5")
def test_completing_a_job_leaves_its_backup_in_progress_and_health_shows_it(database: TargetDatabase) -> None:
    with database.starting(a_pair(1, "running")) as conn:
        answer(conn, "complete_backup_job", job_id(1))
        assert backup(conn, 1).status == "in_progress"
        health = {row.metric: row.value for row in call(conn, "get_backup_health")}
        assert health["unfinished_backups"] == 1


@pytest.mark.clause("J5")
def test_a_backup_is_completed_after_its_job(database: TargetDatabase) -> None:
    with database.starting(a_pair(1, "completed")) as conn:
        assert answer(conn, "complete_backup", backup_id(1), 1000) is True
        assert backup(conn, 1).status == "completed"


@pytest.mark.clause("J5")
def test_a_job_is_completed_after_its_backup(database: TargetDatabase) -> None:
    with database.starting(a_pair(1, "running")) as conn:
        assert answer(conn, "complete_backup", backup_id(1), 1000) is True
        assert answer(conn, "complete_backup_job", job_id(1), "done") is True
        assert (job(conn, 1).status, backup(conn, 1).status) == ("completed", "completed")


@pytest.mark.clause("J5")
def test_a_backup_is_failed_after_its_job_was_completed(database: TargetDatabase) -> None:
    with database.starting(a_pair(1, "completed")) as conn:
        assert answer(conn, "fail_backup", backup_id(1), "the file is gone") is True
        assert (job(conn, 1).status, backup(conn, 1).status) == ("completed", "failed")


@pytest.mark.clause("J5", "I3")
@pytest.mark.parametrize("state", ["in_progress", "completed", "expired", "deleted", "failed"])
def test_resetting_a_queued_job_is_done_already_before_anything_else(database: TargetDatabase, state: str) -> None:
    lost_base = a_backup(2, status="expired") + a_backup(1, "incremental", state) + a_link(1, 2)
    with database.starting(lost_base + a_job(1, 1) + a_job(2, 1)) as conn, unchanged(database, conn):
        assert answer(conn, "reset_job", job_id(1)) is True


@pytest.mark.clause("J5")
@pytest.mark.parametrize("state", ["completed", "expired", "deleted"])
def test_a_job_whose_backup_is_over_is_not_reset(database: TargetDatabase, state: str) -> None:
    over = a_backup(2, status="expired") + a_backup(1, "incremental", state) + a_link(1, 2)
    with database.starting(over + a_job(1, 1, "failed") + a_job(2, 1)) as conn, unchanged(database, conn):
        assert answer(conn, "reset_job", job_id(1)) is False


@pytest.mark.clause("J5", "B3")
@pytest.mark.parametrize("state", LOST)
def test_a_backup_whose_linked_base_is_lost_is_not_revived(database: TargetDatabase, state: str) -> None:
    lost = a_backup(2, status=state) + a_backup(1, "incremental", "failed") + a_link(1, 2)
    with database.starting(lost + a_job(1, 1, "failed")) as conn, unchanged(database, conn), refused("23503"):
        answer(conn, "reset_job", job_id(1))


@pytest.mark.clause("J5", "B3")
@pytest.mark.parametrize("state", LOST)
def test_a_backup_whose_named_base_is_lost_is_not_revived(database: TargetDatabase, state: str) -> None:
    named = {"base_backup_id": LETTERED.upper()}
    lost = a_backup(2, status=state, backup_id=LETTERED) + a_backup(1, "incremental", "failed", metadata=named)
    with database.starting(lost + a_job(1, 1, "failed")) as conn, unchanged(database, conn), refused("23503"):
        answer(conn, "reset_job", job_id(1))


@pytest.mark.clause("J5", "J6")
@pytest.mark.parametrize("status", LIVE)
def test_a_job_is_not_reset_beside_another_live_job_of_its_backup(database: TargetDatabase, status: str) -> None:
    catalogue = a_backup(1, status="failed") + a_job(1, 1, "failed") + a_job(2, 1, status)
    with database.starting(catalogue) as conn, unchanged(database, conn), refused("23505"):
        answer(conn, "reset_job", job_id(1))


@pytest.mark.clause("J5")
def test_a_lost_base_is_told_before_another_live_job(database: TargetDatabase) -> None:
    lost = a_backup(2, status="deleted") + a_backup(1, "incremental", "failed") + a_link(1, 2)
    with database.starting(lost + a_job(1, 1, "failed") + a_job(2, 1)) as conn, refused("23503"):
        answer(conn, "reset_job", job_id(1))


@pytest.mark.clause("J5")
@pytest.mark.parametrize("status", ["completed", "cancelled", "failed"])
def test_jobs_that_have_ended_do_not_stand_in_the_way_of_a_reset(database: TargetDatabase, status: str) -> None:
    catalogue = a_backup(1, status="failed") + a_job(1, 1, "failed") + a_job(2, 1, status)
    with database.starting(catalogue) as conn:
        assert answer(conn, "reset_job", job_id(1)) is True
        assert job(conn, 2).status == status


@pytest.mark.clause("J5")
def test_a_reset_job_begins_anew(database: TargetDatabase) -> None:
    tried = {"next_retry_at": ahead("1 day"), "metadata": {"worker_id": "w1", "kept": 1}}
    with database.starting(a_backup(1, status="failed") + a_job(1, 1, "cancelled", last_error="boom", **tried)) as conn:
        assert answer(conn, "reset_job", job_id(1)) is True
        new = job(conn, 1)
        cleared = (new.next_retry_at, new.started_at, new.completed_at, new.last_error)
        assert (new.status, new.attempts, cleared) == ("queued", 0, (None,) * 4)
        assert new.metadata == {"kept": 1}
        assert [row.job_id for row in call(conn, "get_next_backup_job")] == [job_id(1)]


@pytest.mark.clause("J5", "B1")
def test_resetting_a_job_revives_its_backup(database: TargetDatabase) -> None:
    with database.starting(a_backup(1, status="failed", error_message="boom") + a_job(1, 1, "failed")) as conn:
        assert answer(conn, "reset_job", job_id(1)) is True
        new = backup(conn, 1)
        assert (new.status, new.completed_at, new.error_message) == ("in_progress", None, None)


@pytest.mark.clause("J5")
def test_a_backup_whose_base_is_completed_is_revived(database: TargetDatabase) -> None:
    catalogue = a_backup(2) + a_backup(1, "incremental", "failed") + a_link(1, 2) + a_job(1, 1, "failed")
    with database.starting(catalogue) as conn:
        assert answer(conn, "reset_job", job_id(1)) is True
        assert statuses(conn, "backups") == {1: "in_progress", 2: "completed"}


@pytest.mark.clause("J5")
def test_a_job_of_no_backup_is_reset(database: TargetDatabase) -> None:
    with database.starting(a_job(1, status="failed") + a_job(2, status="queued")) as conn:
        assert answer(conn, "reset_job", job_id(1)) is True


@pytest.mark.clause("J8")
def test_completing_a_job_without_output_keeps_what_was_there(database: TargetDatabase) -> None:
    with database.starting(a_pair(1, "running", metadata={"output": "so far", "kept": 1})) as conn:
        answer(conn, "complete_backup_job", job_id(1), None)
        kept = job(conn, 1).metadata
        assert (kept["output"], kept["kept"]) == ("so far", 1)


@pytest.mark.clause("J8")
def test_the_output_of_a_job_without_metadata_is_kept(database: TargetDatabase) -> None:
    with database.starting(a_pair(1, "running", metadata=None)) as conn:
        answer(conn, "complete_backup_job", job_id(1), "42 tables")
        assert job(conn, 1).metadata["output"] == "42 tables"


@pytest.mark.clause("J8")
@pytest.mark.parametrize("attempts", [1, 3])
def test_failing_a_job_without_an_error_keeps_the_last_one(database: TargetDatabase, attempts: int) -> None:
    with database.starting(a_pair(1, "running", attempts=attempts, last_error="disk full")) as conn:
        assert answer(conn, "fail_backup_job", job_id(1), None) is True
        assert job(conn, 1).last_error == "disk full"


@pytest.mark.clause("J8")
def test_failing_a_backup_without_a_message_keeps_the_last_one(database: TargetDatabase) -> None:
    with database.starting(a_backup(1, status="in_progress", error_message="disk full")) as conn:
        assert answer(conn, "fail_backup", backup_id(1), None) is True
        assert backup(conn, 1).error_message == "disk full"


@pytest.mark.clause("J8")
def test_completing_a_backup_without_sizes_keeps_those_that_are_known(database: TargetDatabase) -> None:
    known: dict[str, Any] = {"backup_size": 10, "compressed_size": 5, "compression": "zstd"}
    with database.starting(a_backup(1, status="in_progress", **known)) as conn:
        answer(conn, "complete_backup", backup_id(1))
        done = backup(conn, 1)
        assert {name: getattr(done, name) for name in known} == known


@pytest.mark.clause("J8")
def test_no_new_information_from_pgbackrest_keeps_the_metadata(database: TargetDatabase) -> None:
    known = a_backup(1, backup_tool="pgbackrest", metadata={"stanza": "main"})
    with database.starting(known) as conn, unchanged(database, conn):
        answer(conn, "update_pgbackrest_metadata", backup_id(1), None)


@pytest.mark.clause("J8")
def test_new_information_from_pgbackrest_adds_to_the_metadata(database: TargetDatabase) -> None:
    catalogue = a_backup(1, backup_tool="pgbackrest", metadata={"stanza": "main", "base_backup_id": backup_id(9)})
    with database.starting(catalogue) as conn:
        assert answer(conn, "update_pgbackrest_metadata", backup_id(1), {"checksum": "abc"}) is True
        kept = backup(conn, 1).metadata
        assert (kept["stanza"], kept["base_backup_id"]) == ("main", backup_id(9))
        assert "abc" in str(kept)


@pytest.mark.clause("J8")
def test_metadata_that_is_null_is_stored_as_none_at_all(database: TargetDatabase) -> None:
    with database.starting() as conn:
        new = answer(conn, "register_backup", "b", "full", "pg_dump", "file:///b", p_metadata=None)
        answer(conn, "enqueue_backup_job", new, "true", "pg_dump", p_metadata=None)
        assert rows(conn, "SELECT metadata FROM pggit.backups UNION ALL SELECT metadata FROM pggit.backup_jobs") == [
            ({},),
            ({},),
        ]
