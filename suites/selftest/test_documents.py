"""What the documents tell to type works: every command in them is understood, and selects something."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from fixtures.engine.schedule_file import load
from fixtures.reporting.qualification import NAME
from fixtures.targets.target import load_target
from suites.selftest.command_line import ROOT, run_pytest

DOCUMENTS = (ROOT / "README.md", ROOT / "suites" / "README.md")
OPTIONS = re.compile(r"(?<![\w-])(--[a-z-]+)")
ELSEWHERE = ("DIRECTORY/test_mine.py", "postgresql://me@host/db", "container:17", "SCHEDULE.schedule", "redis://")
"""Needs a server, Docker or a file of the reader's own: these are tried in selftests of their own."""


def commands() -> list[str]:
    """All lines in the documents that run the suite, once each, without their remarks."""
    found: dict[str, None] = {}
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        inline = re.findall(r"`(uv run [^`]+)`", text)
        lines = [line for line in text.splitlines() if line.startswith("uv run ")]
        found.update(dict.fromkeys(line.partition(" #")[0].strip() for line in [*lines, *inline]))
    return list(found)


@pytest.fixture(scope="module")
def placeholders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What stands for the words in capitals."""
    report = tmp_path_factory.mktemp("old") / "report"
    assert run_pytest(f"--report={report}", "suites/sequential/test_following.py").returncode == 0
    reference = load_target("reference").directory
    witness = next(iter(sorted((reference / "witnesses").glob("*.schedule"))))
    assert load(witness)
    merge = {"FOLDER …": str(report), "SHARD1 SHARD2": str(report)}
    merge |= {"mutants=NAME": "mutants=verify_backup_unguarded"}
    return merge | {"OLD/" + NAME: str(report / NAME), "FILE": str(witness), "path/to/it": str(reference)}


@pytest.mark.parametrize("command", commands())
def test_a_command_in_the_documents_is_understood(command: str, placeholders: dict[str, str], tmp_path: Path) -> None:
    if any(word in command for word in ELSEWHERE):
        return
    for word, meant in placeholders.items():
        command = command.replace(word, meant)
    tool, *arguments = shlex.split(command.removeprefix("uv run "))
    if tool == "pytest":
        cheaply = [] if "--postgres=list" in arguments else ["--collect-only", "-q"]
        done = run_pytest(*arguments, *cheaply)
    elif tool == "python":
        into = [f"--into={tmp_path}"] if "fixtures.reporting.merge" in arguments else []
        done = subprocess.run(
            [sys.executable, *arguments, *into], cwd=ROOT, capture_output=True, text=True, check=False
        )
    else:
        done = subprocess.run(
            [Path(sys.executable).with_name(tool), "--help"], cwd=ROOT, capture_output=True, text=True, check=False
        )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr


def test_every_option_of_ours_is_in_the_readme() -> None:
    said = run_pytest("--help").stdout
    groups = [said.partition(f"\n{title}:\n")[2] for title in ("qualification", "the server to run on")]
    ours = "\n".join(re.split(r"\n(?=\S)", group)[0] for group in groups)
    named = set(OPTIONS.findall(DOCUMENTS[0].read_text(encoding="utf-8")))
    options = set(re.findall(r"^  (--[a-z-]+)", ours, re.M))
    assert {"--target", "--profile", "--shard", "--postgres"} <= options
    assert options <= named | {"--no-pin"}, f"not in README.md: {sorted(options - named)}"
