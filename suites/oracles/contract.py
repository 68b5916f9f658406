"""The documented answer to a call, computed from the call and the catalogue before it (contract V0 to V7, T1).

Nothing here knows how the call was drawn, so it stays right while Hypothesis shrinks. Where the contract is silent
the expectation is empty: then any answer and any documented refusal will do.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from fixtures.targets import kinds as k
from fixtures.targets.calls import FunctionCall
from fixtures.targets.functions import Parameter
from fixtures.targets.kinds import Json, Value
from fixtures.targets.state import Dump


@dataclass(frozen=True)
class Refusal:
    """The call is refused with `sqlstate`; the message names the culprit and tells `value`.

    `names`: any of them will do. `phrases`: one of them must be there, if any, for clients match it.
    """

    clause: str
    sqlstate: str
    names: tuple[str, ...]
    value: str = ""
    phrases: tuple[str, ...] = ()


@dataclass(frozen=True)
class Answer:
    """The call is answered, with a WARNING for each of `warned` (parameter and value), and for no other."""

    warned: tuple[tuple[str, str], ...] = ()


Expectation = tuple[Refusal | Answer, ...]
"""What is documented, any one of them; empty where the contract is silent."""

_LONGEST_NAME = 255
_NUMBER = re.compile(r"\s*[+-]?[0-9.]+([eE][+-]?[0-9]+)?\s*")


class _SilentError(Exception):
    """The contract does not say what happens from here on."""


def documented_answer(call: FunctionCall, before: Dump) -> Expectation:
    """What the contract says about `call` on a catalogue with the contents `before`.

    Of several defects the first is told (V0): NULL, form and range, existence, the transaction, state.
    """
    try:
        if null := _null(call):
            return null
        if form := _form(call):
            return form
        rest = next((found for rule in _RULES if (found := rule(call, before))), (Answer(_warned(call)),))
        return (*rest, *_beyond_computing(call))
    except _SilentError:
        return ()


def _null(call: FunctionCall) -> Expectation:
    """V1, V2: NULL where it has no meaning; a clone needs somewhere to go (R2)."""
    for parameter in call.function.parameters:
        if not parameter.null and call.value(parameter.name) is None:
            return (Refusal("V1", "22004", (parameter.name,), phrases=("cannot be NULL",)),)
    plans = call.function.name == "generate_recovery_plan"
    if plans and call.value("p_recovery_mode") == "clone" and call.value("p_clone_target") is None:
        return (Refusal("R2", "22004", ("p_clone_target",)),)
    return ()


def _form(call: FunctionCall) -> Expectation:
    """V3, V4, V6, V7: the first parameter with a value of the wrong form or range."""
    for parameter in call.function.parameters:
        value = call.value(parameter.name)
        if value is not None and (found := tuple(_form_of(parameter, value))):
            return found
    return ()


def _form_of(parameter: Parameter, value: Value) -> Iterator[Refusal]:
    match parameter.kind:
        case k.Range() as kind:
            assert isinstance(value, int)
            yield from _range(parameter.name, kind, value)
        case k.Text() as kind:
            assert isinstance(value, str)
            yield from _text(parameter.name, kind, value)
        case k.Choice(values=choices, documented=documented) if value not in choices:
            if not documented:
                raise _SilentError
            mode = ("Invalid recovery mode",) if parameter.name == "p_recovery_mode" else ()
            yield Refusal("V6", "22023", (parameter.name, *mode), str(value))
        case k.JsonObject() as kind:
            assert isinstance(value, Json)
            yield from _object(parameter.name, kind, value)
        case k.Policy():
            assert isinstance(value, Json)
            yield from _policy(parameter.name, value)
        case k.Branch() if not str(value).strip(" \t\r\n") or len(str(value)) > _LONGEST_NAME:
            yield Refusal("V7", "22023", (parameter.name,))
        case k.Commit() | k.Branch() if not _is_a_name(str(value)):
            raise _SilentError  # refused for its form (V7), or not found (V5)


def _range(name: str, kind: k.Range, value: int) -> Iterator[Refusal]:
    if value < kind.low:
        phrases = ("must be positive",) if kind.above == "warn" else ()
        yield Refusal("V3" if kind.above == "warn" else "V7", "22003", (name,), str(value), phrases)
    elif kind.high is not None and value > kind.high and kind.above == "refuse":
        yield Refusal("V7", "22003", (name,), str(value))


def _text(name: str, kind: k.Text, value: str) -> Iterator[Refusal]:
    if not kind.blank and not value.strip(" \t\r\n"):
        yield Refusal("V7", "22023", (name,), phrases=("cannot be empty",))
    elif not kind.blank and not any(letter.isprintable() and not letter.isspace() for letter in value):
        raise _SilentError  # blank or not: opinions on Unicode differ
    elif kind.max is not None and kind.size(value) > kind.max:
        yield Refusal("V7", "22023", (name,))
    elif kind.shell and (value.startswith("-") or any(letter < " " or letter == "\x7f" for letter in value)):
        yield Refusal("S1", "22023", (name,))
    elif not kind.blank and (value.startswith("-") or not value.isprintable()):
        raise _SilentError  # refused at once, or when it gets into a command (S1)


def _object(name: str, kind: k.JsonObject, value: Json) -> Iterator[Refusal]:
    tree = _parsed(value)
    if not isinstance(tree, dict):
        if not kind.documented:
            raise _SilentError
        yield Refusal("V7", "22023", (name,))
        return
    for option in kind.options:
        if option in tree and not _fits(option, tree[option]):
            yield Refusal("V7", "22023", (option,))
            if option == "compression_level" and isinstance(tree[option], int | str):
                yield Refusal("V7", "22003", (option,))


def _fits(option: str, value: object) -> bool:
    """Whether a known option has its type: a number or a numeric string, a boolean for `wait`."""
    if value is None:
        raise _SilentError
    if option == "wait":
        return isinstance(value, bool)
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        return False
    if isinstance(value, str) and not (value.isascii() and value.isdigit()):
        if _NUMBER.fullmatch(value):
            raise _SilentError  # a sign, a fraction: numeric to some
        return False
    if isinstance(value, Decimal):
        if value == int(value):
            raise _SilentError
        return False
    if option == "repo" and not 1 <= int(value) <= 256:
        raise _SilentError  # no range is documented; pgBackRest has one
    return option != "compression_level" or 0 <= int(value) <= 9


def _policy(name: str, value: Json) -> Iterator[Refusal]:
    """V4; which of several defects of one policy is told first is not documented."""
    tree = _parsed(value)
    if not isinstance(tree, dict):
        yield Refusal("V4", "22023", (name, "policy"), phrases=("Invalid policy format",))
        return
    for key, allowed in k.POLICY_KEYS.items():
        assert allowed.high is not None
        number = tree.get(key)
        if key not in tree:
            yield Refusal("V4", "22023", (key,), phrases=("missing required key",))
        elif isinstance(number, bool) or not isinstance(number, int | Decimal) or number != int(number):
            yield Refusal("V4", "22023", (key,), phrases=("Invalid policy format",))
        elif not allowed.low <= number <= allowed.high:
            yield Refusal("V4", "22003", (key,), phrases=("out of range", "must be positive"))


def _parsed(value: Json) -> object:
    """The value as jsonb sees it: of equal keys the last counts, numbers are exact."""
    try:
        return json.loads(value.text, parse_float=Decimal)
    except RecursionError:  # deeper than Python goes: what matters is what is outermost
        return {} if value.text.startswith("{") else []


def _existence(call: FunctionCall, before: Dump) -> Expectation:
    """V5: ids, commits and branches that are not there, in parameter order."""
    for parameter in call.function.parameters:
        value = call.value(parameter.name)
        if value is None:
            continue
        match parameter.kind:
            case k.Identifier(resource=resource, table=table, column=column):
                if not any(row[column] == str(value) for row in before[table]):
                    return (_unknown((parameter.name, resource), str(value)),)
            case k.Commit(must_exist=must_exist):
                commits = [row["hash"] for row in before["pggit.commits"]]
                if value not in commits and must_exist:
                    return (_unknown((parameter.name, "commit"), str(value)),)
            case k.Branch(must_exist=must_exist):
                if not _has_commits(str(value), before) and must_exist:
                    if _names_a_commit(call) and str(value) in [row["name"] for row in before["pggit.branches"]]:
                        raise _SilentError  # a commit, on a branch that has none
                    return (_unknown((parameter.name, "branch"), str(value), "or has no commits"),)
    return ()


def _unknown(names: tuple[str, ...], value: str, more: str = "") -> Refusal:
    return Refusal("V5", "02000", names, value, ("not found", more) if more else ("not found",))


def _is_a_name(value: str) -> bool:
    return bool(value.strip()) and len(value) <= _LONGEST_NAME and value.isprintable()


def _names_a_commit(call: FunctionCall) -> bool:
    return any(isinstance(p.kind, k.Commit) and call.value(p.name) is not None for p in call.function.parameters)


def _has_commits(branch: str, before: Dump) -> bool:
    rows = [row for row in before["pggit.branches"] if row["name"] == branch]
    if not rows:
        return False
    return rows[0]["head_commit_hash"] is not None


def _transaction(call: FunctionCall, before: Dump) -> Expectation:  # noqa: ARG001
    """T1: a real clean-up outside an explicit transaction."""
    if call.function.transaction and not _is_dry_run(call) and not call.in_block:
        return (Refusal("T1", "25P01", (call.function.name,), phrases=("must be called within a transaction",)),)
    return ()


def _state(call: FunctionCall, before: Dump) -> Expectation:
    """States that are cheap to tell; silent for functions whose answer depends on more."""
    if call.function.qualified in _STATELESS or _is_dry_run(call):
        return ()
    name = call.function.name
    if name in ("verify_backup", "test_backup_restore", "complete_backup", "enqueue_backup_job"):
        return _state_of_backup(name, str(call.value("p_backup_id")), before)
    if name == "register_backup" and _is_plain_registration(call):
        return ()
    raise _SilentError


def _is_dry_run(call: FunctionCall) -> bool:
    """T4: a dry run of a clean-up is answered, whatever there is to clean up."""
    return call.function.transaction and call.value("p_dry_run") is not False


def _state_of_backup(name: str, id: str, before: Dump) -> Expectation:
    row = next(row for row in before["pggit.backups"] if row["backup_id"] == id)
    status = row["status"]
    if name in ("verify_backup", "test_backup_restore"):
        return () if status == "completed" else (_wrong_state("I2", "22023", id),)
    if name == "complete_backup":
        if status != "in_progress":
            return (_wrong_state("B1", "02000", id, "not found or not in progress"),)
        return () if row["commit_hash"] else (_wrong_state("B1", "22023", id),)
    if status != "in_progress":
        raise _SilentError
    return (_wrong_state("J6", "23505", id),) if _live_job(id, before) else ()


def _is_plain_registration(call: FunctionCall) -> bool:
    """Whether no base is named (B2)."""
    metadata = call.value("p_metadata")
    based = isinstance(metadata, Json) and "base_backup_id" in metadata.text.lower()
    return not based


def _wrong_state(clause: str, sqlstate: str, id: str, *phrases: str) -> Refusal:
    return Refusal(clause, sqlstate, ("p_backup_id", "backup"), id, phrases)


def _live_job(backup: str, before: Dump) -> bool:
    """Whether the backup has a job of type backup that is queued, running, paused, or failed with a retry to come."""
    for job in before["pggit.backup_jobs"]:
        left = int(job["attempts"] or 0) < int(job["max_attempts"] or 0)
        live = job["status"] in ("queued", "running", "paused") or (job["status"] == "failed" and left)
        if job["backup_id"] == backup and job.get("job_type", "backup") == "backup" and live:
            return True
    return False


def _warned(call: FunctionCall) -> tuple[tuple[str, str], ...]:
    """V3: the numbers above their top."""
    return tuple((name, str(value)) for name, kind, value in _ages(call) if value > (kind.high or value))


def _beyond_computing(call: FunctionCall) -> Iterator[Refusal]:
    """V3: where the result can no longer be computed the refusal is as good as the warning."""
    for name, kind, value in _ages(call):
        if value > _COMPUTABLE[kind.unit]:
            yield Refusal("V3", "22003", (name,), str(value))


def _ages(call: FunctionCall) -> Iterator[tuple[str, k.Range, int]]:
    for parameter in call.function.parameters:
        value = call.value(parameter.name)
        if isinstance(parameter.kind, k.Range) and parameter.kind.unit and isinstance(value, int):
            yield parameter.name, parameter.kind, value


_COMPUTABLE = {"days": 2_400_000, "hours": 57_600_000, "minutes": 2**31}
"""About the age of the oldest timestamp, 4713 BC, on the safe side."""

_RULES: tuple[Callable[[FunctionCall, Dump], Expectation], ...] = (_existence, _transaction, _state)

_STATELESS = {
    *(f"pggit.{name}" for name in ("list_backups", "get_backup_info", "get_next_backup_job", "get_backup_health")),
    *(f"pggit.{name}" for name in ("complete_backup_job", "fail_backup_job", "list_active_workers")),
    *(f"pggit.{name}" for name in ("get_worker_stats", "cleanup_old_jobs", "cancel_stuck_jobs")),
    *(f"pggit.{name}" for name in ("get_backup_stats", "get_tool_usage_stats", "validate_retention_policy")),
    *(f"pggit.{name}" for name in ("find_backup_for_commit", "list_backup_verifications")),
    *(f"pggit.{name}" for name in ("apply_retention_policy", "get_retention_recommendations")),
    "pggit.set_maintenance_mode",
}
"""Functions that answer once their arguments are right, whatever the catalogue holds."""
