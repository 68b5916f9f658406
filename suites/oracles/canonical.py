"""Makes two runs of the same calls comparable: generated ids by first appearance, times to set or unset.

Whatever stood in the starting catalogue or in the calls themselves stays as it is, so a value that should have been
kept and was replaced still shows. Only rows that changed are looked at: a run is told by what it did.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from fixtures.engine.history import Dump

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:[+-]\d\d(?::?\d\d)?|Z)?")
_COUNTER = re.compile(r"\d{8,}(?:[_T-]?\d+)*")  # clock readings within generated names
_ANY = re.compile(f"(?P<uuid>{_UUID.pattern})|(?P<time>{_TIME.pattern})|(?P<counter>{_COUNTER.pattern})")

# Columns whose values depend on the process or its clock, whatever the calls did.
_PER_PROCESS = {"pggit.operation_audit": {"audit_id", "session_id", "duration_ms"}}

Answer = Sequence[tuple[str | None, ...]]
Canonical = tuple[object, ...]
_Row = tuple[tuple[str, str | None], ...]


class Canonicaliser:
    """For runs that begin at `start` and whose calls have the SQL `texts`."""

    def __init__(self, start: Dump, texts: Iterable[str]) -> None:
        values = [value for rows in start.values() for row in rows for value in row.values() if value]
        self._known = "\n".join([*values, *texts])
        self._start = {table: {tuple(row.items()) for row in rows} for table, rows in start.items()}

    def run(self, answers: Sequence[Answer], final: Dump) -> Canonical:
        """Equal for runs with the same answers, in the calls' order, and the same contents."""
        numbering = _Numbering(self._known)
        told = tuple(tuple(tuple(map(numbering.text, row)) for row in rows) for rows in answers)
        changes = [(table, *self._changes(table, rows)) for table, rows in final.items()]
        # New rows are put in order with all new ids alike first: numbers must not depend on random values.
        came = [
            (table, sorted(new, key=lambda row: [numbering.shape(value) or "" for _, value in row]))
            for table, _, new in changes
        ]
        return (
            told,
            tuple((table, gone) for table, gone, _ in changes),
            tuple(
                (table, tuple(tuple((name, numbering.text(value)) for name, value in row) for row in new))
                for table, new in came
            ),
        )

    def _changes(self, table: str, rows: Sequence[dict[str, str | None]]) -> tuple[frozenset[_Row], list[_Row]]:
        """The rows of the start that are gone, and those that are new, less what depends on the process."""
        before, after = self._start[table], {tuple(row.items()) for row in rows}
        drop = _PER_PROCESS.get(table, set())
        new = [tuple(cell for cell in row if cell[0] not in drop) for row in after - before]
        return frozenset(before - after), new


def differences(one: Canonical, other: Canonical) -> list[str]:
    """In what two runs differ: "the answers", and the names of tables."""
    (told, *contents), (told_too, *contents_too) = one, other
    tables = {
        table
        for mine, yours in zip(contents, contents_too, strict=True)
        for (table, rows), (_, rows_too) in zip(mine, yours, strict=True)  # type: ignore[call-overload]
        if rows != rows_too
    }
    return ["the answers"] * (told != told_too) + sorted(tables)


@dataclass
class _Numbering:
    """Gives generated ids of one run their numbers."""

    known: str
    ids: dict[str, str] = field(default_factory=dict)

    def text(self, value: str | None) -> str | None:
        """`value` with generated ids numbered by first appearance, and new times and clock readings masked."""
        return None if value is None else _ANY.sub(self._number, value)

    def shape(self, value: str | None) -> str | None:
        """The same, but ids without a number yet are all alike."""
        return None if value is None else _ANY.sub(self._mask, value)

    def _number(self, found: re.Match[str]) -> str:
        if found.lastgroup != "uuid" or found[0] in self.known:
            return self._mask(found)
        return self.ids.setdefault(found[0], f"<id {len(self.ids) + 1}>")

    def _mask(self, found: re.Match[str]) -> str:
        if found[0] in self.known:
            return found[0]
        return self.ids.get(found[0], f"<{found.lastgroup}>")
