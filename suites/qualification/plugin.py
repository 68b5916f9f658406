"""pytest: the report of the run (`--report`), beside an older one (`--baseline`), and shards (`--shard`)."""

from __future__ import annotations

import datetime
import os
import re
import shutil
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from fixtures.errors import SetupError
from fixtures.postgres.choosing import split
from fixtures.reporting import folder, github
from fixtures.reporting.closing import closing, is_green
from fixtures.reporting.compare import Comparison, compare
from fixtures.reporting.failure import FOLDER
from fixtures.reporting.merge import merge_folders
from fixtures.reporting.qualification import NAME, Qualification, load
from fixtures.reports import REPORTS, VARIABLE
from suites.plugin import VERDICT, excuses
from suites.qualification.assembling import assemble, keep_files
from suites.qualification.collecting import Collector, about, attach

BASELINE = pytest.StashKey[Qualification]()
REPORT = pytest.StashKey["Report"]()
COLLECTED = pytest.StashKey[int]()
"""How many tests there are in all shards: xdist's workers tell it to the process that reports."""
_COLLECTED = "collected"
_ASIDE = ("suites/selftest/", "suites/benchmarks/")
"""Tests that say nothing about a target: a run of nothing else has no report, as a replay has none."""
_LINES = 20
_EXCUSES = 3
_NEW = "new"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add our options."""
    group = parser.getgroup("qualification")
    group.addoption("--report", metavar="FOLDER", help="where the report goes; default: .reports/TIME-RANDOM")
    group.addoption("--no-report", action="store_true", help="write no report")
    group.addoption("--baseline", metavar="FILE", help=f"an older {NAME}: tell what is new, gone, still there, slower")
    group.addoption(
        "--fail-on", choices=["any", _NEW], default="any", help="new: with --baseline, red only for what is new"
    )
    group.addoption(
        "--shard",
        metavar="K/N",
        help="the K-th of N parts of the tests, balanced by the times of --store-durations; merge their reports by "
        "`python -m fixtures.reporting.merge`",
    )


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> Generator[None, Any, Any]:
    """Read our options before pytest-split reads its own; put together what runs on several servers wrote."""
    _choose_shard(config)
    if config.getoption("--fail-on") == _NEW and not config.getoption("--baseline"):
        raise pytest.UsageError("--fail-on=new needs --baseline=FILE to know what is old")
    try:
        if (path := config.getoption("--baseline")) is not None:
            config.stash[BASELINE] = load(Path(path))
        several = len(split(config.getoption("--postgres"))) > 1
    except SetupError as error:
        raise pytest.UsageError(str(error)) from None
    if not several or not _wanted(config):
        return (yield)
    whole = _chosen_folder(config)
    config.option.report = str(whole)
    config.option.xmlpath = config.option.xmlpath or str(whole / "junit.xml")
    code = yield
    parts = sorted(path.parent for path in (config.rootpath / whole).glob(f"*/{NAME}"))
    if parts:
        merged = merge_folders(parts, whole)
        if whole.parent == REPORTS:
            folder.point_to(whole, REPORTS)
        print("\n".join([*closing(merged), f"report: {whole / folder.PAGE}"]))
    return code


def _choose_shard(config: pytest.Config) -> None:
    if (text := config.getoption("--shard")) is None:
        return
    found = re.fullmatch(r"([1-9]\d*)/([1-9]\d*)", text)
    if found is None or int(found[1]) > int(found[2]):
        raise pytest.UsageError(f"--shard={text}: write which of how many, like 2/5")
    config.option.group, config.option.splits = int(found[1]), int(found[2])
    config.option.splitting_algorithm = "least_duration"


def _wanted(config: pytest.Config) -> bool:
    """A replay answers by its exit code, and nothing is to be said where nothing is run."""
    idle = config.option.collectonly or config.option.help or config.getoption("--replay")
    return not idle and not config.getoption("--no-report")


def _chosen_folder(config: pytest.Config) -> Path:
    return Path(config.getoption("--report") or folder.fresh(datetime.datetime.now()))


@pytest.hookimpl(tryfirst=True)  # before pytest's own JUnit writer looks where to write
def pytest_configure(config: pytest.Config) -> None:
    """Begin to collect; workers of xdist only tell what they find."""
    if hasattr(config, "workerinput"):
        return
    place = _chosen_folder(config) if _wanted(config) else None
    if not (config.option.collectonly or config.option.help):
        _see_that_all_can_be_written(config.rootpath, place)
    config.stash[REPORT] = report = Report(config, place)
    if report.folder is not None and config.option.xmlpath is None:
        config.option.xmlpath = str(report.folder / "junit.xml")
    config.pluginmanager.register(report, "qualification-report")


def _see_that_all_can_be_written(root: Path, place: Path | None) -> None:
    try:
        mend = f"name another place for all that a run writes, in the environment: {VARIABLE}=FOLDER"
        folder.see_that_it_can_be_written(root / FOLDER, "what is found", mend, shared=True)
        if place is not None:
            folder.see_that_it_can_be_written(root / place, "the report", "give --report=FOLDER or --no-report")
    except SetupError as error:
        raise pytest.UsageError(str(error)) from None


@pytest.hookimpl(trylast=True)  # when what is not wanted has been deselected, but before shards are cut
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tell each test's report, and JUnit, what the test is about; count the tests of all shards."""
    profile, server = config.getoption("--profile"), config.stash[VERDICT].server
    for item in items:
        item.user_properties += [*about(item), ("profile", profile), ("server", server)]
    config.stash[COLLECTED] = len(items)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker of xdist tells how many tests it has seen: all of them, as every other worker."""
    output: dict[str, object] | None = getattr(session.config, "workeroutput", None)
    if output is not None:
        output[_COLLECTED] = session.config.stash.get(COLLECTED, 0)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Takes it in."""
    if seen := getattr(node, "workeroutput", {}).get(_COLLECTED):
        node.config.stash[COLLECTED] = seen


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let the report of a test carry what the test found."""
    report = yield
    verdict = item.config.stash[VERDICT]
    attach(report, verdict.found)
    verdict.found.clear()
    return report


class Report:
    """Collects, and writes in the end. `folder` is None when nothing is to be written."""

    def __init__(self, config: pytest.Config, folder: Path | None) -> None:
        self.folder = folder
        self.qualification: Qualification | None = None
        self.comparison: Comparison | None = None
        self._config = config
        self._collector = Collector(config.rootpath)
        self._started = datetime.datetime.now(datetime.UTC)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take in what one phase of a test came to."""
        self._collector.add(report)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Put everything together; with `--fail-on=new` what is old is no reason to be red."""
        tests = self._collector.tests
        config = self._config
        if config.getoption("--replay") or all(id.startswith(_ASIDE) for id in tests):
            return
        run = assemble(config, self._collector, self._started, int(session.exitstatus))
        run.collected, run.excuses = max(config.stash.get(COLLECTED, 0), len(tests)), excuses(config)
        if self.folder is not None:
            run.findings = keep_files(run.findings, config.rootpath, config.rootpath / self.folder)
        self.qualification = Qualification([run])
        if (baseline := config.stash.get(BASELINE, None)) is not None:
            self.comparison = compare(self.qualification, baseline)
            if config.getoption("--fail-on") == _NEW and session.exitstatus == pytest.ExitCode.TESTS_FAILED:
                session.exitstatus = pytest.ExitCode(int(bool(self.comparison.new)))

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Write the report, and close with the same numbers; where there is no report, with what was noted."""
        verdict, because = self._config.stash[VERDICT], excuses(self._config)
        if not (self.qualification or verdict.notes or because):
            return
        terminalreporter.section("qualification")
        lines = verdict.notes
        if self.qualification is not None:
            green = is_green(self.qualification)
            told, *lines = closing(self.qualification)
            terminalreporter.write_line(told, green=green, red=not green, bold=True)
            lines += self.comparison.lines() if self.comparison else []
            if self.comparison and not self.comparison.new and self._config.getoption("--fail-on") == _NEW:
                lines.append("nothing is new, so this run counts as green (--fail-on=new)")
        path = self._write(verdict.root)
        for line in [*lines[:_LINES], *([f"report: {path}"] if path else [])]:
            terminalreporter.write_line(line)
        for excuse in because[:_EXCUSES]:
            terminalreporter.write_line(excuse, red=True)
        if self.qualification is not None and path is not None and os.environ.get("GITHUB_ACTIONS"):
            github.tell(self.qualification, path, terminalreporter.write_line)

    def _write(self, root: Path) -> Path | None:
        """The page's path, relative to the checkout; None where no report is wanted."""
        if self.qualification is None or self.folder is None:
            return None
        target = root / self.folder
        folder.write(self.qualification, target, self.comparison)
        written = Path(self._config.option.xmlpath)
        if written.exists() and written.resolve() != (target / "junit.xml").resolve():
            shutil.copyfile(written, target / "junit.xml")
        if target.parent == root / REPORTS:  # a part of a larger run is not what somebody looks for
            folder.point_to(target, target.parent)
        return self.folder / folder.PAGE
