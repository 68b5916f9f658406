"""The hot queries find what they need by an index, among a million rows. Judged by rows read, never by seconds."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from fixtures.targets.database import Template
from suites.benchmarks.explaining import Reading, reading
from suites.benchmarks.loading import backups, jobs, load

MILLION = 1_000_000
TEN = 10
BOUND = 500
"""Rows of one table that a call may look at to find ten among a million."""
BLOCKS = 3_000
"""Blocks that it may touch: less than the smallest index over a million rows has."""


@pytest.fixture(scope="module")
def busy(template: Template) -> Iterator[psycopg.Connection]:
    """A million jobs and a million backups, of each of which ten are due for each of the calls below."""
    with template.copy() as database, database.starting() as conn:
        load(conn, *_BACKUPS, *_JOBS)
        yield conn


_OLD, _YOUNG = "now() - interval '90 days'", "now() - n * interval '0.1 s'"
_ENDED = {"completed_at": _YOUNG, "started_at": _YOUNG}
_BACKUPS = (
    backups(1, 300_000, "in_progress"),
    backups(300_001, 700_000, "completed", **_ENDED),
    backups(700_001, 700_010, "completed", completed_at=_OLD),
    backups(700_011, 700_020, "completed", backup_type="'incremental'", completed_at=_OLD),
    backups(700_021, 700_030, "completed", expires_at="now() - interval '1 hour'", **_ENDED),
    backups(700_031, 700_040, "expired", expires_at="now() - interval '1 hour'", completed_at=_OLD),
    backups(700_041, 800_000, "failed", **_ENDED),
    backups(800_001, MILLION, "deleted", completed_at=_OLD, expires_at=_OLD),
)
_JOBS = (
    jobs(1, 10, "queued"),
    jobs(11, 20, "failed", attempts="1", next_retry_at="now() - n * interval '1 s'"),
    jobs(21, 250_000, "failed", attempts="1", next_retry_at="now() + interval '1 day' + n * interval '1 s'"),
    jobs(250_001, 250_010, "running", attempts="1", started_at="now() - interval '2 hours'"),
    jobs(250_011, 250_100, "running", attempts="1", started_at="now() - interval '1 minute'"),
    jobs(300_001, 700_000, "completed", attempts="1", **_ENDED),
    jobs(700_001, 700_010, "completed", attempts="1", completed_at=_OLD),
    jobs(700_041, 800_000, "failed", attempts="3", **_ENDED),
    jobs(800_001, 1_049_930, "cancelled", attempts="3", backup_id="NULL", **_ENDED),
)


def assert_by_index(read: Reading, bound: int = BOUND) -> None:
    """Neither big table nor an index of it was read from end to end, and few rows of each were looked at."""
    assert read.rows, "the server told no plans"
    big = {"backups", "backup_jobs"}
    assert not big & read.sequential, read
    assert max(read.rows[table] for table in big) <= bound, read
    assert read.blocks <= BLOCKS, read


@pytest.fixture
def call(busy: psycopg.Connection) -> Iterator[psycopg.Connection]:
    """A transaction of its own, undone at the end."""
    with busy.transaction(force_rollback=True):
        busy.execute("SELECT pg_current_xact_id()")
        yield busy


def test_there_are_a_million_jobs_and_a_million_backups(call: psycopg.Connection) -> None:
    for table in ("backups", "backup_jobs"):
        assert call.execute(f"SELECT count(*) FROM pggit.{table}".encode()).fetchone() == (MILLION,)


@pytest.mark.clause("J2")
def test_each_claim_finds_its_job_among_a_million(call: psycopg.Connection) -> None:
    for _ in range(2 * TEN):
        with reading(call) as read:
            assert len(call.execute("SELECT job_id FROM pggit.get_next_backup_job('w1')").fetchall()) == 1
        assert_by_index(read, 50)


@pytest.mark.clause("J2")
def test_a_claim_finds_that_nothing_is_due_among_a_million(call: psycopg.Connection) -> None:
    for _ in range(2 * TEN):
        call.execute("SELECT job_id FROM pggit.get_next_backup_job('w1')")
    with reading(call) as read:
        assert call.execute("SELECT job_id FROM pggit.get_next_backup_job('w1')").fetchall() == []
    assert_by_index(read, 50)


@pytest.mark.clause("B4")
def test_retention_finds_what_is_due_among_a_million(call: psycopg.Connection) -> None:
    with reading(call) as read:
        assert len(call.execute("SELECT * FROM pggit.apply_retention_policy()").fetchall()) == 3 * TEN
    assert_by_index(read)


@pytest.mark.clause("B5")
@pytest.mark.parametrize("dry_run", [True, False])
def test_deleting_finds_what_has_expired_among_a_million(call: psycopg.Connection, dry_run: bool) -> None:
    with reading(call) as read:
        found = call.execute("SELECT * FROM pggit.cleanup_expired_backups(%s)", (dry_run,)).fetchall()
    assert len(found) == TEN
    assert_by_index(read)


@pytest.mark.clause("B6")
@pytest.mark.parametrize("dry_run", [True, False])
def test_cleaning_up_finds_the_old_jobs_among_a_million(call: psycopg.Connection, dry_run: bool) -> None:
    with reading(call) as read:
        found = call.execute("SELECT job_count FROM pggit.cleanup_old_jobs(7, %s)", (dry_run,)).fetchone()
    assert found == (TEN,)
    assert_by_index(read)


@pytest.mark.clause("J1")
@pytest.mark.parametrize("dry_run", [True, False])
def test_cancelling_finds_the_stuck_jobs_among_a_million(call: psycopg.Connection, dry_run: bool) -> None:
    with reading(call) as read:
        found = call.execute("SELECT * FROM pggit.cancel_stuck_jobs(60, %s)", (dry_run,)).fetchall()
    assert len(found) == TEN
    assert_by_index(read)
