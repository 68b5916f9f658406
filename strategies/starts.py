"""Where calls with arbitrary arguments start: catalogues in every state, and what a call can name in them."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise, product

from strategies import catalogues as c


@dataclass(frozen=True)
class Catalogue:
    """A starting catalogue and what a call can name in it: ids by table, commits, branches."""

    name: str
    sql: str = ""
    ids: dict[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    commits: tuple[str, ...] = ("commit-1", "commit-2", "commit-3")
    branches: tuple[str, ...] = ("main",)


def _known(
    backups: tuple[str, ...], jobs: tuple[str, ...] = (), verifications: tuple[str, ...] = ()
) -> dict[str, tuple[str, ...]]:
    tables = {"backups": backups, "backup_jobs": jobs, "backup_verifications": verifications}
    return {f"pggit.{table}": ids for table, ids in tables.items() if ids}


_DAY_BACKUPS = (c.FULL_OLD, c.FULL_NEW, c.INCREMENTAL_OLD, c.RUNNING, c.FRESH, c.FAILED, c.LAST_TRY)
_DAY_JOBS = (c.JOB_QUEUED, c.JOB_LAST_TRY, c.JOB_FAILED, c.JOB_OLD)

BACKUP_TYPES = ("full", "incremental", "differential", "snapshot")
BACKUP_STATES = ("in_progress", "completed", "failed", "expired", "deleted")
JOB_TYPES = ("backup", "verify", "cleanup")
JOB_STATES = ("queued", "running", "completed", "failed", "cancelled", "paused")
VERIFICATION_STATES = ("pending", "in_progress", "completed", "failed", "queued")


def _every_state() -> Catalogue:
    """A backup of each type in each state, a job of each type in each state, a verification in each state."""
    backups = {c.uuid(1001 + n): pair for n, pair in enumerate(product(BACKUP_TYPES, BACKUP_STATES))}
    jobs = {c.uuid(2001 + n): pair for n, pair in enumerate(product(JOB_TYPES, JOB_STATES))}
    verifications = {c.uuid(3001 + n): status for n, status in enumerate(VERIFICATION_STATES)}
    of_jobs = [id for id, (_, status) in backups.items() if status in ("in_progress", "failed")]
    sql = [c.backup(id, f"{type}-{status}", type, status, age=50) for id, (type, status) in backups.items()]
    for number, (id, (type, status)) in enumerate(jobs.items()):
        attempts = 3 if status == "failed" else 0
        sql.append(c.job(id, of_jobs[number % len(of_jobs)], status, attempts, age=10))
        sql.append(f"UPDATE pggit.backup_jobs SET job_type = '{type}' WHERE job_id = '{id}';\n")
    sql += [verification(id, next(iter(backups)), status) for id, status in verifications.items()]
    return Catalogue("every state", "".join(sql), _known(tuple(backups), tuple(jobs), tuple(verifications)))


def verification(id: str, backup: str, status: str) -> str:
    """One verification of `backup`."""
    return (
        "INSERT INTO pggit.backup_verifications (verification_id, backup_id, verification_type, status)"
        f" VALUES ('{id}', '{backup}', 'checksum', '{status}');\n"
    )


def _chained() -> Catalogue:
    """Chains of bases, recorded as links, as metadata in capitals, as both; one that bites its tail; all aged."""
    ids = tuple(c.uuid(1100 + n) for n in range(8))
    sql = [c.backup(ids[0], "base", age=4000)]
    sql += [c.backup(id, f"link-{n}", "incremental", age=3900 - n) for n, id in enumerate(ids[1:], 1)]
    sql += [
        "INSERT INTO pggit.backup_dependencies (backup_id, depends_on_backup_id, dependency_type) VALUES"
        f" ('{one}', '{base}', 'incremental_chain');\n"
        for base, one in pairwise(ids[:5])
    ]
    sql += [
        f"""UPDATE pggit.backups SET metadata = '{{"base_backup_id": "{base.upper()}"}}' WHERE backup_id = '{one}';\n"""
        for base, one in [(ids[3], ids[4]), (ids[4], ids[5]), (ids[7], ids[6]), (ids[6], ids[7]), (NOBODY, ids[2])]
    ]
    expired = ", ".join(f"'{id}'" for id in ids[:2])
    sql.append(f"UPDATE pggit.backups SET status = 'expired' WHERE backup_id IN ({expired});\n")
    return Catalogue("chained", "".join(sql), _known(ids))


NOBODY = c.uuid(999)
"""An id that no catalogue has."""

_UNSET = """
UPDATE pggit.backups SET metadata = NULL, backup_size = NULL, started_at = now(), created_by = NULL;
UPDATE pggit.backups SET commit_hash = NULL WHERE status = 'in_progress';
UPDATE pggit.backup_jobs SET metadata = NULL, attempts = NULL, max_attempts = NULL, created_at = NULL
  WHERE status <> 'failed';
UPDATE pggit.backup_jobs SET metadata = NULL, backup_id = NULL, started_at = NULL WHERE status IN ('failed', 'running');
UPDATE pggit.backup_verifications SET details = NULL, verified_at = NULL, backup_id = NULL;
"""
"""All that clients may leave unset."""

_ODD = """
UPDATE pggit.backups SET metadata = '[1e400, "x"]', location = E'-\\n\\u00a0', backup_name = '',
  backup_size = 9223372036854775807, compressed_size = -9223372036854775808;
UPDATE pggit.backup_jobs SET metadata = 'null', command = '', attempts = 2147483647, max_attempts = 2147483647;
UPDATE pggit.backup_jobs SET attempts = -2147483648, next_retry_at = 'infinity' WHERE status <> 'failed';
UPDATE pggit.backup_verifications SET details = '"text"';
"""
"""What clients may write that no function would: numbers at their ends, JSON of other shapes, odd text."""


def _endless() -> str:
    """Times at the ends: half of the rows at infinity, half at its opposite."""
    times = {"backups": "started_at completed_at expires_at", "backup_jobs": "created_at started_at next_retry_at"}
    times |= {"backup_verifications": "verified_at"}
    keys = {"backups": "backup_id", "backup_jobs": "job_id", "backup_verifications": "verification_id"}
    return "".join(
        f"UPDATE pggit.{table} SET {column} = (CASE WHEN right({keys[table]}::text, 1) < '5' THEN '-' ELSE '' END"
        f" || 'infinity')::timestamptz WHERE {column} IS NOT NULL"
        + (" OR backup_type = 'snapshot';\n" if column == "expires_at" else ";\n")
        for table, columns in times.items()
        for column in columns.split()
    )


WORKING_DAY = Catalogue("working day", c.WORKING_DAY, _known(_DAY_BACKUPS, _DAY_JOBS))
_BUSY = Catalogue(
    "busy day", c.BUSY_DAY, _known((*_DAY_BACKUPS, c.EXPIRED, c.STUCK), (*_DAY_JOBS, c.JOB_STUCK), (c.VERIFICATION,))
)
_STATES = _every_state()

CATALOGUES = (
    WORKING_DAY,
    Catalogue("empty"),
    _BUSY,
    _STATES,
    _chained(),
    Catalogue("unset", _STATES.sql + _UNSET, _STATES.ids),
    Catalogue("odd", _STATES.sql + _ODD, _STATES.ids),
    Catalogue("endless", _STATES.sql + _endless(), _STATES.ids),
)
"""Where calls start that may be anything."""
