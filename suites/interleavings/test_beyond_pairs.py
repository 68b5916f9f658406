"""Races that no pair of the matrix has: its failing job is on its last attempt, its failed backup depends on none and
gets no other job, no backup has two waiting jobs, no maintenance ends, and its clients write no rows."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fixtures.engine.plan import READ_COMMITTED, Call, Plan, Program, Transaction
from fixtures.engine.scheduler import Engine
from strategies import catalogues as c
from strategies.programs import BLOCKS, SINGLE_CALLS, program
from suites.interleavings.search import search
from suites.oracles.judge import Judge
from suites.verdict import Verdict

Settled = Callable[[Plan], None]

FAIL = Call.of("pggit.fail_backup_job", c.JOB_STUCK, "boom", 60)
WAITING = {"fail-job": FAIL, "enqueue": SINGLE_CALLS["enqueue"], "pg_dump": SINGLE_CALLS["pg_dump"]}
"""Calls after which a job waits that did not before: it failed, or was added."""
SWITCH = Call.of("pggit.set_maintenance_mode", True)
SWITCHES = {"on": ("", SWITCH), "off": (f"{SWITCH.sql};\n", Call.of("pggit.set_maintenance_mode", False))}
FAIL_BACKUP = Call.of("pggit.fail_backup", c.RUNNING, "disk full")
RESET = Call.of("pggit.reset_job", c.JOB_FAILED)
RETENTION = Call.of("pggit.apply_retention_policy")
ENQUEUE = Call.of("pggit.enqueue_backup_job", c.FAILED, "pg_dump", "pg_dump")
STILL_WANTED = f"UPDATE pggit.backups SET status = 'in_progress' WHERE backup_id = '{c.FAILED}';\n"
TWO_WAITING_JOBS = c.job(c.uuid(100), c.RUNNING)
PGBACKREST_FULL = (
    "UPDATE pggit.backups SET backup_tool = 'pgbackrest', metadata = jsonb_build_object('stanza', 'main')"
    f" WHERE backup_id = '{c.FULL_NEW}';\n"
)
IN_ORDER = (
    Call.of("pggit.set_maintenance_mode", False),
    *(
        Call(f"SELECT FROM pggit.{rows} FOR UPDATE")
        for rows in (
            "backups ORDER BY backup_id", "backup_jobs ORDER BY job_id", "backup_verifications ORDER BY verification_id"
        )
    ),
)  # fmt: skip
"""A client that locks all there is, in the contract's order: the state of maintenance by leaving it off."""
FAILED_INCREMENTAL = (
    f"UPDATE pggit.backups SET backup_type = 'incremental' WHERE backup_id = '{c.FAILED}';\n"
    "INSERT INTO pggit.backup_dependencies (backup_id, depends_on_backup_id, dependency_type)"
    f" VALUES ('{c.FAILED}', '{c.FULL_OLD}', 'base');\n"
)


@pytest.fixture
def settled(engine: Engine, judge: Judge, verdict: Verdict) -> Settled:
    """Tries a plan in every order, and fails when one of them shows something wrong, or was never had."""

    def settle(plan: Plan) -> None:
        searched = search(engine, judge, plan)
        verdict.settle(searched.shortest.values(), str(searched))
        if searched.unreached:
            pytest.fail(f"{searched.unreached} orders were not reached: neither right nor wrong", pytrace=False)

    return settle


@pytest.mark.clause("J7", "C1")
def test_a_job_that_fails_while_maintenance_begins_is_paused(settled: Settled) -> None:
    settled(Plan(c.DAY, (Program.single("a", FAIL), Program.single("b", SWITCH)), "fail and switch"))


@pytest.mark.clause("J7", "C4")
@pytest.mark.parametrize("name", WAITING)
@pytest.mark.parametrize(("before", "switch"), SWITCHES.values(), ids=SWITCHES)
def test_a_switch_that_cannot_see_which_job_waits_meanwhile_is_refused(
    settled: Settled, before: str, switch: Call, name: str
) -> None:
    switching = Program("b", (Transaction((switch,), "repeatable read"),))
    sessions = Program.single("a", WAITING[name]), switching
    settled(Plan(c.DAY + before, sessions, f"{name} and a switch with an old snapshot"))


@pytest.mark.clause("J7", "C1")
@pytest.mark.parametrize("name", [*SINGLE_CALLS, *BLOCKS])
def test_maintenance_ends_before_another_call_or_after_it(settled: Settled, name: str) -> None:
    before, switch = SWITCHES["off"]
    settled(Plan(c.DAY + before, (Program.single("a", switch), program(name, "b")), f"maintenance ends beside {name}"))


def client(change: str, job: str) -> Program:
    """A client that changes a job by hand, in a transaction that it keeps open for a while."""
    by_hand = Call(f"UPDATE pggit.backup_jobs SET {change} WHERE job_id = '{job}'")
    return Program("c", (Transaction((by_hand,), READ_COMMITTED),))


@pytest.mark.clause("J1", "J5", "C1")
def test_a_job_that_a_client_begins_while_its_backup_fails_is_cancelled_before_or_not_at_all(settled: Settled) -> None:
    sessions = Program.single("a", FAIL_BACKUP), client("status = 'running'", c.JOB_QUEUED)
    settled(Plan(c.DAY, sessions, "fail a backup and begin its job"))


@pytest.mark.clause("C3")
@pytest.mark.parametrize(("before", "switch"), SWITCHES.values(), ids=SWITCHES)
def test_jobs_are_locked_in_one_order_wherever_their_rows_lie(settled: Settled, before: str, switch: Call) -> None:
    sessions = Program.single("a", FAIL_BACKUP), Program.single("b", switch), client("tool = tool", c.JOB_QUEUED)
    settled(Plan(c.DAY + TWO_WAITING_JOBS + before, sessions, "fail a backup and switch beside a client"))


@pytest.mark.clause("C3")
@pytest.mark.parametrize("name", [*SINGLE_CALLS, *BLOCKS, "pgbackrest-incr"])
def test_who_locks_in_the_contract_s_order_never_deadlocks(settled: Settled, name: str) -> None:
    incremental = Program.single("a", Call.of("pggit.backup_pgbackrest", "incr"))
    calls = incremental if name == "pgbackrest-incr" else program(name, "a")
    sessions = calls, Program("c", (Transaction(IN_ORDER, READ_COMMITTED),))
    settled(Plan(c.DAY + PGBACKREST_FULL, sessions, f"{name} beside locks in order"))


@pytest.mark.clause("C3")
def test_a_reset_that_waits_for_a_switch_holds_no_backup(settled: Settled) -> None:
    backup = Call(f"SELECT FROM pggit.backups WHERE backup_id = '{c.FAILED}' FOR UPDATE")
    sessions = Program.single("a", RESET), Program("c", (Transaction((SWITCH, backup), READ_COMMITTED),))
    settled(Plan(c.DAY, sessions, "reset beside a switch and its backup"))


@pytest.mark.clause("B3", "C1")
def test_no_backup_is_revived_on_a_base_that_expires_meanwhile(settled: Settled) -> None:
    sessions = Program.single("a", RESET), Program.single("b", RETENTION)
    settled(Plan(c.DAY + FAILED_INCREMENTAL, sessions, "revive and expire"))


@pytest.mark.clause("J6", "C1")
def test_a_job_that_is_revived_while_another_is_made_is_not_the_second(settled: Settled) -> None:
    sessions = Program.single("a", RESET), Program.single("b", ENQUEUE)
    settled(Plan(c.DAY + STILL_WANTED, sessions, "revive and enqueue"))
