"""A schedule that was found names the commit that brought its bug: `git bisect run`."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fixtures.targets.target import load_target
from suites.selftest.command_line import ROOT, run_pytest

COMMITS, BROKEN = 7, 4


def git(home: Path, *arguments: str) -> str:
    """Runs git as nobody in particular, whatever the settings of who runs the suite."""
    roles = ("AUTHOR", "COMMITTER")
    names = {f"GIT_{role}_{what}": "nobody@example.org" for role in roles for what in ("NAME", "EMAIL")}
    quiet = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    command = ["git", "-C", str(home), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ | names | quiet).stdout


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """The reference's SQL with a history: every commit adds a remark, the one in the middle also a bug."""
    home = tmp_path / "sql"
    shutil.copytree(load_target("reference").directory, home)
    git(home, "init", "--quiet")
    for number in range(1, COMMITS + 1):
        if number == BROKEN:
            for file in load_target("mutant:verify_backup_unguarded").sql:
                (home / "sql" / file.path.name).write_text(file.text, encoding="utf-8")
        (home / "CHANGES").write_text(f"change {number}\n")
        git(home, "add", ".")
        git(home, "commit", "--quiet", "-m", f"change {number}")
    return home


def test_bisect_names_the_commit_that_brought_the_bug(repository: Path) -> None:
    found = run_pytest(f"--target={repository}", "suites/interleavings", "-k", "day-verify+verify")
    schedule = ROOT / re.findall(r"--replay=(\S+)", found.stdout)[0]
    replay = f"cd {shlex.quote(str(ROOT))} && {sys.executable} -m pytest -p no:cacheprovider"
    git(repository, "bisect", "start", "HEAD", f"HEAD~{COMMITS - 1}")
    said = git(repository, "bisect", "run", "sh", "-c", f"{replay} --replay={schedule} --target={repository}")
    assert re.search(rf"is the first bad commit.*change {BROKEN}\n", said, re.S), said
