"""A limitation turns red when it is gone, when it shows something else, and when its entry is wrong."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from fixtures.errors import SetupError
from fixtures.limitations.proposing import FOLDER
from fixtures.limitations.registry import load_limitations
from fixtures.targets.target import load_target
from suites.selftest.command_line import ROOT, run_pytest
from suites.selftest.generated import write

ID = "T2-block-without-xid"
WITNESS = "witnesses/t2-block-without-xid.schedule"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The reference in a directory of one's own, with one limitation."""
    home = tmp_path / "reference"
    shutil.copytree(load_target("reference").directory, home)
    entries = (home / "limitations.toml").read_text().split("[[limitation]]")
    (home / "limitations.toml").write_text("[[limitation]]" + next(entry for entry in entries if ID in entry))
    return home


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def judged(home: Path) -> str:
    return run_pytest(f"--target={home}", "suites/known_limitations").stdout


def test_a_limitation_that_holds_is_an_expected_failure(copy: Path) -> None:
    said = judged(copy)
    assert "1 xfailed" in said
    assert "limitations: 1 still holding" in said


def test_a_limitation_that_is_gone_is_red(copy: Path) -> None:
    edit(copy / WITNESS, "cleanup_old_jobs(7, false)", "cleanup_old_jobs(7, true)")
    said = judged(copy)
    assert "XPASS(strict)" in said
    assert f"limitations: 1 no longer holding (delete them: {ID})" in said


def test_a_limitation_that_shows_something_else_is_red(copy: Path) -> None:
    for path in (copy / WITNESS, copy / "limitations.toml"):
        edit(path, "T2:block-not-seen", "C1:not-serial")
    said = judged(copy)
    assert "1 failed" in said
    assert f"{ID} fails differently" in said


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("review_by = 2027-11-01", "", "`review_by` must be a date"),
        ("reason =", "because =", "unknown key 'because'"),
        ('finding = "T2:block-not-seen"', 'finding = "C3:deadlock"', "its witness says finding = 'T2:block-not-seen'"),
        ("pggit.cleanup_old_jobs", "pggit.clean", "its witness says function = 'pggit.cleanup_old_jobs'"),
        (WITNESS, "witnesses/none.schedule", "cannot read the schedule"),
        ('id = "T2', "id = T2", "cannot be read"),
        ('clause = "T2"', 'clause = "T99"', "T99"),
        ("reason =", "link = 7\nreason =", "`link` must be a text"),
        ("reason =", 'affected = " "\nreason =', "`affected` must be a text"),
    ],
)
def test_a_wrong_entry_is_told_in_one_line(copy: Path, old: str, new: str, told: str) -> None:
    edit(copy / "limitations.toml", old, new)
    with pytest.raises(SetupError) as error:
        load_limitations(copy / "limitations.toml")
    assert told in str(error.value)


def test_versions_and_a_link_are_kept(copy: Path) -> None:
    edit(copy / "limitations.toml", "reason =", 'affected = "0.2"\nlink = "https://example.org/7"\nreason =')
    (limitation,) = load_limitations(copy / "limitations.toml")
    assert (limitation.affected, limitation.link) == ("0.2", "https://example.org/7")


def test_what_a_run_finds_is_proposed_as_a_limitation_that_holds(copy: Path) -> None:
    reports = ROOT / FOLDER
    shutil.rmtree(reports, ignore_errors=True)
    planted = load_target("mutant:verify_backup_unguarded")
    write(planted, copy)
    (copy / "limitations.toml").unlink()
    race = (f"--target={copy}", "suites/interleavings", "-k", "day-verify+verify")
    assert "proposed: .reports/limitations/" in run_pytest(*race, "--propose-limitations").stdout
    (draft,) = reports.glob("*.toml")
    shutil.copytree(reports / "witnesses", copy / "witnesses", dirs_exist_ok=True)
    shutil.copyfile(draft, copy / "limitations.toml")
    with (copy / "target.toml").open("a") as config:
        config.write('limitations = "limitations.toml"\n')
    assert "1 xfailed" in judged(copy)
    assert run_pytest(*race).returncode == 0
