"""pytest: the judge, as the suites ask for it."""

from __future__ import annotations

import pytest

from fixtures.engine.gates import Gates
from fixtures.engine.serial import SerialRunner
from suites.oracles.judge import Judge
from suites.oracles.serial_equivalence import SerialEquivalence
from suites.verdict import Verdict


@pytest.fixture(scope="session")
def judge(serial_runner: SerialRunner, gates: Gates, verdict: Verdict) -> Judge:
    """All oracles about histories. What is not stepped through although it is PL/pgSQL is told in the end."""
    verdict.notes += gates.unread()
    return Judge(SerialEquivalence(serial_runner))
