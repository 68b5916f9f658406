"""What goes wrong when somebody runs this for the first time: a line says so and names the mend, or it does not matter.

More of it stands where it belongs: servers in test_server_setup and test_sources, addresses in test_given_server,
containers in test_containers, options in test_command_line.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from suites.selftest.command_line import ROOT

TESTS = "suites/sequential/test_following.py"
PYTEST = f"{sys.executable} -m pytest -q --color=no -p no:cacheprovider --no-report {TESTS}"


def shell(command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | variables
    return subprocess.run(
        command,
        shell=True,
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        executable="/bin/bash",
    )


FAILS = {
    "few open files": (f"ulimit -n 20; {PYTEST}", "does not start: .*descriptors.*; raise `ulimit -n`"),
    "small files": (f"ulimit -f 1000; {PYTEST}", "does not start: .*File too large.*; raise `ulimit -f`"),
    "no place for the report": (
        f"{PYTEST} --report=/proc/none".replace("--no-report", ""),
        "the report cannot be written to /proc/none: .*; give --report=FOLDER or --no-report",
    ),
    "the report is a file": (
        f"{PYTEST} --report=README.md".replace("--no-report", ""),
        "the report cannot be written to .*README.md: File exists; give --report=FOLDER",
    ),
    "a checkout that cannot be written": (
        f"QUALIFICATION_REPORTS=/proc/none {PYTEST}",
        "what is found cannot be written to /proc/none/findings: .*; name another place .*: QUALIFICATION_REPORTS=",
    ),
    "no Docker": (
        f"DOCKER_HOST=unix:///none {PYTEST} --postgres=container:17",
        "no Docker engine answers .*: start it, or set DOCKER_HOST",
    ),
    "nobody listens": (
        f"{PYTEST} --postgres=postgresql://127.0.0.1:1/x",
        "cannot connect to host=127.0.0.1 port=1 .*: Connection refused; mend the address or start the server",
    ),
    "a version that nobody has": (f"{PYTEST} --postgres=99", "no PostgreSQL 99 here: set PG_BIN_99=DIRECTORY, or"),
    "an old version": (f"{PYTEST} --postgres=14", "--postgres=14: give 15 or later"),
    "no SQL": (f"{PYTEST} --target=suites", "suites: no target.toml in it; write one with `name`, `sql` and"),
}


@pytest.mark.parametrize("case", FAILS)
def test_what_is_missing_is_told_in_one_line_that_names_the_mend(case: str) -> None:
    command, told = FAILS[case]
    done = shell(command)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    (line,) = done.stderr.strip().splitlines()
    assert re.search(told, line), line


def test_a_python_that_is_too_old_is_told() -> None:
    older = "import runpy, sys; sys.version_info = (3, 10, 0); runpy.run_path('conftest.py')"
    done = shell(f'{sys.executable} -c "{older}"')
    assert done.returncode == 1
    assert (
        done.stderr.strip() == "this suite needs Python 3.11 or newer: run `uv run pytest`, which finds or installs one"
    )


def test_packages_that_are_missing_are_named(tmp_path: Path) -> None:
    for package in ("pytest", "pluggy", "iniconfig", "packaging", "pygments"):  # a pytest that somebody has already
        for file in metadata.files(package) or []:
            top = Path(str(file)).parts[0]
            if not top.startswith("..") and not (tmp_path / top).exists():
                (tmp_path / top).symlink_to(Path(str(metadata.distribution(package).locate_file(top))))
    done = shell(f"{sys.executable} -S -m pytest {TESTS}", PYTHONPATH=str(tmp_path))
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert done.stderr.strip() == "ERROR: Missing required plugins: hypothesis, pytest-split, pytest-xdist"


ODD = {
    "no TMPDIR": {"TMPDIR": "/nonexistent"},
    "no home": {"HOME": "/nonexistent", "XDG_CACHE_HOME": "/proc/none"},
    "an unknown locale": {"LC_ALL": "xx_YY", "LANG": "xx"},
    "ASCII alone": {"LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"},
    "libpq's variables": {
        "PGOPTIONS": "-c search_path=x",
        "PGHOST": "192.0.2.1",
        "PGPORT": "1",
        "PGUSER": "nobody",
        "PGDATABASE": "none",
        "PGSERVICE": "none",
        "PGTZ": "Asia/Kathmandu",
        "PGCLIENTENCODING": "LATIN1",
    },
}


@pytest.mark.parametrize("case", ODD)
def test_an_odd_environment_does_not_matter(case: str) -> None:
    done = shell(PYTEST, **ODD[case])
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_server_s_account_need_not_write_to_tmpdir(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    done = shell(PYTEST.replace(TESTS, "suites/sequential/test_restoring.py"), TMPDIR=str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr


def test_any_directory_of_the_checkout_will_do() -> None:
    done = shell(f"cd suites/sequential && {PYTEST.replace(TESTS, Path(TESTS).name)}")
    assert done.returncode == 0, done.stdout + done.stderr
