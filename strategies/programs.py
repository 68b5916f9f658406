"""What sessions do: for each writing function a call worth racing, and transactions of two calls.

The calls are about the same few rows (`strategies.catalogues`), so that those which can meet do.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations_with_replacement

from fixtures.engine.plan import READ_COMMITTED, Call, Plan, Program, Transaction
from strategies import catalogues as c

ASSIGN_XID = Call("SELECT pg_current_xact_id() IS NOT NULL")
"""What T2 asks of a block before it may clean up: it must have an xid to be seen."""

_COMPLETE_JOB = Call.of("pggit.complete_backup_job", c.JOB_LAST_TRY, "done")
_FAIL_JOB = Call.of("pggit.fail_backup_job", c.JOB_LAST_TRY, "boom", 60)
_CLAIM = Call.of("pggit.get_next_backup_job", "w1")
_VERIFY = Call.of("pggit.verify_backup", c.FULL_OLD)
_RETENTION = Call.of("pggit.apply_retention_policy")
_CLEANUP = Call.of("pggit.cleanup_expired_backups", False)

SINGLE_CALLS = {
    "register": Call.of(
        "pggit.register_backup", "new", "incremental", "pg_dump", "file:///backups/new", p_branch_name="main"
    ),
    "register-on-base": Call.of(
        "pggit.register_backup",
        *("new", "incremental", "pg_dump", "file:///backups/new"),
        p_metadata=f'{{"base_backup_id": "{c.FULL_OLD}"}}',
    ),
    "complete-backup": Call.of("pggit.complete_backup", c.RUNNING, 1000),
    "fail-backup": Call.of("pggit.fail_backup", c.RUNNING, "disk full"),
    "enqueue": Call.of("pggit.enqueue_backup_job", c.FRESH, "pg_dump", "pg_dump"),
    "claim": _CLAIM,
    "complete-job": _COMPLETE_JOB,
    "fail-job": _FAIL_JOB,
    "reset": Call.of("pggit.reset_job", c.JOB_FAILED),
    "pgbackrest": Call.of("pggit.backup_pgbackrest"),
    "barman": Call.of("pggit.backup_barman", "server"),
    "pg_dump": Call.of("pggit.backup_pg_dump"),
    "note-metadata": Call.of("pggit.update_pgbackrest_metadata", c.FULL_NEW, '{"checksum": "c"}'),
    "maintenance": Call.of("pggit.set_maintenance_mode", True),
    "verify": _VERIFY,
    "finish-verification": Call.of("pggit.update_verification_result", c.VERIFICATION, "completed"),
    "test-restore": Call.of("pggit.test_backup_restore", c.FULL_OLD),
    "retention": _RETENTION,
    "audit": Call.of("pggit.audit_operation", "by hand", "write"),
    "complete-audit": Call.of("pggit.complete_audit", c.OPEN_AUDIT, True),
    "audited": Call.of("pggit.audited_operation", "by hand", "read", "SELECT 1"),
}
"""Calls that are their own transaction."""

BLOCKS = {
    "cleanup-jobs": (ASSIGN_XID, Call.of("pggit.cleanup_old_jobs", 7, False)),
    "cancel-stuck": (ASSIGN_XID, Call.of("pggit.cancel_stuck_jobs", 60, False)),
    "cleanup-backups": (ASSIGN_XID, _CLEANUP),
}
"""Calls that are refused outside a transaction."""

TWO_CALLS = {
    "job-then-backup": (_COMPLETE_JOB, Call.of("pggit.complete_backup", c.LAST_TRY)),
    "backup-then-job": (Call.of("pggit.complete_backup", c.LAST_TRY), _COMPLETE_JOB),
    "claim-and-complete": (_CLAIM, Call.of("pggit.complete_backup_job", c.JOB_QUEUED, "done")),
    "fail-and-reset": (_FAIL_JOB, Call.of("pggit.reset_job", c.JOB_LAST_TRY)),
    "retention-and-cleanup": (_RETENTION, _CLEANUP),
    "verify-and-finish": (_VERIFY, Call.of("pggit.update_verification_result", c.VERIFICATION, "failed")),
}
"""Transactions of two calls."""

CATALOGUES = {"day": c.DAY, "night": c.NIGHT}
"""Where the pairs of single calls start."""


def program(name: str, session: str) -> Program:
    """The program called `name` for one session."""
    if name in SINGLE_CALLS:
        return Program.single(session, SINGLE_CALLS[name])
    return Program(session, (Transaction((BLOCKS | TWO_CALLS)[name], READ_COMMITTED),))


def pairs() -> Iterator[Plan]:
    """The race matrix: every pair of writing functions, each with itself too, from every catalogue; and every
    transaction of two calls with every single one and with itself, from the day's."""
    singles = [*SINGLE_CALLS, *BLOCKS]
    for start, catalogue in CATALOGUES.items():
        for first, second in combinations_with_replacement(singles, 2):
            yield Plan(catalogue, (program(first, "a"), program(second, "b")), f"{start}-{first}+{second}")
    for first in TWO_CALLS:
        for second in (first, *singles):
            yield Plan(c.DAY, (program(first, "a"), program(second, "b")), f"day-{first}+{second}")


def triples() -> Iterator[Plan]:
    """Three sessions: any program beside two that pass a backup and its job on to one another."""
    for chain in (("claim", "complete-backup"), ("fail-job", "reset"), ("register-on-base", "retention")):
        for third in (*SINGLE_CALLS, *BLOCKS):
            names = (*chain, third)
            programs = tuple(program(name, session) for name, session in zip(names, "abc", strict=True))
            yield Plan(c.DAY, programs, "+".join(names))
