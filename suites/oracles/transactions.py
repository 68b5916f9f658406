"""Contract T1 and T2: three functions destroy, and do so only inside an explicit transaction."""

from __future__ import annotations

from fixtures.engine.finding import Finding
from fixtures.engine.history import History, Outcome, Status

_REQUIRED = "25P01"
DESTRUCTIVE = ("pggit.cleanup_old_jobs", "pggit.cancel_stuck_jobs", "pggit.cleanup_expired_backups")


def judge_transactions(history: History) -> list[Finding]:
    """A real run outside a block is refused, one inside a block is not."""
    return [finding for outcome in history.outcomes if (finding := _about(outcome, history))]


def _about(outcome: Outcome, history: History) -> Finding | None:
    function = outcome.call.function
    if function not in DESTRUCTIVE:
        return None
    if outcome.explicit and outcome.sqlstate == _REQUIRED:
        said = f"{function} does not see the transaction block that it is called in"
        return Finding("T2:block-not-seen", function, said, history)
    deleted = outcome.status == Status.ANSWERED and any(_is_real(row[0]) for row in outcome.rows)
    if not outcome.explicit and deleted:
        said = f"{function} destroyed something outside a transaction block"
        return Finding("T1:no-block", function, said, history)
    return None


def _is_real(action: str | None) -> bool:
    return action in ("deleted", "cancelled")
