"""A model of the job queue, from contract chapters J, I, T and B6: what a call answers and leaves behind."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from fixtures.targets.calls import FunctionCall
from suites.oracles.model_state import (
    DAY,
    DEPENDENCY,
    EXISTS,
    INVALID,
    MINUTE,
    NO_BLOCK,
    NOT_FOUND,
    SECOND,
    Backup,
    Catalogue,
    Job,
    Outcome,
    is_dry,
    number,
    text,
    unused,
)

_LONGEST_DELAY = DAY


def enqueue_backup_job(state: Catalogue, call: FunctionCall, learned: str) -> Outcome:
    """J6: no second live job of a backup. J7: in maintenance a job that would be queued is paused."""
    backup = state.backups.get(text(call, "p_backup_id") or "")
    if backup is None:
        return Outcome(NOT_FOUND, state)
    if backup.status != "in_progress":
        # Nobody could claim that job (J2): an operator wants a refusal, but no clause says which.
        return Outcome(INVALID, state, Outcome(NOT_FOUND, state, Outcome(DEPENDENCY, state, Outcome(EXISTS, state))))
    if any(job.is_live for job in state.jobs_of(backup.id)):
        return Outcome(EXISTS, state)
    id, most = unused(learned, state.jobs), number(call, "p_max_attempts")
    job = _waiting(state, Job(id, backup.id, most=most, created_at=state.now))
    return Outcome(id, state.with_rows(job))


def get_next_backup_job(state: Catalogue, call: FunctionCall, learned: str) -> Outcome:  # noqa: ARG001
    """J2: the claimable job that is due longest; ties by job_id. None when there is none."""
    worker = text(call, "p_worker_id")
    job = min(filter(lambda job: _is_claimable(state, job), state.jobs.values()), key=_turn, default=None)
    if job is None:
        return Outcome(None, state)
    claimed = replace(job, status="running", attempts=job.attempts + 1, started_at=state.now, worker=worker)
    return Outcome((job.id, job.backup, claimed.attempts, worker), state.with_rows(claimed))


def _turn(job: Job) -> tuple[int, str]:
    return job.due_at, job.id


def _is_claimable(state: Catalogue, job: Job) -> bool:
    if state.maintenance or not job.is_waiting or job.attempts >= job.most or job.due_at > state.now:
        return False
    if job.type != "backup" or job.backup is None:
        return True
    running = any(other.backup == job.backup and other.status == "running" for other in state.jobs.values())
    return state.backups[job.backup].status == "in_progress" and not running


def complete_backup_job(state: Catalogue, call: FunctionCall, learned: str) -> Outcome:  # noqa: ARG001
    """J1, J3, J5: a running job of the worker is completed; its backup stays as it is. J8 for the output."""
    job = state.jobs.get(text(call, "p_job_id") or "")
    if job is None:
        return Outcome(NOT_FOUND, state)
    if not _holds(call, job):
        return Outcome(False, state)
    output = text(call, "p_output")
    done = replace(job, status="completed", completed_at=state.now, output=job.output if output is None else output)
    return Outcome(True, state.with_rows(done))


def _holds(call: FunctionCall, job: Job) -> bool:
    """J3: whether the job runs, and for the worker that is named, if one is."""
    worker = text(call, "p_worker_id")
    return job.status == "running" and worker in (None, job.worker)


def fail_backup_job(state: Catalogue, call: FunctionCall, learned: str) -> Outcome:  # noqa: ARG001
    """J4: a retry after delay × 2^(attempt−1), at most 24 h; the last failure is for good, for the backup too."""
    job = state.jobs.get(text(call, "p_job_id") or "")
    if job is None:
        return Outcome(NOT_FOUND, state)
    if not _holds(call, job):
        return Outcome(False, state)
    error = text(call, "p_error")
    failed = replace(job, status="failed", error=job.error if error is None else error)
    if job.attempts >= job.most:
        lost = replace(failed, completed_at=state.now)
        return Outcome(True, _fail_backups(state.with_rows(lost), [lost]))
    delay = number(call, "p_retry_delay_seconds") * SECOND * 2 ** (job.attempts - 1)
    retry = replace(failed, next_retry_at=state.now + min(delay, _LONGEST_DELAY))
    return Outcome(True, state.with_rows(_waiting(state, retry)))


def _waiting(state: Catalogue, job: Job) -> Job:
    """J7: in maintenance, what would become queued or waiting becomes paused."""
    return replace(job, status="paused", paused_from=job.status) if state.maintenance else job


def _fail_backups(state: Catalogue, lost: Iterable[Job]) -> Catalogue:
    """J4, J5, B1: the backups of jobs that are lost for good fail, if in progress and of a commit."""
    for job in lost:
        backup = state.backups.get(job.backup or "")
        if backup and job.type == "backup" and backup.status == "in_progress" and backup.commit:
            told = str(job.attempts) if job.status == "failed" else ""
            state = state.with_rows(replace(backup, status="failed", completed_at=state.now, error=told))
    return state


def reset_job(state: Catalogue, call: FunctionCall, learned: str) -> Outcome:  # noqa: ARG001
    """J1, J5, I3: an ended or waiting job is queued again; each call that is not refused is audited (A1)."""
    job = state.jobs.get(text(call, "p_job_id") or "")
    if job is None:
        return Outcome(NOT_FOUND, state)
    audited = state.audited("reset_job", "write")
    if job.status not in ("failed", "cancelled"):
        return Outcome(job.status == "queued", audited)
    again = replace(job, status="queued", attempts=0, next_retry_at=None, started_at=None, completed_at=None)
    done = Outcome(True, audited.with_rows(_waiting(state, replace(again, worker=None, error=None))))
    backup = state.backups.get(job.backup or "")
    if backup is None or job.type != "backup":
        return done
    if backup.status not in ("in_progress", "failed"):
        return Outcome(False, audited)
    return _revived(state, backup, job, done)


def _revived(state: Catalogue, backup: Backup, job: Job, done: Outcome) -> Outcome:
    """J5: the backup is in progress again, if its bases are completed and no other job of it is live."""
    row = replace(backup, status="in_progress", completed_at=None, error=None)
    done = replace(done, state=done.state.with_rows(row))
    if any(other.is_live for other in state.jobs_of(backup.id) if other.id != job.id):
        done = Outcome(EXISTS, state)
    if not all(_is_completed(state, base) for base in state.bases(backup.id) if base in state.backups):
        return Outcome(DEPENDENCY, state)
    if not all(_is_completed(state, base) for base in state.all_bases(backup.id)):
        # Only a base of a base is gone, or a base that metadata names and nobody has: no clause decides.
        return Outcome(DEPENDENCY, state, done)
    return done


def _is_completed(state: Catalogue, backup: str) -> bool:
    return backup in state.backups and state.backups[backup].status == "completed"


def set_maintenance_mode(state: Catalogue, call: FunctionCall, learned: str) -> Outcome:  # noqa: ARG001
    """J7, I3: the number of jobs that were paused or resumed; 0 for what it is already."""
    enabled = call.value("p_enabled") is True
    audited = replace(state, maintenance=enabled).audited("set_maintenance_mode", "write")
    if enabled:
        moved = [replace(job, status="paused", paused_from=job.status) for job in _all(state) if job.is_waiting]
    else:
        moved = [_resumed(job) for job in _all(state) if job.status == "paused"]
    done = Outcome(len(moved), audited.with_rows(*moved))
    if enabled != state.maintenance or not moved:
        return done
    # Clients put those jobs there meanwhile: repeating answers 0 (J7), but mending them is a service.
    return Outcome(0, audited, done)


def _resumed(job: Job) -> Job:
    waits = job.next_retry_at is not None and 0 < job.attempts < job.most
    return replace(job, status=job.paused_from or ("failed" if waits else "queued"), paused_from=None)


def cancel_stuck_jobs(state: Catalogue, call: FunctionCall, learned: str) -> Outcome:  # noqa: ARG001
    """J1, J5, T1, T4: running for longer than the timeout, the oldest first; real runs cancel, for the backup too."""
    if not is_dry(call) and not call.in_block:
        return Outcome(NO_BLOCK, state)
    since = state.now - number(call, "p_timeout_minutes") * MINUTE
    stuck = sorted((job for job in _all(state) if job.status == "running" and _start(job) < since), key=_stuck)
    rows = tuple(("would_cancel" if is_dry(call) else "cancelled", job.id) for job in stuck)
    if is_dry(call):
        return Outcome(rows, state.audited("cancel_stuck_jobs", "read"))
    gone = [replace(job, status="cancelled", completed_at=state.now) for job in stuck]
    audited = state.with_rows(*gone).audited("cancel_stuck_jobs", "write")
    return Outcome(rows, _fail_backups(audited, gone))


def _start(job: Job) -> int:
    return job.created_at if job.started_at is None else job.started_at


def _stuck(job: Job) -> tuple[int, str]:
    return _start(job), job.id


def cleanup_old_jobs(state: Catalogue, call: FunctionCall, learned: str) -> Outcome:  # noqa: ARG001
    """B6, T1, T4: how many jobs ended longer ago than the retention; real runs remove them."""
    if not is_dry(call) and not call.in_block:
        return Outcome(NO_BLOCK, state)
    since = state.now - number(call, "p_retention_days") * DAY
    old = {job.id for job in _all(state) if job.has_ended and _end(job) < since}
    answer = ("would_delete" if is_dry(call) else "deleted", len(old)) if old else None
    if is_dry(call):
        return Outcome(answer, state.audited("cleanup_old_jobs", "read"))
    left = replace(state, jobs={id: job for id, job in state.jobs.items() if id not in old})
    return Outcome(answer, left.audited("cleanup_old_jobs", "delete"))


def _end(job: Job) -> int:
    return job.created_at if job.completed_at is None else job.completed_at


def _all(state: Catalogue) -> Iterable[Job]:
    return state.jobs.values()


QUEUE: dict[str, Callable[[Catalogue, FunctionCall, str], Outcome]] = {
    function.__name__: function
    for function in (
        enqueue_backup_job,
        get_next_backup_job,
        complete_backup_job,
        fail_backup_job,
        reset_job,
        set_maintenance_mode,
        cancel_stuck_jobs,
        cleanup_old_jobs,
    )
}
"""The functions of the queue by name."""
