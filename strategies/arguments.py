"""Calls of the catalogue's functions: valid ones, and the same with one defect.

A defect's name says what the strategy aims at. Whether the call is really defective is for the oracle to compute:
shrinking changes values, and a name would stay behind.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from fixtures.targets import kinds as k
from fixtures.targets.calls import FunctionCall
from fixtures.targets.functions import REQUIRED, Function, Parameter
from fixtures.targets.kinds import Json, Value
from strategies import catalogues as c
from strategies import values

Values = SearchStrategy[Value]


@dataclass(frozen=True, eq=False)
class Known:
    """What a starting catalogue holds that a call can name: ids by table, commits, branches."""

    ids: dict[str, tuple[str, ...]] = field(default_factory=dict)
    commits: tuple[str, ...] = ("commit-1", "commit-2", "commit-3")
    branches: tuple[str, ...] = ("main",)


WORKING_DAY = Known(
    {
        "pggit.backups": (c.FULL_OLD, c.FULL_NEW, c.INCREMENTAL_OLD, c.RUNNING, c.FRESH, c.FAILED, c.LAST_TRY),
        "pggit.backup_jobs": (c.JOB_QUEUED, c.JOB_LAST_TRY, c.JOB_FAILED, c.JOB_OLD),
    }
)


def accepted(parameter: Parameter, known: Known) -> Values:
    """Values of the documented form and range; ids, commits and branches that exist, if there are any."""
    bounds = values.INTEGER if parameter.type == "integer" else values.BIGINT
    match parameter.kind:
        case k.Range(low=low, high=high):
            top = bounds[1] if high is None else high
            found: Values = values.near((low, top), low, top)
        case k.Text() as text:
            found = _texts(text)
        case k.Choice(values=choices):
            found = st.sampled_from(choices)
        case k.Identifier(table=table):
            found = st.sampled_from(known.ids[table]) if table in known.ids else _unknown_ids(parameter)
        case k.Commit():
            found = st.sampled_from(known.commits)
        case k.Branch():
            found = st.sampled_from(known.branches)
        case k.Flag():
            found = st.booleans()
        case k.Policy():
            found = _policies(st.integers(1, 3650), st.integers(1, 365))
        case k.JsonObject(options=options):
            found = _options() if options else values.json_objects()
        case k.Opaque():
            found = anything(parameter.type)
    return st.none() | found if parameter.null else found


def anything(type: str) -> Values:
    """Any value of the SQL type but NULL."""
    by_type: dict[str, Values] = {
        "integer": values.integers(),
        "bigint": values.bigints(),
        "text": values.texts(),
        "uuid": values.uuids(),
        "boolean": st.booleans(),
        "jsonb": values.jsons(),
    }
    return by_type[type]


def defects(parameter: Parameter, known: Known) -> dict[str, Values]:
    """By name, the ways in which an argument can be wrong by itself."""
    found: dict[str, Values] = {} if parameter.null else {"null": st.none()}
    low, high = values.INTEGER if parameter.type == "integer" else values.BIGINT
    match parameter.kind:
        case k.Range(low=first, high=last):
            found["below"] = values.near((first,), low, first - 1)
            if last is not None:
                found["above"] = values.near((last,), last + 1, high)
        case k.Text() as text:
            found |= _text_defects(text)
        case k.Choice(values=choices):
            found["outside"] = _outside(choices)
        case k.Identifier(table=table):
            found["unknown"] = _unknown_ids(parameter)
            if parameter.type == "uuid" and (
                others := [id for name, ids in known.ids.items() if name != table for id in ids]
            ):
                found["unknown"] = st.sampled_from(others) | found["unknown"]
        case k.Commit():
            found["unknown"] = st.sampled_from(["commit-0", "COMMIT-1", "commit-1 "]) | values.texts()
        case k.Branch():
            found["unknown"] = st.sampled_from(["empty", "Main", "main "]) | values.texts()
        case k.Policy():
            found |= _policy_defects()
        case k.JsonObject(options=options):
            found["shape"] = values.json_not_objects()
            if options:
                found["option"] = _bad_options()
    return found


@cache
def calls(function: Function, known: Known = WORKING_DAY) -> SearchStrategy[FunctionCall]:
    """Calls with accepted arguments, optional ones sometimes left out."""
    return calls_with(function, {}, known)


@cache
def calls_of_nothing(function: Function, known: Known = WORKING_DAY) -> SearchStrategy[FunctionCall]:
    """Calls in which every argument is NULL."""
    nothing = {parameter.name: st.none() for parameter in function.parameters if not parameter.added}
    return calls_with(function, nothing, known)


def calls_with(
    function: Function, fixed: Mapping[str, Values], known: Known = WORKING_DAY
) -> SearchStrategy[FunctionCall]:
    """Calls with accepted arguments but for the parameters in `fixed`, which are always given."""
    required: dict[str, Values] = {}
    optional: dict[str, Values] = {}
    for parameter in function.parameters:
        if parameter.name in fixed:
            required[parameter.name] = fixed[parameter.name]
        elif parameter.default is REQUIRED:
            required[parameter.name] = accepted(parameter, known)
        elif not parameter.added:
            optional[parameter.name] = accepted(parameter, known)
    arguments = st.fixed_dictionaries(required, optional=optional)
    in_block = st.booleans() if function.transaction else st.just(False)
    return st.builds(
        lambda given, block: FunctionCall(
            function, tuple((p.name, given[p.name]) for p in function.parameters if p.name in given), block
        ),
        arguments,
        in_block,
    )


@cache
def defective(
    function: Function, parameter: Parameter, defect: str, known: Known = WORKING_DAY
) -> SearchStrategy[FunctionCall]:
    """Calls in which `parameter` has that defect and the others have none."""
    return calls_with(function, {parameter.name: defects(parameter, known)[defect]}, known)


@cache
def any_calls(function: Function, known: Known = WORKING_DAY) -> SearchStrategy[FunctionCall]:
    """Calls with any number of defects, and values that are of the declared type and no more."""
    mixed = {
        parameter.name: st.one_of(
            accepted(parameter, known), anything(parameter.type), *defects(parameter, known).values()
        )
        for parameter in function.parameters
        if not parameter.added
    }
    return calls_with(function, mixed, known)


def _texts(kind: k.Text) -> SearchStrategy[str]:
    """Text that nobody can object to. What S1 may refuse, now or once it gets into a command, is for `anything`."""
    short = min(kind.max or 40, 40)
    longest = [letter * ((kind.max or 255) // kind.size(letter)) for letter in ("xé" if kind.bytes else "x🛑")]
    plain = st.sampled_from(["a", "name", *longest])
    if kind.blank:
        return plain | values.texts(short)
    hostile = values.texts(short).filter(
        lambda text: text.strip() != "" and text.isprintable() and not text.startswith("-")
    )
    return plain | hostile


def _text_defects(kind: k.Text) -> dict[str, Values]:
    found: dict[str, Values] = {}
    if not kind.blank:
        found["blank"] = st.sampled_from(values.BLANK)
    if kind.max is not None:
        found["overlong"] = _overlong(kind, kind.max)
    if kind.shell:
        found["shell"] = st.sampled_from(["-rf", "--help", "a\nb", "a\x01", "a\x7f"])
    return found


def _overlong(kind: k.Text, longest: int) -> SearchStrategy[str]:
    """Too long by a little or a lot, of letters of one to four bytes."""
    by_a_little = st.builds(
        lambda letter, extra: letter * (longest // kind.size(letter)) + "x" * extra,
        st.sampled_from("xé🛑"),
        st.integers(1, 3),
    )
    return by_a_little | values.huge_texts().filter(lambda text: kind.size(text) > longest)


def _outside(choices: tuple[str, ...]) -> SearchStrategy[str]:
    near = [near for choice in choices for near in (choice.upper(), choice + " ", " " + choice, choice[:-1])]
    return st.one_of(st.sampled_from(["", *near]), values.texts()).filter(lambda text: text not in choices)


def _unknown_ids(parameter: Parameter) -> Values:
    return values.uuids() if parameter.type == "uuid" else st.sampled_from([0, -1, *values.BIGINT])


def _policies(full: SearchStrategy[object], incremental: SearchStrategy[object]) -> SearchStrategy[Json]:
    keys = st.fixed_dictionaries(
        {"full_days": full, "incremental_days": incremental},
        optional={"more": st.sampled_from([None, "ignored", {}])},
    )
    return keys.map(lambda policy: Json(json.dumps(policy)))


def _policy_defects() -> dict[str, Values]:
    good, good_incremental = st.integers(1, 3650), st.integers(1, 365)
    other = st.sampled_from([None, "30", "", True, False, [], [30], {}, {"days": 30}, 30.5, 0.1])
    too_few, too_many = st.sampled_from([0, -1, -(2**31), -(10**30)]), [2**31, 10**30, 10**400]
    one_key = st.sampled_from(['{"full_days": 30}', '{"incremental_days": 7}', "{}", '{"FULL_DAYS": 30}']).map(Json)
    wide = st.sampled_from([3651, *too_many])
    wide_incremental = st.sampled_from([366, *too_many])
    return {
        "not an object": values.json_not_objects(),
        "missing key": one_key,
        "wrong type": _policies(other, good_incremental) | _policies(good, other),
        "below": _policies(too_few, good_incremental) | _policies(good, too_few),
        "above": _policies(wide, good_incremental) | _policies(good, wide_incremental),
    }


def _options() -> SearchStrategy[Json]:
    known = st.fixed_dictionaries(
        {},
        optional={
            "repo": st.sampled_from([1, 9, "2"]),
            "compression_level": st.sampled_from([0, 9, "0", "9"]),
            "wait": st.booleans(),
            "more": st.sampled_from([None, "ignored", [{}]]),
        },
    )
    return known.map(lambda options: Json(json.dumps(options)))


def _bad_options() -> SearchStrategy[Json]:
    wrong: dict[str, list[object]] = {
        "repo": ["", "one", "1; reboot", True, [], {}],
        "compression_level": ["", "high", -1, 10, "10", 1.5, True, [1]],
        "wait": ["true", 1, [], {}],
    }
    pairs = [{name: value} for name, listed in wrong.items() for value in listed]
    return st.sampled_from(pairs).map(lambda options: Json(json.dumps(options)))
