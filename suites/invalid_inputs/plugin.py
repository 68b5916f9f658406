"""pytest: who asks, and the table function × parameter × defect at the end of the run."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest

from fixtures.engine.stage import Stage
from fixtures.postgres.databases import connect
from fixtures.reports import REPORTS
from fixtures.targets.database import Template
from fixtures.targets.plugin import EXAMPLES, TARGET
from suites.invalid_inputs.asking import CELL, Asker, Inquiry

TABLE = REPORTS / "invalid-inputs.json"


@pytest.fixture(scope="session")
def asker(pytestconfig: pytest.Config, template: Template) -> Iterator[Asker]:
    """Asks in a database of its own, since it puts catalogues back only when it must."""
    with template.copy() as database, connect(database.conninfo) as conn:
        asker = Asker(Stage(conn, template.target.schemas, database.state), pytestconfig.option.run_seed)
        yield asker
        pytestconfig.stash[EXAMPLES] = pytestconfig.stash.get(EXAMPLES, 0) + asker.asked


@pytest.fixture
def inquiry(request: pytest.FixtureRequest, asker: Asker, record_property: Callable[[str, object], None]) -> Inquiry:
    """How the running test asks."""
    return Inquiry(asker, request.node.name, record_property)


class Table:
    """Collects what the tests recorded about their cells, from workers too, and writes it in the end."""

    def __init__(self) -> None:
        self.cells: list[dict[str, object]] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take in the cell of a test."""
        if report.when == "call":
            self.cells += [value for name, value in report.user_properties if name == CELL and isinstance(value, dict)]

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Write the table; the closing summary tells whether it has empty cells."""
        if not self.cells:
            return
        config = terminalreporter.config
        path = config.rootpath / TABLE
        path.parent.mkdir(exist_ok=True)
        content = {"target": config.stash[TARGET].name, "profile": config.getoption("--profile"), "cells": self.cells}
        path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def pytest_configure(config: pytest.Config) -> None:
    """Begin the table."""
    config.pluginmanager.register(Table(), "invalid-inputs-table")
