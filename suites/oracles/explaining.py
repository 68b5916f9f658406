"""Why one run of the calls does not explain another: what differs, with its values, for people to read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fixtures.engine.finding import Difference
from fixtures.engine.history import Outcome
from suites.oracles.canonical import Canonical, Row

_ROWS = 4
"""Rows of one table that are told in full."""
_LONGEST = 60
"""Characters of one value."""


def differences(seen: Canonical, other: Canonical, calls: Sequence[Outcome]) -> tuple[Difference, ...]:
    """What differs between two runs of `calls`: answers first, then rows, table by table. Empty when nothing does."""
    return (*_answers(seen, other, calls), *_contents(seen, other))


def _answers(seen: Canonical, other: Canonical, calls: Sequence[Outcome]) -> Iterator[Difference]:
    for call, mine, yours in zip(calls, seen.answers, other.answers, strict=True):
        if mine == yours:
            continue
        where = f"the answer to {call.session}: {call.call.function or call.call.sql}"
        if len(mine) == len(yours) == 1 and len(mine[0]) == len(yours[0]) == len(call.columns):
            named = [tuple(zip(call.columns, row, strict=True)) for row in (mine[0], yours[0])]
            yield _changed(where, named[0], named[1])
        else:
            yield Difference(where, _rows(mine), _rows(yours))


def _rows(rows: Sequence[tuple[str | None, ...]]) -> str:
    told = "; ".join(", ".join(map(_value, row)) or "an empty row" for row in rows[:_ROWS])
    more = f" … and {len(rows) - _ROWS} more rows" if len(rows) > _ROWS else ""
    return (told + more) or "no rows"


def _contents(seen: Canonical, other: Canonical) -> Iterator[Difference]:
    for table, _ in seen.came:
        mine, yours = _only(seen, other, table), _only(other, seen, table)
        found = list(_paired(table, mine, yours))
        yield from found[:_ROWS]
        if len(found) > _ROWS:
            yield Difference(table, f"{len(found) - _ROWS} more rows differ", "…")


def _only(one: Canonical, other: Canonical, table: str) -> list[Row]:
    """The rows that `one` has in the end and `other` has not: new ones, and old ones that only `other` touched."""
    left = list(dict(other.came)[table])
    new = []
    for row in dict(one.came)[table]:
        if row in left:
            left.remove(row)
        else:
            new.append(row)
    return new + sorted(dict(other.gone)[table] - dict(one.gone)[table], key=str)


def _paired(table: str, mine: Sequence[Row], yours: Sequence[Row]) -> Iterator[Difference]:
    """Rows that begin alike (which is how tables name their key) are told as one row with another value."""
    left = list(yours)
    for row in mine:
        twin = next((other for other in left if other[:1] == row[:1]), None)
        if twin is None:
            yield Difference(table, _row(row), "no such row")
        else:
            left.remove(twin)
            key = f"{table}, {row[0][0]} {_value(row[0][1])}"
            yield _changed(key, row, twin)
    for row in left:
        yield Difference(table, "no such row", _row(row))


def _changed(where: str, mine: Row, yours: Row) -> Difference:
    there = dict(yours)
    columns = [name for name, value in mine if name in there and there[name] != value]
    here = dict(mine)
    return Difference(
        where,
        ", ".join(f"{name} = {_value(here[name])}" for name in columns),
        ", ".join(f"{name} = {_value(there[name])}" for name in columns),
    )


def _row(row: Row) -> str:
    return "a row with " + ", ".join(f"{name} = {_value(value)}" for name, value in row if value not in (None, "{}"))


def _value(value: str | None) -> str:
    if value is None:
        return "NULL"
    return value if len(value) <= _LONGEST else value[: _LONGEST - 1] + "…"
