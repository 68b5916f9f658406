"""What the oracles about races read, and what they say."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from fixtures.targets.state import Dump, Rows
from fixtures.workers.record import Record

CLAIM, COMPLETE, FAIL, RESET = "get_next_backup_job", "complete_backup_job", "fail_backup_job", "reset_job"
CANCEL, CLEAN_UP, ENQUEUE, MAINTENANCE = (
    "cancel_stuck_jobs", "cleanup_old_jobs", "enqueue_backup_job", "set_maintenance_mode",
)  # fmt: skip
TRUE = (("t",),)

Row = dict[str, str | None]


@dataclass(frozen=True)
class RaceFinding:
    """`code` and `functions` as those of a finding about a schedule, so that one can be looked for."""

    code: str
    functions: tuple[str, ...]
    sentence: str

    @property
    def function(self) -> str:
        """Whom it blames, as findings about schedules and limitations write it."""
        return " + ".join(self.functions)


@dataclass(frozen=True)
class Race:
    """What all workers saw, and the contents before they started and after the last had ended."""

    records: tuple[Record, ...]
    start: Dump
    final: Dump

    @cached_property
    def jobs_before(self) -> dict[str, Row]:
        """The jobs by id."""
        return _by_id(self.start["pggit.backup_jobs"])

    @cached_property
    def jobs_after(self) -> dict[str, Row]:
        """The jobs by id."""
        return _by_id(self.final["pggit.backup_jobs"])

    @cached_property
    def by_name(self) -> dict[str, list[Record]]:
        """The records by the function's bare name."""
        return grouped((record.name, record) for record in self.records)

    @cached_property
    def by_job(self) -> dict[str, list[Record]]:
        """Calls that are about one known job, by its id: those that name it, and the claims that got it."""
        return grouped((job, record) for record in self.records if (job := about(record)))

    @cached_property
    def unknown(self) -> dict[str, list[Record]]:
        """The calls whose end nobody knows, by the function's bare name."""
        return grouped((record.name, record) for record in self.records if record.reply is None)


def grouped(pairs: Iterable[tuple[str, Record]]) -> dict[str, list[Record]]:
    """The records under each key, in their order."""
    groups: dict[str, list[Record]] = defaultdict(list)
    for key, record in pairs:
        groups[key].append(record)
    return groups


def about(record: Record) -> str | None:
    """The job that a call is about, as far as it is one."""
    if record.name == CLAIM:
        return record.rows[0][0] if record.rows else None
    if record.name == ENQUEUE:
        return record.rows[0][0] if record.rows else None
    return str(dict(record.call.arguments)["p_job_id"]) if record.name in (COMPLETE, FAIL, RESET) else None


def number(row: Row, column: str) -> int:
    """A number of a row; NULL counts as 0."""
    return int(row[column] or 0)


def _by_id(rows: Rows) -> dict[str, Row]:
    return {row["job_id"] or "": row for row in rows}
