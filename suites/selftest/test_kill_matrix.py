"""The kill matrix tells dead from alive, and says so when it proves nothing."""

from __future__ import annotations

import io
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from rich.console import Console

from fixtures.errors import SetupError
from suites.selftest import kill_matrix
from suites.selftest.choosing import CANARY, canary, chosen
from suites.selftest.generated import argued, generated, users
from suites.selftest.kill_matrix import (
    BROKEN,
    EQUIVALENT,
    KILLED,
    SURVIVED,
    Aim,
    KillMatrix,
    Lane,
    Outcome,
    Trial,
    attempt,
)

AIM = (Aim(("sequential",), "test_a_verification_is_queued"),)
TRIALS = {
    Trial("dies", f"mutant:{CANARY}", AIM): KILLED,
    Trial("lives", "reference", AIM): SURVIVED,
    Trial("argued", "reference", AIM, equivalent="it is the reference"): EQUIVALENT,
    Trial("argued but noticed", f"mutant:{CANARY}", AIM, equivalent="nobody sees it"): BROKEN,
    Trial("without tests", "reference", (Aim(("sequential",), "no_such_test"),)): BROKEN,
    Trial("not there", "mutant:nobody", AIM): BROKEN,
}


def matrix() -> KillMatrix:
    return KillMatrix("auto", 1, Console(file=io.StringIO()))


def test_each_mutant_gets_its_verdict() -> None:
    made = matrix()
    made.run(list(TRIALS), AIM, canary())
    assert {outcome.name: outcome.verdict for outcome in made.outcomes} == {
        trial.name: verdict for trial, verdict in TRIALS.items()
    }
    assert made.void == ""
    assert "test_verification.py::test_a_verification_is_queued" in made.outcomes[0].test


def test_a_canary_that_lives_makes_the_run_void() -> None:
    made = matrix()
    made.run([], AIM, Trial("canary", "reference", AIM))
    assert "the canary has survived" in made.void


def test_a_baseline_that_is_not_clean_makes_the_run_void() -> None:
    made = matrix()
    made.run(list(TRIALS), [Aim(("sequential",), "no_such_test")], canary())
    assert "the baseline is not clean" in made.void
    assert made.outcomes == []


def test_who_interrupts_a_run_keeps_what_was_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def until_then(lane: Lane, trial: Trial) -> Outcome:
        if trial.name == "argued":
            raise KeyboardInterrupt
        return attempt(lane, trial)

    monkeypatch.setattr(kill_matrix, "attempt", until_then)
    made = matrix()
    made.run(list(TRIALS), AIM, canary())
    assert [outcome.verdict for outcome in made.outcomes] == [KILLED, SURVIVED]
    assert made.void == "it was interrupted"


def test_the_same_seed_chooses_the_same_mutants(tmp_path: Path) -> None:
    names = [[trial.name for trial in chosen("sample", seed, tmp_path)] for seed in (1, 1, 2)]
    assert names[0] == names[1] != names[2]
    assert len(set(names[0])) == 30


@pytest.mark.parametrize("spec", ["nobody", "sample:0", "sample:x", "generated:nobody", CANARY])
def test_what_is_no_mutant_is_refused(spec: str, tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="--mutants="):
        chosen(spec, 0, tmp_path)


def test_generated_mutants_have_names_of_their_own_and_are_many() -> None:
    names = [one.name for one in generated()]
    assert len(names) == len(set(names)) > 500
    assert {one.operator for one in generated()} == {"drop", "negate", "unlock", "wait", "swap", "more"}


def test_what_is_argued_about_a_generated_mutant_is_about_that_one() -> None:
    assert all(argued().values())


def test_a_mutant_that_no_server_takes_is_killed_by_it_if_it_was_made_mechanically() -> None:
    name = "pggit.commit_backup_coverage/more/1"  # ORDER BY 2 where there is one column
    made = matrix()
    with TemporaryDirectory() as directory:
        made.run(chosen(f"generated:{name}", 0, Path(directory)), AIM, canary())
    assert [outcome.verdict for outcome in made.outcomes] == [KILLED]


def test_users_of_a_function_are_found_through_others() -> None:
    assert users("pggit_private.current_verification") == {"pggit.verify_backup", "pggit.test_backup_restore"}
