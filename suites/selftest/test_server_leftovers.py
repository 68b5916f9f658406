"""Nothing of a server outlives its run, however the run ends."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fixtures.postgres import keeper
from fixtures.postgres.server import OwnServer, running_server

pytestmark = pytest.mark.needs("own-server", "linux")  # /proc and pidfd

CHECKOUT = Path(keeper.__file__).parents[2]
PATIENCE = 10  # seconds until a process that should have ended counts as left behind
RUN = """
import os, signal, sys
from fixtures.postgres.binaries import find_binaries
from fixtures.postgres.server import running_server
signal.signal(signal.SIGINT, signal.default_int_handler)  # who starts the tests may have both ignored: nohup, cron
signal.signal(signal.SIGHUP, signal.SIG_DFL)
with running_server(find_binaries(sys.argv[1]), small_disk={small_disk}) as server:
    {meanwhile}
    print(server.pid, server.directory, flush=True)
    sys.stdin.read()
"""
TESTS = """
import signal
import pytest
@pytest.mark.parametrize("number", [0, 1])
def test_forever(server, pytestconfig, number):
    with open({fifo!r}, "w") as fifo:
        fifo.write(f"{{server.pid}} {{server.directory}} {{pytestconfig.workerinput['meeting']}}\\n")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # busy: does not hear execnet's request to end
    while True:
        signal.pause()
"""


class Run:
    """Another process that has a server, and handles on all the processes involved."""

    def __init__(self, process: subprocess.Popen[str], pid: int, directory: Path) -> None:
        self.process, self.pid, self.directory = process, pid, directory
        self.keeper = parent_of(pid)
        self.handles = [os.pidfd_open(each) for each in (self.keeper, *working_below(directory))]

    def wait_until_gone(self) -> None:
        """Wait for the keeper and every process of the server to end."""
        wait_until_ended(self.handles)


def wait_until_ended(handles: list[int]) -> None:
    for handle in handles:
        assert select.select([handle], [], [], PATIENCE)[0], "a process is left behind"


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def working_below(directory: Path) -> list[int]:
    """The pids of the processes whose working directory is in there: a server's are."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if (entry / "cwd").readlink().is_relative_to(directory):
                found.append(int(entry.name))
        except OSError:
            continue
    return found


@contextmanager
def another_run(server: OwnServer, meanwhile: str = "pass", small_disk: int = 0) -> Iterator[Run]:
    script = RUN.format(meanwhile=meanwhile, small_disk=small_disk)
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(server.binaries.bindir)],
        cwd=CHECKOUT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    with process:
        try:
            assert process.stdout is not None
            pid, directory = process.stdout.readline().split()
            run = Run(process, int(pid), Path(directory))
            assert len(run.handles) > 2
            try:
                yield run
            finally:
                for handle in run.handles:
                    os.close(handle)
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_run_that_is_ended_leaves_nothing(server: OwnServer, number: signal.Signals) -> None:
    with another_run(server) as run:
        os.killpg(run.process.pid, number)  # as a terminal does, or who wants to be thorough
        run.wait_until_gone()
        assert not run.directory.exists()


def test_a_run_that_is_killed_after_its_server_crashed_and_recovered_leaves_nothing(server: OwnServer) -> None:
    with another_run(server, "server = server.crash()") as run:
        run.process.kill()
        run.wait_until_gone()
        assert not run.directory.exists()


def test_a_keeper_that_is_asked_to_end_leaves_nothing(server: OwnServer) -> None:
    with another_run(server) as run:
        os.kill(run.keeper, signal.SIGTERM)
        run.wait_until_gone()
        assert not run.directory.exists()


def test_a_server_dies_with_its_keeper_and_the_next_run_removes_its_directory(server: OwnServer) -> None:
    with another_run(server) as run:
        os.kill(run.keeper, signal.SIGKILL)
        run.wait_until_gone()
        assert run.directory.exists()
        with running_server(server.binaries):
            assert not run.directory.exists()


def test_a_run_whose_keeper_was_killed_removes_the_directory_itself(server: OwnServer) -> None:
    with another_run(server) as run:
        os.kill(run.keeper, signal.SIGKILL)
        run.wait_until_gone()
        run.process.communicate()
        assert not run.directory.exists()


def test_a_server_that_outlives_its_keeper_is_stopped_by_the_next_run(
    server: OwnServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "STOP_LIMIT", 0.1)
    with another_run(server) as run:
        os.kill(run.pid, signal.SIGSTOP)  # the kernel's word does not reach it
        os.kill(run.keeper, signal.SIGKILL)
        assert select.select([run.handles[0]], [], [], PATIENCE)[0]
        assert working_below(run.directory)
        keeper.sweep([str(run.directory)])
        run.wait_until_gone()
        assert not run.directory.exists()


@pytest.mark.needs("small-disk")
@pytest.mark.parametrize("of_keeper", [False, True], ids=["run", "keeper"])
def test_a_small_disk_is_seen_by_its_server_alone_and_goes_with_it(server: OwnServer, of_keeper: bool) -> None:
    with another_run(server, small_disk=2**20) as run:
        mounts = Path(f"/proc/{run.pid}/mounts").read_text()
        assert f" {run.directory}/disk tmpfs " in mounts
        assert str(run.directory) not in Path("/proc/self/mounts").read_text()
        os.kill(run.keeper if of_keeper else run.process.pid, signal.SIGKILL)
        run.wait_until_gone()
        keeper.sweep([str(run.directory)])
        assert not run.directory.exists()


def test_a_killed_postmaster_leaves_no_shared_memory(server: OwnServer) -> None:
    with another_run(server) as run:
        key, identifier = keeper.read_pidfile(run.directory / "data" / "postmaster.pid")[6].split()
        assert [key, identifier] in segments()
        os.kill(run.pid, signal.SIGKILL)
        run.process.kill()
        run.wait_until_gone()
        assert [key, identifier] not in segments()
        assert not run.directory.exists()


def segments() -> list[list[str]]:
    return [line.split()[:2] for line in Path("/proc/sysvipc/shm").read_text().splitlines()[1:]]


def test_a_child_that_outlives_the_run_does_not_keep_its_server(server: OwnServer) -> None:
    with another_run(server, "os.fork() or signal.pause()") as run:
        (child,) = (pid for pid in children_of(run.process.pid) if pid != run.keeper)
        run.process.kill()
        try:
            run.wait_until_gone()
            assert not run.directory.exists()
        finally:
            os.kill(child, signal.SIGKILL)


def test_a_forked_child_that_ends_does_not_take_the_server_with_it(server: OwnServer) -> None:
    fork = "child = os.fork(); child or sys.exit(); os.waitpid(child, 0)"
    with another_run(server, fork) as run:
        assert working_below(run.directory)
        assert run.directory.exists()


def test_a_directory_in_use_is_never_swept(server: OwnServer) -> None:
    keeper.sweep([str(server.directory)])
    assert (server.data_directory / "postmaster.pid").exists()


def test_a_killed_run_with_workers_leaves_nothing(server: OwnServer, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    (tmp_path / "test_forever.py").write_text(TESTS.format(fifo=str(fifo)))
    command = [sys.executable, "-m", "pytest", "-n2", "--noconftest"]
    command += ["-p", "fixtures.postgres.plugin", "-p", "suites.races.plugin"]
    process = subprocess.Popen(
        [*command, "--no-pin", f"--postgres={server.binaries.bindir}", str(tmp_path)],
        cwd=CHECKOUT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with process:
        try:
            (*first, meeting), (*second, _) = two_lines(fifo, process)
            runs = [Run(process, int(pid), Path(directory)) for pid, directory in (first, second)]
            handles = [os.pidfd_open(child) for child in children_of(process.pid)]
            assert Path(meeting).exists()
        finally:
            process.kill()
        for run in runs:
            run.wait_until_gone()
            assert not run.directory.exists()
        wait_until_ended(handles)
        for handle in handles:
            os.close(handle)
        assert not Path(meeting).exists()


def two_lines(fifo: Path, process: subprocess.Popen[str]) -> list[list[str]]:
    """The words of two lines that workers write, as soon as they are there."""
    ended, descriptor = os.pidfd_open(process.pid), os.open(fifo, os.O_RDWR)
    text = b""
    while text.count(b"\n") < 2:
        ready = select.select([descriptor, ended], [], [])[0]
        assert ended not in ready, "pytest ended early"
        text += os.read(descriptor, 4096)
    os.close(ended)
    os.close(descriptor)
    return [line.split() for line in text.decode().splitlines()]
