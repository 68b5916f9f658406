"""Contract T3, E2: what a call says that was cancelled or whose time was up, and that it did stop."""

from __future__ import annotations

from fixtures.engine.finding import Finding
from fixtures.engine.history import History, Outcome
from fixtures.faults.kinds import Kind
from fixtures.targets.functions import CALLABLE

_CANCELLED = "57014"
_LOCKED = "55P03"
_CONTRACTED = {function.qualified for function in CALLABLE}


def judge_faults(history: History) -> list[Finding]:
    """About the call that a fault struck. What it has left behind, serial equivalence judges."""
    return [finding for outcome in history.outcomes if outcome.struck and (finding := _about(outcome, history))]


def _about(outcome: Outcome, history: History) -> Finding | None:
    if history.fault is None or history.fault.kind.loses_connection:
        return None
    function, kind = outcome.call.function, history.fault.kind
    if kind != Kind.LOCK_TIMEOUT:
        said = f"{function} was cancelled ({kind}) and answered {outcome.sqlstate or 'all the same'}"
        return None if outcome.sqlstate == _CANCELLED else Finding("T3:cancel-swallowed", function, said, history)
    if outcome.sqlstate == _LOCKED and function in _CONTRACTED and not outcome.detail.startswith("PGGIT_LOCKED"):
        said = f"{function} lets the server's own 55P03 through when its lock_timeout is over"
        return Finding("E2:raw-55P03", function, said, history)
    return None
