"""Crews of workers: started together, heard to the end, killed one by one, and gone with the run."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from fixtures.postgres.server import OwnServer, Server
from fixtures.targets.database import TargetDatabase
from fixtures.workers.crew import Crew, RaceError, race
from fixtures.workers.script import CLAIM, Act, Mine, Script
from strategies.catalogues import QUEUE_JOBS, QUEUE_OF_JOBS
from strategies.races import CLAIM_ALL, DRAIN, RESUME, drain, pool
from suites.selftest.test_server_leftovers import another_run, children_of, wait_until_ended

needs_proc = pytest.mark.needs("own-server", "linux")  # /proc and pidfd

FOR_EVER = Script((Act.of(CLAIM, p_worker_id=Mine.NAME),), rounds=10**9)
AT_WORK = (
    "from fixtures.workers.crew import Crew; from suites.selftest.test_crew import FOR_EVER; "
    "crew = Crew(server.conninfo()); [crew.hire(name, FOR_EVER) for name in 'ab']; crew.go(); next(crew.watch())"
)


def test_every_call_of_every_worker_is_heard(database: TargetDatabase) -> None:
    with database.starting(QUEUE_OF_JOBS):
        records = race(database.conninfo, {"a": CLAIM_ALL, "b": CLAIM_ALL})
    claimed = [row[0] for record in records for row in record.rows]
    assert sorted(filter(None, claimed)) == sorted(QUEUE_JOBS)
    assert [record.worker for record in records if not record.rows and record.answered] in (["a", "b"], ["b", "a"])
    assert all(record.ended and record.began < record.ended for record in records)


def test_the_call_that_a_killed_worker_was_making_is_unknown_and_the_others_go_on(database: TargetDatabase) -> None:
    with database.starting(QUEUE_OF_JOBS), Crew(database.conninfo) as crew:
        crew.hire("a", FOR_EVER)
        crew.hire("b", DRAIN)
        crew.go()
        records = []
        for record in crew.watch():
            records.append(record)
            if record.worker == "a" and "a" in crew.names:
                crew.kill("a")
    assert [record.reply for record in records if record.worker == "a"][-1] is None
    assert records[-1].worker in ("a", "b")
    assert [record for record in records if record.worker == "b" and record.reply is None] == []


def test_a_worker_that_cannot_connect_ends_the_race_in_one_line(server: Server) -> None:
    with pytest.raises(RaceError, match=r'no worker gets to the start: .*"no_such_database" does not exist'):
        race(server.conninfo("no_such_database"), {"a": RESUME})


def test_the_same_seed_draws_the_same_race() -> None:
    assert pool(7) == pool(7) != pool(8)
    assert drain(7, 600) == drain(7, 600) != drain(8, 600)


@needs_proc
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_ended_leaves_no_worker(
    server: OwnServer, number: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with another_run(server, AT_WORK) as run:
        workers = [os.pidfd_open(pid) for pid in descendants(run.process.pid)]
        assert len(workers) >= 5  # keeper, server, the process that makes workers, two workers
        os.kill(run.process.pid, number)
        run.wait_until_gone()
        wait_until_ended(workers)
        for worker in workers:
            os.close(worker)
    assert list(tmp_path.iterdir()) == []


def descendants(pid: int) -> list[int]:
    """Its children, and theirs, and so on."""
    children = children_of(pid)
    return children + [each for child in children for each in descendants(child)]
