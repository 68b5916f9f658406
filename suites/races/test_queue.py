"""The queue under real concurrency."""

from __future__ import annotations

from collections import Counter

import psycopg
import pytest

from fixtures.postgres.session import SERVER_KEY
from fixtures.targets.database import TargetDatabase
from fixtures.workers.crew import race
from fixtures.workers.record import Record
from strategies.catalogues import QUEUE_JOBS, QUEUE_OF_JOBS, QUEUE_OLD_JOBS
from strategies.races import CLAIM_ALL, CLEAN_UP
from suites.oracles.audit_rows import told_busy

Raced = tuple[list[Record], list[tuple[str, str, int]]]


@pytest.fixture(scope="module")
def raced(pytestconfig: pytest.Config, database: TargetDatabase) -> Raced:
    """What two claimers and two cleaners saw, and the jobs that are left (id, status, attempts)."""
    scripts = {"w1": CLAIM_ALL, "w2": CLAIM_ALL, "cleaner-1": CLEAN_UP, "cleaner-2": CLEAN_UP}
    with database.starting(QUEUE_OF_JOBS) as connection, pytestconfig.stash[SERVER_KEY].unpinned():
        records = race(database.conninfo, scripts)
        return records, jobs(connection)


def jobs(connection: psycopg.Connection) -> list[tuple[str, str, int]]:
    return connection.execute("SELECT job_id::text, status, attempts FROM pggit.backup_jobs ORDER BY 1").fetchall()


def claims(records: list[Record]) -> list[object]:
    return [row[0] for record in records if record.name == "get_next_backup_job" for row in record.rows]


@pytest.mark.clause("C5")
def test_two_workers_never_claim_the_same_job(raced: Raced) -> None:
    twice = [job for job, times in Counter(claims(raced[0])).items() if times > 1]
    assert not twice


@pytest.mark.clause("C5", "C6")
def test_every_queued_job_is_claimed_when_the_workers_say_that_there_is_none(raced: Raced) -> None:
    replies, left = raced
    assert set(claims(replies)) == set(QUEUE_JOBS)
    assert [job for job in left if job[1:] != ("running", 1)] == []


@pytest.mark.clause("B6", "L1", "L2")
def test_old_jobs_are_removed_once_and_every_cleaner_is_told(raced: Raced) -> None:
    cleaned = [record for record in raced[0] if record.name == "cleanup_old_jobs"]
    removed = sum(int(row[1] or 0) for record in cleaned for row in record.rows if row[0] == "deleted")
    assert removed == len(QUEUE_OLD_JOBS)
    assert all(record.rows or told_busy(record) for record in cleaned)


@pytest.mark.clause("C2")
def test_nobody_is_refused(raced: Raced) -> None:
    assert [record for record in raced[0] if record.reply is None or record.reply.sqlstate] == []
