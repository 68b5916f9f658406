"""Runs one schedule again and says whether it shows what it was written for."""

from __future__ import annotations

from dataclasses import dataclass

from fixtures.engine.finding import Finding
from fixtures.engine.history import History
from fixtures.engine.schedule_file import ScheduleFile
from fixtures.engine.scheduler import ByName, Engine
from fixtures.faults.kinds import Kind
from suites.oracles.judge import Judge

_TRIES = 20
"""How often a schedule is tried in which the server chooses who of several waiting sessions goes on."""


@dataclass(frozen=True)
class Replayed:
    """`same` is the finding that the schedule was written for, if it came; `other` are different ones.

    `diverged`: where the order could no longer be followed. `unreached`: that the server never chose as it did then,
    which is neither yes nor no.
    """

    history: History
    same: Finding | None
    other: tuple[Finding, ...]
    diverged: str
    unreached: str


def replay(engine: Engine, judge: Judge, schedule: ScheduleFile) -> Replayed:
    """One run in the schedule's order. Where the target has changed so that the order cannot be followed to its
    end, `diverged` says at which step; the run goes on all the same."""
    for attempt in range(1, _TRIES + 1):
        order = ByName(schedule.steps)
        history = engine.run(schedule.plan, order, fault=schedule.fault, timeout_ms=25 * attempt)
        missed = "the fault met nobody" if schedule.fault and not history.struck else ""
        is_early = missed and schedule.fault and schedule.fault.kind == Kind.STATEMENT_TIMEOUT
        if not history.diverged and not is_early:
            break
    findings = judge.findings(history)
    judge.serial.forget()
    wanted = (schedule.finding, schedule.function)
    same = [finding for finding in findings if (finding.code, finding.function) == wanted]
    other = tuple(finding for finding in findings if (finding.code, finding.function) != wanted)
    unreached = f"order not reached in {_TRIES} tries: {history.diverged}" if history.diverged else ""
    return Replayed(history, same[0] if same else None, other, order.diverged or missed, unreached)
