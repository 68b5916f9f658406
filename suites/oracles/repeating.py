"""Contract I4: a call whose reply was lost after it has committed may be made again, and changes nothing more."""

from __future__ import annotations

from fixtures.engine.finding import Finding
from fixtures.engine.history import History, Outcome

_FALSE = (("f",),)
REPEATED = {
    "pggit.complete_backup": "02000",
    "pggit.complete_backup_job": _FALSE,
    "pggit.fail_backup_job": _FALSE,
    "pggit.fail_backup": _FALSE,
    "pggit.reset_job": (("t",),),
    "pggit.update_verification_result": (("t",),),
    "pggit.verify_backup": None,
    "pggit.test_backup_restore": None,
    "pggit.set_maintenance_mode": None,
    "pggit.apply_retention_policy": (),
    "pggit.cleanup_expired_backups": (),
    "pggit.cleanup_old_jobs": None,
    "pggit.cancel_stuck_jobs": (),
}
"""The calls that I4 lists, and what the second one is told: a refusal, rows, or None where that is the call's own."""


def judge_repetition(history: History) -> list[Finding]:
    """About the last call of the history, if it is one whose reply was lost, made again."""
    if history.fault is None or len(history.outcomes) < 2:
        return []
    *earlier, last = [outcome for outcome in history.outcomes if not outcome.is_commit]
    lost = [one for one in earlier if _is_lost(one) and one.call == last.call]
    if not lost or last.call.function not in REPEATED or not _alone(lost[0], last, earlier):
        return []
    expected = REPEATED[last.call.function]
    got = last.sqlstate or last.rows
    if (expected is None and not last.sqlstate) or got == expected:
        return []
    said = f"{last.call.function} was repeated after its reply was lost, and answered {got or 'no rows'}"
    return [Finding("I4:not-repeatable", last.call.function, said, history)]


def _is_lost(outcome: Outcome) -> bool:
    return outcome.struck and outcome.committed is not None


def _alone(lost: Outcome, last: Outcome, earlier: list[Outcome]) -> bool:
    """Whether nobody else has been at work, so that the repetition finds just what the lost call has left."""
    return all(other.session in (lost.session, last.session) for other in earlier)
