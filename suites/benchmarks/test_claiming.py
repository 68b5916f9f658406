"""How the cost of a claim grows with what is queued, what has finished, and how many workers there are.

Tables for people to read: milliseconds and claims a second are printed and never judged; rows that are read are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median
from time import perf_counter

import psycopg
import pytest

from fixtures.postgres.session import SERVER_KEY
from fixtures.targets.database import TargetDatabase, Template
from fixtures.workers.crew import race
from fixtures.workers.record import Record
from fixtures.workers.script import Script
from strategies.races import CLAIM_ALL
from suites.benchmarks.explaining import Reading, reading
from suites.benchmarks.loading import backups, jobs, load

CLAIMS = 100
CLAIM = "SELECT job_id FROM pggit.get_next_backup_job(%s)"
QUEUED = (1_000, 10_000, 100_000, 1_000_000)
FINISHED = (0, 100_000, 1_000_000)
WORKERS = (1, 2, 4, 8, 16)
FEW = 50
"""Rows of jobs and backups together that one claim may look at."""


@dataclass(frozen=True)
class Cost:
    """Of one claim: the median of its milliseconds, and what it read."""

    milliseconds: float
    read: Reading

    @property
    def rows(self) -> int:
        """Rows of the two big tables that it looked at."""
        return self.read.rows["backup_jobs"] + self.read.rows["backups"]


@pytest.fixture
def fresh(template: Template) -> Iterator[TargetDatabase]:
    """A database that may grow."""
    with template.copy() as database:
        yield database


def cost_of_a_claim(conn: psycopg.Connection) -> Cost:
    """The cost of the next claims."""
    times = []
    for _ in range(CLAIMS):
        begun = perf_counter()
        assert conn.execute(CLAIM, ("w0",)).fetchall(), "the queue is empty"
        times.append(1000 * (perf_counter() - begun))
    with reading(conn) as read:
        conn.execute(CLAIM, ("w0",))
    return Cost(median(times), read)


def show(
    capsys: pytest.CaptureFixture[str], title: str, heading: tuple[str, ...], rows: list[tuple[object, ...]]
) -> None:
    """Print a table, whatever pytest captures."""
    lines = [
        heading,
        *(tuple(f"{cell:,.2f}" if isinstance(cell, float) else f"{cell:,}" for cell in row) for row in rows),
    ]
    widths = [max(len(line[column]) for line in lines) for column in range(len(heading))]
    with capsys.disabled():
        print(f"\n\n{title}")
        for line in lines:
            print("  " + "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)))


def show_costs(capsys: pytest.CaptureFixture[str], title: str, what: str, costs: dict[int, Cost]) -> None:
    """Print what claims cost, and how many times what they cost in the first line."""
    first = next(iter(costs.values())).milliseconds
    rows: list[tuple[object, ...]] = [
        (size, cost.milliseconds, cost.milliseconds / first, cost.rows, cost.read.blocks)
        for size, cost in costs.items()
    ]
    show(capsys, title, (what, "ms a claim", "ratio", "rows read", "blocks"), rows)


@pytest.mark.clause("J2")
def test_claims_read_no_more_when_more_is_queued(fresh: TargetDatabase, capsys: pytest.CaptureFixture[str]) -> None:
    costs = {}
    with fresh.starting() as conn:
        for before, size in zip((0, *QUEUED), QUEUED, strict=False):
            load(conn, backups(before + 1, size, "in_progress"), jobs(before + 1, size, "queued"))
            costs[size] = cost_of_a_claim(conn)
    show_costs(capsys, "one worker, growing queue", "queued jobs", costs)
    assert max(cost.rows for cost in costs.values()) <= FEW


@pytest.mark.clause("J2")
def test_claims_read_no_more_when_more_has_finished(fresh: TargetDatabase, capsys: pytest.CaptureFixture[str]) -> None:
    costs = {}
    with fresh.starting() as conn:
        load(conn, backups(1, 10_000, "in_progress"), jobs(1, 10_000, "queued"))
        for before, size in zip((0, *FINISHED), FINISHED, strict=False):
            first, last = 2_000_000 + before + 1, 2_000_000 + size
            ended = {"completed_at": "now()", "started_at": "now()", "attempts": "1"}
            load(conn, jobs(first, last, "completed", backup_id="NULL", **ended))
            costs[size] = cost_of_a_claim(conn)
    show_costs(capsys, "one worker, 10,000 queued jobs, growing past", "finished jobs", costs)
    assert max(cost.rows for cost in costs.values()) <= FEW


@pytest.mark.clause("C5")
def test_workers_claim_each_job_once_and_their_throughput_is_shown(
    fresh: TargetDatabase, pytestconfig: pytest.Config, capsys: pytest.CaptureFixture[str]
) -> None:
    a_second: dict[int, float] = {}
    claimed: list[object] = []
    with fresh.starting() as conn:
        load(conn, backups(1, 10_000, "in_progress"), jobs(1, 10_000, "queued"))
    with pytestconfig.stash[SERVER_KEY].unpinned():
        for workers in WORKERS:
            script = Script(CLAIM_ALL.acts, CLAIMS)
            records = race(fresh.conninfo, {f"w{workers}-{n}": script for n in range(workers)})
            claimed += [row[0] for record in records for row in record.rows]
            a_second[workers] = workers * CLAIMS / elapsed(records)
    shown: list[tuple[object, ...]] = [(crew, rate, rate / a_second[1]) for crew, rate in a_second.items()]
    show(capsys, "10,000 queued jobs, growing crew", ("workers", "claims a second", "ratio"), shown)
    assert len(set(claimed)) == len(claimed) == CLAIMS * sum(WORKERS)


def elapsed(records: list[Record]) -> float:
    """Seconds from the first call's start to the last one's end."""
    return (max(record.ended or 0 for record in records) - min(record.began for record in records)) / 1e9
