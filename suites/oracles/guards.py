"""Contract L1 and L4: a guard is held by a call of the same function only, and who holds one waits for no row."""

from __future__ import annotations

from fixtures.engine.finding import Finding
from fixtures.engine.history import History, Outcome
from fixtures.targets.functions import CALLABLE
from suites.oracles.refusals import is_busy


def judge_guards(history: History) -> list[Finding]:
    """A busy answer although nobody was inside the function: its guard is held from outside. Waiting under a guard."""
    waiting = [
        Finding(
            "L4:waits-under-guard",
            call.call.function,
            f"{call.call.function} waited for session {wait.blockers[0]} while it held its guard",
            history,
        )
        for call in history.outcomes
        for wait in call.waits
        if call.call.function in _GUARDED and any(lock.is_advisory for lock in wait.holding)
    ]
    return waiting + [
        Finding(
            "L1:held-from-outside",
            busy.call.function,
            f"{busy.call.function} answered busy though no other session was inside it",
            history,
        )
        for busy in history.outcomes
        if is_busy(busy) and not any(_inside(other, busy) for other in history.outcomes)
    ]


_GUARDED = {function.qualified for function in CALLABLE if function.guarded}


def _inside(other: Outcome, busy: Outcome) -> bool:
    """Whether `other` is a call of the same function whose transaction may have been open at the same time."""
    same = other.session != busy.session and other.call.function == busy.call.function
    gone = other.committed is not None and other.committed < busy.began
    return same and not gone and (busy.ended is None or other.began <= busy.ended)
