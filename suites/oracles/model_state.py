"""What the models of the queue and of the backups speak about: rows as data, and time as a whole number.

A model is a function `(state, call, learned) -> Outcome`. It has no clock: `Catalogue.now` is a number of
milliseconds that whoever asks moves on. `learned` is the id that the SQL answered, for ids are the SQL's to choose.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from uuid import UUID

from fixtures.targets.calls import FunctionCall

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


@dataclass(frozen=True)
class Backup:
    """A row of `pggit.backups`. `base`, `stanza` and `server` are what its metadata says under these keys.

    `error` is a part of its message; None when it has none.
    """

    id: str
    type: str = "full"
    tool: str = "pg_dump"
    status: str = "in_progress"
    commit: str | None = "commit-3"
    base: str | None = None
    stanza: str | None = None
    server: str | None = None
    completed_at: int | None = None
    expires_at: int | None = None
    error: str | None = None

    @property
    def is_live(self) -> bool:
        """In the contract's words: in progress or completed."""
        return self.status in ("in_progress", "completed")

    @property
    def base_id(self) -> str | None:
        """The base that the metadata names, in either case; None for a text that is no id."""
        try:
            return str(UUID(self.base)) if self.base and len(self.base) == 36 else None
        except ValueError:
            return None


@dataclass(frozen=True)
class Job:
    """A row of `pggit.backup_jobs`. `worker` is who claimed it; `paused_from` what a paused one goes back to."""

    id: str
    backup: str | None
    type: str = "backup"
    status: str = "queued"
    attempts: int = 0
    most: int = 3
    created_at: int = 0
    next_retry_at: int | None = None
    started_at: int | None = None
    completed_at: int | None = None
    worker: str | None = None
    output: str | None = None
    error: str | None = None
    paused_from: str | None = None

    @property
    def is_waiting(self) -> bool:
        """Queued, or failed with a retry to come."""
        return self.status == "queued" or (self.status == "failed" and self.attempts < self.most)

    @property
    def is_live(self) -> bool:
        """In the contract's words: queued, running, paused, or failed with a retry to come."""
        return self.status in ("running", "paused") or self.is_waiting

    @property
    def has_ended(self) -> bool:
        """Completed, cancelled or permanently failed."""
        return not self.is_live

    @property
    def due_at(self) -> int:
        """When it can be claimed (J2)."""
        return self.created_at if self.next_retry_at is None else self.next_retry_at


@dataclass(frozen=True)
class Verification:
    """A row of `pggit.backup_verifications`: when it was asked for, and when it last got another status."""

    id: str
    backup: str
    type: str
    status: str
    asked_at: int
    moved_at: int


@dataclass(frozen=True)
class Link:
    """A row of `pggit.backup_dependencies`: `backup` depends on `base`."""

    backup: str
    base: str
    type: str

    @property
    def id(self) -> tuple[str, str]:
        """Its key."""
        return self.backup, self.base


Row = Backup | Job | Verification | Link


@dataclass(frozen=True)
class Catalogue:
    """The state of all models. `branches`: the branch of each commit; `heads`: the head of each branch.

    `audit` has the name and type of each audited operation. Values are never changed in place.
    """

    now: int = 0
    backups: Mapping[str, Backup] = field(default_factory=dict)
    jobs: Mapping[str, Job] = field(default_factory=dict)
    verifications: Mapping[str, Verification] = field(default_factory=dict)
    links: Mapping[tuple[str, str], Link] = field(default_factory=dict)
    maintenance: bool = False
    audit: tuple[tuple[str, str], ...] = ()
    branches: Mapping[str, str | None] = field(default_factory=dict)
    heads: Mapping[str, str | None] = field(default_factory=dict)

    def with_rows(self, *rows: Row) -> Catalogue:
        """With these rows, new or instead of those with the same ids; a recorded link stays as it is (B2)."""
        backups, jobs = dict(self.backups), dict(self.jobs)
        verifications, links = dict(self.verifications), dict(self.links)
        for row in rows:
            match row:
                case Backup():
                    backups[row.id] = row
                case Job():
                    jobs[row.id] = row
                case Verification():
                    verifications[row.id] = row
                case Link():
                    links.setdefault(row.id, row)
        return replace(self, backups=backups, jobs=jobs, verifications=verifications, links=links)

    def later(self, milliseconds: int) -> Catalogue:
        """The same after some time."""
        return replace(self, now=self.now + milliseconds)

    def audited(self, name: str, type: str) -> Catalogue:
        """With one more audit row (A1)."""
        return replace(self, audit=(*self.audit, (name, type)))

    def jobs_of(self, backup: str | None) -> list[Job]:
        """The jobs of type `backup` that belong to it; none for no backup."""
        return [job for job in self.jobs.values() if backup and job.backup == backup and job.type == "backup"]

    def bases(self, backup: str) -> set[str]:
        """What it depends on directly, by a link or by its metadata; a metadata's base may not exist."""
        linked = {link.base for link in self.links.values() if link.backup == backup}
        named = self.backups[backup].base_id if backup in self.backups else None
        return linked | ({named} if named else set())

    def all_bases(self, backup: str) -> set[str]:
        """What it depends on, directly or through a chain."""
        found: set[str] = set()
        waiting = {backup}
        while waiting:
            new = self.bases(waiting.pop()) - found
            found |= new
            waiting |= new
        return found


@dataclass(frozen=True)
class Refused:
    """The call is refused with this SQLSTATE."""

    sqlstate: str

    def __str__(self) -> str:
        return self.sqlstate


Answer = Refused | bool | int | str | None | tuple[object, ...]


@dataclass(frozen=True)
class Outcome:
    """What a call answers and what it leaves behind. `otherwise`: as good, for the contract does not decide."""

    answer: Answer
    state: Catalogue
    otherwise: Outcome | None = None

    def alternatives(self) -> Iterator[Outcome]:
        """This outcome and those that are as good."""
        yield self
        if self.otherwise:
            yield from self.otherwise.alternatives()


NOT_FOUND, INVALID, DEPENDENCY = Refused("02000"), Refused("22023"), Refused("23503")
EXISTS, NO_BLOCK = Refused("23505"), Refused("25P01")


def text(call: FunctionCall, name: str) -> str | None:
    """A text argument."""
    value = call.value(name)
    assert value is None or isinstance(value, str)
    return value


def number(call: FunctionCall, name: str) -> int:
    """A number that is not NULL."""
    value = call.value(name)
    assert isinstance(value, int)
    return value


def is_dry(call: FunctionCall) -> bool:
    """Whether it is a dry run (V2)."""
    return call.value("p_dry_run") is not False


def unused(id: str, rows: Mapping[str, object]) -> str:
    """`id` if it can be that of a new row."""
    return id if id and id not in rows else "a new id"
