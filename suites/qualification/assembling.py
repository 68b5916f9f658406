"""From what a pytest process knows in the end to the record of its run."""

from __future__ import annotations

import datetime
import platform
import re
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path

import pytest

from fixtures.limitations.registry import Limitation
from fixtures.postgres.session import SERVER_KEY
from fixtures.reporting.mutant_score import score
from fixtures.reporting.qualification import FoundRecord, LimitationRecord, Run, TargetRecord, witnessed
from fixtures.targets.plugin import CHECKSUMS, INSTALLED, TARGET
from fixtures.targets.signatures import lacking
from suites.plugin import VERDICT
from suites.qualification.collecting import Collector, portable

_OURS = ("--report", "--no-report", "--baseline", "--fail-on", "--tally", "--junitxml", "--junit-xml")
_ABSOLUTE = re.compile(r"(?<=[=\s'\"])/[^\s'\"]*/(?=[^\s/'\"]+)")
_WITH = ("pytest", "hypothesis", "psycopg", "postgast")


def assemble(config: pytest.Config, collector: Collector, started: datetime.datetime, exit: int) -> Run:
    """The record of this run."""
    source, verdict = config.stash[SERVER_KEY].source, config.stash[VERDICT]
    tests = sorted(collector.tests.values(), key=lambda test: test.id)
    seconds = (datetime.datetime.now(datetime.UTC) - started).total_seconds()
    return Run(
        server=f"PostgreSQL {source.version} ({source.provider})",
        major=source.major,
        profile=config.getoption("--profile"),
        seed=str(config.option.run_seed or "fixed"),
        started=started.isoformat(timespec="seconds"),
        seconds=round(seconds, 1),
        exit=exit,
        reproduce=reproduce(config),
        target=_target(config),
        shards=[config.getoption("--shard")] if config.getoption("--shard") else [],
        versions=_versions(config.rootpath),
        tests=tests,
        findings=list(dict.fromkeys(collector.findings)),
        limitations=[witnessed(_known(each, verdict.counts), tests) for each in verdict.limitations],
        matrices={
            "race": {title: asdict(cell) for title, cell in sorted(verdict.cells.items())},
            "fault": dict(_fault_cell(name, answer) for name, answer in sorted(verdict.faults.items())),
        },
        inputs=collector.inputs,
        counts=dict(verdict.counts),
        locks=verdict.locks.packed(),
        mutants=score(config.rootpath),
        notes=[portable(note, config.rootpath) for note in verdict.notes],
    )


def _fault_cell(name: str, answer: str) -> tuple[str, dict[str, object]]:
    """A cell of the fault matrix, named as those of the race matrix are: a picture for each fault."""
    program, fault, where = name.split(" × ")
    step, _, gate = where.partition(": ")
    return f"{fault.replace('-', ' ')}-{program}+{step}", {"answer": answer, "at": gate}


def reproduce(config: pytest.Config) -> str:
    """The command for the same run again, without passwords and places of this machine."""
    words = [_safe(str(word)) for word in config.invocation_params.args if not str(word).startswith(_OURS)]
    seed = config.option.run_seed
    if seed and not any(word.startswith("--hypothesis-seed") for word in words):
        words.append(f"--hypothesis-seed={seed}")
    line = portable(shlex.join(["uv", "run", "pytest", *words]), config.rootpath)
    return _ABSOLUTE.sub("…/", line)


def _safe(word: str) -> str:
    option, _, value = word.partition("=")
    return "--postgres=DSN" if option == "--postgres" and ("=" in value or "://" in value) else word


def _target(config: pytest.Config) -> TargetRecord:
    sums = config.stash.get(CHECKSUMS, None)
    measures = {"messages": sums.messages} if sums else {}
    installed = config.stash[INSTALLED]
    return TargetRecord(
        config.stash[TARGET].name,
        sums.functions if sums else {},
        measures,
        installed.version,
        list(installed.errors),
        lacking(installed.offers),
    )


def _known(limitation: Limitation, counts: dict[str, int]) -> LimitationRecord:
    return LimitationRecord(
        limitation.id,
        limitation.clause,
        limitation.finding,
        limitation.function,
        limitation.reason,
        limitation.review_by.isoformat(),
        limitation.since.isoformat() if limitation.since else "",
        subtracted=counts.get(f"limitation {limitation.id}", 0),
    )


def _versions(root: Path) -> dict[str, str]:
    """Of what ran; the suite's own is its commit, where it is a git checkout."""
    command = ["git", "-C", str(root), "describe", "--always", "--dirty"]
    try:
        suite = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    except OSError:
        suite = ""
    found = {"suite": suite or "unknown", "python": platform.python_version()}
    return found | {name: version(name) for name in _WITH}


def keep_files(findings: Sequence[FoundRecord], root: Path, folder: Path) -> list[FoundRecord]:
    """Copies schedules and pages into the report's folder, and answers the findings with their new places."""
    kept = []
    for finding in findings:
        places = {}
        for kind in ("schedule", "page"):
            if name := getattr(finding, kind):
                places[kind] = f"findings/{Path(name).name}"
                (folder / "findings").mkdir(parents=True, exist_ok=True)
                shutil.copyfile(root / name, folder / places[kind])
        kept.append(replace(finding, **places))
    return kept
