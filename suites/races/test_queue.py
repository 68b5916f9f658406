"""The queue under real concurrency."""

from __future__ import annotations

from collections import Counter

import psycopg
import pytest

from fixtures.postgres.session import SERVER_KEY
from fixtures.targets.database import TargetDatabase
from fixtures.workers.race import Reply, race
from strategies.catalogues import QUEUE_JOBS, QUEUE_OF_JOBS, QUEUE_OLD_JOBS
from suites.races.tasks import claim_until_empty, clean_up


@pytest.fixture(scope="module")
def raced(
    pytestconfig: pytest.Config, database: TargetDatabase
) -> tuple[list[list[Reply]], list[tuple[str, str, int]]]:
    """The replies of two claimers and two cleaners, and the jobs that are left (id, status, attempts)."""
    with database.starting(QUEUE_OF_JOBS) as connection, pytestconfig.stash[SERVER_KEY].unpinned():
        replies = race(database.conninfo, [claim_until_empty, claim_until_empty, clean_up, clean_up])
        return replies, jobs(connection)


def jobs(connection: psycopg.Connection) -> list[tuple[str, str, int]]:
    return connection.execute("SELECT job_id::text, status, attempts FROM pggit.backup_jobs ORDER BY 1").fetchall()


def claims(replies: list[list[Reply]]) -> list[object]:
    return [row[0] for worker in replies[:2] for reply in worker for row in reply.rows]


@pytest.mark.clause("C5")
def test_two_workers_never_claim_the_same_job(raced: tuple[list[list[Reply]], object]) -> None:
    twice = [job for job, times in Counter(claims(raced[0])).items() if times > 1]
    assert not twice


@pytest.mark.clause("C5", "C6")
def test_every_queued_job_is_claimed_when_the_workers_say_that_there_is_none(
    raced: tuple[list[list[Reply]], list[tuple[str, str, int]]],
) -> None:
    replies, left = raced
    assert set(claims(replies)) == set(QUEUE_JOBS)
    assert [job for job in left if job[1:] != ("running", 1)] == []


@pytest.mark.clause("B6", "L1", "L2")
def test_old_jobs_are_removed_once_and_every_cleaner_is_told(
    raced: tuple[list[list[Reply]], list[tuple[str, str, int]]],
) -> None:
    cleaned = [reply for worker in raced[0][2:] for reply in worker if "cleanup" in reply.sql]
    removed = sum(int(str(row[1])) for reply in cleaned for row in reply.rows if row[0] == "deleted")
    assert removed == len(QUEUE_OLD_JOBS)
    assert all(reply.rows or any("PGGIT_CONCURRENT" in text for text in reply.warnings) for reply in cleaned)


@pytest.mark.clause("C2")
def test_nobody_is_refused(raced: tuple[list[list[Reply]], object]) -> None:
    assert [reply for worker in raced[0] for reply in worker if reply.sqlstate] == []
