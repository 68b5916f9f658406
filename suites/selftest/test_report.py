"""The report: its data keep to their schema, say the same however the run was cut, and tell what is new."""

from __future__ import annotations

import datetime
import json
import os
import re
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import jsonschema
import pytest

from fixtures.errors import SetupError
from fixtures.reporting import folder
from fixtures.reporting.clause_answers import answer, tally
from fixtures.reporting.closing import verdict
from fixtures.reporting.merge import main, merge
from fixtures.reporting.qualification import NAME, Qualification, Run, load
from fixtures.reports import VARIABLE
from suites.selftest.command_line import ROOT, run_pytest

SCHEMA = ROOT / "fixtures" / "reporting" / "qualification.schema.json"
SOME = ("suites/sequential/test_guards.py", "suites/known_limitations", "suites/invalid_inputs/test_ranges.py")
UNGUARDED = ("--target=mutant:verify_backup_unguarded", "suites/interleavings", "-k", "verify+verify")


def reported(path: Path, *arguments: str, **variables: str) -> tuple[int, str, Qualification]:
    """Exit code, what was printed, and the data of a run."""
    run = run_pytest(f"--report={path}", *arguments, **variables)
    return run.returncode, run.stdout, load(path)


def essence(qualification: Qualification) -> list[Run]:
    """The runs without times and without how they were cut."""
    return [
        replace(
            run,
            started="",
            seconds=0,
            reproduce="",
            shards=[],
            tests=[replace(test, seconds=0) for test in run.tests],
            inputs=sorted(run.inputs, key=str),
            findings=sorted(run.findings, key=str),
        )
        for run in qualification.runs
    ]


@pytest.fixture(scope="module")
def green(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("green") / "report"
    assert reported(path, *SOME)[0] == 0
    return path


@pytest.fixture(scope="module")
def red(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("red") / "report"
    assert reported(path, *UNGUARDED)[0] == 1
    return path


@pytest.mark.parametrize("which", ["green", "red"])
def test_the_data_keep_to_their_schema(which: str, request: pytest.FixtureRequest) -> None:
    data = json.loads((request.getfixturevalue(which) / NAME).read_text(encoding="utf-8"))
    jsonschema.validate(data, json.loads(SCHEMA.read_text(encoding="utf-8")))


@pytest.mark.parametrize("which", ["green", "red"])
@pytest.mark.parametrize("name", [NAME, folder.PAGE, "junit.xml"])
def test_no_file_tells_where_on_the_machine_it_was_made(which: str, name: str, request: pytest.FixtureRequest) -> None:
    text = (request.getfixturevalue(which) / name).read_text(encoding="utf-8")
    text = text.replace(os.environ[VARIABLE], ".reports")  # the one place that is given, by us
    for place in (ROOT, Path.home(), tempfile.gettempdir()):
        assert f"{place}/" not in text


def test_the_page_needs_nothing_from_elsewhere(red: Path) -> None:
    page = (red / folder.PAGE).read_text(encoding="utf-8")
    assert not re.findall(r"""(?:src|href)=["'](?:https?:|//)|@import|<script""", page)
    for link in re.findall(r'href="(findings/[^"]+)"', page):
        assert (red / link).is_file()


def test_junit_tells_clause_function_profile_and_server(green: Path) -> None:
    cases = ElementTree.parse(green / "junit.xml").getroot().iter("testcase")
    told = [{(each.get("name"), each.get("value")) for each in case.iter("property")} for case in cases]
    assert all({"profile", "server"} <= {name for name, _ in properties} for properties in told)
    assert any({("clause", "V3"), ("function", "pggit.cleanup_old_jobs")} <= properties for properties in told)


def test_a_finding_lies_in_the_report_with_its_schedule_and_its_page(red: Path) -> None:
    ((found, *_),) = load(red).findings.values()
    assert (found.code, found.function) == ("C1:not-serial", "pggit.verify_backup")
    assert (red / found.schedule).is_file()
    assert "</html>" in (red / found.page).read_text(encoding="utf-8")
    assert run_pytest(f"--replay={red / found.schedule}").returncode == 1


def test_a_run_that_a_test_starts_leaves_the_reports_of_the_checkout_alone(tmp_path: Path) -> None:
    assert ROOT / os.environ[VARIABLE] != ROOT / ".reports"
    proposing = (f"--report={tmp_path / 'one'}", "--propose-limitations", *UNGUARDED)
    red = run_pytest(*proposing, **{VARIABLE: str(tmp_path)})
    assert ".reports" not in red.stdout
    assert {path.name for path in tmp_path.iterdir()} == {"findings", "latest", "limitations", "one"}


def test_shards_put_together_are_the_whole_run(green: Path, tmp_path: Path) -> None:
    parts = [tmp_path / str(number) for number in (1, 2, 3)]
    for number, part in enumerate(parts, 1):
        assert reported(part, f"--shard={number}/3", *SOME)[0] == 0
    assert main([*map(str, parts), f"--into={tmp_path / 'whole'}"]) == 0
    whole = load(tmp_path / "whole")
    assert essence(whole) == essence(load(green))
    assert tally(answer(whole)) == tally(answer(load(green)))
    assert main([*map(str, parts[:2]), f"--into={tmp_path / 'less'}"]) == 1  # a shard is missing
    assert main([*map(str, parts), "--into=README.md"]) == 2
    with pytest.raises(SetupError, match="is in two of the runs"):
        merge([load(parts[0]), load(parts[0])])


def test_what_is_missing_is_told_beside_findings_too(red: Path) -> None:
    (run,) = load(red).runs
    assert "1 finding, but 5 of" in verdict(Qualification([replace(run, collected=len(run.tests) + 5)]))


def test_tests_of_files_from_elsewhere_are_told_apart(tmp_path: Path) -> None:
    for name in ("test_one.py", "test_two.py"):
        (tmp_path / name).write_text("def test_it() -> None: ...\n")
    files = [str(tmp_path / name) for name in ("test_one.py", "test_two.py")]
    _, _, qualification = reported(tmp_path / "report", "conftest.py", *files)
    assert [test.id for test in qualification.tests] == ["test_one.py::test_it", "test_two.py::test_it"]


def test_workers_say_what_one_process_says(green: Path, tmp_path: Path) -> None:
    assert essence(reported(tmp_path / "two", *SOME, "-n", "2")[2]) == essence(load(green))


def test_two_runs_never_share_a_folder_and_the_latest_is_found(tmp_path: Path) -> None:
    now = datetime.datetime(2026, 1, 1)
    paths = [tmp_path / folder.fresh(now).name for _ in range(2)]
    assert paths[0] != paths[1]
    for path in paths:
        path.mkdir()
        folder.point_to(path, tmp_path)
        assert (tmp_path / folder.LATEST).resolve() == path.resolve()


def test_only_what_is_new_is_red_when_that_is_asked(red: Path, green: Path, tmp_path: Path) -> None:
    only_new = (*UNGUARDED, "--fail-on=new")
    code, said, _ = reported(tmp_path / "again", *only_new, f"--baseline={red}")
    assert (code, "0 new, 0 gone, 1 still there" in said) == (0, True), said
    code, said, _ = reported(tmp_path / "new", *only_new, f"--baseline={green / NAME}")
    assert (code, "1 new, 0 gone, 0 still there" in said) == (1, True), said
    code, said, _ = reported(tmp_path / "mended", *UNGUARDED[1:], f"--baseline={red}")
    assert (code, "0 new, 1 gone, 0 still there" in said) == (0, True), said


def closing_lines(said: str) -> list[str]:
    lines = said.partition("= qualification =")[2].splitlines()[1:]
    return lines[: next(at for at, line in enumerate(lines) if line.startswith("report: ")) + 1]


def test_the_closing_summary_is_short_and_github_is_told(tmp_path: Path) -> None:
    steps = tmp_path / "steps.md"
    variables = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(steps)}
    _, said, _ = reported(tmp_path / "report", *UNGUARDED, **variables)
    assert 3 <= len(closing_lines(said)) <= 25
    assert re.search(r"^::error file=suites/interleavings/test_pairs.py,title=C1%3Anot-serial pggit", said, re.M)
    assert "| C1:not-serial | pggit.verify_backup |" in steps.read_text(encoding="utf-8")


def test_no_color_is_respected(tmp_path: Path) -> None:
    coloured = ("--color=auto", *UNGUARDED)
    assert "\x1b[" in reported(tmp_path / "colour", *coloured, FORCE_COLOR="1")[1]
    assert "\x1b[" not in reported(tmp_path / "plain", *coloured, FORCE_COLOR="1", NO_COLOR="1")[1]


BAD_INPUT: dict[str, tuple[Callable[[Path], tuple[str, ...]], str]] = {
    "no such shard": (lambda _: ("--shard=6/5",), "write which of how many, like 2/5"),
    "no baseline": (lambda _: ("--fail-on=new",), "--fail-on=new needs --baseline=FILE"),
    "no such baseline": (lambda tmp: (f"--baseline={tmp}",), "cannot be read"),
    "another schema": (lambda tmp: (f"--baseline={old(tmp)}",), "its schema is 0, this suite reads 1"),
    "an empty baseline": (lambda _: ("--baseline=",), "cannot be read"),
    "a baseline of nothing": (lambda tmp: (f"--baseline={old(tmp, 1)}",), "is no qualification: 'runs'"),
    "examples in a file": (
        lambda _: ("--profile=hunt", "--examples=README.md"),
        "README.md: File exists; name a folder",
    ),
    "no Redis": (lambda _: ("--profile=hunt", "--examples=redis://localhost:1"), "no Redis answers there"),
}


def old(directory: Path, schema: int = 0) -> Path:
    (directory / NAME).write_text(json.dumps({"schema": schema, "runs": []}), encoding="utf-8")
    return directory / NAME


@pytest.mark.parametrize("what", BAD_INPUT)
def test_bad_input_gets_one_clear_line(what: str, tmp_path: Path) -> None:
    arguments, expected = BAD_INPUT[what]
    run = run_pytest(*arguments(tmp_path), *SOME)
    said = run.stdout + run.stderr
    assert (run.returncode, expected in said, "Traceback" in said) == (pytest.ExitCode.USAGE_ERROR, True, False), said
