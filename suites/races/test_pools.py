"""Pools of workers that do everything at once: complete, fail, reset, cancel, pause, clean up, register."""

from __future__ import annotations

import pytest

from fixtures.targets.database import TargetDatabase
from strategies.races import pool
from suites.races.arena import run_pool
from suites.races.verdict import RaceVerdict
from suites.verdict import Verdict


@pytest.mark.clause("C1", "C2", "C3", "C5", "C6", "J1", "J2", "J6", "J7", "A1", "B3", "L5")
def test_whatever_workers_do_at_once_nothing_is_lost_doubled_or_stuck(
    race_seed: int, free_database: TargetDatabase, verdict: Verdict, race_verdict: RaceVerdict
) -> None:
    raced = run_pool(free_database, pool(race_seed))
    verdict.counts["calls of racing workers"] += len(raced.race.records)
    race_verdict.settle(raced.findings, f"race with seed {race_seed}")
