"""What a user types and reads: failures, replays, and bad input told in one line."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from suites.selftest.command_line import ROOT, run_pytest

UNGUARDED = "--target=mutant:verify_backup_unguarded"


def test_a_failure_says_what_shows_how_and_replays_itself() -> None:
    failed = run_pytest(UNGUARDED, "suites/interleavings", "-k", "verify+verify")
    assert failed.returncode == 1
    assert "left what no order of the calls, one after another, could have left" in failed.stdout
    assert "[C1:not-serial]" in failed.stdout
    assert re.search(r"step\s+session a\s+session b", failed.stdout)
    picture = re.findall(r"Look at it: (\S+)", failed.stdout)[0]
    assert "</html>" in (ROOT / picture).read_text(encoding="utf-8")
    path = re.findall(r"Replay just this: uv run pytest --replay=(\S+)", failed.stdout)[0]

    replayed = run_pytest(f"--replay={path}")
    assert (replayed.returncode, "1 failed" in replayed.stdout) == (1, True)
    mended = run_pytest(f"--replay={path}", "--target=reference")
    assert (mended.returncode, "1 passed" in mended.stdout) == (0, True)


@pytest.mark.needs("two-cores")
@pytest.mark.parametrize(("told", "workers"), [((), True), (("-n", "0"), False), (("-k", "verify+verify"), False)])
def test_all_tests_at_once_take_the_cores_unless_told_otherwise(told: tuple[str, ...], workers: bool) -> None:
    done = run_pytest("--shard=7/3300", *told)
    assert done.returncode in (0, 5)
    assert bool(re.search(r"created: [2-4]/[2-4] workers", done.stdout)) == workers


def write(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    return str(path)


BAD_INPUT: dict[str, tuple[Callable[[Path], str], str]] = {
    "an unknown target": (lambda _: "--target=nonsense", "neither a known target nor a directory"),
    "an unknown mutant": (lambda _: "--target=mutant:nonsense", "no such mutant"),
    "no target.toml": (lambda tmp: f"--target={tmp}", "no target.toml"),
    "SQL that does not install": (lambda tmp: f"--target={broken_target(tmp)}", "broken.sql:2"),
    "an unusable server": (lambda tmp: f"--postgres={tmp}", "postgres"),
    "no such schedule": (lambda tmp: f"--replay={tmp}/none.schedule", "cannot read the schedule"),
    "not a schedule": (lambda tmp: f"--replay={write(tmp / 'x.schedule', 'what = ')}", "is not a schedule file"),
    "no time for a budget": (lambda _: "--budget=30", "write a whole number and s, m or h, like 90s, 30m, 2h"),
    "a budget for the gate": (lambda _: "--budget=90s", "needs --profile=hunt or --profile=release"),
    "a broken registry": (lambda tmp: f"--target={target_with_registry(tmp)}", "unknown key 'limits'"),
}


def broken_target(directory: Path) -> Path:
    write(directory / "broken.sql", "CREATE SCHEMA pggit;\nCREATE TABLE oops (;\n")
    write(directory / "target.toml", 'name = "broken"\nsql = ["*.sql"]\nschemas = ["pggit"]\n')
    return directory


def target_with_registry(directory: Path) -> Path:
    write(directory / "a.sql", "CREATE SCHEMA pggit;")
    write(directory / "limitations.toml", "limits = 1\n")
    settings = 'name = "x"\nsql = ["a.sql"]\nschemas = ["pggit"]\nlimitations = "limitations.toml"\n'
    write(directory / "target.toml", settings)
    return directory


@pytest.mark.parametrize("what", BAD_INPUT)
def test_bad_input_gets_one_clear_line(what: str, tmp_path: Path) -> None:
    argument, expected = BAD_INPUT[what]
    run = run_pytest(argument(tmp_path), "suites/interleavings", "-k", "verify+verify", "--no-header")
    said = run.stdout + run.stderr
    assert run.returncode == pytest.ExitCode.USAGE_ERROR
    assert [line for line in said.splitlines() if expected in line], said
    assert "Traceback" not in said
    assert "INTERNALERROR" not in said


def test_a_budget_runs_races_with_a_line_of_progress_and_stops_at_the_first_finding_with_its_seed() -> None:
    soak = ("--profile=hunt", "--hypothesis-seed=0")
    green = run_pytest(*soak, "--budget=1s")
    assert (green.returncode, "1 passed" in green.stdout) == (0, True)
    assert re.search(r"\d+ s  1 races  \d+ calls/s  \d+ refusals  0 findings", green.stdout)
    red = run_pytest(*soak, "--budget=1h", "--target=mutant:lost_worker_not_counted")
    assert (red.returncode, "1 failed" in red.stdout) == (1, True)
    assert re.search(r"race with seed (\d+), which comes first in: .* --hypothesis-seed=\1 ", red.stdout)
