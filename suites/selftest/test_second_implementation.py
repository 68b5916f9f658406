"""No test depends on how the reference keeps the contract: another implementation passes them, too."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from fixtures.reporting.qualification import Qualification, load
from fixtures.targets.functions import CALLABLE
from suites.selftest.command_line import ROOT, run_pytest
from suites.selftest.second import write_second

SOME = (
    "sequential and not test_model or known_limitations or test_null or test_unknown or test_drawn or seed-10"
    " or day-verify+verify or day-complete-job+fail-job or day-cleanup-backups+cleanup-backups"
    " or test_small_plans and delete or test_matrix and cancel and job"
)
ADDED = [f"{each.qualified}.{one.name}" for each in CALLABLE for one in each.parameters if one.added]
FOLDERS = sorted(path.name for path in (ROOT / "suites").iterdir() if path.is_dir() and any(path.glob("test_*.py")))


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_second(tmp_path_factory.mktemp("second"))


@pytest.fixture(scope="module")
def report(second: Path) -> Qualification:
    """Of some tests of every folder that judges a target."""
    folder = second / "report"
    done = run_pytest(f"--target={second}", f"--report={folder}", "-n2", "-k", SOME)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr
    return load(folder)


def test_another_implementation_passes_in_every_suite(report: Qualification) -> None:
    outcomes = {(test.id.split("/")[1], test.outcome) for test in report.tests if test.outcome != "skipped"}
    wanted = {(name, "passed") for name in FOLDERS if name not in ("selftest", "benchmarks", "known_limitations")}
    assert outcomes == wanted | {("known_limitations", "xfailed")}
    assert report.findings == {}
    assert Counter(test.reason for test in report.tests if test.reason.startswith("needs pggit")) == {}


def test_what_the_other_lacks_is_told_and_its_limitations_hold(report: Qualification) -> None:
    (run,) = report.runs
    assert run.target.lacking == ADDED
    assert {limitation.state for limitation in run.limitations} == {"held"}


def test_the_other_has_none_of_the_reference_s_private_names(second: Path, report: Qualification) -> None:
    assert not any("pggit_private" in path.read_text() for path in second.glob("sql/*.sql"))
    signatures = report.runs[0].target.functions
    assert sum(name.startswith("inner_parts.") and name.partition("(")[0].endswith("_") for name in signatures) > 50
