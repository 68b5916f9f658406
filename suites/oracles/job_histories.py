"""Contract J, B1, C1: what was told about the jobs of one backup is what the queue's model could have told.

The model forgets everything else, so a race falls apart into small histories, one for each backup, that are judged
one by one. What concerns all jobs at once is judged for its effect on those of the backup.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace

from fixtures.workers.record import Record
from suites.oracles.audit_rows import told_busy
from suites.oracles.linearizability import Verdict, linearizable
from suites.oracles.model_state import DAY, Backup, Catalogue, Job
from suites.oracles.models import MODELS, follow
from suites.oracles.queue_model import cleanup_old_jobs
from suites.oracles.race import CANCEL, CLAIM, CLEAN_UP, ENQUEUE, MAINTENANCE, Race, RaceFinding, Row, about, number
from suites.oracles.refusals import CONCURRENCY

_BACKUP_CALLS = ("complete_backup", "fail_backup", ENQUEUE)
_LONG_AGO = -1_000 * DAY
_Status = tuple[str, frozenset[tuple[str, str, int]]]


@dataclass(frozen=True)
class World:
    """One backup, its jobs, and whether maintenance is on: a catalogue that can be remembered."""

    backup: Backup
    jobs: tuple[Job, ...]
    maintenance: bool = False

    def catalogue(self) -> Catalogue:
        """For the models. Their clock stands still: delays are of none, or of more than a race takes."""
        return Catalogue(
            backups={self.backup.id: self.backup},
            jobs={job.id: job for job in self.jobs},
            maintenance=self.maintenance,
        )

    @classmethod
    def of(cls, catalogue: Catalogue) -> World:
        """What a model has left."""
        (backup,) = catalogue.backups.values()
        return cls(backup, tuple(sorted(catalogue.jobs.values(), key=lambda job: job.id)), catalogue.maintenance)


def judge_job_histories(race: Race) -> list[RaceFinding]:
    """A finding for each backup whose history no order explains, or for which that is not known."""
    histories, starts, ends = _histories(race), _starts(race), _ends(race)
    switches = [record for record in race.by_name.get(MAINTENANCE, ()) if record.answered or record.reply is None]
    clean_ups = [record for record in race.by_name.get(CLEAN_UP, ()) if record.answered and not told_busy(record)]
    lost = sorted(race.unknown.get(CLAIM, ()), key=lambda claim: claim.began)
    found = []
    for backup, start in starts.items():
        own = histories[backup]
        if not own and ends[backup] == _status(start):
            continue
        everybody = [*switches, *(clean_ups if any(job.has_ended for job in start.jobs) else ())]
        verdict = _verdict(start, own + everybody, ends[backup])
        if verdict == Verdict.NO and lost:
            # Nobody knows which job a lost claim got. Those that began first can explain whatever others can, and no
            # more of them are needed than the times that the job was taken from somebody, and once more.
            needed = sum(record.name == CANCEL for record in own) + 1
            verdict = _verdict(start, own + everybody + lost[:needed], ends[backup])
        if verdict != Verdict.YES:
            found.append(_finding(backup, own, verdict))
    return found


def _verdict(start: World, records: list[Record], end: _Status) -> Verdict:
    return linearizable(start, records, _successors, lambda world: _status(world) == end)


def _finding(backup: str, records: list[Record], verdict: Verdict) -> RaceFinding:
    functions = tuple(sorted({each.call.function.qualified for each in records}))
    lines = "".join(f"\n    {line}" for line in map(told, sorted(records, key=lambda each: each.began)))
    if verdict == Verdict.UNKNOWN:
        said = (
            f"whether some order explains what was told about the jobs of backup {backup} is unknown: too many states"
        )
        return RaceFinding("C1:unknown", functions, said + lines)
    said = f"no order explains what was told about the jobs of backup {backup}"
    return RaceFinding("C1:not-linearizable", functions, said + lines)


def told(record: Record) -> str:
    """A call and its answer in one line."""
    reply = record.reply
    answer = "unknown" if reply is None else reply.sqlstate or f"{reply.rows[:2]}"
    return f"{record.began / 1e6:.3f} {record.worker}: {record.call.script} → {answer}"


def _histories(race: Race) -> dict[str, list[Record]]:
    """The calls that concern one backup alone, by its id. What was refused for others' sake had no effect."""
    owner = {id: row["backup_id"] or "" for jobs in (race.jobs_before, race.jobs_after) for id, row in jobs.items()}
    histories: dict[str, list[Record]] = defaultdict(list)
    for record in race.records:
        if record.reply and record.reply.sqlstate in CONCURRENCY:
            continue
        for backup in {owner.get(job, "") for job in _jobs(record)} | set(_backups(record)):
            histories[backup].append(record)
    return histories


def _jobs(record: Record) -> Iterator[str]:
    job = about(record)
    if job:
        yield job
    if record.name == CANCEL:
        yield from (row[1] or "" for row in record.rows)


def _backups(record: Record) -> Iterator[str]:
    if record.name in _BACKUP_CALLS:
        yield str(dict(record.call.arguments)["p_backup_id"])


def _successors(world: World, record: Record) -> Iterator[World]:
    catalogue = world.catalogue()
    if record.name == CANCEL:
        yield from _cancelled(world, record)
    elif record.name == CLEAN_UP:  # it does not say which it removed, and passes over what is held
        yield World.of(cleanup_old_jobs(catalogue, record.call, "").state)
        yield world
    elif record.reply is None or record.name == MAINTENANCE:  # a switch answers the number of everybody's jobs
        for outcome in MODELS[record.name](catalogue, record.call, "").alternatives():
            yield World.of(outcome.state)
    else:
        after, complaints = follow(catalogue, record.call, record.reply)
        if not complaints:
            yield World.of(after)


def _cancelled(world: World, record: Record) -> Iterator[World]:
    """The jobs that it lists were running, however long: somebody may have made them look older."""
    listed = {row[1] for row in record.rows}
    mine = {job.id: replace(job, started_at=_LONG_AGO) for job in world.jobs if job.id in listed}
    if all(job.status == "running" for job in mine.values()):
        others = {job.id: job for job in world.jobs if job.id not in listed}
        after = MODELS[CANCEL](replace(world.catalogue(), jobs=mine), record.call, "").state
        yield World.of(replace(after, jobs={**others, **after.jobs}))


def _starts(race: Race) -> dict[str, World]:
    """The backups that have a job or are named by a call, as the models see them."""
    jobs: dict[str, list[Job]] = defaultdict(list)
    for id, row in sorted(race.jobs_before.items()):
        jobs[row["backup_id"] or ""].append(_job(id, row))
    named = {backup for record in race.records for backup in _backups(record)}
    backups = [_backup(row) for row in race.start["pggit.backups"]]
    return {row.id: World(row, tuple(jobs[row.id])) for row in backups if row.id in jobs or row.id in named}


def _backup(row: Row) -> Backup:
    return Backup(
        row["backup_id"] or "", row["backup_type"] or "", row["backup_tool"] or "", _backup_status(row),
        row["commit_hash"], error=row["error_message"],
    )  # fmt: skip


def _backup_status(row: Row) -> str:
    """What retention and clean-up make of a completed backup is one to the queue."""
    return "completed" if row["status"] in ("expired", "deleted") else row["status"] or ""


def _job(id: str, row: Row) -> Job:
    """Times are none, or so long ago that every limit has passed."""

    def time(column: str) -> int | None:
        return None if row[column] is None else _LONG_AGO

    return Job(
        id,
        row["backup_id"],
        row["job_type"] or "",
        row["status"] or "",
        number(row, "attempts"),
        number(row, "max_attempts"),
        _LONG_AGO,
        time("next_retry_at"),
        time("started_at"),
        time("completed_at"),
        worker=json.loads(row["metadata"] or "{}").get("worker_id"),
        error=row["last_error"],
    )


def _status(world: World) -> _Status:
    return world.backup.status, frozenset((job.id, job.status, job.attempts) for job in world.jobs)


def _ends(race: Race) -> dict[str, _Status]:
    jobs: dict[str, set[tuple[str, str, int]]] = defaultdict(set)
    for id, row in race.jobs_after.items():
        jobs[row["backup_id"] or ""].add((id, row["status"] or "", number(row, "attempts")))
    return {
        row["backup_id"] or "": (_backup_status(row), frozenset(jobs[row["backup_id"] or ""]))
        for row in race.final["pggit.backups"]
    }
