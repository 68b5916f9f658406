"""Starting catalogues: what the tables of the subsystem hold before anything is called. SQL over public names only.

Ages are told relative to `now()`; whoever runs a catalogue keeps the rows as they were made the first time.
"""

from __future__ import annotations

HEAD = "commit-3"
"""The head of branch `main` after a target's set-up."""


def uuid(number: int) -> str:
    """A fixed, recognisable id."""
    return f"00000000-0000-4000-8000-{number:012d}"


FULL_OLD, FULL_NEW, INCREMENTAL_OLD, RUNNING, FRESH, FAILED, LAST_TRY = map(uuid, range(1, 8))
JOB_QUEUED, JOB_RUNNING, JOB_FAILED, JOB_OLD, JOB_LAST_TRY, JOB_OLDER = map(uuid, range(101, 107))

_BACKUP = """
INSERT INTO pggit.backups (backup_id, backup_name, backup_type, backup_tool, commit_hash, location, status,
                           started_at, completed_at, metadata) VALUES
  ('{id}', '{name}', '{type}', 'pg_dump', 'commit-3', 'file:///backups/{name}', '{status}',
   now() - interval '{age} days', {completed}, '{{}}');
"""
_JOB = """
INSERT INTO pggit.backup_jobs (job_id, backup_id, job_type, command, tool, status, attempts, max_attempts,
                               created_at, started_at, completed_at, next_retry_at, metadata) VALUES
  ('{id}', '{backup}', 'backup', 'pg_dump', 'pg_dump', '{status}', {attempts}, {most},
   now() - interval '{age} days', {started}, {completed}, NULL, '{metadata}');
"""


def backup(id: str, name: str, type: str = "full", status: str = "completed", age: int = 0) -> str:
    """One backup, `age` days old."""
    completed = "NULL" if status == "in_progress" else f"now() - interval '{age} days'"
    return _BACKUP.format(id=id, name=name, type=type, status=status, age=age, completed=completed)


def job(id: str, backup: str, status: str = "queued", attempts: int = 0, most: int = 3, age: int = 0) -> str:
    """One job of `backup`, created `age` days ago; a running one belongs to worker `w0`."""
    started = "NULL" if status == "queued" else f"now() - interval '{age} days'"
    completed = f"now() - interval '{age} days'" if status in ("completed", "failed", "cancelled") else "NULL"
    metadata = '{"worker_id": "w0"}' if status == "running" else "{}"
    return _JOB.format(
        id=id, backup=backup, status=status, attempts=attempts, most=most, age=age,
        started=started, completed=completed, metadata=metadata,
    )  # fmt: skip


WORKING_DAY = "".join(
    [
        backup(FULL_OLD, "full-old", age=60),
        backup(FULL_NEW, "full-new", age=1),
        backup(INCREMENTAL_OLD, "incremental-old", "incremental", age=20),
        f"INSERT INTO pggit.backup_dependencies (backup_id, depends_on_backup_id, dependency_type)"
        f" VALUES ('{INCREMENTAL_OLD}', '{FULL_NEW}', 'incremental_chain');\n",
        backup(RUNNING, "running", status="in_progress"),
        backup(FRESH, "fresh", status="in_progress"),
        backup(FAILED, "failed", status="failed", age=3),
        backup(LAST_TRY, "last-try", status="in_progress"),
        job(JOB_QUEUED, RUNNING),
        job(JOB_LAST_TRY, LAST_TRY, "running", attempts=3),
        job(JOB_FAILED, FAILED, "failed", attempts=3, age=30),
        job(JOB_OLD, FULL_OLD, "completed", attempts=1, age=60),
    ]
)
"""Something for every function: due and kept backups, a chain, a queue, a last attempt, an old failure."""

QUEUE_JOBS = tuple(uuid(number) for number in range(2001, 2041))
QUEUE_OLD_JOBS = tuple(uuid(number) for number in range(3001, 3041))

QUEUE_OF_JOBS = "".join(
    [
        *(backup(uuid(1000 + n), f"queued-{n}", status="in_progress") for n in range(len(QUEUE_JOBS))),
        *(job(id, uuid(1000 + n)) for n, id in enumerate(QUEUE_JOBS)),
        backup(FULL_NEW, "full-new", age=1),
        *(job(id, FULL_NEW, "completed", attempts=1, age=30) for id in QUEUE_OLD_JOBS),
    ]
)
"""Forty claimable jobs, each of its own backup, and forty that are old and done."""

EXPIRED, STUCK = uuid(8), uuid(9)
JOB_STUCK = uuid(107)
VERIFICATION = uuid(201)
OPEN_AUDIT = 900_001

BUSY_DAY = "".join(
    [
        WORKING_DAY,
        backup(EXPIRED, "expired", status="expired", age=90),
        f"UPDATE pggit.backups SET expires_at = now() - interval '30 days' WHERE backup_id = '{EXPIRED}';\n",
        backup(STUCK, "stuck", status="in_progress", age=2),
        job(JOB_STUCK, STUCK, "running", attempts=1, age=2),
        f"INSERT INTO pggit.backup_verifications (verification_id, backup_id, verification_type, status, verified_at)"
        f" VALUES ('{VERIFICATION}', '{FULL_NEW}', 'integrity_check', 'queued', now());\n",
    ]
)
"""The working day, and work for those who clean up: an expired backup, a stuck job, an open verification."""

DAY = BUSY_DAY + (
    "INSERT INTO pggit.operation_audit (audit_id, operation_name, operation_type)"
    f" VALUES ({OPEN_AUDIT}, 'by hand', 'write');\n"
)
"""The busy day, and an operation that is being audited by hand."""

NIGHT = "".join(
    [
        DAY,
        f"UPDATE pggit.backup_jobs SET status = 'running', attempts = 1, started_at = now() - interval '2 days',"
        f""" metadata = '{{"worker_id": "w0"}}' WHERE job_id = '{JOB_QUEUED}';\n""",
        f"UPDATE pggit.backup_jobs SET status = 'failed', attempts = 1, next_retry_at = now() - interval '1 hour'"
        f" WHERE job_id = '{JOB_LAST_TRY}';\n",
        f"UPDATE pggit.backups SET status = 'completed', completed_at = now() WHERE backup_id = '{FRESH}';\n",
        f"UPDATE pggit.backups SET status = 'expired', expires_at = now() - interval '1 day'"
        f" WHERE backup_id IN ('{FULL_NEW}', '{INCREMENTAL_OLD}');\n",
        f"INSERT INTO pggit.backup_verifications (verification_id, backup_id, verification_type, status, verified_at)"
        f" VALUES ('{uuid(202)}', '{FULL_OLD}', 'checksum', 'in_progress', now() - interval '2 days');\n",
    ]
)
"""The same backups and jobs in other states: a worker is lost, a retry is due, a chain has expired, the newest full
backup is the one that is too old."""
