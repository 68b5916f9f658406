"""A crew empties a queue, come what may."""

from __future__ import annotations

import pytest

from fixtures.postgres.server import OwnServer, running_server
from fixtures.postgres.session import SERVER_KEY
from fixtures.targets.database import Template
from fixtures.targets.target import Target
from strategies.profiles import PROFILES
from strategies.races import drain
from suites.races.draining import run_drain
from suites.races.plugin import first_seed
from suites.races.verdict import RaceVerdict
from suites.verdict import Verdict


@pytest.mark.needs("own-server")
@pytest.mark.clause("C5", "C6", "J1", "J2", "J3", "J5", "T3", "I4", "L5", "A1")
def test_no_job_is_lost_or_doubled_while_workers_are_killed_and_the_server_crashes(
    pytestconfig: pytest.Config, server: OwnServer, target: Target, verdict: Verdict, race_verdict: RaceVerdict
) -> None:
    plan = drain(first_seed(pytestconfig), PROFILES[pytestconfig.getoption("--profile")].jobs)
    with pytestconfig.stash[SERVER_KEY].unpinned(), running_server(server.binaries, durable=True) as durable:
        template = Template(durable, target)
        with template.copy() as database:
            raced, supervisor = run_drain(durable, database, plan)
    verdict.counts["jobs drained while workers are lost"] += plan.jobs
    verdict.counts["workers killed"] += supervisor.kills
    verdict.counts["server crashes"] += supervisor.crashes
    race_verdict.settle(raced.findings, f"drain with seed {plan.seed}")
    assert (supervisor.crashes, supervisor.kills > 0) == (len(plan.crashes), True)  # or nothing has been shown
