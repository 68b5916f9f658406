"""`--budget=TIME`: one race after another until the time is used up. The time says when to stop, and nothing else."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field

import pytest

from fixtures.targets.database import TargetDatabase
from strategies.races import pool
from suites.races.arena import Raced, run_pool
from suites.races.plugin import first_seed
from suites.races.verdict import RaceVerdict
from suites.verdict import Verdict

_EVERY = 10.0  # seconds from one line to the next where lines cannot be written over
_RENEW_EVERY = 50
"""Races after which the tables are truncated: deleted rows slow them down."""


@dataclass
class Progress:
    """Writes a line about how far it is: over and over the same on a terminal, else now and then one more."""

    capsys: pytest.CaptureFixture[str]
    races: int = 0
    calls: int = 0
    refusals: int = 0
    findings: int = 0
    began: float = field(default_factory=time.monotonic)
    _told: float = float("-inf")

    @property
    def seconds(self) -> float:
        """How long it has been going on."""
        return time.monotonic() - self.began

    def note(self, raced: Raced) -> None:
        """One more race is over."""
        self.races += 1
        self.calls += len(raced.race.records)
        self.refusals += raced.refusals
        self.findings += len(raced.findings)
        with self.capsys.disabled():
            terminal = sys.stdout.isatty()
            if terminal or raced.findings or self.seconds - self._told >= _EVERY:
                self._told = self.seconds
                print("\r" if terminal else "\n", self, sep="", end="", flush=True)

    def __str__(self) -> str:
        rate = self.calls / self.seconds
        return (
            f"{self.seconds:6.0f} s  {self.races} races  {rate:.0f} calls/s  "
            f"{self.refusals} refusals  {self.findings} findings "
        )


@pytest.mark.clause("C1", "C2", "C3", "C5", "C6", "J1", "J2", "J6", "J7", "A1", "B3", "L5")
def test_races_show_nothing_for_as_long_as_they_are_let(
    budget: float,
    pytestconfig: pytest.Config,
    free_database: TargetDatabase,
    verdict: Verdict,
    race_verdict: RaceVerdict,
    capsys: pytest.CaptureFixture[str],
) -> None:
    progress = Progress(capsys)
    seed = first_seed(pytestconfig)
    while progress.seconds < budget:
        raced = run_pool(free_database, pool(seed), renew=progress.races % _RENEW_EVERY == 0)
        progress.note(raced)
        again = f"uv run pytest --profile=hunt --hypothesis-seed={seed} --budget=90s --target={verdict.target}"
        race_verdict.settle(raced.findings, f"race with seed {seed}, which comes first in: {again}")
        seed += 1
    verdict.counts["calls of racing workers"] += progress.calls
    verdict.notes.append(f"races: {progress}")
