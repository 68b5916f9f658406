"""A schedule's history as a race, so that what is found in a race can be found again in a small schedule."""

from __future__ import annotations

from functools import cache

from fixtures.engine.finding import Finding
from fixtures.engine.history import History, Outcome, Status
from fixtures.targets.calls import FunctionCall, Notice, Reply
from fixtures.workers.record import Record
from strategies.races import SMALL, small_calls
from suites.oracles.race import Race
from suites.oracles.race_judge import judge_race


def judge_as_race(history: History) -> list[Finding]:
    """What the oracles about races say, if the history is one of the small plans of races, and no call was undone:
    those oracles know no other catalogue, and take every answer for one that lasts."""
    outcomes = [outcome for outcome in history.outcomes if outcome.call.function]
    if history.plan.catalogue != SMALL or history.stuck or history.diverged:
        return []
    if not all(outcome.call.sql in _calls() for outcome in outcomes):
        return []
    if any(outcome.status == Status.ANSWERED and outcome.committed is None for outcome in outcomes):
        return []
    undone = [outcome for outcome in outcomes if outcome.struck and outcome.committed is None]
    records = tuple(_record(outcome) for outcome in outcomes if outcome not in undone)
    return [
        Finding(found.code, found.function, found.sentence, history)
        for found in judge_race(Race(records, history.start, history.final))
    ]


@cache
def _calls() -> dict[str, FunctionCall]:
    return {call.sql: call for call in small_calls()}


def _record(outcome: Outcome) -> Record:
    """Steps in place of nanoseconds. A call has ended when its transaction has."""
    call = _calls()[outcome.call.sql]
    if outcome.status in (Status.UNFINISHED, Status.LOST):
        return Record(outcome.session, call, outcome.began)
    ended = outcome.ended if outcome.committed is None else outcome.committed
    notices = tuple(Notice(notice.severity, notice.sqlstate, notice.message) for notice in outcome.notices)
    reply = Reply(outcome.rows, notices, outcome.sqlstate or None, outcome.message, outcome.detail, outcome.hint)
    return Record(outcome.session, call, outcome.began, ended, reply)
