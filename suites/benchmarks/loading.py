"""Catalogues of a million rows, made by the server from a few statements."""

from __future__ import annotations

import psycopg

_ID = "('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid"
_INDEXES = """
    SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index
    WHERE indrelid = 'pggit.backups'::regclass AND NOT indisunique
       OR indrelid = 'pggit.backup_jobs'::regclass AND NOT indisunique"""


def backups(first: int, last: int, status: str, **columns: str) -> str:
    """Backups `first` to `last`, full and of pg_dump, unless `columns` (SQL in terms of `n`) say otherwise."""
    row = {
        "backup_id": _ID,
        "backup_name": "'backup-' || n",
        "backup_type": "'full'",
        "backup_tool": "'pg_dump'",
        "commit_hash": "'commit-3'",
        "location": "'file:///backups/' || n",
        "status": f"'{status}'",
        "started_at": "now() - interval '1 day'",
    }
    return _insert("pggit.backups", row | columns, first, last)


def jobs(first: int, last: int, status: str, **columns: str) -> str:
    """Jobs `first` to `last`, each of the backup with its number; the last is the oldest. `columns` as for backups."""
    row = {
        "job_id": _ID,
        "backup_id": _ID,
        "job_type": "'backup'",
        "command": "'true'",
        "tool": "'pg_dump'",
        "status": f"'{status}'",
        "created_at": "now() - n * interval '1 ms'",
    }
    return _insert("pggit.backup_jobs", row | columns, first, last)


def load(conn: psycopg.Connection, *statements: str) -> None:
    """Run the statements, then ANALYZE.

    Triggers and foreign keys are off, and indexes are built afterwards, for all these take most of the time.
    """
    with conn.transaction():
        conn.execute("SET LOCAL session_replication_role = replica")
        conn.execute("SET LOCAL maintenance_work_mem = '256MB'")
        indexes = conn.execute(_INDEXES).fetchall()
        for name, _ in indexes:
            conn.execute(f"DROP INDEX {name}".encode())
        for statement in [*statements, *(definition for _, definition in indexes)]:
            conn.execute(statement.encode())
    conn.execute("ANALYZE pggit.backups, pggit.backup_jobs")


def _insert(table: str, row: dict[str, str], first: int, last: int) -> str:
    return (
        f"INSERT INTO {table} ({', '.join(row)})"
        f" SELECT {', '.join(row.values())} FROM generate_series({first}, {last}) AS n"
    )
