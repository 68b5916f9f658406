"""A planted bug is found, its schedule replays, and the reference is not blamed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from fixtures.engine.finding import Finding
from fixtures.engine.plan import Plan
from fixtures.engine.schedule_file import ScheduleFile
from fixtures.engine.scheduler import Engine
from fixtures.engine.serial import SerialRunner
from fixtures.engine.stage import gated
from fixtures.postgres.server import Server
from fixtures.targets.database import Template
from fixtures.targets.target import load_target
from strategies.programs import pairs
from suites.interleavings.replaying import replay
from suites.interleavings.search import search
from suites.oracles.judge import Judge
from suites.oracles.serial_equivalence import SerialEquivalence

REPLAYS = 20


@contextmanager
def opened(server: Server, spec: str) -> Iterator[tuple[Engine, Judge]]:
    """The engine and the judge for a target of one's own."""
    target = load_target(spec)
    template = Template(server, target)
    with ExitStack() as stack:
        stack.callback(template.drop)
        database = stack.enter_context(template.copy())
        gates, stage = stack.enter_context(gated(database.conninfo, target.schemas, database.state))
        engine = stack.enter_context(Engine(database.conninfo, gates, stage))
        runner = SerialRunner(database.conninfo, stage)
        stack.callback(runner.close)
        yield engine, Judge(SerialEquivalence(runner))


def plan_of(title: str) -> Plan:
    return next(plan for plan in pairs() if plan.title == title)


def shortest(engine: Engine, judge: Judge, plan: Plan) -> Finding:
    found = search(engine, judge, plan).shortest
    assert found, f"{plan.title}: nothing found"
    return next(iter(found.values()))


@pytest.mark.parametrize(
    ("mutant", "pair", "code"), [("verify_backup_unguarded", "day-verify+verify", "C1:not-serial")]
)
def test_a_planted_bug_is_found_and_replays_every_time(server: Server, mutant: str, pair: str, code: str) -> None:
    with opened(server, f"mutant:{mutant}") as (engine, judge):
        finding = shortest(engine, judge, plan_of(pair))
        assert finding.code == code
        assert finding.history.switches <= 3
        schedule = ScheduleFile.of(finding, mutant, "any")
        assert all(replay(engine, judge, schedule).same for _ in range(REPLAYS))


RACES = {
    "verify_backup_unguarded": "day-verify+verify",
    "claim_without_lock": "day-claim+claim",
    "retention_waits": "day-register-on-base+retention",
    "expiry_before_lock": "day-register-on-base+retention",
    "attempts_read_without_lock": "day-fail-job+fail-job",
    "reset_waits": "day-reset+reset",
    "guard_after_first_read": "day-reset+cleanup-jobs",
    "job_before_backup": "day-complete-job+fail-job",
}
"""A lock that is missing, waits, comes too late or in another order: the mutant, and a pair that shows it."""


@pytest.mark.parametrize("mutant", RACES)
def test_a_lock_that_is_wrong_is_found_with_at_most_three_context_switches(server: Server, mutant: str) -> None:
    with opened(server, f"mutant:{mutant}") as (engine, judge):
        assert shortest(engine, judge, plan_of(RACES[mutant])).history.switches <= 3


@pytest.mark.parametrize("pair", RACES.values())
def test_the_reference_is_not_blamed(server: Server, pair: str) -> None:
    with opened(server, "reference") as (engine, judge):
        assert search(engine, judge, plan_of(pair)).shortest == {}
