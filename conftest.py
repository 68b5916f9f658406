"""A list of plugins, and how much is tried (`--profile`)."""

from __future__ import annotations

import secrets

import hypothesis
import pytest

from strategies.profiles import PROFILES

pytest_plugins = [
    "fixtures.postgres.plugin",
    "fixtures.targets.plugin",
    "fixtures.engine.plugin",
    "suites.oracles.plugin",
    "suites.invalid_inputs.plugin",
    "suites.plugin",
    "suites.races.plugin",
    "suites.selftest.plugin",
]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--profile`."""
    purposes = "; ".join(f"{profile.name}: {profile.purpose}" for profile in PROFILES.values())
    default = next(iter(PROFILES))
    group = parser.getgroup("qualification")
    group.addoption("--profile", choices=list(PROFILES), default=default, help=f"how much is tried: {purposes}")


@pytest.hookimpl(tryfirst=True)  # before Hypothesis reads its seed
def pytest_configure(config: pytest.Config) -> None:
    """Load the profile; a random one gets a seed that can be given again."""
    profile = PROFILES[config.getoption("--profile")]
    hypothesis.settings.register_profile(profile.name, profile.settings())
    hypothesis.settings.load_profile(profile.name)
    if profile.random and config.option.hypothesis_seed is None:
        config.option.hypothesis_seed = str(secrets.randbelow(2**32))


def pytest_report_header(config: pytest.Config) -> str:
    """How much is tried, and how to try the same again."""
    seed = config.option.hypothesis_seed
    again = f"{seed} (again: --hypothesis-seed={seed})" if seed else "fixed"
    return f"profile: {config.getoption('--profile')}, seed: {again}"
