"""Servers in containers: what is on their volume survives, and nothing of them outlives the run."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from fixtures.errors import SetupError
from fixtures.postgres.databases import connect
from fixtures.postgres.providers.given import given_source
from suites.selftest.command_line import ROOT, run_pytest

if TYPE_CHECKING:
    from fixtures.postgres.providers.container import ContainerServer

pytestmark = pytest.mark.needs("docker")

IMAGE = "postgres:17"
PATIENCE = 30  # seconds until a container that should be gone counts as left behind
RUN = """
import sys
from fixtures.postgres.providers.container import running_container
with running_container(sys.argv[1]) as server:
    print(server.container.name, server.volume, flush=True)
    sys.stdin.read()
"""


@contextmanager
def engine() -> Iterator[Any]:
    import docker  # noqa: PLC0415 -- the package may be missing where these tests are skipped

    client = docker.from_env()
    try:
        yield client
    finally:
        client.close()


def left(container: str, volume: str) -> list[str]:
    """What is still there of a container and its volume."""
    with engine() as client:
        containers = client.containers.list(all=True, filters={"name": container}, ignore_removed=True)
        volumes = client.volumes.list(filters={"name": volume})
        return [found.name for found in (*containers, *volumes)]


def wait_until_gone(container: str, volume: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while left(container, volume) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert left(container, volume) == []


@contextmanager
def running(image: str, **settings: Any) -> Iterator[ContainerServer]:
    from fixtures.postgres.providers.container import running_container  # noqa: PLC0415 -- as above

    with running_container(image, **settings) as server:
        yield server


def shown(server: ContainerServer, *names: str) -> list[str]:
    with connect(server.conninfo()) as connection:
        rows = [connection.execute(f"SHOW {name}".encode()).fetchone() for name in names]
    return [str(row[0]) for row in rows if row]


@pytest.mark.parametrize("major", [15, 16, 17, 18])
def test_a_server_in_a_container_is_set_up_as_one_of_ours(major: int) -> None:
    with running(f"postgres:{major}") as server:
        assert server.major == major
        assert shown(server, "autovacuum", "fsync", "timezone", "server_encoding") == ["off", "off", "UTC", "UTF8"]
    assert left(server.container.name, server.volume) == []


def test_what_was_committed_survives_a_kill_on_a_volume_and_a_port_that_stay() -> None:
    with running(IMAGE, durable=True) as server:
        with connect(server.conninfo()) as connection:
            connection.execute("CREATE TABLE t AS SELECT 42 AS answer")
            server.kill()
            with pytest.raises(psycopg.OperationalError):
                connection.execute("SELECT 1")
        server.restart()
        with connect(server.conninfo()) as connection:
            assert connection.execute("SELECT answer FROM t").fetchone() == (42,)
        assert shown(server, "fsync", "data_directory") == ["on", "/qualify/data"]
        assert [mount["Name"] for mount in server.container.attrs["Mounts"] if mount["Destination"] == "/qualify"] == [
            server.volume
        ]


def test_a_paused_server_goes_on_where_it_was() -> None:
    with running(IMAGE) as server, connect(server.conninfo()) as connection:
        connection.execute("CREATE TEMP TABLE t AS SELECT 42 AS answer")
        with server.paused():
            server.container.reload()
            assert server.container.status == "paused"
            connection.pgconn.send_query(b"SELECT answer FROM t")
            connection.pgconn.flush()
        result = connection.pgconn.get_result()
        assert result is not None
        assert result.get_value(0, 0) == b"42", result.error_message
        assert connection.pgconn.get_result() is None


def started() -> tuple[subprocess.Popen[str], str, str]:
    """A run with a container, and the names of what it made."""
    run = subprocess.Popen(
        [sys.executable, "-c", RUN, IMAGE], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert run.stdout is not None
    container, volume = run.stdout.readline().split()
    return run, container, volume


def end(run: subprocess.Popen[str]) -> None:
    run.kill()
    run.wait()
    for stream in (run.stdin, run.stdout):
        assert stream is not None
        stream.close()


def test_nothing_is_left_of_a_run_that_is_killed() -> None:
    run, container, volume = started()
    assert sorted(left(container, volume)) == sorted([container, volume])
    end(run)
    wait_until_gone(container, volume)


def test_what_a_killed_keeper_leaves_is_removed_by_the_next_run() -> None:
    from fixtures.postgres.providers.container_keeper import LABEL  # noqa: PLC0415 -- as above

    run, container, volume = started()
    with engine() as client:
        owner = client.containers.get(container).labels[LABEL]
    keeper = int(owner.rpartition(":")[2])
    subprocess.run(["kill", f"-{signal.SIGKILL:d}", str(keeper)], check=True)
    end(run)
    assert container in left(container, volume)
    with running(IMAGE):
        assert left(container, volume) == []


@pytest.mark.parametrize("folder", ["races", "known_limitations"])
def test_the_suite_runs_on_a_container(folder: str) -> None:
    done = run_pytest(f"--postgres=container:{IMAGE}", f"suites/{folder}")
    assert done.returncode == 0, done.stdout
    assert f"(container, {IMAGE})" in done.stdout


def test_a_standby_is_refused_in_one_line() -> None:
    with running(IMAGE) as server:
        server.container.exec_run(["touch", "/qualify/data/standby.signal"], user="postgres")
        server.container.stop()
        server.restart()
        with pytest.raises(SetupError, match=r"is a standby, .*: give the address of its primary"):
            given_source(server.conninfo(), 1)


def test_an_image_that_is_not_there_is_told_in_one_line() -> None:
    one_line = r"^no container of image no-such-image:1: [^\n]*; `docker pull [^\n]*$"
    with pytest.raises(SetupError, match=one_line), running("no-such-image:1"):
        pass


def test_a_server_that_does_not_start_is_told_in_its_words() -> None:
    with (
        pytest.raises(SetupError, match=r"does not start: .*shared_buffers"),
        running(IMAGE, settings={"shared_buffers": "nonsense"}),
    ):
        pass
