"""Contract C2, C3, E3: how a call under concurrency may end, and that a refusal had a reason."""

from __future__ import annotations

from fixtures.engine.finding import Finding
from fixtures.engine.history import History, Outcome, Status
from fixtures.targets.functions import CALLABLE
from fixtures.targets.offered import demand, let_through

BUSY = "PGGIT_CONCURRENT"
CONCURRENCY = {"55P03", "40001", "40P01"}
REFUSALS = {"02000", "22003", "22004", "22023", "23503", "23505", "25P01", "25006", "57014"}
_NONSENSE = {"22P02", "3F000", "42601", "42703", "42704", "42725", "42809", "42883", "42P01"}
_COMPLETIONS = ["pggit.complete_backup", "pggit.complete_backup_job"]
_CONTRACTED = {function.qualified for function in CALLABLE}


def is_busy(outcome: Outcome) -> bool:
    """Whether the call is told that another session is inside (L2): no rows, and a message that names the code."""
    return not outcome.rows and any(BUSY in notice.message for notice in outcome.notices)


def is_concurrency_refusal(outcome: Outcome) -> bool:
    """Whether the call was refused for what others were doing, not for what the catalogue holds."""
    return outcome.sqlstate in CONCURRENCY


def refused(outcome: Outcome) -> str:
    """How the call was kept from what it wanted by other sessions (C2): a SQLSTATE, "busy", "miss"; empty if not."""
    if is_concurrency_refusal(outcome):
        return outcome.sqlstate
    if is_busy(outcome):
        return "busy"
    return "miss" if outcome.misses else ""


def is_nonsense(outcome: Outcome) -> bool:
    """Whether the server could make nothing of the call's own text: the caller's slip, unless another session's DDL
    has brought it about."""
    return outcome.sqlstate in _NONSENSE and not outcome.context


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
    demand(function, code, outcome.message)
    if code == "40P01" and not _may_deadlock(history):
        return Finding("C3:deadlock", function, f"{function} deadlocked with a single call", history)
    if (code in CONCURRENCY or is_busy(outcome)) and not _has_witness(outcome, history):
        what = code or "busy"
        return Finding("C2:no-witness", function, f"{function} answered {what} though nobody was in its way", history)
    ours = function in _CONTRACTED  # what functions of others raise is their own business
    if ours and outcome.status == Status.REFUSED and code not in CONCURRENCY | REFUSALS:
        said = let_through(function, code, outcome.message)
        return Finding(f"E3:raw-{code}", function, said, history)
    return None


def _has_witness(outcome: Outcome, history: History) -> bool:
    """C2: a held guard for the busy answer, a held row or guard for 55P03, an overlapping transaction for 40001."""
    if is_busy(outcome):
        return any(lock.is_advisory for lock in outcome.witnesses)
    if outcome.sqlstate == "55P03":
        return bool(outcome.witnesses)
    return any(other.session != outcome.session and _overlap(other, outcome) for other in history.outcomes)


def _overlap(other: Outcome, outcome: Outcome) -> bool:
    """Whether the other's transaction was open at some time between this one's snapshot and end, or may have been."""
    end = other.committed if other.committed is not None else other.ended
    return other.began <= (outcome.ended or other.began) and (end is None or end >= outcome.sees_from)


def _may_deadlock(history: History) -> bool:
    """C2, C3: transactions of several calls may, but for one that completes a backup and its job against singles."""
    several = []
    for program in history.plan.programs:
        for transaction in program.transactions:
            functions = [call.function for call in transaction.calls if call.function]
            several += [functions] if len(functions) > 1 else []
    return len(several) > 1 or any(sorted(functions) != _COMPLETIONS for functions in several)


def _functions(history: History) -> str:
    return " + ".join(sorted({outcome.call.function for outcome in history.outcomes if outcome.call.function}))
