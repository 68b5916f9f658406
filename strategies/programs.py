"""What sessions do: for each writing function the calls that are worth racing from the working day's catalogue."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations_with_replacement

from fixtures.engine.plan import READ_COMMITTED, Call, Plan, Program, Transaction
from strategies import catalogues as c

ASSIGN_XID = Call("SELECT pg_current_xact_id() IS NOT NULL")
"""What T2 asks of a block before it may clean up: it must have an xid to be seen."""

SINGLE_CALLS = {
    "register-incremental": Call.of(
        "pggit.register_backup", "new", "incremental", "pg_dump", "file:///backups/new", p_branch_name="main"
    ),
    "complete-backup": Call.of("pggit.complete_backup", c.RUNNING, 1000),
    "enqueue": Call.of("pggit.enqueue_backup_job", c.FRESH, "pg_dump", "pg_dump"),
    "claim": Call.of("pggit.get_next_backup_job", "w1"),
    "complete-job": Call.of("pggit.complete_backup_job", c.JOB_LAST_TRY, "done"),
    "fail-last-try": Call.of("pggit.fail_backup_job", c.JOB_LAST_TRY, "boom", 60),
    "reset": Call.of("pggit.reset_job", c.JOB_FAILED),
    "verify": Call.of("pggit.verify_backup", c.FULL_OLD),
    "retention": Call.of("pggit.apply_retention_policy"),
}

IN_BLOCKS = {"cleanup-jobs": Call.of("pggit.cleanup_old_jobs", 7, False)}


def program(name: str, session: str) -> Program:
    """The program called `name` for one session."""
    if name in SINGLE_CALLS:
        return Program.single(session, SINGLE_CALLS[name])
    return Program(session, (Transaction((ASSIGN_XID, IN_BLOCKS[name]), READ_COMMITTED),))


def pairs() -> Iterator[Plan]:
    """Every pair of programs, each with itself too, from the working day."""
    for first, second in combinations_with_replacement([*SINGLE_CALLS, *IN_BLOCKS], 2):
        yield Plan(c.WORKING_DAY, (program(first, "a"), program(second, "b")), f"{first}+{second}")
