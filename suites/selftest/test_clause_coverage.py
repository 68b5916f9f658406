"""Every clause that one session can show has a test that cites it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from fixtures.targets.clauses import clauses

CHECKOUT = Path(__file__).parents[2]
CHAPTERS = "EVTIASHJB"
COLLECT = """
import json, sys
import pytest

class Collected:
    def pytest_collection_finish(self, session):
        cited = {name: [] for item in session.items for mark in item.iter_markers("clause") for name in mark.args}
        for item in session.items:
            for name in {name for mark in item.iter_markers("clause") for name in mark.args}:
                cited[name].append(item.nodeid)
        print("CITED", json.dumps(cited))

sys.exit(pytest.main(["--collect-only", "-q", "--no-header", "-p", "no:cacheprovider"], plugins=[Collected()]))
"""


@pytest.fixture(scope="module")
def cited() -> dict[str, list[str]]:
    """The tests that are run on the reference, by the clause that they cite."""
    command = [sys.executable, "-c", COLLECT]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("CITED ")]
    found = json.loads(line.removeprefix("CITED "))
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_every_clause_of_the_chapter_has_a_test(cited: dict[str, list[str]], chapter: str) -> None:
    untested = [clause.id for clause in clauses().values() if clause.id.startswith(chapter) and clause.id not in cited]
    assert untested == [], f"no test cites {', '.join(untested)}"


def test_the_other_clauses_without_a_test_are_known(cited: dict[str, list[str]]) -> None:
    print("clauses that no test cites:", ", ".join(name for name in clauses() if name not in cited) or "none")
    assert set(cited) <= set(clauses())
