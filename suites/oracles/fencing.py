"""Contract J3: only who holds the current claim of a job may end it."""

from __future__ import annotations

from fixtures.engine.finding import Finding
from fixtures.engine.history import History, Outcome

_CLAIM = "pggit.get_next_backup_job"
_ENDINGS = ("pggit.complete_backup_job", "pggit.fail_backup_job")


def judge_fencing(history: History) -> list[Finding]:
    """A session that ends a job, without telling who it is, which another session has claimed meanwhile."""
    claims = [outcome for outcome in history.outcomes if outcome.call.function == _CLAIM and outcome.rows]
    return [
        Finding(
            "J3:unfenced",
            ending.call.function,
            f"{ending.call.function} let a session end a job that another session has claimed since",
            history,
        )
        for ending in history.outcomes
        if ending.call.function in _ENDINGS and ending.rows == (("t",),) and _is_stale(ending, claims)
    ]


def _is_stale(ending: Outcome, claims: list[Outcome]) -> bool:
    """Whether the ending session had claimed the job, and the latest claim before is another session's."""
    of_job = [
        claim
        for claim in claims
        if claim.rows[0][0] and claim.rows[0][0] in ending.call.sql and (claim.ended or 0) < ending.began
    ]
    mine = any(claim.session == ending.session for claim in of_job)
    return mine and max(of_job, key=lambda claim: claim.ended or 0).session != ending.session
