"""A schedule that was found names the commit that brought its bug: `git bisect run`."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
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


def edited(name: str, old: str, new: str) -> Callable[[Path], object]:
    def edit(home: Path) -> None:
        text = (home / name).read_text(encoding="utf-8")
        assert old in text
        (home / name).write_text(text.replace(old, new), encoding="utf-8")

    return edit


JOBS = "sql/060_jobs.sql"
UNTESTABLE: dict[str, tuple[Callable[[Path], object], str]] = {
    "no target.toml": (lambda home: (home / "target.toml").unlink(), "no target.toml in it"),
    "target.toml is broken": (edited("target.toml", "sql = [", "sql = "), "cannot be read"),
    "a file is missing": (lambda home: (home / "setup.sql").unlink(), "setup.sql"),
    "SQL is broken": (edited(JOBS, "RETURNS", "RETURN"), "does not install"),
    "a schema is missing": (edited("target.toml", '"pggit"', '"pggit", "later"'), "which no SQL of target"),
    "the function is not there yet": (
        edited(JOBS, "pggit.complete_backup_job", "pggit.finish_backup_job"),
        "function pggit.complete_backup_job(unknown",
    ),
    "a column is not there yet": (
        lambda home: (home / "sql" / "999.sql").write_text("ALTER TABLE pggit.backup_jobs RENAME attempts TO tries;"),
        "a starting catalogue cannot be made",
    ),
}


@pytest.mark.parametrize("state", UNTESTABLE)
def test_bisect_passes_over_commits_on_which_nothing_can_be_said(state: str, tmp_path: Path) -> None:
    home = Path(shutil.copytree(load_target("reference").directory, tmp_path / "sql"))
    schedule = load_target("reference").directory / "witnesses" / "j3-completion-unfenced.schedule"
    edited("target.toml", 'limitations = "limitations.toml"', "")(home)  # they name functions of the reference
    breaking, told = UNTESTABLE[state]
    breaking(home)
    done = run_pytest(f"--replay={schedule}", f"--target={home}")
    assert told in done.stdout + done.stderr
    assert done.returncode == 125


def test_bisect_names_the_commit_that_brought_the_bug(repository: Path) -> None:
    found = run_pytest(f"--target={repository}", "suites/interleavings", "-k", "day-verify+verify")
    schedule = ROOT / re.findall(r"--replay=(\S+)", found.stdout)[0]
    replay = f"cd {shlex.quote(str(ROOT))} && {sys.executable} -m pytest -p no:cacheprovider"
    git(repository, "bisect", "start", "HEAD", f"HEAD~{COMMITS - 1}")
    said = git(repository, "bisect", "run", "sh", "-c", f"{replay} --replay={schedule} --target={repository}")
    assert re.search(rf"is the first bad commit.*change {BROKEN}\n", said, re.S), said
