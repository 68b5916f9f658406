"""Contract C2, C3, E3, L1 in a race: how a call may end, and that somebody was in the way of what was refused."""

from __future__ import annotations

from fixtures.targets.offered import demand, let_through
from fixtures.workers.record import Record
from suites.oracles.audit_rows import told_busy
from suites.oracles.race import Race, RaceFinding
from suites.oracles.refusals import CONCURRENCY, REFUSALS


def judge_race_refusals(race: Race) -> list[RaceFinding]:
    """Deadlocks of single calls, raw errors, and refusals though nobody else was there."""
    return [found for record in race.records if record.reply and (found := _about(record, race))]


def _about(record: Record, race: Race) -> RaceFinding | None:
    name, reply = record.call.function.qualified, record.reply
    assert reply is not None
    code = reply.sqlstate
    if code == "40P01":
        return RaceFinding("C3:deadlock", (name,), f"{name} deadlocked, and every transaction was a single call")
    if code is not None and code not in CONCURRENCY | REFUSALS:
        demand(name, code, reply.message)
        return RaceFinding(f"E3:raw-{code}", (name,), let_through(name, code, reply.message))
    busy = told_busy(record)
    if not busy and code not in CONCURRENCY:
        return None
    others = [other for other in race.records if other.worker != record.worker and other.overlaps(record)]
    if busy and not any(other.name == record.name for other in others):
        return RaceFinding("L1:held-from-outside", (name,), f"{name} answered busy though nobody was inside it")
    if not others:
        return RaceFinding("C2:no-witness", (name,), f"{name} was refused with {code} though nobody was in its way")
    return None
