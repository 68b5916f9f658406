"""What is needed for a server is found, kept and refused in one line that names the mend."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import platformdirs
import pytest

from fixtures.errors import SetupError
from fixtures.postgres import account, cache, keeper, places
from fixtures.postgres.binaries import Binaries, find_binaries
from fixtures.postgres.cluster import ready_cluster
from fixtures.postgres.databases import connect
from fixtures.postgres.providers.local import LocalSource
from fixtures.postgres.providers.source import describe
from fixtures.postgres.server import OwnServer, running_server

pytestmark = pytest.mark.needs("own-server")

CHECKOUT = Path(keeper.__file__).parents[2]


@contextmanager
def open_directory() -> Iterator[Path]:
    """A temporary directory that the server's account can enter, as pytest's are closed to it under root."""
    with tempfile.TemporaryDirectory(prefix="selftest-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def script(path: Path, text: str, mode: int = 0o755) -> None:
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(mode)


@pytest.mark.parametrize("tail", ["", "/postgres", "/.."])
def test_binaries_are_found_by_directory_program_or_installation(server: OwnServer, tail: str) -> None:
    found = find_binaries(f"{server.binaries.bindir}{tail}")
    assert (found.bindir, found.version) == (server.binaries.bindir, server.binaries.version)
    assert found.provider == "local"
    assert found.version in describe(LocalSource(found))


def test_binaries_are_found_through_a_link(server: OwnServer, tmp_path: Path) -> None:
    (tmp_path / "postgres").symlink_to(server.binaries.program("postgres"))
    assert find_binaries(str(tmp_path)).bindir == server.binaries.bindir


BROKEN = {
    "nothing there": (r"no program postgres there; give a directory", None, None, 0o755),
    "not executable": (r"postgres is not executable; `chmod \+x` it", "", "", 0o644),
    "no initdb": (r"initdb is missing from .*; give a directory", "", None, 0o755),
    "no version": (r"tells no version but 'oh'; give", "echo oh", "echo oh", 0o755),
    "fails": (r"tells no version but 'wrong machine'; give", "echo wrong machine >&2; exit 1", "", 0o755),
    "too old": (
        r"this is PostgreSQL 9.6.24; give 15 or later",
        "echo 'postgres (PostgreSQL) 9.6.24'",
        "echo 'initdb (PostgreSQL) 9.6.24'",
        0o755,
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_an_unusable_path_is_refused_in_one_line(case: str) -> None:
    message, postgres, initdb, mode = BROKEN[case]
    with open_directory() as directory:
        for name, text in (("postgres", postgres), ("initdb", initdb)):
            if text is not None:
                script(directory / name, text + "\n", mode)
        with pytest.raises(SetupError, match=message) as refused:
            find_binaries(str(directory))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("spec", ["/no/such/directory", "~no-such-account/bin", "x" * 5000, ""])
def test_a_path_that_cannot_be_is_refused_in_one_line(spec: str) -> None:
    with pytest.raises(SetupError, match=r"--postgres=.*; give a directory") as refused:
        find_binaries(spec)
    assert "\n" not in str(refused.value)


def without_luck(directory: Path, binaries: Binaries) -> None:
    """Fill a directory with programs that are as `binaries`, but for an initdb that fails."""
    postgres, initdb = binaries.program("postgres"), binaries.program("initdb")
    script(directory / "postgres", f'exec "{postgres}" "$@"\n')
    script(
        directory / "initdb",
        f'test "$1" = --version && exec "{initdb}" --version\n'
        "echo first >&2; echo 'initdb: error: no luck' >&2; exit 1\n",
    )


@pytest.mark.parametrize("workers", [0, 2])
def test_pytest_refuses_a_server_that_cannot_be_had_in_one_line(server: OwnServer, workers: int) -> None:
    command = [sys.executable, "-m", "pytest", "-p", "fixtures.postgres.plugin", "--noconftest"]
    with open_directory() as directory:
        without_luck(directory, server.binaries)
        command += [f"-n{workers}", f"--postgres={directory}", __file__]
        answer = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert answer.returncode == pytest.ExitCode.USAGE_ERROR
    assert answer.stderr.strip() == f"ERROR: {directory}/initdb cannot make a cluster: no luck"
    assert "Traceback" not in answer.stdout


@pytest.mark.needs("root")
def test_binaries_out_of_the_accounts_reach_are_copied(
    server: OwnServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prefix = server.binaries.bindir.parent
    closed = tmp_path / "closed" / prefix.parent.name / prefix.name
    (tmp_path / "closed").mkdir(mode=0o700)
    for part in ("bin", "lib", "share"):
        if (prefix / part).is_dir():
            shutil.copytree(prefix / part, closed / part, symlinks=True)
    libraries = prefix.parent.with_name(prefix.parent.name + ".libs")
    if libraries.is_dir():
        shutil.copytree(libraries, closed.parents[1] / libraries.name)
    with open_directory() as directory:
        monkeypatch.setattr(cache, "cache_directory", lambda: directory)
        found = find_binaries(str(closed))
        assert found.bindir.is_relative_to(directory)
        with running_server(found) as other, connect(other.conninfo()) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)


def test_root_without_an_account_for_the_server_is_told_to_make_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(account, "CANDIDATES", ("no-such-account",))
    with pytest.raises(SetupError, match=r"no account no-such-account: make one \(`useradd"):
        account.server_account()


def test_too_little_space_is_told_with_how_much_and_where(server: OwnServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "NEEDED_BYTES", 2**60)
    temporary = tempfile.gettempdir()
    message = rf"needs {2**40} MiB: .*\d+ MiB in {temporary}; free some, or set TMPDIR"
    with pytest.raises(SetupError, match=message), running_server(server.binaries):
        pass


def test_a_server_goes_where_there_is_room(server: OwnServer, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_directory() as directory:
        closed = directory / "closed"
        closed.mkdir(mode=0o500)
        monkeypatch.setattr(places, "roots", lambda: [Path("/proc/sys"), closed, directory])
        with running_server(server.binaries) as other:
            assert other.directory.parent == directory
            assert other.socket_directory.is_relative_to(directory)


@pytest.mark.parametrize("name", ["x" * 100, "a,b"])
def test_a_socket_whose_path_would_not_do_lies_elsewhere(
    server: OwnServer, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    with open_directory() as directory:
        (directory / name).mkdir()
        monkeypatch.setattr(places, "roots", lambda: [directory / name])
        with running_server(server.binaries) as other, connect(other.conninfo()) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
            assert other.directory.parent == directory / name
            assert not other.socket_directory.is_relative_to(directory)
        assert not other.socket_directory.parent.exists()


def test_no_place_for_a_socket_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "LONGEST_SOCKET_PATH", 10)
    with pytest.raises(SetupError, match=r"may have 10 bytes .* set TMPDIR to a shorter one"):
        places.choose_places(account.server_account())


def truncate(entry: Path) -> None:
    (entry / "directory" / "file").write_bytes(b"")


def lose_a_directory(entry: Path) -> None:
    (entry / "directory" / "empty").rmdir()


def lose_the_seal(entry: Path) -> None:
    (entry.parent / cache.SEAL).unlink()


@pytest.mark.parametrize("damage", [truncate, lose_a_directory, lose_the_seal])
def test_a_damaged_cache_entry_is_built_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    monkeypatch.setattr(cache, "cache_directory", lambda: tmp_path)
    built = []

    def build(directory: Path) -> None:
        built.append(directory)
        (directory / "directory" / "empty").mkdir(parents=True)
        (directory / "directory" / "file").write_text("whole")

    entry = cache.cached("kind", "identity", build)
    damage(entry)
    for _ in range(2):
        assert cache.cached("kind", "identity", build) == entry
        assert (entry / "directory" / "file").read_text() == "whole"
        assert (entry / "directory" / "empty").is_dir()
    assert len(built) == 2


def test_a_damaged_ready_cluster_is_built_again(
    server: OwnServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(cache, "cache_directory", lambda: tmp_path)
    (ready_cluster(server.binaries) / "global" / "pg_control").write_bytes(b"")
    with running_server(server.binaries) as other, connect(other.conninfo()) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_an_initdb_that_fails_is_quoted_and_nothing_is_kept(
    server: OwnServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(cache, "cache_directory", lambda: tmp_path)
    with open_directory() as directory:
        without_luck(directory, server.binaries)
        broken = Binaries(directory, "18", 18, "local")
        with pytest.raises(SetupError, match="cannot make a cluster: no luck"):
            ready_cluster(broken)
    assert [path for path in tmp_path.iterdir() if path.name != "lock"] == []


def test_a_cache_entry_is_built_once_by_runs_at_the_same_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(cache, "cache_directory", lambda: tmp_path)
    built, together, second_builder = [], threading.Barrier(4), threading.Barrier(2)

    def build(directory: Path) -> None:
        built.append(directory)
        with suppress(threading.BrokenBarrierError):
            second_builder.wait(0.2)  # give one that should not be there the time to come
        (directory / "file").write_text("whole")

    def ask(_: int) -> str:
        together.wait()
        return (cache.cached("kind", "identity", build) / "file").read_text()

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(ask, range(4))) == ["whole"] * 4
    assert len(built) == 1


def test_a_cache_entry_that_nobody_uses_is_forgotten(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(cache, "cache_directory", lambda: tmp_path)
    old, kept = (cache.cached("kind", identity, lambda _: None) for identity in ("old", "kept"))
    os.utime(old.parent, (0, 0))
    cache.cached("kind", "new", lambda _: None)
    assert (old.exists(), kept.exists()) == (False, True)


def test_a_cache_that_others_could_write_to_is_not_ours(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    open_to_all = tmp_path / "shared"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    monkeypatch.setattr(platformdirs, "site_cache_path", lambda _: open_to_all)
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda _: open_to_all)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert cache.cache_directory() == tmp_path / f"{cache.NAME}-{os.geteuid()}"
