"""pytest: `--budget`, the seeds of the races that a profile runs, and the meeting of xdist's workers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fixtures.postgres.room import kept_directory
from fixtures.postgres.session import SERVER_KEY
from fixtures.targets.database import TargetDatabase
from fixtures.targets.functions import FUNCTIONS
from fixtures.targets.plugin import INSTALLED
from fixtures.workers.meeting import Meeting
from strategies.profiles import PROFILES
from strategies.races import small_plans
from suites.races.verdict import RaceVerdict
from suites.verdict import Verdict

BUDGET = pytest.StashKey[float]()
_MEETING = pytest.StashKey[Meeting]()
_PLACE = pytest.StashKey[Path]()
_INPUT = "meeting"
_SOAK = Path(__file__).with_name("test_soak.py")
_SECONDS = {"s": 1, "m": 60, "h": 3600}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--budget`."""
    group = parser.getgroup("qualification")
    group.addoption(
        "--budget",
        metavar="TIME",
        help="nothing but races, one seed after another, for so long: 90s, 30m, 2h; for the profiles hunt and release",
    )


@pytest.hookimpl(tryfirst=True)  # before the arguments are collected
def pytest_configure(config: pytest.Config) -> None:
    """Be there for other workers; read the budget: with one, only the soak test is run."""
    worker: dict[str, str] = getattr(config, "workerinput", {})
    config.stash[_MEETING] = Meeting(Path(worker[_INPUT]), worker["workerid"]) if worker else Meeting()
    text = config.getoption("--budget")
    if text is None or config.option.help:
        return
    found = re.fullmatch(r"([1-9]\d*)([smh])", text)
    if found is None:
        raise pytest.UsageError(f"--budget={text}: not a time; write a whole number and s, m or h, like 90s, 30m, 2h")
    if config.getoption("--profile") == next(iter(PROFILES)):
        raise pytest.UsageError("--budget needs --profile=hunt or --profile=release: the gate is the same every time")
    config.stash[BUDGET] = int(found[1]) * _SECONDS[found[2]]
    config.args[:] = [str(_SOAK)]


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker where all of them meet: in a directory of the run's, which goes with it, however it ends."""
    config: pytest.Config = node.config
    if _PLACE not in config.stash:
        config.stash[_PLACE], lifeline = kept_directory()
        config.add_cleanup(lifeline.release)
    node.workerinput[_INPUT] = str(config.stash[_PLACE])


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> None:
    """Before each test: has another worker called?"""
    item.config.stash[_MEETING].attend()


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """After the last test: nobody need wait for us."""
    session.config.stash[_MEETING].leave()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """The soak test is for `--budget` alone."""
    return True if collection_path == _SOAK and BUDGET not in config.stash else None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A race for each seed of the profile; small plans that the target takes."""
    if "race_seed" in metafunc.fixturenames:
        first = first_seed(metafunc.config)
        races = PROFILES[metafunc.config.getoption("--profile")].races
        metafunc.parametrize("race_seed", range(first, first + races), ids="seed-{}".format)
    if "small_plan" in metafunc.fixturenames:
        plans = small_plans(FUNCTIONS, metafunc.config.stash[INSTALLED].offers)
        metafunc.parametrize("small_plan", plans, ids=lambda plan: plan.title)


def first_seed(config: pytest.Config) -> int:
    """Where the run's seeds begin: at 0, or at what `--hypothesis-seed` says, which a random profile draws."""
    return int(config.option.run_seed or 0)


@pytest.fixture
def free_database(pytestconfig: pytest.Config, database: TargetDatabase) -> Iterator[TargetDatabase]:
    """The target's database, on all cores: races on one would be rare."""
    with pytestconfig.stash[SERVER_KEY].unpinned():
        yield database


@pytest.fixture
def meeting(pytestconfig: pytest.Config) -> Meeting:
    """Where the workers of the run can race together; without xdist there is this process alone."""
    return pytestconfig.stash[_MEETING]


@pytest.fixture
def race_verdict(request: pytest.FixtureRequest, verdict: Verdict) -> RaceVerdict:
    """Turns what was found in a race into red."""
    offers = request.config.stash[INSTALLED].offers
    return RaceVerdict(verdict, lambda: (request.getfixturevalue("engine"), request.getfixturevalue("judge")), offers)


@pytest.fixture
def budget(pytestconfig: pytest.Config) -> float:
    """The seconds of `--budget`."""
    return pytestconfig.stash[BUDGET]
