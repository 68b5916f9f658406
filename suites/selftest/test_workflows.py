"""The workflows and the action that others use are what GitHub understands, and run what we have."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from fixtures.postgres.wheels import WHEELS
from strategies.profiles import PROFILES
from suites.selftest.command_line import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
ACTION = ROOT / ".github" / "actions" / "qualify" / "action.yml"
SCHEMAS = [("vendor.github-workflows", path) for path in WORKFLOWS] + [("vendor.github-actions", ACTION)]


def parsed(path: Path) -> Any:
    return YAML(typ="safe").load(path)


def commands(path: Path) -> str:
    """All that a workflow or an action runs."""
    found = parsed(path)
    jobs = found["jobs"].values() if "jobs" in found else [found["runs"]]
    return "\n".join(step["run"] for job in jobs for step in job["steps"] if "run" in step)


@pytest.mark.parametrize(("schema", "path"), SCHEMAS, ids=lambda value: getattr(value, "stem", None))
def test_a_workflow_is_what_github_understands(schema: str, path: Path) -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_version_has_its_gate() -> None:
    gate = parsed(ROOT / ".github" / "workflows" / "check.yml")["jobs"]["gate"]
    assert gate["strategy"]["matrix"]["postgres"] == [str(major) for major in sorted(WHEELS)]


def test_a_tag_runs_the_release_on_every_version() -> None:
    versions = ",".join(str(major) for major in sorted(WHEELS))
    assert f"--profile=release --postgres={versions}" in commands(ROOT / ".github" / "workflows" / "release.yml")


@pytest.mark.parametrize("path", [*WORKFLOWS, ACTION], ids=lambda path: str(path.stem))
def test_only_profiles_and_folders_that_exist_are_named(path: Path) -> None:
    words = commands(path).split()
    profiles = [word.removeprefix("--profile=") for word in words if word.startswith("--profile=")]
    assert [name for name in profiles if not name.startswith('"$') and name not in PROFILES] == []
    folders = [word.removeprefix("--ignore=") for word in words if "suites/" in word]
    assert [name for name in folders if not (ROOT / name).exists()] == []


def test_no_input_of_the_action_reaches_a_shell_as_text() -> None:
    assert "${{" not in commands(ACTION)
