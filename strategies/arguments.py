"""Calls of the catalogue's functions: valid ones, and the same with one defect.

A defect's name says what the strategy aims at. Whether the call is really defective is for the oracle to compute:
shrinking changes values, and a name would stay behind.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from fixtures.targets import kinds as k
from fixtures.targets.calls import FunctionCall
from fixtures.targets.functions import REQUIRED, Function, Parameter, Required
from fixtures.targets.kinds import Json, Value
from strategies import values
from strategies.starts import CATALOGUES, WORKING_DAY, Catalogue

Values = SearchStrategy[Value]


@dataclass(frozen=True, repr=False)
class Question:
    """A call and the catalogue that it starts from."""

    start: Catalogue
    call: FunctionCall

    def __repr__(self) -> str:
        return f"{self.call!r} -- starting catalogue: {self.start.name}"

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        """Hypothesis prints the call, not how it was built."""
        printer.text(repr(self))


Questions = SearchStrategy[Question]


@cache
def accepted(parameter: Parameter, known: Catalogue) -> Values:
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


@cache
def anything(type: str) -> Values:
    """Any value of the SQL type but NULL; NULL for a type that nothing is known of."""
    by_type: dict[str, Values] = {
        "integer": values.integers(),
        "bigint": values.bigints(),
        "text": values.any_texts(),
        "uuid": values.uuids(),
        "boolean": st.booleans(),
        "jsonb": values.jsons(),
    }
    return by_type[type] if type in by_type else st.sampled_from(values.OTHER.get(type, (None,)))


@cache
def defects(parameter: Parameter, known: Catalogue) -> dict[str, Values]:
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
            found |= _text_defects(k.NAME)
            found["unknown"] = st.sampled_from(["empty", "Main", "main "]) | values.texts()
        case k.Policy():
            found |= _policy_defects()
        case k.JsonObject(options=options):
            found["shape"] = values.json_not_objects()
            found |= {f"option {name}": _bad_option(name) for name in options}
    return found


@cache
def valid(function: Function, starts: tuple[Catalogue, ...] = CATALOGUES) -> Questions:
    """Accepted arguments, optional ones sometimes left out."""
    return st.one_of(*(_asked_on(start, calls_with(function, {}, start)) for start in starts))


@cache
def of_nothing(function: Function) -> Questions:
    """Calls on the working day in which every argument is NULL."""
    nothing = {parameter.name: st.none() for parameter in function.parameters if not parameter.added}
    return _asked_on(WORKING_DAY, calls_with(function, nothing, WORKING_DAY))


@cache
def defective(function: Function, parameter: Parameter, defect: str) -> Questions:
    """Calls on the working day in which `parameter` has that defect and the others have none."""
    calls = calls_with(function, {parameter.name: defects(parameter, WORKING_DAY)[defect]}, WORKING_DAY)
    return _asked_on(WORKING_DAY, calls)


@cache
def twice_defective(function: Function, first: Parameter, second: Parameter) -> Questions:
    """Calls on the working day in which these two have a defect, one at least of what can be seen without a look at
    the catalogue, and the others have none."""
    calls = [
        calls_with(
            function,
            {seen.name: st.one_of(wrong_forms(seen)), other.name: st.one_of(*defects(other, WORKING_DAY).values())},
            WORKING_DAY,
        )
        for seen, other in ((first, second), (second, first))
        if wrong_forms(seen)
    ]
    return _asked_on(WORKING_DAY, st.one_of(calls))


def wrong_forms(parameter: Parameter) -> list[Values]:
    """What can be seen to be wrong without a look at the catalogue."""
    return [found for name, found in defects(parameter, WORKING_DAY).items() if name != "unknown"]


@cache
def any_questions(function: Function) -> Questions:
    """Calls with any number of defects, and values that are of the declared type and no more."""

    def calls(known: Catalogue) -> SearchStrategy[FunctionCall]:
        mixed = {
            parameter.name: st.one_of(
                accepted(parameter, known), anything(parameter.type), *defects(parameter, known).values()
            )
            for parameter in function.parameters
            if not parameter.added
        }
        return calls_with(function, mixed, known)

    return st.one_of(*(_asked_on(start, calls(start)) for start in CATALOGUES))


def calls_with(function: Function, fixed: Mapping[str, Values], known: Catalogue) -> SearchStrategy[FunctionCall]:
    """Calls with accepted arguments but for the parameters in `fixed`.

    Each optional argument is left out or not for itself, so that the ones that do not matter shrink away.
    """
    given = [p for p in function.parameters if p.name in fixed or not p.added]
    arguments = st.tuples(*(_argument(p, fixed.get(p.name), known) for p in given))
    in_block = st.booleans() if function.transaction else st.just(False)
    return st.builds(
        lambda values, block: FunctionCall(
            function,
            tuple((p.name, value) for p, value in zip(given, values, strict=True) if not isinstance(value, Required)),
            block,
        ),
        arguments,
        in_block,
    )


def _argument(parameter: Parameter, fixed: Values | None, known: Catalogue) -> SearchStrategy[Value | Required]:
    """Values for one parameter; REQUIRED stands for leaving it out, which a required one cannot be."""
    values = accepted(parameter, known) if fixed is None else fixed
    return values if fixed is not None or parameter.default is REQUIRED else st.just(REQUIRED) | values


def _asked_on(start: Catalogue, calls: SearchStrategy[FunctionCall]) -> Questions:
    return calls.map(lambda call: Question(start, call))


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
        found["dash"] = st.sampled_from(["-rf", "--help"])
        found["control"] = st.sampled_from(["a\nb", "a\x01", "a\x7f"])
    return found


def _overlong(kind: k.Text, longest: int) -> SearchStrategy[str]:
    """Too long by a little or a lot, of letters of one to four bytes."""
    by_a_little = st.builds(
        lambda letter, extra: letter * (longest // kind.size(letter)) + "x" * extra,
        st.sampled_from("xé🛑"),
        st.integers(1, 3),
    )
    return by_a_little | st.sampled_from([text for text in values.HUGE if kind.size(text) > longest])


def _outside(choices: tuple[str, ...]) -> SearchStrategy[str]:
    first = choices[0]
    near = [*(choice.upper() for choice in choices), first + " ", " " + first, first[:-1], ""]
    return (st.sampled_from(near) | values.short_texts()).filter(lambda text: text not in choices)


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
    other = st.sampled_from([None, "30", True, False, [30], {"days": 30}])
    broken = st.sampled_from([30.5, 0.1])
    too_few, too_many = st.sampled_from([0, -1, -(2**31), -(10**30)]), [2**31, 10**30, 10**400]
    one_key = st.sampled_from(['{"full_days": 30}', '{"incremental_days": 7}', "{}", '{"FULL_DAYS": 30}']).map(Json)
    wide = st.sampled_from([3651, *too_many])
    wide_incremental = st.sampled_from([366, *too_many])
    return {
        "not an object": values.json_not_objects(),
        "missing key": one_key,
        "wrong type": _policies(other, good_incremental) | _policies(good, other),
        "fraction": _policies(broken, good_incremental) | _policies(good, broken),
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


def _bad_option(name: str) -> SearchStrategy[Json]:
    wrong: dict[str, list[object]] = {
        "repo": ["", "one", "1; reboot", "1x", True, [], {}],
        "compression_level": ["", "high", "1x", -1, 10, "10", 1.5, True, [1]],
        "wait": ["true", 1, [], {}],
    }
    return st.sampled_from([Json(json.dumps({name: value})) for value in wrong[name]])
