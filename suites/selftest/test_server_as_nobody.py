"""A server needs no root, no home and no name for its user's directory."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs
import psycopg
import psycopg_binary
import pytest
import typing_extensions

from fixtures import errors, postgres
from fixtures.postgres.cache import open_to_others
from fixtures.postgres.server import OwnServer

pytestmark = pytest.mark.needs("own-server")

RUN = """
import os, sys
from fixtures.postgres.binaries import find_binaries
from fixtures.postgres.databases import connect
from fixtures.postgres.server import running_server
with running_server(find_binaries(sys.argv[1])) as server, connect(server.conninfo()) as connection:
    print(os.geteuid(), server.directory, *connection.execute("SELECT 'it answers'").fetchone(), sep="|")
"""


@contextmanager
def python_for_all() -> Iterator[tuple[Path, Path]]:
    """An interpreter and a path for its imports that every account can reach: root's may lie in its home."""
    with tempfile.TemporaryDirectory(prefix="selftest-") as name:
        home, imports = Path(name) / "python", Path(name) / "imports"
        version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
        unneeded = shutil.ignore_patterns("site-packages", "dist-packages", "test", "config-*", "__pycache__")
        library = Path(os.__file__).parent
        shutil.copytree(library, home / "lib" / version, ignore=unneeded, ignore_dangling_symlinks=True)
        for shared in library.parent.glob("libpython*.so*"):
            shutil.copy(shared, home / "lib")
        (home / "bin").mkdir()
        shutil.copy(Path(sys.executable).resolve(), home / "bin" / version)
        packages = [Path(module.__file__ or "").parent for module in (psycopg, psycopg_binary, platformdirs)]
        for package in [*packages, *packages[0].parent.glob("psycopg_binary.libs")]:
            shutil.copytree(package, imports / package.name)
        shutil.copy(typing_extensions.__file__, imports)
        shutil.copytree(Path(postgres.__file__).parent, imports / "fixtures" / "postgres")
        for file in (errors.__file__, Path(errors.__file__).with_name("__init__.py")):
            shutil.copy(file, imports / "fixtures")
        open_to_others(Path(name))
        yield home / "bin" / version, imports


def test_a_server_runs_for_an_ordinary_user_without_a_home(server: OwnServer) -> None:
    user = pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None
    with python_for_all() as (python, imports), tempfile.TemporaryDirectory(prefix="selftest-") as temporary:
        Path(temporary).chmod(0o1777)
        answer = subprocess.run(
            [python, "-W", "error", "-c", RUN, server.binaries.bindir],
            capture_output=True,
            check=False,
            cwd="/",
            env={
                "PATH": os.environ["PATH"],
                "LD_LIBRARY_PATH": str(python.parents[1] / "lib"),
                "PYTHONPATH": str(imports),
                "TMPDIR": temporary,
            },
            text=True,
            user=user,
            extra_groups=[] if user else None,
        )
        assert answer.stderr == ""
        uid, directory, said = answer.stdout.strip().split("|")
        assert (int(uid), said) == (user or os.geteuid(), "it answers")
        assert not Path(directory).exists()
