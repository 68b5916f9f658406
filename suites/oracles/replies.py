"""Judge what the server said to one call: against the documented answer, and against E2 and E3 in any case."""

from __future__ import annotations

from collections import Counter

from fixtures.targets.calls import FunctionCall, Reply, literal
from fixtures.targets.offered import UNDEFINED
from fixtures.targets.state import Dump, differences
from suites.oracles.contract import Answer, Expectation, Refusal

CODES = {
    "23505": "PGGIT_ALREADY_EXISTS",
    "40001": "PGGIT_CONCURRENT",
    "23503": "PGGIT_DEPENDENCY",
    "22023": "PGGIT_INVALID_FORMAT",
    "55P03": "PGGIT_LOCKED",
    "02000": "PGGIT_NOT_FOUND",
    "22004": "PGGIT_NULL_PARAM",
    "22003": "PGGIT_RANGE_ERROR",
    "57014": "PGGIT_RETRY_EXHAUSTED",
    "25P01": "PGGIT_TRANSACTION_REQUIRED",
}
"""E1: the codes with which a single call can be refused, by SQLSTATE."""

_TOLD = 60
"""So many characters of an offending value must be in the message: longer ones may be shortened."""


def judge_reply(call: FunctionCall, expectation: Expectation, reply: Reply) -> list[str]:
    """What is wrong with `reply`, one line each; empty when it is as documented."""
    if raw := judge_raw(reply):
        return raw
    complaints = _bad_form(reply) if reply.sqlstate is not None else []
    if not expectation:
        return complaints
    fitting = [_against(expected, call, reply) for expected in expectation if _sqlstate(expected) == reply.sqlstate]
    return complaints + min(fitting, key=len, default=[f"{_clauses(expectation)}: another answer is documented"])


def judge_raw(reply: Reply) -> list[str]:
    """E3: whether an error got through that no function raises on purpose."""
    if reply.sqlstate is None or reply.sqlstate in CODES:
        return []
    lacks = "; it calls a function that the target lacks" if reply.sqlstate == UNDEFINED else ""
    return [f"E3: an internal error got through: {_shown(reply)}{lacks}"]


def judge_trace(before: Dump, after: Dump) -> list[str]:
    """E5: what a refusal changed, one line each."""
    return [] if before == after else ["E5: the refusal left a trace:", *differences(before, after)]


def judge_locks(before: Counter[tuple[str, ...]], after: Counter[tuple[str, ...]]) -> list[str]:
    """E5: locks that a refused call took and that are still held, or took away, one line each."""
    kept = [f"E5: the refusal kept a lock: {_lock(lock)}" for lock in after - before]
    return kept + [f"E5: the refusal gave up a lock: {_lock(lock)}" for lock in before - after]


def told(
    call: FunctionCall, expectation: Expectation, reply: Reply, complaints: list[str], start: str = "working day"
) -> str:
    """The failure in a few lines: the function, the argument that matters, expected and got, a line for psql.

    `start`: the starting catalogue's name.
    """
    names = {name for expected in expectation if isinstance(expected, Refusal) for name in expected.names}
    given = {
        name: f"{name} = {_short(literal(value, call.function.parameter(name).type))}" for name, value in call.arguments
    }
    culprits = [text for name, text in given.items() if name in names] or list(given.values())
    expected = " or ".join(_described(alternative) for alternative in expectation) or "any documented answer"
    return "\n".join(
        [
            f"{call.function.qualified}: {', '.join(culprits) or 'no arguments'}",
            f"  expected  {expected}",
            f"  got       {_shown(reply)}",
            *(f"  {complaint}" for complaint in complaints),
            f"  starting  {start} (strategies/starts.py)",
            f"  psql      {call.script}",
        ]
    )


def _lock(lock: tuple[str, ...]) -> str:
    return " ".join(str(part) for part in lock if part is not None)


def _bad_form(reply: Reply) -> list[str]:
    """E2: DETAIL begins with the code, and there is a hint."""
    complaints = []
    code = CODES[reply.sqlstate or ""]
    if not reply.detail.startswith(code):
        complaints.append(f"E2: DETAIL must begin with {code}, is {_short(repr(reply.detail))}")
    if not reply.hint.strip():
        complaints.append("E2: there is no hint")
    return complaints


def _sqlstate(expected: Refusal | Answer) -> str | None:
    return expected.sqlstate if isinstance(expected, Refusal) else None


def _clauses(expectation: Expectation) -> str:
    return " or ".join(dict.fromkeys(each.clause if isinstance(each, Refusal) else "E3" for each in expectation))


def _against(expected: Refusal | Answer, call: FunctionCall, reply: Reply) -> list[str]:
    if isinstance(expected, Answer):
        return _against_answer(expected, call, reply)
    complaints = []
    if not any(name.lower() in reply.message.lower() for name in expected.names):
        complaints.append(f"E2: the message must name {' or '.join(expected.names)}")
    if expected.value[:_TOLD] not in reply.message:
        complaints.append(f"E2: the message must tell the value {_short(expected.value)}")
    if expected.phrases and not any(phrase in reply.message for phrase in expected.phrases):
        complaints.append(f"{expected.clause}: the message must say {' or '.join(map(repr, expected.phrases))}")
    return complaints


def _against_answer(expected: Answer, call: FunctionCall, reply: Reply) -> list[str]:
    complaints = []
    warnings = [notice.message for notice in reply.notices if notice.severity == "WARNING"]
    for name, value in expected.warned:
        if not any(name in warning and value in warning for warning in warnings):
            complaints.append(f"V3: there must be a WARNING that names {name} and {value}")
    names = {parameter.name for parameter in call.function.parameters} - {name for name, _ in expected.warned}
    complaints += [
        f"V3: a WARNING about a value that is fine: {_short(warning)}"
        for warning in warnings
        if any(name in warning for name in names)
    ]
    return complaints


def _described(expected: Refusal | Answer) -> str:
    if isinstance(expected, Answer):
        return "an answer" + "".join(f", and a WARNING about {name} = {value}" for name, value in expected.warned)
    value = f" and {_short(expected.value)}" if expected.value else ""
    return f"{expected.sqlstate} naming {' or '.join(expected.names)}{value} ({expected.clause})"


def _shown(reply: Reply) -> str:
    warnings = "".join(f"; {notice.severity}: {_short(notice.message)}" for notice in reply.notices)
    if reply.sqlstate is None:
        return f"an answer of {len(reply.rows)} rows{warnings}"
    return f"{reply.sqlstate} {_short(reply.message)}{warnings}"


def _short(text: str) -> str:
    text = text.replace("\n", "\\n")
    return text if len(text) <= 160 else text[:159] + "…"
