"""No job is lost, doubled or held by two workers, and attempts add up (C5, J1, J2, B6). Needs no model."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from fixtures.workers.record import Record
from suites.oracles.race import (
    CLAIM,
    CLEAN_UP,
    COMPLETE,
    ENQUEUE,
    FAIL,
    RESET,
    TRUE,
    Race,
    RaceFinding,
    number,
)


def judge_conservation(race: Race) -> list[RaceFinding]:
    """Findings about single jobs, by counting what the workers were told and what is left."""
    return [
        *_lost(race),
        *(found for job, records in race.by_job.items() for found in _about(job, records, race)),
    ]


def _lost(race: Race) -> Iterator[RaceFinding]:
    known = {*race.jobs_before, *(str(each.rows[0][0]) for each in race.by_name.get(ENQUEUE, ()) if each.rows)}
    gone = known - set(race.jobs_after)
    removed = sum(int(row[1] or 0) for each in race.by_name.get(CLEAN_UP, ()) for row in each.rows if "deleted" in row)
    if len(gone) != removed and CLEAN_UP not in race.unknown:
        told = f"{len(gone)} jobs are gone, and clean-ups answered that they had removed {removed}"
        yield _finding("B6:jobs-lost", told, CLEAN_UP)


def _about(job: str, records: list[Record], race: Race) -> Iterator[RaceFinding]:
    claims = [each for each in records if each.name == CLAIM]
    # A cancelled job is free again only after a reset, so failures and resets are all that lets go of a job.
    freed = [each for each in records if each.name in (FAIL, RESET) and (each.reply is None or each.rows == TRUE)]
    for one, other in pairwise(sorted(claims, key=lambda each: each.ended or 0)):
        # Answers may be heard in another order than they were given in.
        if not any(_may_lie_between(each, *pair) for each in freed for pair in ((one, other), (other, one))):
            told = f"{one.worker} and {other.worker} both claimed job {job}, and nobody let go of it in between"
            yield _finding("C5:claimed-twice", told, CLAIM)
    completed = [each for each in records if each.name == COMPLETE and each.rows == TRUE]
    if len(completed) > 1:
        who = " and ".join(each.worker for each in completed)
        yield _finding("J1:completed-twice", f"job {job} was completed by {who}", COMPLETE)
    if job in race.jobs_after:
        yield from _about_end(job, records, race)


def _may_lie_between(record: Record, first: Record, second: Record) -> bool:
    return (record.ended is None or record.ended > first.began) and record.began < (second.ended or 0)


def _about_end(job: str, records: list[Record], race: Race) -> Iterator[RaceFinding]:
    before, after = race.jobs_before.get(job), race.jobs_after[job]
    told_so = any(each.name == COMPLETE and each.rows == TRUE for each in records)
    may_be = told_so or any(each.name == COMPLETE and each.reply is None for each in records)
    was = before is not None and before["status"] == "completed"
    if told_so and after["status"] != "completed":
        yield _finding("J1:completion-lost", f"job {job} was completed, and is now {after['status']}", COMPLETE)
    if after["status"] == "completed" and not may_be and not was:
        yield _finding("J1:completed-by-nobody", f"job {job} is completed, and nobody was told so", COMPLETE)
    reset = any(each.name == RESET and (each.reply is None or each.rows == TRUE) for each in records)
    claims = sum(each.name == CLAIM for each in records) + (number(before, "attempts") if before else 0)
    most = claims + len(race.unknown.get(CLAIM, ()))
    if not reset and not claims <= number(after, "attempts") <= most:
        told = f"job {job} has {after['attempts']} attempts, and was claimed {claims} times"
        yield _finding("J2:attempts-lost", told, CLAIM)


def _finding(code: str, sentence: str, *names: str) -> RaceFinding:
    return RaceFinding(code, tuple(f"pggit.{name}" for name in names), sentence)
