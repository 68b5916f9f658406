"""A server with other work on it: nothing but databases of ours comes and goes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from psycopg.conninfo import make_conninfo

from fixtures.errors import SetupError
from fixtures.postgres.capabilities import probe
from fixtures.postgres.choosing import complete
from fixtures.postgres.databases import connect, create_database, fresh_name
from fixtures.postgres.providers.given import CONNECTIONS, given_source
from fixtures.postgres.server import OwnServer, running_server
from suites.selftest.command_line import ROOT, run_pytest

pytestmark = pytest.mark.needs("own-server")

UNGUARDED = ("--target=mutant:verify_backup_unguarded", "suites/interleavings", "-k", "verify+verify")


@dataclass(frozen=True)
class Other:
    """Somebody else's server: its settings are not ours."""

    server: OwnServer

    def role(self, rights: str) -> str:
        """The address for a new role."""
        name = fresh_name("role")
        self.ask(f"CREATE ROLE {name} {rights}")
        return make_conninfo(self.server.conninfo(), user=name)

    def ask(self, sql: str) -> list[str]:
        """The first column of what a superuser is answered."""
        with connect(self.server.conninfo()) as connection:
            cursor = connection.execute(sql.encode())
            return [str(row[0]) for row in cursor.fetchall()] if cursor.description else []

    def databases(self) -> list[str]:
        """All of them."""
        return self.ask("SELECT datname FROM pg_database ORDER BY 1")


@pytest.fixture(scope="module")
def other(server: OwnServer) -> Iterator[Other]:
    settings = {"deadlock_timeout": "1s", "timezone": "Asia/Tokyo", "jit": "on", "max_connections": "65"}
    with running_server(server.binaries, settings=settings) as theirs:
        yield Other(theirs)


@contextmanager
def unchanged(other: Other) -> Iterator[None]:
    before = other.databases()
    yield
    assert other.databases() == before


def test_only_databases_of_ours_are_made_and_all_are_gone_in_the_end(other: Other) -> None:
    with unchanged(other), given_source(other.role("LOGIN CREATEDB"), 1).start() as given:
        name = fresh_name()
        create_database(given, name)
        assert name in other.databases()


def test_sessions_of_ours_are_set_up_as_far_as_the_role_may(other: Other) -> None:
    with given_source(other.role("LOGIN CREATEDB"), 1).start() as given, connect(given.conninfo()) as connection:
        shown = [connection.execute(f"SHOW {name}".encode()).fetchone() for name in ("timezone", "jit", "datestyle")]
    assert shown == [("UTC",), ("off",), ("ISO, MDY",)]


@pytest.mark.parametrize(
    ("rights", "told"),
    [
        ("LOGIN", r"may not make databases on host=.*: ALTER ROLE"),
        ("LOGIN CREATEDB CONNECTION LIMIT 3", f"has 3 connections left .* may need {CONNECTIONS}: raise the limit"),
        ("CREATEDB NOLOGIN", "cannot connect to host=.* not permitted"),
    ],
)
def test_a_role_that_will_not_do_is_told_in_one_line(other: Other, rights: str, told: str) -> None:
    with unchanged(other), pytest.raises(SetupError, match=told) as refused:
        given_source(other.role(rights), 1)
    assert "\n" not in str(refused.value)


def test_connections_are_counted_for_all_processes(other: Other) -> None:
    dsn = other.role("LOGIN CREATEDB")
    assert given_source(dsn, 2).connections >= 2 * CONNECTIONS
    with pytest.raises(SetupError, match=rf"connections left .* may need {4 * CONNECTIONS}"):
        given_source(dsn, 4)


def test_a_password_comes_from_the_environment_and_is_never_told(other: Other, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSWORD", "secret")
    monkeypatch.setenv("PGOPTIONS", "-c jit=on")
    dsn = complete(other.role("LOGIN CREATEDB"))
    assert "secret" in dsn
    assert "jit" not in dsn
    assert "secret" not in repr(given_source(dsn, 1)) + given_source(dsn, 1).where


def test_a_given_server_is_never_asked_to_crash_and_needs_no_superuser(other: Other) -> None:
    with given_source(other.role("LOGIN CREATEDB"), 1).start() as given:
        missing = probe(given)
    assert {"own-server", "crash", "superuser", "createrole", "superuser-settings"} <= {
        name for name, reason in missing.items() if reason
    }


def test_two_runs_at_the_same_time_by_a_plain_role_are_green_and_leave_nothing(other: Other) -> None:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "suites/known_limitations"]
    with unchanged(other):
        dsn = f"--postgres={other.role('LOGIN CREATEDB')}"
        runs = [subprocess.Popen([*command, dsn], cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(2)]
        said = [run.communicate()[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0], said


def test_a_failing_database_is_kept_and_told_how_to_look_into(other: Other) -> None:
    before = other.databases()
    failed = run_pytest(f"--postgres={other.role('LOGIN CREATEDB')}", "--keep", *UNGUARDED)
    (kept,) = [name for name in other.databases() if name not in before]
    assert failed.returncode == 1
    assert f"{kept}: psql " in failed.stdout
    assert f"DROP DATABASE {kept}" in failed.stdout
    other.ask(f"DROP DATABASE {kept}")


def test_a_failing_database_can_only_be_kept_where_the_server_stays() -> None:
    refused = run_pytest("--keep", "suites/known_limitations")
    assert refused.returncode == pytest.ExitCode.USAGE_ERROR
    assert "--keep needs a server that outlives the run" in refused.stderr
