"""Contract C2, C3, E3: how a call under concurrency may end, and that a refusal had a reason."""

from __future__ import annotations

from fixtures.engine.finding import Finding
from fixtures.engine.history import History, Outcome, Status
from fixtures.targets.functions import CALLABLE

BUSY = "PGGIT_CONCURRENT"
_CONCURRENCY = {"55P03", "40001", "40P01"}
_REFUSALS = {"02000", "22003", "22004", "22023", "23503", "23505", "25P01", "25006", "57014"}
_CONTRACTED = {function.qualified for function in CALLABLE}


def is_busy(outcome: Outcome) -> bool:
    """Whether the call is told that another session is inside (L2): no rows, and a message that names the code."""
    return not outcome.rows and any(BUSY in notice.message for notice in outcome.notices)


def is_concurrency_refusal(outcome: Outcome) -> bool:
    """Whether the call was refused for what others were doing, not for what the catalogue holds."""
    return outcome.sqlstate in _CONCURRENCY


def judge_refusals(history: History) -> list[Finding]:
    """Findings about single calls: deadlocks, raw errors, refusals without a witness, runs without an end."""
    findings = []
    if history.stuck:
        findings.append(Finding("C6:stuck", _functions(history), history.stuck, history))
    if history.left:
        said = f"{_functions(history)} left an advisory lock behind that outlived the transaction"
        findings.append(Finding("L5:lock-left", _functions(history), said, history))
    for outcome in history.outcomes:
        if finding := _about(outcome, history):
            findings.append(finding)
    return findings


def _about(outcome: Outcome, history: History) -> Finding | None:
    function, code = outcome.call.function, outcome.sqlstate
    if code == "40P01" and not outcome.explicit:
        return Finding("C3:deadlock", function, f"{function} deadlocked with a single call", history)
    refused = code in _CONCURRENCY or is_busy(outcome)
    if refused and not outcome.others and not outcome.blockers:
        what = code or "busy"
        return Finding("C2:no-witness", function, f"{function} answered {what} though nobody was in its way", history)
    ours = function in _CONTRACTED  # what functions of others raise is their own business
    if ours and outcome.status == Status.REFUSED and code not in _CONCURRENCY | _REFUSALS:
        said = f"{function} let {code} through: {outcome.message}"
        return Finding(f"E3:raw-{code}", function, said, history)
    return None


def _functions(history: History) -> str:
    return " + ".join(sorted({outcome.call.function for outcome in history.outcomes if outcome.call.function}))
