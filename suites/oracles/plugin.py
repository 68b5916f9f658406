"""pytest: the judge, as the suites ask for it."""

from __future__ import annotations

import pytest

from fixtures.engine.serial import SerialRunner
from suites.oracles.judge import Judge
from suites.oracles.serial_equivalence import SerialEquivalence


@pytest.fixture(scope="session")
def judge(serial_runner: SerialRunner) -> Judge:
    """All oracles about histories."""
    return Judge(SerialEquivalence(serial_runner))
