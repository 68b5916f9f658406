"""pytest: the verdict, `--replay`, what the header says."""

from __future__ import annotations

import datetime
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from fixtures.engine.lock_order import LockOrder
from fixtures.engine.schedule_file import ScheduleFile, load
from fixtures.errors import SetupError
from fixtures.limitations.registry import check_functions, load_limitations
from fixtures.postgres.providers.source import describe
from fixtures.postgres.session import SERVER_KEY
from fixtures.reporting.exports import FORMS
from fixtures.targets.plugin import EXAMPLES, INSTALLED, TARGET, unusable
from fixtures.targets.signatures import lacking
from strategies.profiles import PROFILES
from suites.matrix import Cell
from suites.verdict import Verdict

VERDICT = pytest.StashKey[Verdict]()
REPLAY = pytest.StashKey[ScheduleFile | None]()
_WITNESSES = Path(__file__).parent / "known_limitations" / "test_witnesses.py"
_REPLAY_TEST = Path(__file__).parent / "interleavings" / "test_replay.py"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--replay` and `--export`."""
    group = parser.getgroup("qualification")
    group.addoption(
        "--replay",
        metavar="FILE",
        help="run just the schedule in FILE, on the target it names unless --target says otherwise: "
        "exit code 1 when it shows its finding again, 0 when not",
    )
    group.addoption(
        "--propose-limitations",
        action="store_true",
        help="write a draft of a limitation, with its witness, for each finding: .reports/limitations/",
    )
    group.addoption("--export", choices=list(FORMS), help="with --replay: write the schedule in this form as well")


@pytest.hookimpl(tryfirst=True)  # before the targets' own hook: a replay decides which target is loaded
def pytest_configure(config: pytest.Config) -> None:
    """Read the schedule and aim the run at it."""
    config.stash[REPLAY] = None
    path = config.getoption("--replay")
    if config.option.help:
        return
    if path is None:
        if config.getoption("--export"):
            raise pytest.UsageError("--export writes the schedule of --replay=FILE in another form; give both")
        return
    try:
        schedule = load(Path(path))
    except SetupError as error:
        raise pytest.UsageError(str(error)) from None
    config.stash[REPLAY] = schedule
    config.args[:] = [str(_REPLAY_TEST)]
    if not any(argument.startswith("--target") for argument in config.invocation_params.args):
        config.option.target = schedule.target
        config.option.target_config = schedule.target_config or None


def pytest_sessionstart(session: pytest.Session) -> None:
    """Read the target's limitations: a broken registry is told before anything runs."""
    config = session.config
    target = config.stash[TARGET]
    try:
        limitations = load_limitations(target.limitations)
        if target.limitations and not config.option.collectonly:
            check_functions(target.limitations, limitations, config.stash[INSTALLED].offers)
    except SetupError as error:
        unusable(config, error)
    server = describe(config.stash[SERVER_KEY].source)
    spec = str(config.option.target)
    config.stash[VERDICT] = verdict = Verdict(
        spec,
        server,
        config.rootpath,
        limitations,
        proposes=config.getoption("--propose-limitations"),
        target_config=config.getoption("--target-config") or "",
    )
    if (due := _overdue(config)) and not hasattr(config, "workerinput"):
        verdict.notes.append(f"limitations to look at again, their review_by has passed: {', '.join(due)}")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """The replay test is for `--replay` alone, that of the witnesses for targets that have any."""
    idle = {_REPLAY_TEST: config.stash[REPLAY] is None, _WITNESSES: not config.stash[VERDICT].limitations}
    return True if idle.get(collection_path) else None


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    """Without this the ids of tests in a file that lies elsewhere, and is given by itself, would not tell the file."""
    if module_path.is_relative_to(parent.config.rootpath) or not parent.session.isinitpath(module_path):
        return None
    module: pytest.Module = pytest.Module.from_parent(parent, path=module_path, nodeid=module_path.name)
    return module


def pytest_report_header(config: pytest.Config) -> list[str]:
    """What is run on what."""
    verdict = config.stash[VERDICT]
    name, known = config.stash[TARGET].name, len(verdict.limitations)
    where = "" if name == verdict.target else f" ({verdict.target})"
    return [
        f"target: {name}{where}, {known} known limitations",
        f"server: {verdict.server}",
    ]


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker of xdist hands its numbers to the process that reports; a release that left something out fails."""
    if not hasattr(session.config, "workerinput") and excuses(session.config):
        session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED
    verdict = session.config.stash[VERDICT]
    if examples := session.config.stash.get(EXAMPLES, 0):
        verdict.counts["examples of calls, each from a known catalogue"] += examples
    output: dict[str, object] | None = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["counts"], output["notes"] = dict(verdict.counts), verdict.notes
        output["locks"] = verdict.locks.packed()
        output["cells"] = {title: asdict(cell) for title, cell in verdict.cells.items()}
        output["faults"] = verdict.faults


def excuses(config: pytest.Config) -> list[str]:
    """What a profile that must be complete did not try: skips, functions that the target lacks, dates that passed."""
    if not PROFILES[config.getoption("--profile")].complete:
        return []
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter else []
    skips = {str(report.longrepr[2]).removeprefix("Skipped: ") for report in skipped}
    return [
        *(f"a release allows no skip: {reason}" for reason in sorted(skips)),
        *(f"a release needs every function: {name} is missing" for name in lacking(config.stash[INSTALLED].offers)),
        *(f"a release allows no limitation whose review_by has passed: {one}" for one in _overdue(config)),
    ]


def _overdue(config: pytest.Config) -> list[str]:
    return [one.id for one in config.stash[VERDICT].limitations if one.review_by < datetime.date.today()]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Takes in a worker's numbers."""
    verdict = node.config.stash[VERDICT]
    output = getattr(node, "workeroutput", {})  # a worker that crashed has none
    verdict.counts.update(output.get("counts", {}))
    verdict.notes.extend(note for note in output.get("notes", []) if note not in verdict.notes)
    verdict.locks.include(LockOrder.unpacked(output.get("locks", [])))
    verdict.cells.update({title: Cell(**cell) for title, cell in output.get("cells", {}).items()})
    verdict.faults.update(output.get("faults", {}))


@pytest.fixture(scope="session")
def verdict(pytestconfig: pytest.Config) -> Verdict:
    """Turns findings into red or green."""
    return pytestconfig.stash[VERDICT]


@pytest.fixture
def replayed(pytestconfig: pytest.Config) -> ScheduleFile:
    """The schedule of `--replay`."""
    schedule = pytestconfig.stash[REPLAY]
    assert schedule is not None
    return schedule
