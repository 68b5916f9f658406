"""The server of our own: it answers, it is set up for reproducible runs, and it is alone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from fixtures.errors import SetupError
from fixtures.postgres import cores
from fixtures.postgres.cores import Pin, pin_to_core
from fixtures.postgres.databases import connect, create_database, drop_database, fresh_name
from fixtures.postgres.providers.local import LocalSource
from fixtures.postgres.server import OwnServer, running_server
from fixtures.postgres.session import SERVER_KEY, SessionServer

pytestmark = pytest.mark.needs("own-server")
needs_two_cores = pytest.mark.needs("two-cores")


def one_value(conninfo: str, query: str) -> str | None:
    with connect(conninfo) as connection:
        row = connection.execute(query.encode()).fetchone()
    return None if row is None or row[0] is None else str(row[0])


def test_a_server_listens_on_its_socket_only(server: OwnServer) -> None:
    assert one_value(server.conninfo(), "SELECT inet_server_addr()") is None
    assert one_value(server.conninfo(), "SHOW listen_addresses") == ""


def test_the_server_is_the_one_whose_binaries_were_found(server: OwnServer) -> None:
    number = one_value(server.conninfo(), "SHOW server_version_num")
    assert number is not None
    assert int(number) // 10_000 == server.binaries.major


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("autovacuum", "off"),
        ("jit", "off"),
        ("max_parallel_workers_per_gather", "0"),
        ("plan_cache_mode", "force_custom_plan"),
        ("synchronize_seqscans", "off"),
        ("TimeZone", "UTC"),
        ("deadlock_timeout", "50ms"),
        ("server_encoding", "UTF8"),
        ("lc_messages", "C"),
        ("fsync", "off"),
    ],
)
def test_the_server_does_nothing_at_times_of_its_own(server: OwnServer, name: str, value: str) -> None:
    assert one_value(server.conninfo(), f"SHOW {name}") == value


def test_a_durable_server_flushes_and_takes_settings(server: OwnServer) -> None:
    with running_server(server.binaries, durable=True, settings={"wal_level": "logical"}) as durable:
        shown = [
            one_value(durable.conninfo(), f"SHOW {name}")
            for name in ("fsync", "full_page_writes", "synchronous_commit", "wal_level")
        ]
    assert shown == ["on", "on", "on", "logical"]


def test_a_setting_that_the_server_refuses_is_told_in_its_words(server: OwnServer) -> None:
    with (
        pytest.raises(SetupError, match=r"does not start: .*shared_buffers") as refused,
        running_server(server.binaries, settings={"shared_buffers": "it's nonsense"}),
    ):
        pass
    assert "\n" not in str(refused.value)


def test_two_servers_at_the_same_time_do_not_disturb_one_another(server: OwnServer) -> None:
    with running_server(server.binaries) as other:
        name = fresh_name("only_here")
        create_database(other, name)
        assert one_value(other.conninfo(name), "SELECT current_database()") == name
        with pytest.raises(psycopg.OperationalError, match="only_here"):
            connect(server.conninfo(name))
    assert one_value(server.conninfo(), "SELECT 1") == "1"
    assert not other.directory.exists()


def test_a_database_is_a_copy_of_its_template_and_is_dropped_with_its_sessions(server: OwnServer) -> None:
    first, second = fresh_name("first"), fresh_name('odd "name"')
    create_database(server, first)
    with connect(server.conninfo(first)) as connection:
        connection.execute("CREATE TABLE t AS SELECT 42 AS answer")
    create_database(server, second, template=first)
    with connect(server.conninfo(second)) as session:
        assert session.execute("SELECT answer FROM t").fetchone() == (42,)
        drop_database(server, second)
        with pytest.raises(psycopg.OperationalError):
            session.execute("SELECT 1")
    drop_database(server, first)
    drop_database(server, first)


def test_no_database_with_a_name_of_others_is_ever_made_or_dropped(server: OwnServer) -> None:
    for change in (create_database, drop_database):
        with pytest.raises(ValueError, match="no name of ours"):
            change(server, "postgres")


@contextmanager
def on_every_core(monkeypatch: pytest.MonkeyPatch, directory: Path) -> Iterator[None]:
    """Undo the run's own pin and its lock for a while."""
    before = os.sched_getaffinity(0)
    monkeypatch.setattr(cores, "cache_directory", lambda: directory)
    os.sched_setaffinity(0, range(os.cpu_count() or 1))
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@needs_two_cores
def test_runs_at_the_same_time_take_different_cores(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with on_every_core(monkeypatch, tmp_path):
        allowed = os.sched_getaffinity(0)
        pins: list[Pin] = []
        for _ in allowed:
            pin = pin_to_core()
            assert pin is not None
            assert os.sched_getaffinity(0) == {pin.core}
            pin.move(pin.before)  # as another process would find it
            pins.append(pin)
        assert {pin.core for pin in pins} == allowed
        assert pin_to_core() is None
        shared = pin_to_core(worker=1)
        assert shared is not None
        assert shared.core == sorted(allowed)[1]
        for pin in [shared, *pins]:
            pin.release()
        assert os.sched_getaffinity(0) == allowed


@needs_two_cores
def test_a_backend_runs_where_its_client_does_unless_races_are_wanted(
    server: OwnServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with on_every_core(monkeypatch, tmp_path):
        session_server = SessionServer(LocalSource(server.binaries))
        try:
            conninfo = session_server.get().conninfo()
            assert affinity_of_a_backend(conninfo) == os.sched_getaffinity(0)
            assert len(os.sched_getaffinity(0)) == 1
            with session_server.unpinned():
                assert affinity_of_a_backend(conninfo) == os.sched_getaffinity(0)
                assert len(os.sched_getaffinity(0)) > 1
            assert len(affinity_of_a_backend(conninfo)) == 1
        finally:
            session_server.stop()


def affinity_of_a_backend(conninfo: str) -> set[int]:
    with connect(conninfo) as connection:
        return os.sched_getaffinity(connection.info.backend_pid)


def test_a_session_server_is_started_once(pytestconfig: pytest.Config, server: OwnServer) -> None:
    assert pytestconfig.stash[SERVER_KEY].get() is server


def test_a_durable_server_that_crashes_comes_back_with_what_was_committed(server: OwnServer) -> None:
    with running_server(server.binaries, durable=True) as durable:
        with connect(durable.conninfo()) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
            again = durable.crash()
        assert again.pid != durable.pid
        assert one_value(again.conninfo(), "SELECT one FROM kept") == "1"
        assert "database system was not properly shut down" in durable.log.read_text()
