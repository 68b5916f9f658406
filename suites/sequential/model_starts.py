"""The rows from which the models' examples start; both sides put them in. Time zero is now.

An example starts with any of the groups: rows that belong together, in the order in which they can be put in.
No two backups ended at the same time, for which of those is the latest is not documented.
"""

from __future__ import annotations

from strategies.catalogues import uuid as plain_uuid
from suites.oracles.model_state import DAY, HOUR, MINUTE, Backup, Job, Link, Row, Verification


def uuid(number: int) -> str:
    """A fixed id with letters, which can be written in capitals."""
    return plain_uuid(number).replace("-8000-", "-8abc-")


QUEUE: tuple[tuple[Row, ...], ...] = (
    (Backup(uuid(1)), Job(uuid(101), uuid(1), created_at=-HOUR)),
    (Job(uuid(102), None, "cleanup", created_at=-HOUR),),
    (
        Backup(uuid(3)),
        Job(uuid(103), uuid(3), status="running", attempts=2, most=5, created_at=-HOUR, started_at=-HOUR, worker="w0"),
    ),
    (
        Backup(uuid(4)),
        Job(uuid(104), uuid(4), status="failed", attempts=1, created_at=-DAY, next_retry_at=-2 * HOUR, error="one"),
    ),
    (
        Backup(uuid(5)),
        Job(uuid(105), uuid(5), status="failed", attempts=2, created_at=-DAY, next_retry_at=10 * MINUTE, error="one"),
    ),
    (
        Backup(uuid(6), status="failed", completed_at=-DAY, error="3"),
        Job(uuid(106), uuid(6), status="failed", attempts=3, created_at=-DAY, completed_at=-DAY, error="two"),
    ),
    (
        Backup(uuid(2)),
        Job(uuid(112), uuid(2), status="running", attempts=3, created_at=-HOUR, started_at=-MINUTE, worker="w2"),
    ),
    (Backup(uuid(7), commit="commit-1"),),
    (Backup(uuid(8), commit="commit-side"),),
    (
        Backup(uuid(9), commit=None),
        Job(uuid(109), uuid(9), status="running", attempts=3, created_at=-HOUR, started_at=-MINUTE, worker="w1"),
    ),
    (
        Backup(uuid(10), status="completed", completed_at=-8 * DAY),
        Job(uuid(110), uuid(10), status="completed", attempts=1, created_at=-9 * DAY, completed_at=-8 * DAY),
        Job(uuid(111), uuid(10), "verify", created_at=-HOUR),
    ),
)

SHELF: tuple[tuple[Row, ...], ...] = (
    (
        Backup(uuid(31), status="completed", completed_at=-60 * DAY),
        Backup(uuid(32), "incremental", status="completed", completed_at=-50 * DAY),
        Link(uuid(32), uuid(31), "base"),
        Backup(uuid(33), "incremental", status="completed", completed_at=-5 * DAY, base=uuid(32)),
    ),
    (
        Backup(uuid(34), status="completed", completed_at=-40 * DAY),
        Backup(uuid(35), "differential", status="completed", completed_at=-35 * DAY),
        Link(uuid(35), uuid(34), "differential_base"),
    ),
    (Backup(uuid(36), tool="pgbackrest", status="completed", completed_at=-45 * DAY, stanza="a"),),
    (
        Backup(uuid(37), status="completed", completed_at=-DAY),
        Verification(uuid(237), uuid(37), "checksum", "failed", -HOUR // 2, -HOUR // 2),
        Verification(uuid(238), uuid(37), "restore_test", "in_progress", -20 * HOUR, -20 * HOUR),
    ),
    (Backup(uuid(38), status="completed", completed_at=-2 * DAY, expires_at=-HOUR),),
    (Backup(uuid(39), status="completed", completed_at=-90 * DAY, expires_at=DAY),),
    (Backup(uuid(40), "snapshot", status="completed", completed_at=-90 * DAY),),
    (Backup(uuid(41), commit="commit-side", status="completed", completed_at=-91 * DAY),),
    (Backup(uuid(42), status="expired", completed_at=-94 * DAY, expires_at=-DAY),),
    (
        Backup(uuid(43), status="expired", completed_at=-92 * DAY, expires_at=-DAY),
        Backup(uuid(44), "incremental", status="completed", completed_at=-3 * DAY),
        Link(uuid(44), uuid(43), "base"),
        Verification(uuid(244), uuid(44), "checksum", "queued", -30 * HOUR, -30 * HOUR),
    ),
    (
        Backup(uuid(45), status="expired", completed_at=-93 * DAY),
        Backup(uuid(46), "incremental", status="failed", completed_at=-DAY, base=uuid(45).upper(), error="3"),
        Job(uuid(146), uuid(46), status="failed", attempts=3, created_at=-DAY, completed_at=-DAY),
    ),
    (
        Backup(uuid(48), status="completed", completed_at=-70 * DAY),
        Backup(uuid(49), "incremental", status="failed", completed_at=-60 * DAY, error="3"),
        Link(uuid(49), uuid(48), "base"),
        Backup(uuid(50), "incremental", status="completed", completed_at=-4 * DAY),
        Link(uuid(50), uuid(49), "incremental_chain"),
    ),
    (
        Backup(uuid(47), tool="pgbackrest", status="completed", completed_at=-HOUR, server="s"),
        Verification(uuid(247), uuid(47), "checksum", "completed", -HOUR // 2, -HOUR // 2),
        Verification(uuid(248), uuid(47), "restore_test", "completed", -90 * MINUTE, -90 * MINUTE),
    ),
)
