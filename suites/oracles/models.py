"""Follow the SQL with the models: does it answer what they answer, and hold what they hold? Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from fixtures.targets.calls import FunctionCall, Reply
from suites.oracles.backup_model import BACKUPS
from suites.oracles.model_state import SECOND, Answer, Backup, Catalogue, Job, Refused, Verification
from suites.oracles.queue_model import QUEUE
from suites.oracles.refusals import BUSY

MODELS = {**QUEUE, **BACKUPS}
"""The modelled functions by name."""

Contents = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""Rows by table and id. A column whose name ends in `_in` is a time: so many milliseconds from now."""

DRIFT = 30 * SECOND
"""Times may differ by as much: the model's clock stands still while the SQL works."""


def follow(state: Catalogue, call: FunctionCall, reply: Reply) -> tuple[Catalogue, list[str]]:
    """The models' next state after `call`, and what is wrong with the SQL's `reply`, one line each."""
    answer = read_answer(call, reply)
    learned = answer if isinstance(answer, str) else ""
    outcomes = list(MODELS[call.function.name](state, call, learned).alternatives())
    complaints = [f"nobody else is there, yet: {each.message}" for each in reply.notices if BUSY in each.message]
    for outcome in outcomes:
        if _same(outcome.answer, answer):
            return outcome.state, complaints
    expected = " or ".join(dict.fromkeys(_shown(outcome.answer) for outcome in outcomes))
    message = f" ({reply.message})" if reply.message else ""
    return outcomes[0].state, [*complaints, f"expected {expected}, got {_shown(answer)}{message}"]


def _same(expected: Answer, answer: Answer) -> bool:
    return type(expected) is type(answer) and expected == answer


def _shown(answer: Answer) -> str:
    return str(answer) if isinstance(answer, Refused | str) else repr(answer)


def read_answer(call: FunctionCall, reply: Reply) -> Answer:
    """What the SQL answered in the models' words."""
    if reply.sqlstate is not None:
        return Refused(reply.sqlstate)
    try:
        return _READERS.get(call.function.name, _one)(call, reply.rows)
    except (KeyError, TypeError, ValueError):
        return f"something unheard of: {reply.rows}"


def answer_kind(call: FunctionCall, reply: Reply) -> str:
    """In a word: the SQLSTATE, or what was answered, for counting what a run has reached."""
    answer = read_answer(call, reply)
    if isinstance(answer, Refused | bool) or answer is None:
        return str(answer)
    return f"{len(answer)} rows" if isinstance(answer, tuple) and not answer else "something"


Rows = tuple[tuple[str | None, ...], ...]


def _one(call: FunctionCall, rows: Rows) -> Answer:
    """One boolean, or one id."""
    ((value,),) = rows
    return value == "t" if call.function.returns == "boolean" else value


def _claim(call: FunctionCall, rows: Rows) -> Answer:  # noqa: ARG001
    if not rows:
        return None
    ((job, backup, _command, _tool, attempts, metadata),) = rows
    return job, backup, int(attempts or 0), json.loads(metadata or "{}").get("worker_id")


def _maintenance(call: FunctionCall, rows: Rows) -> Answer:
    ((text,),) = rows
    enabled = call.value("p_enabled")
    told = json.loads(text or "{}")
    if told["maintenance_mode"] is not enabled:
        return f"maintenance_mode {told['maintenance_mode']}"
    return int(told["paused_jobs" if enabled else "resumed_jobs"])


def _stuck(call: FunctionCall, rows: Rows) -> Answer:  # noqa: ARG001
    """Rows in their order; those that tell the same start have none."""
    since = [str(row[3]) for row in rows]
    in_order = since == sorted(since)
    return tuple((row[0], row[1]) for row in (sorted(rows, key=lambda row: (row[3], row[1])) if in_order else rows))


def _old_jobs(call: FunctionCall, rows: Rows) -> Answer:  # noqa: ARG001
    """The action and the count; None for no jobs, with or without a row that says so."""
    found = tuple((row[0], int(row[1] or 0)) for row in rows if row[1] != "0")
    return found[0] if len(found) == 1 else found or None


def _expired(call: FunctionCall, rows: Rows) -> Answer:  # noqa: ARG001
    return tuple(sorted((row[0], row[1], row[3]) for row in rows))


def _deleted(call: FunctionCall, rows: Rows) -> Answer:  # noqa: ARG001
    return tuple(sorted((row[0], row[1]) for row in rows))


_READERS: dict[str, Callable[[FunctionCall, Rows], Answer]] = {
    "get_next_backup_job": _claim,
    "set_maintenance_mode": _maintenance,
    "cancel_stuck_jobs": _stuck,
    "cleanup_old_jobs": _old_jobs,
    "apply_retention_policy": _expired,
    "cleanup_expired_backups": _deleted,
}


def disagreements(state: Catalogue, contents: Contents) -> list[str]:
    """Where the tables hold something else than the models, one line each."""
    expected = expected_contents(state)
    return [line for table in expected for line in _table(table, expected[table], contents[table])]


def _table(table: str, expected: Mapping[str, Mapping[str, Any]], seen: Mapping[str, Mapping[str, Any]]) -> list[str]:
    lines = [f"{table}: {id} is missing" for id in expected if id not in seen]
    lines += [f"{table}: {id} should not be there: {dict(seen[id])}" for id in seen if id not in expected]
    for id in expected:
        for column, value in expected[id].items():
            if id in seen and not _agree(column, value, seen[id][column]):
                lines.append(f"{table}: {id}: {column} is {seen[id][column]!r}, should be {value!r}")
    return lines


def _agree(column: str, expected: Any, seen: Any) -> bool:
    if column.endswith("_in") and expected is not None and seen is not None:
        return bool(abs(expected - seen) < DRIFT)
    if column == "error_message" and expected is not None:
        return expected in (seen or "")
    return bool(expected == seen)


def expected_contents(state: Catalogue) -> Contents:
    """What the tables hold as far as the contract says; a column that is left out may hold anything."""
    return {
        "backups": {row.id: dict(_backup(row, state.now)) for row in state.backups.values()},
        "jobs": {row.id: dict(_job(row, state.now)) for row in state.jobs.values()},
        "verifications": {row.id: _verification(row) for row in state.verifications.values()},
        "links": {f"{row.backup} {row.base}": {"type": row.type} for row in state.links.values()},
        "audit": {str(number): {"name": row[0], "type": row[1]} for number, row in enumerate(state.audit)},
    }


def _from(now: int, time: int | None) -> int | None:
    return None if time is None else time - now


def _backup(row: Backup, now: int) -> Iterator[tuple[str, Any]]:
    yield from (("type", row.type), ("tool", row.tool), ("status", row.status), ("commit", row.commit))
    yield from (("base", row.base), ("stanza", row.stanza), ("server", row.server))
    if row.status != "deleted":
        yield "completed_in", _from(now, row.completed_at)
    if row.is_live:
        yield "expires_in", _from(now, row.expires_at)
    if row.status in ("in_progress", "failed"):
        yield "error_message", row.error


def _job(row: Job, now: int) -> Iterator[tuple[str, Any]]:
    yield from (("backup", row.backup), ("type", row.type), ("status", row.status))
    yield from (("attempts", row.attempts), ("most", row.most))
    if row.is_waiting:
        yield "retry_in", _from(now, row.next_retry_at)
    if row.status in ("queued", "running"):
        yield "started_in", _from(now, row.started_at)
        yield "worker", row.worker
    if row.status == "queued" or row.has_ended:
        yield "completed_in", _from(now, row.completed_at)
    if row.status in ("queued", "failed"):
        yield "error_message", row.error
    if row.status == "completed":
        yield "output", row.output


def _verification(row: Verification) -> dict[str, Any]:
    """Whether a new one is called queued or pending is not documented."""
    waits = row.status in ("queued", "pending")
    return {"backup": row.backup, "type": row.type, "status": "waits" if waits else row.status}
