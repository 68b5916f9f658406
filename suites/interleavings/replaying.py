"""Runs one schedule again and says whether it shows what it was written for."""

from __future__ import annotations

from dataclasses import dataclass

from fixtures.engine.finding import Finding
from fixtures.engine.schedule_file import ScheduleFile
from fixtures.engine.scheduler import ByName, Engine
from suites.oracles.judge import Judge


@dataclass(frozen=True)
class Replayed:
    """`same` is the finding that the schedule was written for, if it came; `other` are different ones."""

    same: Finding | None
    other: tuple[Finding, ...]
    diverged: str


def replay(engine: Engine, judge: Judge, schedule: ScheduleFile) -> Replayed:
    """One run in the schedule's order. Where the target has changed so that the order cannot be followed to its
    end, `diverged` says at which step; the run goes on all the same."""
    order = ByName(schedule.order)
    history = engine.run(schedule.plan, order)
    findings = judge.findings(history)
    judge.serial.forget()
    wanted = (schedule.finding, schedule.function)
    same = [finding for finding in findings if (finding.code, finding.function) == wanted]
    other = tuple(finding for finding in findings if (finding.code, finding.function) != wanted)
    return Replayed(same[0] if same else None, other, order.diverged)
