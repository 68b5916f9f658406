"""Workers of pytest find one another, and none of them keeps the others waiting."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path

import pytest

from fixtures.postgres.keeper import die_with
from fixtures.targets.database import TargetDatabase
from fixtures.workers.crew import RaceError
from fixtures.workers.meeting import Meeting
from strategies.catalogues import QUEUE_JOBS, QUEUE_OF_JOBS
from strategies.races import CLAIM_ALL
from suites.selftest.command_line import run_pytest

SCRIPTS = {"a": CLAIM_ALL, "b": CLAIM_ALL, "c": CLAIM_ALL}
PROCESSES = get_context("spawn")


@pytest.fixture
def caller(tmp_path: Path) -> Iterator[Meeting]:
    caller = Meeting(tmp_path, "gw0")
    yield caller
    caller.leave()


def comes_when_called(directory: Path, name: str) -> None:
    """What a worker of pytest does that has many short tests."""
    die_with(os.getppid(), signal.SIGKILL)
    colleague = Meeting(directory, name)
    while not (directory / "over").exists():
        colleague.attend()


def comes_and_is_lost(directory: Path, name: str) -> None:
    """What one does that is killed soon after."""
    die_with(os.getppid(), signal.SIGKILL)
    _presence = Meeting(directory, name)
    with socket.socket(socket.AF_UNIX) as end:
        while end.connect_ex(str(directory / "call")) and not (directory / "over").exists():
            pass


@contextmanager
def at_work(directory: Path, does: Callable[[Path, str], None], *names: str) -> Iterator[None]:
    """Processes of that kind with these names."""
    processes = [PROCESSES.Process(target=does, args=(directory, name)) for name in names]
    for process in processes:
        process.start()
    for name in names:
        while not (directory / name).exists():
            assert all(process.is_alive() for process in processes)
    try:
        yield
    finally:
        (directory / "over").touch()
        for process in processes:
            process.join()


def test_all_who_are_at_work_race_together_and_are_heard(
    caller: Meeting, tmp_path: Path, database: TargetDatabase
) -> None:
    with database.starting(QUEUE_OF_JOBS), at_work(tmp_path, comes_when_called, "gw1", "gw2"):
        records = caller.race(database.conninfo, SCRIPTS)
    claimed = [row[0] for record in records for row in record.rows]
    assert sorted(filter(None, claimed)) == sorted(QUEUE_JOBS)
    assert {record.worker for record in records} == set(SCRIPTS)
    assert caller.met == 3


def test_who_has_left_is_not_waited_for(caller: Meeting, tmp_path: Path, database: TargetDatabase) -> None:
    Meeting(tmp_path, "gw1").leave()
    caller.patience = 0  # it would fail if it waited
    with database.starting(QUEUE_OF_JOBS):
        caller.race(database.conninfo, SCRIPTS)
    assert caller.met == 1


def test_who_never_comes_does_not_hold_up_the_others_for_ever(
    caller: Meeting, tmp_path: Path, database: TargetDatabase
) -> None:
    caller.patience = 0.1
    hangs = Meeting(tmp_path, "gw1")
    with database.starting(QUEUE_OF_JOBS):
        records = caller.race(database.conninfo, SCRIPTS)
    assert {record.worker for record in records} == set(SCRIPTS)
    assert caller.met == 1
    hangs.leave()


def test_a_race_in_which_somebody_is_lost_proves_nothing(
    caller: Meeting, tmp_path: Path, database: TargetDatabase
) -> None:
    with (
        at_work(tmp_path, comes_and_is_lost, "gw1"),
        database.starting(QUEUE_OF_JOBS),
        pytest.raises(RaceError, match="was lost"),
    ):
        caller.race(database.conninfo, SCRIPTS)


def test_what_a_lost_caller_left_is_no_call(caller: Meeting, tmp_path: Path, database: TargetDatabase) -> None:
    with socket.socket(socket.AF_UNIX) as lost:
        lost.bind(str(tmp_path / "call"))
    with database.starting(QUEUE_OF_JOBS):
        caller.race(database.conninfo, SCRIPTS)
    assert caller.met == 1


def test_workers_of_xdist_meet() -> None:
    ended = run_pytest("-n2", "suites/races/test_meeting.py", "-q")
    assert ended.returncode == 0, ended.stdout
    assert "2 races of several processes of pytest on one server" in ended.stdout
