"""Which PostgreSQL `--postgres` means, and what is said when there is none."""

from __future__ import annotations

import importlib.util
import sys
import tarfile
from pathlib import Path
from xml.etree import ElementTree

import pytest

from fixtures.errors import SetupError
from fixtures.postgres import cache, choosing, wheels
from fixtures.postgres.capabilities import CAPABILITIES, probe
from fixtures.postgres.choosing import choose, sources, split
from fixtures.postgres.differences import differences, settings_of
from fixtures.postgres.listing import print_list
from fixtures.postgres.providers import engine, local
from fixtures.postgres.server import OwnServer
from suites.selftest.command_line import run_pytest

pytestmark = pytest.mark.needs("own-server")


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with no PostgreSQL but what the test adds."""
    for major in wheels.WHEELS:
        monkeypatch.delenv(f"PG_BIN_{major}", raising=False)
    monkeypatch.setattr(local, "PLACES", ())
    monkeypatch.setattr(local, "wheel_bindir", lambda _: None)
    monkeypatch.setattr(local.shutil, "which", lambda _: None)  # type: ignore[attr-defined]
    monkeypatch.setattr(engine, "complaint", lambda: "no engine")


@pytest.mark.usefixtures("bare")
def test_pg_bin_goes_before_a_wheel_and_a_wheel_before_packages(
    server: OwnServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    bindir, major = server.binaries.bindir, server.major
    monkeypatch.setattr(local, "PLACES", (str(bindir),))
    assert [source.provider for source in sources(major)] == ["local"]
    monkeypatch.setattr(local, "wheel_bindir", lambda _: bindir)
    assert [source.provider for source in sources(major)] == ["embedded", "local"]
    monkeypatch.setenv(f"PG_BIN_{major}", str(bindir))
    assert [source.provider for source in sources(major)] == [f"PG_BIN_{major}"]
    assert choose(str(major)).where == str(bindir)


@pytest.mark.usefixtures("bare")
def test_a_package_of_another_version_is_passed_over(server: OwnServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "PLACES", (str(server.binaries.bindir),))
    other = 16 if server.major != 16 else 17
    assert list(sources(other)) == []
    monkeypatch.setenv(f"PG_BIN_{other}", str(server.binaries.bindir))
    with pytest.raises(
        SetupError, match=rf"^PG_BIN_{other}=.*: this is PostgreSQL .*; give the directory of {other}'s"
    ):
        choose(str(other))


@pytest.mark.usefixtures("bare")
def test_a_version_that_is_not_here_is_told_with_every_way_to_get_it() -> None:
    mend = r"no PostgreSQL 16 here: run `uv sync .*set PG_BIN_16=DIRECTORY, or start Docker .*--postgres=list"
    with pytest.raises(SetupError, match=mend) as refused:
        choose("16")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("14", "give 15 or later"),
        ("container:", "names no image"),
        ("postgresql://localhost:1/x", "cannot connect to host=localhost port=1 dbname=x: Connection refused"),
        ("host=/no/such/directory", "cannot connect to host=/no/such/directory: No such file"),
        ("nonsense=1", "give postgresql://user@host/dbname"),
    ],
)
def test_what_cannot_be_had_is_told_in_one_line(spec: str, told: str) -> None:
    with pytest.raises(SetupError, match=told) as refused:
        choose(choosing.complete(spec))
    assert "\n" not in str(refused.value)


def test_an_archive_in_a_wheel_is_unpacked_once(
    server: OwnServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "packed_postgres"
    package.mkdir()
    (package / "__init__.py").write_text("raise ImportError('it must not be imported')")
    with tarfile.open(package / "postgresql-15.19.0.tar.gz", "w:gz") as archive:
        archive.add(server.binaries.program("postgres"), "postgresql-15.19.0/bin/postgres")
    monkeypatch.setattr(cache, "cache_directory", lambda: tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setitem(wheels.WHEELS, 15, ("packed-postgres", package.name))
    importlib.invalidate_caches()
    found = wheels.wheel_bindir(15)
    assert found is not None
    assert (found / "postgres").is_file()
    (found / "postgres").touch()
    assert wheels.wheel_bindir(15) == found


def test_a_list_is_separated_by_commas_but_addresses_and_paths_may_have_them(tmp_path: Path) -> None:
    odd = tmp_path / "a,b"
    odd.mkdir()
    assert split("15, 17,container:18") == ["15", "17", "container:18"]
    assert split("host=a,b dbname=x") == ["host=a,b dbname=x"]
    assert split(str(odd)) == [str(odd)]


@pytest.mark.usefixtures("bare")
def test_the_list_tells_what_is_here_and_why_it_is_taken(
    server: OwnServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(local, "PLACES", (str(server.binaries.bindir),))
    monkeypatch.setenv("COLUMNS", "300")
    print_list()
    printed = capsys.readouterr().out
    for told in (str(server.binaries.bindir), "pg_basebackup", f"yes: the first for {server.major}"):
        assert told in printed
    assert printed.count("none") == len(wheels.WHEELS) - 1


def test_a_list_of_servers_is_one_run_with_one_account(server: OwnServer, tmp_path: Path) -> None:
    specs = f"{server.binaries.bindir},{server.binaries.bindir}/postgres"
    xml = tmp_path / "junit.xml"
    some = "suites/selftest/test_reference_style.py"
    done = run_pytest(f"--postgres={specs}", f"--junitxml={xml}", some)
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("test session starts") == 2
    for number in (1, 2):
        assert f"PostgreSQL {server.binaries.version} (local, {server.binaries.bindir}): {number} of 2" in done.stdout
    assert "all servers" in done.stdout
    suites = ElementTree.parse(xml).getroot().findall("testsuite")
    assert len({suite.get("name") for suite in suites}) == 1
    assert len(suites) == 2
    red = run_pytest(f"--postgres={specs}", "-x", "-k", "no_such_test", some)
    assert red.returncode == pytest.ExitCode.NO_TESTS_COLLECTED
    assert "1 servers were not run" in red.stdout


def test_every_server_of_a_list_is_found_before_any_is_run() -> None:
    done = run_pytest("--postgres=auto,14", "suites/selftest/test_reference_style.py")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "give 15 or later" in done.stderr
    assert "test session starts" not in done.stdout


def test_a_server_of_our_own_can_do_all_that_needs_no_machine(server: OwnServer) -> None:
    missing = {name for name, reason in probe(server).items() if reason}
    assert missing <= {"isolationtester", "docker", "linux", "root", "two-cores", "dblink"}
    assert set(probe(server)) == set(CAPABILITIES)


def test_a_skip_names_the_capability_and_fails_a_release(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///no/such/socket")
    some = ("suites/selftest/test_containers.py", "-k", "paused")
    gate, release = run_pytest(*some), run_pytest(*some, "--profile=release")
    assert (gate.returncode, release.returncode) == (0, 1)
    assert "needs docker: no Docker engine answers" in gate.stdout
    assert "1 skipped" in release.stdout
    assert "a release allows no skip: needs docker: no Docker engine answers" in release.stdout


def test_differences_between_versions_are_told_with_what_and_why() -> None:
    assert all(difference.what and difference.why for difference in differences().values())
    assert settings_of(17) == {}
    assert settings_of(18) == {"io_method": "sync"}
