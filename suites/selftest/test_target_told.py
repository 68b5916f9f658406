"""What is special about a target is told: its version, errors that were tolerated, what it lacks, where its file is."""

from __future__ import annotations

from pathlib import Path

import pytest

from fixtures.engine.schedule_file import load
from fixtures.reporting.qualification import Qualification
from fixtures.reporting.qualification import load as load_report
from fixtures.targets.calls import Reply
from fixtures.targets.directory import load_directory
from fixtures.targets.offered import NotOffered, demand, lacked, let_through
from fixtures.targets.target import load_target
from suites.oracles.replies import judge_raw
from suites.selftest.command_line import ROOT, run_pytest
from suites.selftest.generated import write

CONFIG = """name = "theirs"
sql = ["sql/*.sql"]
schemas = ["pggit", "pggit_errors", "pggit_private"]
setup = "setup.sql"
version = "SELECT '0.2', current_schema"
tolerate_errors = true
missing = ["pggit.get_worker_stats"]
"""
LESS = """DROP FUNCTION pggit.get_worker_stats, pggit.get_backup_stats;

SELECT nothing;
"""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The reference without two functions, of which one is known to be missing; `CONFIG` lies beside the directory."""
    home = write(load_target("reference"), tmp_path_factory.mktemp("theirs") / "checkout")
    (home / "sql" / "999_less.sql").write_text(LESS)
    (home / "target.toml").unlink()
    (home / "setup.sql").rename(home.parent / "setup.sql")
    (home.parent / "pggit.toml").write_text(CONFIG)
    return home


def options(checkout: Path) -> tuple[str, str]:
    return f"--target={checkout}", f"--target-config={checkout.parent / 'pggit.toml'}"


@pytest.fixture(scope="module")
def run(checkout: Path) -> tuple[str, Qualification]:
    """What a run says, and its report."""
    report = checkout.parent / "report"
    some = ("suites/sequential/test_interface.py", "suites/sequential/test_health.py")
    done = run_pytest(*options(checkout), f"--report={report}", "-n2", *some)
    return done.stdout + done.stderr, load_report(report)


def test_the_version_is_told_in_the_header_and_the_report(run: tuple[str, Qualification]) -> None:
    said, report = run
    assert "target's version: 0.2 public" in said
    assert report.runs[0].target.version == "0.2 public"
    assert "theirs (0.2 public)" in said


def test_tolerated_errors_are_told_in_header_summary_and_report(run: tuple[str, Qualification]) -> None:
    said, report = run
    error = 'sql/999_less.sql:3: ERROR: column "nothing" does not exist'
    assert f"errors tolerated when the target was installed: 1\n  {error}" in said
    assert f"installed with 1 errors tolerated: {error}" in said
    assert report.runs[0].target.errors == [error]


def test_a_function_that_is_missing_is_told_and_red_unless_it_is_known(run: tuple[str, Qualification]) -> None:
    said, report = run
    assert "missing capabilities (2): pggit.get_worker_stats, pggit.get_backup_stats" in said
    assert report.runs[0].target.lacking == ["pggit.get_worker_stats", "pggit.get_backup_stats"]
    red = [test for test in report.tests if test.outcome == "failed"]
    assert [test.name.rpartition("::")[2] for test in red] == ["test_every_function_is_there_or_known_to_be_missing"]
    assert "pggit.get_backup_stats" in red[0].reason
    assert "pggit.get_worker_stats" not in red[0].reason
    assert "pggit.get_backup_stats" not in "".join(test.id for test in report.tests)


def test_a_schedule_found_with_a_file_from_elsewhere_is_replayed_with_it(checkout: Path) -> None:
    witness = load_target("reference").directory / "witnesses" / "t2-block-without-xid.schedule"
    target, config = (option.partition("=")[2] for option in options(checkout))
    text = witness.read_text().replace('target = "reference"', f'target = "{target}"\ntarget_config = "{config}"')
    (checkout.parent / "found.schedule").write_text(text)
    assert load(checkout.parent / "found.schedule").target_config == config
    done = run_pytest(f"--replay={checkout.parent / 'found.schedule'}")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "0.2 public" in done.stdout


def test_a_file_from_elsewhere_needs_a_directory_to_go_with(tmp_path: Path) -> None:
    for wrong, told in (
        (f"--target={tmp_path / 'nope'}", "no such directory"),
        ("--target=reference", "give a directory"),
    ):
        done = run_pytest(wrong, f"--target-config={ROOT / 'fixtures' / 'targets' / 'reference' / 'target.toml'}")
        assert done.returncode == pytest.ExitCode.USAGE_ERROR
        assert told in done.stderr
    done = run_pytest(f"--target={tmp_path}", f"--target-config={tmp_path / 'nope.toml'}")
    assert "nope.toml: no such file" in done.stderr


def test_what_is_called_missing_must_be_a_function_of_the_contract(checkout: Path, tmp_path: Path) -> None:
    (tmp_path / "wrong.toml").write_text(CONFIG.replace("pggit.get_worker_stats", "pggit.get_work"))
    (tmp_path / "setup.sql").write_text("")
    done = run_pytest(f"--target={checkout}", f"--target-config={tmp_path / 'wrong.toml'}", "--collect-only")
    assert "`missing` has 'pggit.get_work', no function of the contract" in done.stderr


def test_a_target_with_a_file_from_elsewhere_is_named_by_its_own_paths(checkout: Path) -> None:
    target = load_directory(checkout, checkout.parent / "pggit.toml")
    assert {target.place(file.path).partition("/")[0] for file in target.sql} == {"sql"}


LACKING = ["pggit.get_worker_stats", "pggit.complete_backup_job.p_worker_id"]


@pytest.mark.parametrize(
    ("message", "name"),
    [
        ("function pggit.get_worker_stats(p_worker_id => unknown) does not exist", "pggit.get_worker_stats"),
        ("function pggit.complete_backup_job(p_job_id => uuid, p_worker_id => unknown) does not exist", LACKING[1]),
        ("function pggit.complete_backup_job(p_job_id => integer) does not exist", ""),
        ("function pggit.get_worker_stats_(text) does not exist", ""),
        ("operator does not exist: text + integer", ""),
    ],
)
def test_a_call_is_excused_by_what_lacks_and_by_nothing_else(message: str, name: str) -> None:
    assert lacked(message, LACKING) == name


def test_a_helper_that_lacks_is_a_finding_about_the_function_that_calls_it() -> None:
    helper = "function pggit_helpers.check(text) does not exist"
    demand("pggit.reset_job", "42883", helper)
    with pytest.raises(NotOffered):
        demand("pggit.reset_job", "42883", "function pggit.reset_job(p_job_id => uuid) does not exist")
    assert let_through("pggit.reset_job", "42883", helper) == (
        f"pggit.reset_job calls a function that the target lacks: {helper}"
    )
    (told,) = judge_raw(Reply(sqlstate="42883", message=helper))
    assert told.endswith(f"42883 {helper}; it calls a function that the target lacks")


def test_the_server_s_own_words_for_two_writers_say_what_to_mend() -> None:
    words = "new multixact has more than one updating member: 0 3[725 (keysh), 726 (nokeyupd), 727 (nokeyupd)]"
    told = let_through("pggit.enqueue_backup_job", "XX000", words)
    assert told.startswith("pggit.enqueue_backup_job wrote a row that others hold FOR KEY SHARE")
    assert told.endswith(f"XX000, {words}")
    assert let_through("pggit.reset_job", "XX000", "boom") == "pggit.reset_job let XX000 through: boom"


def test_what_lacks_is_told_as_such_and_not_as_a_slip_of_the_call(run: tuple[str, Qualification]) -> None:
    said, report = run
    skipped = {test.reason for test in report.tests if test.outcome == "skipped"}
    assert skipped == {
        "needs pggit.get_worker_stats: the target has none",
        "needs pggit.get_backup_stats: the target has none",
    }
    assert "does not exist" not in said.replace('column "nothing" does not exist', "")
