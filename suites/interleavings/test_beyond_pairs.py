"""Races that no pair of the matrix has: its failing job is on its last attempt, its failed backup depends on none and
gets no other job."""

from __future__ import annotations

import pytest

from fixtures.engine.plan import Call, Plan, Program
from fixtures.engine.scheduler import Engine
from strategies import catalogues as c
from suites.interleavings.search import search
from suites.oracles.judge import Judge
from suites.verdict import Verdict

FAIL = Call.of("pggit.fail_backup_job", c.JOB_STUCK, "boom", 60)
SWITCH = Call.of("pggit.set_maintenance_mode", True)
RESET = Call.of("pggit.reset_job", c.JOB_FAILED)
RETENTION = Call.of("pggit.apply_retention_policy")
ENQUEUE = Call.of("pggit.enqueue_backup_job", c.FAILED, "pg_dump", "pg_dump")
STILL_WANTED = f"UPDATE pggit.backups SET status = 'in_progress' WHERE backup_id = '{c.FAILED}';\n"
FAILED_INCREMENTAL = (
    f"UPDATE pggit.backups SET backup_type = 'incremental' WHERE backup_id = '{c.FAILED}';\n"
    "INSERT INTO pggit.backup_dependencies (backup_id, depends_on_backup_id, dependency_type)"
    f" VALUES ('{c.FAILED}', '{c.FULL_OLD}', 'base');\n"
)


@pytest.mark.clause("J7", "C1")
def test_a_job_that_fails_while_maintenance_begins_is_paused(engine: Engine, judge: Judge, verdict: Verdict) -> None:
    plan = Plan(c.DAY, (Program.single("a", FAIL), Program.single("b", SWITCH)), "fail and switch")
    searched = search(engine, judge, plan)
    verdict.settle(searched.shortest.values(), str(searched))


@pytest.mark.clause("B3", "C1")
def test_no_backup_is_revived_on_a_base_that_expires_meanwhile(engine: Engine, judge: Judge, verdict: Verdict) -> None:
    sessions = Program.single("a", RESET), Program.single("b", RETENTION)
    searched = search(engine, judge, Plan(c.DAY + FAILED_INCREMENTAL, sessions, "revive and expire"))
    verdict.settle(searched.shortest.values(), str(searched))


@pytest.mark.clause("J6", "C1")
def test_a_job_that_is_revived_while_another_is_made_is_not_the_second(
    engine: Engine, judge: Judge, verdict: Verdict
) -> None:
    sessions = Program.single("a", RESET), Program.single("b", ENQUEUE)
    searched = search(engine, judge, Plan(c.DAY + STILL_WANTED, sessions, "revive and enqueue"))
    verdict.settle(searched.shortest.values(), str(searched))
