"""Rows that these tests start from, as SQL text: `a_job(1, 1, "failed", attempts=3)` is job 1, of backup 1.

Whatever column a test does not name has the value that a client's row would have in that state.
"""

from __future__ import annotations

import json
from typing import Any

from strategies.catalogues import uuid

LETTERED = "abcdefab-cdef-4abc-8def-abcdefabcdef"
"""An id that can be written in capitals."""


class Expression(str):
    """SQL that is put in as it stands."""


def ago(interval: str) -> Expression:
    """That long before now."""
    return Expression(f"clock_timestamp() - interval '{interval}'")


def ahead(interval: str) -> Expression:
    """That long after now."""
    return Expression(f"clock_timestamp() + interval '{interval}'")


def backup_id(number: int) -> str:
    """The id of backup `number`."""
    return uuid(number)


def job_id(number: int) -> str:
    """The id of job `number`."""
    return uuid(100 + number)


def verification_id(number: int) -> str:
    """The id of verification `number`."""
    return uuid(200 + number)


def a_backup(
    number: int, type: str = "full", status: str = "completed", *, age: str = "1 hour", **columns: object
) -> str:
    """Backup `number`, of pg_dump on main's head; it ended `age` ago, and began when it ended."""
    ended = None if status == "in_progress" else ago(age)
    row = {
        "backup_id": backup_id(number),
        "backup_name": f"backup-{number}",
        "backup_type": type,
        "backup_tool": "pg_dump",
        "commit_hash": "commit-3",
        "location": f"file:///backups/{number}",
        "status": status,
        "started_at": ago(age),
        "completed_at": ended,
    }
    return _insert("pggit.backups", row | columns)


_JOBS: dict[str, dict[str, object]] = {
    "queued": {},
    "paused": {},
    "running": {"attempts": 1, "started_at": ago("1 minute"), "metadata": {"worker_id": "w1"}},
    "completed": {"attempts": 1, "started_at": ago("2 minutes"), "completed_at": ago("1 minute")},
    "cancelled": {"attempts": 1, "started_at": ago("2 minutes"), "completed_at": ago("1 minute")},
    "failed": {"attempts": 3, "started_at": ago("2 minutes"), "completed_at": ago("1 minute"), "last_error": "boom"},
    "waiting": {"status": "failed", "attempts": 1, "next_retry_at": ago("1 second"), "last_error": "boom"},
}


def a_job(number: int, backup: int | None = None, status: str = "queued", **columns: object) -> str:
    """Job `number` of `backup` (None: of none), created an hour ago.

    A running one is worker w1's; a failed one has failed for good; `waiting` is failed with a retry that is due.
    """
    row = {
        "job_id": job_id(number),
        "backup_id": None if backup is None else backup_id(backup),
        "job_type": "backup",
        "command": "true",
        "tool": "pg_dump",
        "status": status,
        "created_at": ago("1 hour"),
    }
    return _insert("pggit.backup_jobs", row | _JOBS[status] | columns)


def a_pair(number: int, status: str = "queued", **columns: object) -> str:
    """Backup `number`, in progress, with job `number` of the same number."""
    return a_backup(number, status="in_progress") + a_job(number, number, status, **columns)


def a_link(backup: int, base: int, type: str = "incremental_chain") -> str:
    """The record that `backup` depends on `base`."""
    row = {"backup_id": backup_id(backup), "depends_on_backup_id": backup_id(base), "dependency_type": type}
    return _insert("pggit.backup_dependencies", row)


def a_verification(
    number: int,
    backup: int,
    status: str = "queued",
    *,
    type: str = "checksum",
    age: str = "1 minute",
    **columns: object,
) -> str:
    """Verification `number` of `backup`, told `age` ago."""
    row = {
        "verification_id": verification_id(number),
        "backup_id": backup_id(backup),
        "verification_type": type,
        "status": status,
        "verified_at": ago(age),
    }
    return _insert("pggit.backup_verifications", row | columns)


def a_branch(name: str, commit: str) -> str:
    """A branch with one commit, its head."""
    return (
        f"INSERT INTO pggit.branches (name) VALUES ('{name}');\n"
        f"INSERT INTO pggit.commits (hash, branch_id)"
        f" SELECT '{commit}', id FROM pggit.branches WHERE name = '{name}';\n"
        f"UPDATE pggit.branches SET head_commit_hash = '{commit}' WHERE name = '{name}';\n"
    )


def _insert(table: str, row: dict[str, Any]) -> str:
    return f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join(map(_literal, row.values()))});\n"


def _literal(value: Any) -> str:
    match value:
        case None:
            return "NULL"
        case Expression():
            return value
        case bool() | int():
            return str(value)
        case dict() | list():
            return _literal(json.dumps(value))
        case _:
            return "'" + str(value).replace("'", "''") + "'"
