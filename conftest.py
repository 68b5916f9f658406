"""A list of plugins, how much is tried (`--profile`), and what is remembered (`--examples`)."""

from __future__ import annotations

import argparse
import secrets
import sys

if sys.version_info < (3, 11):  # noqa: UP036 - without `uv run` any Python may come here
    sys.exit("this suite needs Python 3.11 or newer: run `uv run pytest`, which finds or installs one")

import hypothesis
import pytest

from fixtures.errors import SetupError
from strategies.profiles import PROFILES
from strategies.remembered import remembered

pytest_plugins = [
    "fixtures.postgres.plugin",
    "fixtures.targets.plugin",
    "fixtures.engine.plugin",
    "suites.oracles.plugin",
    "suites.invalid_inputs.plugin",
    "suites.plugin",
    "suites.qualification.plugin",
    "suites.races.plugin",
    "suites.faults.plugin",
    "suites.selftest.plugin",
]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--profile` and `--examples`."""
    purposes = "; ".join(f"{profile.name}: {profile.purpose}" for profile in PROFILES.values())
    default = next(iter(PROFILES))
    group = parser.getgroup("qualification")
    group.addoption("--profile", choices=list(PROFILES), default=default, help=f"how much is tried: {purposes}")
    group.addoption(
        "--examples",
        metavar="FOLDER|redis://HOST",
        default=".hypothesis/examples",
        help="where a random profile keeps what failed, to try it first the next time: a folder, or a Redis of a team",
    )
    group.addoption("--run-seed", help=argparse.SUPPRESS)  # ours, also for xdist's workers


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Load the profile; a random one gets a seed that can be given again.

    It is not given to Hypothesis as --hypothesis-seed, which makes it forget its examples: tests take it from
    `run_seed`.
    """
    profile = PROFILES[config.getoption("--profile")]
    try:
        database = remembered(config.getoption("--examples")) if profile.random else None
    except SetupError as error:
        raise pytest.UsageError(str(error)) from None
    hypothesis.settings.register_profile(profile.name, profile.settings(database))
    hypothesis.settings.load_profile(profile.name)
    drawn = str(secrets.randbelow(2**32)) if profile.random else None
    config.option.run_seed = config.option.hypothesis_seed or config.option.run_seed or drawn


def pytest_report_header(config: pytest.Config) -> str:
    """How much is tried, and how to try the same again."""
    seed = config.option.run_seed
    again = f"{seed} (again: --hypothesis-seed={seed})" if seed else "fixed"
    return f"profile: {config.getoption('--profile')}, seed: {again}"
