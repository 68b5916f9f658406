"""Contract L1: a guard is held by a call of the same function, and by nothing else."""

from __future__ import annotations

from fixtures.engine.finding import Finding
from fixtures.engine.history import History, Outcome
from suites.oracles.refusals import is_busy


def judge_guards(history: History) -> list[Finding]:
    """A busy answer although nobody was inside the function: its guard is held from outside."""
    return [
        Finding(
            "L1:held-from-outside",
            busy.call.function,
            f"{busy.call.function} answered busy though no other session was inside it",
            history,
        )
        for busy in history.outcomes
        if is_busy(busy) and not any(_inside(other, busy) for other in history.outcomes)
    ]


def _inside(other: Outcome, busy: Outcome) -> bool:
    """Whether `other` is a call of the same function whose transaction may have been open at the same time."""
    same = other.session != busy.session and other.call.function == busy.call.function
    gone = other.committed is not None and other.committed < busy.began
    return same and not gone and (busy.ended is None or other.began <= busy.ended)
