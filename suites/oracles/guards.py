"""Contract L1 to L4: a guard is held by a call of the same function only, nobody waits for one, who holds one waits for
no row, and two functions are refused at once where another session holds their rows."""

from __future__ import annotations

from collections.abc import Iterator

from fixtures.engine.finding import Finding
from fixtures.engine.history import History, Outcome, Wait
from fixtures.targets.functions import CALLABLE
from suites.oracles.refusals import is_busy


def judge_guards(history: History) -> list[Finding]:
    """A busy answer although nobody was inside the function: its guard is held from outside. Waiting where none may."""
    waiting = [
        Finding(code, call.call.function, f"{call.call.function} waited for session {wait.blockers[0]}{how}", history)
        for call in history.outcomes
        for wait in call.waits
        for code, how in _wrong(history, call, wait)
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


def _wrong(history: History, call: Outcome, wait: Wait) -> Iterator[tuple[str, str]]:
    """What is wrong with a wait: code, and the end of the sentence."""
    if call.call.function in _GUARDED:
        if any(lock.is_advisory for lock in wait.holding):
            yield "L4:waits-under-guard", " while it held its guard"
        else:
            yield "L2:waits-for-guard", " instead of answering busy"
    elif call.call.function in _AT_ONCE:
        functions = {other.call.function for other in history.outcomes if other.session in wait.blockers}
        if _SWITCH not in functions:  # it may wait for maintenance mode, which is no row of its own
            yield "L3:waits", " instead of being refused at once"


_AT_ONCE = {"pggit.reset_job", "pggit.update_verification_result"}
_SWITCH = "pggit.set_maintenance_mode"
_GUARDED = {function.qualified for function in CALLABLE if function.guarded}


def _inside(other: Outcome, busy: Outcome) -> bool:
    """Whether `other` is a call of the same function whose transaction may have been open at the same time."""
    same = other.session != busy.session and other.call.function == busy.call.function
    gone = other.committed is not None and other.committed < busy.began
    return same and not gone and (busy.ended is None or other.began <= busy.ended)
