"""Makes two runs of the same calls comparable: generated ids by first appearance, times to set or unset.

Whatever stood in the starting catalogue or in the calls themselves stays as it is, so a value that should have been
kept and was replaced still shows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from fixtures.engine.history import Dump

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:[+-]\d\d(?::?\d\d)?|Z)?")
_COUNTER = re.compile(r"\d{8,}(?:[_T-]?\d+)*")  # clock readings within generated names
_PLACEHOLDER = "<id>"

# Columns whose values depend on the process or its clock, whatever the calls did.
_PER_PROCESS = {"pggit.operation_audit": {"audit_id", "session_id", "duration_ms"}}

Rows = Sequence[tuple[str | None, ...]]
Canonical = tuple[object, ...]


@dataclass
class Canonicaliser:
    """Rewrites texts of one run. `known` is everything that was there before: it is never rewritten."""

    known: str
    _ids: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, start: Dump, texts: Iterable[str]) -> Canonicaliser:
        """For runs that begin at `start` and whose calls have the SQL `texts`."""
        values = [value for rows in start.values() for row in rows for value in row.values() if value]
        return cls("\n".join([*values, *texts]))

    def run(self, answers: Sequence[Rows], final: Dump) -> Canonical:
        """Equal for runs with the same answers, in the calls' order, and the same contents."""
        told = tuple(tuple(tuple(map(self.text, row)) for row in rows) for rows in answers)
        return (told, self._contents(final))

    def text(self, value: str | None) -> str | None:
        """`value` with generated ids numbered by first appearance and new times masked."""
        return None if value is None else _UUID.sub(self._numbered, self._masked(value))

    def _contents(self, final: Dump) -> Canonical:
        # Rows are put in order with all new ids alike first: numbers must not depend on random values.
        ordered = [(table, sorted(map(self._settled(table), rows))) for table, rows in sorted(final.items())]
        return tuple(
            (table, tuple(tuple((name, self.text(value)) for name, value in row) for _, row in rows))
            for table, rows in ordered
        )

    def _settled(self, table: str):  # type: ignore[no-untyped-def]
        drop = _PER_PROCESS.get(table, set())

        def settle(row: dict[str, str | None]) -> tuple[str, tuple[tuple[str, str | None], ...]]:
            kept = tuple((name, value) for name, value in row.items() if name not in drop)
            shape = repr([(name, self._shape(value)) for name, value in kept])
            return shape, kept

        return settle

    def _shape(self, value: str | None) -> str | None:
        if value is None:
            return None
        return _UUID.sub(lambda found: self._ids.get(found[0], self._kept(found, _PLACEHOLDER)), self._masked(value))

    def _masked(self, value: str) -> str:
        value = _TIME.sub(lambda found: self._kept(found, "<time>"), value)
        if _UUID.search(value):
            return value
        return _COUNTER.sub(lambda found: self._kept(found, "<number>"), value)

    def _kept(self, found: re.Match[str], mask: str) -> str:
        return found[0] if found[0] in self.known else mask

    def _numbered(self, found: re.Match[str]) -> str:
        if found[0] in self.known:
            return found[0]
        return self._ids.setdefault(found[0], f"<id {len(self._ids) + 1}>")
