"""What pytest says about a test, as plain data, and what a test is about."""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from fixtures.engine.plan import Plan
from fixtures.reporting.qualification import RED, FoundRecord, Test
from fixtures.targets.functions import CALLABLE, Function

FOUND = "finding"
"""The name under which a test's report carries a finding."""
_LONGEST = 300
_NAMES = {function.name: function.qualified for function in CALLABLE}
_QUALIFIED = set(_NAMES.values())
_CALLED = re.compile(r"\b(pggit\w*\.\w+)\s*\(")


def about(item: pytest.Item) -> list[tuple[str, object]]:
    """The properties of a test: a `clause` for each that it proves, a `function` for each that it is known to call."""
    clauses = dict.fromkeys(id for marker in item.iter_markers("clause") for id in marker.args)
    callspec = getattr(item, "callspec", None)
    values = callspec.params.values() if callspec is not None else ()
    functions = dict.fromkeys(name for value in values for name in _functions(value))
    return [("clause", id) for id in clauses] + [("function", name) for name in functions]


def _functions(value: object) -> Iterator[str]:
    if isinstance(value, Plan):
        texts = (call.sql for program in value.programs for each in program.transactions for call in each.calls)
        yield from (name for text in texts for name in _CALLED.findall(text))
    elif isinstance(value, Function):
        yield value.qualified
    elif isinstance(value, str):
        name = _NAMES.get(value, value)
        if name in _QUALIFIED:
            yield name
    elif (inner := getattr(value, "function", None)) is not None:  # a call, a limitation
        yield from _functions(inner)


class Collector:
    """Puts the reports of all phases together, a test at a time."""

    def __init__(self, root: Path) -> None:
        self.tests: dict[str, Test] = {}
        self.findings: list[FoundRecord] = []
        self.inputs: list[dict[str, object]] = []
        self._root = root

    def add(self, report: pytest.TestReport) -> None:
        """Takes in one phase; the worst one counts."""
        before = self.tests.get(report.nodeid)
        outcome = _outcome(report)
        seconds = round(report.duration + (before.seconds if before else 0.0), 3)
        if before is not None and outcome == "passed":
            outcome, reason = before.outcome, before.reason
        else:
            reason = portable(_reason(report), self._root) if outcome != "passed" else ""
        clauses = [str(value) for name, value in report.user_properties if name == "clause"]
        functions = [str(value) for name, value in report.user_properties if name == "function"]
        self.tests[report.nodeid] = test = Test(report.nodeid, outcome, seconds, clauses, functions, reason)
        if report.when == "call":
            self.inputs += [value for name, value in report.user_properties if name == "cell" and _is_cell(value)]  # type: ignore[misc]
        if report.failed:
            self.findings += self._found(report, test)

    def _found(self, report: pytest.TestReport, test: Test) -> Iterable[FoundRecord]:
        found = [value for name, value in report.user_properties if name == FOUND and isinstance(value, dict)]
        if found:
            return [FoundRecord(**value | {"test": test.id}) for value in found]
        return [FoundRecord("", next(iter(test.functions), ""), test.reason, test.id)]


def attach(report: pytest.TestReport, found: list[FoundRecord]) -> None:
    """Lets a test's report carry its findings, from workers too."""
    report.user_properties += [(FOUND, asdict(each)) for each in found]


def _is_cell(value: object) -> bool:
    return isinstance(value, dict) and "defect" in value


def _outcome(report: pytest.TestReport) -> str:
    if report.failed:
        return RED[0] if report.when == "call" else RED[1]
    if report.skipped:
        return "xfailed" if hasattr(report, "wasxfail") else "skipped"
    return "passed"


def _reason(report: pytest.TestReport) -> str:
    """Why it was skipped, or the first line of what it failed with."""
    if isinstance(report.longrepr, tuple):
        return report.longrepr[2].removeprefix("Skipped: ")
    if hasattr(report, "wasxfail"):
        return str(report.wasxfail)
    crash = getattr(report.longrepr, "reprcrash", None)
    text = crash.message if crash is not None else report.longreprtext
    return next((line for line in text.splitlines() if line.strip()), "failed").strip()[:_LONGEST]


def portable(text: str, root: Path) -> str:
    """`text` without what is true only of this machine."""
    places = {str(root): ".", sys.prefix: "PYTHON", tempfile.gettempdir(): "TMP", str(Path.home()): "~"}
    for place, name in places.items():
        text = text.replace(place, name) if len(place) > 1 else text
    return text
