"""Makes two runs of the same calls comparable: generated ids by first appearance, times to set or unset.

Whatever stood in the starting catalogue or in the calls themselves stays as it is, so a value that should have been
kept and was replaced still shows. Only rows that changed are looked at: a run is told by what it did.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fixtures.engine.generated import Numbering, known_values
from fixtures.engine.history import Dump

# Columns whose values depend on the process or its clock, whatever the calls did.
_PER_PROCESS = {"pggit.operation_audit": {"audit_id", "session_id", "duration_ms"}}

Answer = Sequence[tuple[str | None, ...]]
Row = tuple[tuple[str, str | None], ...]


@dataclass(frozen=True)
class Canonical:
    """What a run comes to: the calls' answers, and of each table the rows of the start that are gone and the new ones.

    A row that changed is both.
    """

    answers: tuple[tuple[tuple[str | None, ...], ...], ...]
    gone: tuple[tuple[str, frozenset[Row]], ...]
    came: tuple[tuple[str, tuple[Row, ...]], ...]


class Canonicaliser:
    """For runs that begin at `start` and whose calls have the SQL `texts`."""

    def __init__(self, start: Dump, texts: Iterable[str]) -> None:
        self._known = known_values(start, texts)
        self._start = {table: {tuple(row.items()) for row in rows} for table, rows in start.items()}

    def run(self, answers: Sequence[Answer], final: Dump) -> Canonical:
        """Equal for runs with the same answers, in the calls' order, and the same contents."""
        numbering = Numbering(self._known)
        told = tuple(tuple(tuple(map(numbering.text, row)) for row in rows) for rows in answers)
        changes = {table: self._changes(table, rows) for table, rows in final.items()}
        # New rows are put in order with all new ids alike first: numbers must not depend on random values.
        came = {
            table: sorted(new, key=lambda row: [numbering.shape(value) or "" for _, value in row])
            for table, (_, new) in changes.items()
        }
        return Canonical(
            told,
            tuple((table, gone) for table, (gone, _) in changes.items()),
            tuple(
                (table, tuple(tuple((name, numbering.text(value)) for name, value in row) for row in new))
                for table, new in came.items()
            ),
        )

    def _changes(self, table: str, rows: Sequence[dict[str, str | None]]) -> tuple[frozenset[Row], list[Row]]:
        """The rows of the start that are gone, and those that are new, less what depends on the process."""
        before, after = self._start[table], {tuple(row.items()) for row in rows}
        drop = _PER_PROCESS.get(table, set())
        new = [tuple(cell for cell in row if cell[0] not in drop) for row in after - before]
        return frozenset(before - after), new
