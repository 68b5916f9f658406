"""A limitation turns red when it is gone, when it shows something else, and when its entry is wrong."""

from __future__ import annotations

import datetime
import re
import shutil
import tomllib
from pathlib import Path

import pytest

from fixtures.engine.finding import Finding
from fixtures.engine.history import History
from fixtures.engine.plan import Plan
from fixtures.errors import SetupError
from fixtures.limitations.proposing import propose
from fixtures.limitations.registry import Limitation, load_limitations
from fixtures.reports import VARIABLE
from fixtures.targets.target import load_target
from suites.selftest.command_line import run_pytest
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
    for witness in (home / "witnesses").iterdir():
        if witness.name != Path(WITNESS).name:
            witness.unlink()
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
        (WITNESS, "witnesses/none.schedule", f"limitation '{ID}': cannot read the schedule"),
        ('reason = "', 'reason = "TODO: ', f"limitation '{ID}': `reason` still begins with TODO; say why"),
        ('id = "T2', "id = T2", "cannot be read"),
        ('clause = "T2"', 'clause = "T99"', "T99"),
        ("reason =", "link = 7\nreason =", "`link` must be a text"),
        ("reason =", 'affected = " "\nreason =', "`affected` must be a text"),
        ("also = [", "also = [7, ", "`also` must be a list"),
        ("review_by = 2027-11-01", "review_by = 2027-11-01T00:00:00", "`review_by` must be a date"),
        ('finding = "T2:', 'finding = "X2:', "no clause 'X2'"),
        ("[[limitation]]", "[[limitations]]", "unknown key 'limitations'"),
    ],
)
def test_a_wrong_entry_is_told_in_one_line(copy: Path, old: str, new: str, told: str) -> None:
    edit(copy / "limitations.toml", old, new)
    with pytest.raises(SetupError) as error:
        load_limitations(copy / "limitations.toml")
    assert told in str(error.value)


def test_two_entries_for_the_same_are_told(copy: Path) -> None:
    text = (copy / "limitations.toml").read_text()
    (copy / "limitations.toml").write_text(text + text)
    with pytest.raises(SetupError, match=f"two limitations have the id '{ID}'"):
        load_limitations(copy / "limitations.toml")
    (copy / "limitations.toml").write_text(text + text.replace(ID, "again"))
    with pytest.raises(SetupError, match=rf"'again': '{ID}' covers T2:block-not-seen of pggit\.\w+ already"):
        load_limitations(copy / "limitations.toml")


def test_a_witness_that_belongs_to_no_entry_is_told(copy: Path) -> None:
    shutil.copyfile(copy / WITNESS, copy / "witnesses" / "other.schedule")
    with pytest.raises(SetupError, match=r"other\.schedule: a witness that no entry of .* names; delete it"):
        load_limitations(copy / "limitations.toml")


def test_an_entry_about_a_function_that_is_not_there_is_told_before_anything_runs(copy: Path) -> None:
    edit(copy / "limitations.toml", '"pggit.cancel_stuck_jobs"', '"pggit.cancel_jobs"')
    done = run_pytest(f"--target={copy}", "suites/known_limitations")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert f"limitation '{ID}' is about pggit.cancel_jobs, which the target does not have" in done.stderr


def test_a_date_that_has_passed_warns_in_the_gate_and_fails_a_release(copy: Path) -> None:
    edit(copy / "limitations.toml", "review_by = 2027-11-01", "review_by = 2020-01-01")
    gate, release = (
        run_pytest(f"--target={copy}", "suites/known_limitations", f"--profile={profile}")
        for profile in ("gate", "release")
    )
    assert (gate.returncode, release.returncode) == (0, 1)
    assert f"to look at again, their review_by has passed: {ID}" in gate.stdout
    assert f"a release allows no limitation whose review_by has passed: {ID}" in release.stdout


def test_versions_and_a_link_are_kept(copy: Path) -> None:
    edit(copy / "limitations.toml", "reason =", 'affected = "0.2"\nlink = "https://example.org/7"\nreason =')
    (limitation,) = load_limitations(copy / "limitations.toml")
    assert (limitation.affected, limitation.link) == ("0.2", "https://example.org/7")


def drafted(home: Path, function: str, known: tuple[Limitation, ...] = ()) -> str:
    """The id of a draft about `function`, which is that of its files too."""
    found = Finding("T2:block-not-seen", function, "said", History(Plan("", ())))
    path = home / propose(found, next((home / "witnesses").iterdir()), home, datetime.date(2027, 1, 1), known)
    (entry,) = tomllib.loads(path.read_text())["limitation"]
    assert (path.parent / entry["witness"]).is_file()
    assert Path(entry["witness"]).stem == path.stem == entry["id"]
    return str(entry["id"])


def test_every_draft_has_an_id_of_its_own(copy: Path) -> None:
    one, other = "pggit.verify_backup", "pggit.update_verification_result"
    functions = (one, f"{other} + {one}", f"{one} + {other}", f"else.{one}", *(f"{one} + {'a' * 300}{n}" for n in "12"))
    assert len({drafted(copy, function) for function in functions}) == len(functions)
    assert drafted(copy, one) == drafted(copy, one)


def test_a_draft_takes_no_name_of_the_registry(copy: Path) -> None:
    id = drafted(copy, "pggit.cancel_backup")
    edit(copy / "limitations.toml", ID, id.upper())
    (copy / WITNESS).rename(copy / "witnesses" / f"{id}-2.schedule")
    edit(copy / "limitations.toml", WITNESS, f"witnesses/{id}-2.schedule")
    assert drafted(copy, "pggit.cancel_backup", load_limitations(copy / "limitations.toml")) == f"{id}-3"


def test_what_a_run_finds_is_proposed_as_a_limitation_that_holds_and_is_subtracted(copy: Path, tmp_path: Path) -> None:
    drafts = tmp_path / "reports" / "limitations"
    planted = load_target("mutant:verify_backup_unguarded")
    write(planted, copy)
    (copy / "limitations.toml").unlink()
    shutil.rmtree(copy / "witnesses")
    race = (f"--target={copy}", "suites/interleavings", "-k", "day-verify+verify")
    proposing = run_pytest(*race, "--propose-limitations", **{VARIABLE: str(tmp_path / "reports")})
    (draft,) = drafts.glob("*.toml")
    assert re.search(rf"proposed: \S+/{re.escape(draft.name)}", proposing.stdout)
    assert not (copy / "limitations.toml").exists(), "a run edited the registry"
    shutil.copytree(drafts / "witnesses", copy / "witnesses")
    shutil.copyfile(draft, copy / "limitations.toml")
    edit(copy / "limitations.toml", "TODO: say why", "Planted: nobody says why")
    with (copy / "target.toml").open("a") as config:
        config.write('limitations = "limitations.toml"\n')
    assert "1 xfailed" in judged(copy)
    again = run_pytest(*race)
    assert again.returncode == 0
    assert re.search(r"[1-9]\d* findings subtracted", again.stdout)
