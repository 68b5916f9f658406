"""A list of plugins, and how much is tried (`--profile`)."""

from __future__ import annotations

pytest_plugins = [
    "fixtures.postgres.plugin",
    "fixtures.targets.plugin",
    "fixtures.engine.plugin",
    "suites.oracles.plugin",
    "suites.plugin",
]
