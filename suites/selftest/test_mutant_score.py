"""The report tells how many planted bugs the suite kills, and never by a kill matrix of other code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fixtures.reporting.closing import closing
from fixtures.reporting.mutant_score import FILE, score
from fixtures.reporting.qualification import Qualification, Run, TargetRecord
from fixtures.reporting.sheet import sheet
from suites.selftest.kill_matrix import KILLED, SURVIVED, Outcome, write

OUTCOMES = [Outcome("one", KILLED), Outcome("two", KILLED), Outcome("three", SURVIVED)]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A checkout of one file, in which a kill matrix has been made."""
    (tmp_path / "suites").mkdir()
    (tmp_path / "suites" / "test_it.py").write_text("assert True\n")
    write(OUTCOMES, 0, "", tmp_path)
    return tmp_path


def qualification(profile: str, mutants: dict[str, int]) -> Qualification:
    began = "2026-01-01T00:00:00+00:00"
    run = Run("PostgreSQL 18", 18, profile, "fixed", began, 1.0, 0, "uv run pytest", TargetRecord("reference"))
    run.mutants = mutants
    return Qualification([run])


def test_what_the_kill_matrix_of_this_code_says_is_the_score(root: Path) -> None:
    assert score(root) == {KILLED: 2, SURVIVED: 1}


def test_a_kill_matrix_of_other_code_says_nothing(root: Path) -> None:
    (root / "suites" / "test_it.py").write_text("assert False\n")
    assert score(root) == {}


def test_a_void_or_damaged_kill_matrix_says_nothing(root: Path) -> None:
    write(OUTCOMES, 0, "the canary lives", root)
    assert score(root) == {}
    (root / FILE).write_text(json.dumps([]))
    assert score(root) == {}


def test_summary_and_page_tell_the_score() -> None:
    told = qualification("gate", {KILLED: 2, SURVIVED: 1})
    assert "mutants: 3 bugs planted in the reference: 2 killed, 1 survived" in closing(told)
    assert "3: 2 killed, 1 survived" in sheet(told, "here")


def test_a_release_without_a_score_says_how_to_get_one() -> None:
    assert any(
        line.startswith("mutants: not tried with this code; uv run") for line in closing(qualification("release", {}))
    )
    assert not any(line.startswith("mutants") for line in closing(qualification("gate", {})))
