"""Contract A3: what was done and undone should leave a trace, and PostgreSQL has no autonomous transactions."""

from __future__ import annotations

from fixtures.engine.finding import Finding
from fixtures.engine.history import History, Outcome, Status

_TABLE = "pggit.operation_audit"
AUDITED = (
    "pggit.apply_retention_policy",
    "pggit.cleanup_expired_backups",
    "pggit.cleanup_old_jobs",
    "pggit.cancel_stuck_jobs",
    "pggit.reset_job",
    "pggit.set_maintenance_mode",
    "pggit.fail_backup",
)


def judge_audit(history: History) -> list[Finding]:
    """An audited call whose block failed afterwards: nobody can see that it was made."""
    return [
        Finding("A3:audit-lost", call.call.function, f"{call.call.function} ran, and no audit row tells of it", history)
        for call in history.outcomes
        if call.call.function in AUDITED and _undone_by_failure(call, history) and not _is_recorded(call, history)
    ]


def _undone_by_failure(call: Outcome, history: History) -> bool:
    later = [o for o in history.outcomes if o.session == call.session and o.position > call.position]
    failed = any(o.status == Status.REFUSED and o.explicit for o in later)
    return call.status == Status.ANSWERED and call.explicit and call.committed is None and failed


def _is_recorded(call: Outcome, history: History) -> bool:
    name = call.call.function.rpartition(".")[2]
    return any(row.get("operation_name") == name for row in history.final.get(_TABLE, []))
