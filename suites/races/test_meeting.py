"""Workers of pytest, which otherwise have a server each, race together on the server of one of them."""

from __future__ import annotations

import pytest

from fixtures.targets.database import TargetDatabase
from fixtures.workers.meeting import Meeting
from strategies.races import MOST_WORKERS, pool
from suites.races.arena import run_pool
from suites.races.plugin import first_seed
from suites.races.verdict import RaceVerdict
from suites.verdict import Verdict


@pytest.mark.parametrize("number", [1, 2])  # one for each of two workers, though there be no other test
@pytest.mark.clause("C1", "C2", "C3", "C5", "C6", "J1", "J2", "J6", "J7", "A1", "B3", "L5")
def test_whatever_workers_of_pytest_do_at_once_on_one_server_nothing_is_lost_doubled_or_stuck(
    number: int,
    pytestconfig: pytest.Config,
    meeting: Meeting,
    free_database: TargetDatabase,
    verdict: Verdict,
    race_verdict: RaceVerdict,
) -> None:
    seed = first_seed(pytestconfig) + number
    raced = run_pool(free_database, pool(seed, MOST_WORKERS), racing=meeting.race)
    verdict.counts["races of several processes of pytest on one server"] += meeting.met > 1
    race_verdict.settle(raced.findings, f"race of {meeting.met} processes of pytest with seed {seed}")
