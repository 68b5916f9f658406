"""What pools of workers do to one catalogue, drawn by a seed before anybody starts. Pure data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations_with_replacement
from random import Random

from fixtures.engine.plan import READ_COMMITTED, Call, Plan, Program, Transaction
from fixtures.targets.calls import FunctionCall
from fixtures.targets.kinds import Json, Value
from fixtures.workers.script import CLAIM, Act, Mine, Script
from strategies import catalogues as c
from strategies.catalogues import backup, job, uuid
from strategies.programs import ASSIGN_XID

MOST_WORKERS = 16
_CLAIM = Act.of(CLAIM, p_worker_id=Mine.NAME)
_COMPLETE = Act.of("pggit.complete_backup_job", p_job_id=Mine.JOB, p_output="done", p_worker_id=Mine.NAME)
_COMPLETE_BACKUP = Act.of("pggit.complete_backup", p_backup_id=Mine.BACKUP, p_backup_size=1000)
_MAINTENANCE = [Act.of("pggit.set_maintenance_mode", p_enabled=on) for on in (False, True)]

DRAIN = Script((_CLAIM, _COMPLETE, _COMPLETE_BACKUP), rounds=1_000_000, until_empty=True)
"""Claims and completes until there is nothing to claim."""
RESUME = Script((_MAINTENANCE[False],))
"""Ends the maintenance that a script may have left on."""
CLAIM_ALL = Script((_CLAIM,), rounds=1_000, until_empty=True)
"""Claims and keeps: far more often than there are jobs, so a target that never marks one as taken ends as well."""
CLEAN_UP = Script((Act.of("pggit.cleanup_old_jobs", p_retention_days=7, p_dry_run=False),), rounds=5)
"""Removes old jobs again and again."""

_KEPT, _BASES = uuid(40_000), [uuid(40_001 + n) for n in range(6)]


@dataclass(frozen=True)
class Pool:
    """A starting catalogue and each worker's script, by its name."""

    seed: int
    catalogue: str
    scripts: dict[str, Script]


@dataclass(frozen=True)
class Jobs:
    """The jobs of a catalogue: those that wait, those that look stuck, those that failed for good long ago."""

    waiting: tuple[str, ...]
    stuck: tuple[str, ...]
    failed: tuple[str, ...]

    @property
    def all(self) -> tuple[str, ...]:
        """Every job."""
        return self.waiting + self.stuck + self.failed


def pool(seed: int, *sizes: int) -> Pool:
    """One of so many workers (2 to MOST_WORKERS): some claim and end jobs, some operate the queue, some clean up."""
    random = Random(seed)
    size = random.choice(sizes or (2, 3, 5, 8, 10, MOST_WORKERS))
    jobs = _jobs(size)
    roles = [_worker, _operator, _cleaner, _worker, _cleaner]
    scripts = {f"s{seed}-w{n + 1}": roles[n % len(roles)](random, jobs) for n in range(size)}
    return Pool(seed, _catalogue(jobs), scripts)


def _jobs(size: int) -> Jobs:
    ids = [uuid(20_001 + n) for n in range(size + 14)]
    return Jobs(tuple(ids[12:]), tuple(ids[:6]), tuple(ids[6:12]))


def _backup_of(job: str) -> str:
    return uuid(int(job[-12:]) + 10_000)


def _catalogue(jobs: Jobs) -> str:
    """Each job has its own backup; old full backups can become bases, and are due, but for the newest."""
    rows = [backup(_KEPT, "kept", age=1), *(backup(id, f"base-{id[-2:]}", age=60) for id in _BASES)]
    for id in jobs.waiting:
        rows += [backup(_backup_of(id), f"of-{id[-5:]}", status="in_progress"), job(id, _backup_of(id), most=30)]
    for id in jobs.stuck:
        rows += [
            backup(_backup_of(id), f"of-{id[-5:]}", status="in_progress", age=2),
            job(id, _backup_of(id), "running", attempts=1, most=30, age=2),
        ]
    for id in jobs.failed:
        rows += [
            backup(_backup_of(id), f"of-{id[-5:]}", status="failed", age=30),
            job(id, _backup_of(id), "failed", attempts=3, age=30),
        ]
    return "".join(rows)


def _worker(random: Random, jobs: Jobs) -> Script:  # noqa: ARG001 -- it gets its jobs from the queue
    """Claims, and completes, fails, or drops what it got; now and then it comes back to what it had before."""
    fail: dict[str, Mine] = {"p_job_id": Mine.JOB, "p_worker_id": Mine.NAME}
    endings = (
        (_COMPLETE, _COMPLETE_BACKUP),
        (_COMPLETE,),
        (Act.of("pggit.fail_backup_job", p_error="again", p_retry_delay_seconds=0, **fail),),
        (Act.of("pggit.fail_backup_job", p_error="not today", p_retry_delay_seconds=3600, **fail),),
        (_give_up(Mine.JOB),),
        (),
    )
    late = (
        Act.of("pggit.complete_backup_job", p_job_id=Mine.EARLIER_JOB, p_output="late", p_worker_id=Mine.NAME),
        Act.of(
            "pggit.fail_backup_job",
            p_job_id=Mine.EARLIER_JOB, p_error="late", p_retry_delay_seconds=0, p_worker_id=Mine.NAME,
        ),
    )  # fmt: skip
    acts: list[Act] = []
    for _ in range(24):
        acts += [_CLAIM, *random.choices(endings, (2, 1, 6, 1, 6, 1))[0]]
        if random.random() < 0.5:
            acts.append(random.choice(late))
    return Script(tuple(acts))


def _operator(random: Random, jobs: Jobs) -> Script:
    """Fails attempts from outside, resets, cancels, adds jobs, switches maintenance on and off."""
    acts: list[Act] = []
    for _ in range(20):
        id = random.choice(jobs.all)
        acts += random.choices(
            (
                [_give_up(id)],
                [Act.of("pggit.reset_job", p_job_id=random.choice(jobs.stuck + jobs.failed))] * 2,
                [Act.of("pggit.cancel_stuck_jobs", p_timeout_minutes=60, p_dry_run=False)],
                [_MAINTENANCE[True], Act.of(CLAIM, p_worker_id=Mine.NAME), _MAINTENANCE[False]],
                [Act.of("pggit.fail_backup", p_backup_id=_backup_of(id), p_error_message="given up")],
                [_enqueue(_backup_of(random.choice(jobs.waiting + jobs.stuck)))],
            ),
            (8, 3, 2, 2, 1, 2),
        )[0]
    return Script(tuple(acts))


def _give_up(job: str | Mine) -> Act:
    """Somebody takes the job's worker for lost: whoever that was, the job can be claimed again."""
    return Act.of("pggit.fail_backup_job", p_job_id=job, p_error=None, p_retry_delay_seconds=0)


def _enqueue(backup: str) -> Act:
    return Act.of("pggit.enqueue_backup_job", p_backup_id=backup, p_command="true", p_tool="pg_dump")


def _cleaner(random: Random, jobs: Jobs) -> Script:
    """Retention, deletion and clean-up, while dependants of what is about to go are registered, and jobs reset."""
    acts: list[Act] = []
    for n in range(24):
        base = random.choice(_BASES)
        acts += random.choices(
            (
                [CLEAN_UP.acts[0]],
                [Act.of("pggit.apply_retention_policy")],
                [_delete(skip_blocked=random.random() < 0.5)],
                [_register(f"dependant-{n}", base)],
                [Act.of("pggit.verify_backup", p_backup_id=_KEPT)],
                [Act.of("pggit.reset_job", p_job_id=random.choice(jobs.failed))],
                [Act.of("pggit.cancel_stuck_jobs", p_timeout_minutes=60, p_dry_run=False)],
            ),
            (5, 2, 2, 4, 2, 2, 1),
        )[0]
    return Script(tuple(acts))


def _delete(skip_blocked: bool) -> Act:
    return Act.of("pggit.cleanup_expired_backups", p_dry_run=False, p_skip_blocked=skip_blocked)


def _register(name: str, base: str) -> Act:
    return Act.of(
        "pggit.register_backup",
        p_backup_name=name, p_backup_type="incremental", p_backup_tool="pg_dump", p_location=f"file:///backups/{name}",
        p_branch_name="main", p_metadata=Json(f'{{"base_backup_id": "{base}"}}'),
    )  # fmt: skip


def _small_programs(session: str) -> dict[str, tuple[Act, ...]]:
    """What one session can do to the busy day's catalogue, in at most two calls."""
    claim = Act.of(CLAIM, p_worker_id=session)
    mine: dict[str, Value] = {"p_job_id": c.JOB_QUEUED, "p_worker_id": session}
    complete = Act.of("pggit.complete_backup_job", p_output="done", **mine)
    fail = Act.of("pggit.fail_backup_job", p_error="boom", p_retry_delay_seconds=0, **mine)
    return {
        "claim": (claim,),
        "claim-complete": (claim, complete),
        "claim-fail": (claim, fail),
        "give-up-claim": (_give_up(c.JOB_QUEUED), claim),
        "complete-backup": (Act.of("pggit.complete_backup", p_backup_id=c.RUNNING, p_backup_size=1000),),
        "fail-backup": (Act.of("pggit.fail_backup", p_backup_id=c.RUNNING, p_error_message="given up"),),
        "reset": (Act.of("pggit.reset_job", p_job_id=c.JOB_FAILED),),
        "enqueue": (_enqueue(c.FRESH),),
        "cancel-stuck": (Act.of("pggit.cancel_stuck_jobs", p_timeout_minutes=60, p_dry_run=False),),
        "clean-up": CLEAN_UP.acts,
        "pause": (_MAINTENANCE[True],),
        "resume": (_MAINTENANCE[False],),
        "retention": (Act.of("pggit.apply_retention_policy"),),
        "delete": (_delete(skip_blocked=True),),
        "register": (_register("dependant", c.FULL_OLD),),
        "verify": (Act.of("pggit.verify_backup", p_backup_id=c.FULL_NEW),),
    }


SMALL = c.BUSY_DAY
"""The catalogue that all small plans start from."""

_SESSIONS = ("a", "b")


def small_calls() -> Iterator[FunctionCall]:
    """Every call that a small plan can hold."""
    for session in _SESSIONS:
        for acts in _small_programs(session).values():
            yield from filter(None, (act.call({}) for act in acts))


def small_plans(functions: Iterable[str], offers: frozenset[str]) -> list[Plan]:
    """Pairs of small programs that have to do with `functions` (qualified names), the likeliest first: those with the
    fewest functions besides, then those with the fewest calls. Arguments are those that the target `offers` to take."""
    wanted = set(functions)
    plans = [_small_plan(pair, offers) for pair in combinations_with_replacement(_small_programs(""), 2)]
    near = [(_called(plan), plan) for plan in plans if _called(plan) & wanted]
    near.sort(key=lambda each: (len(each[0] - wanted), -len(each[0] & wanted), len(list(_all_calls(each[1])))))
    return [plan for _, plan in near]


def _small_plan(names: tuple[str, str], offers: frozenset[str]) -> Plan:
    programs = tuple(
        Program(session, tuple(_transaction(act.fitting(offers)) for act in _small_programs(session)[name]))
        for session, name in zip(_SESSIONS, names, strict=True)
    )
    return Plan(SMALL, programs, "+".join(names))


def _transaction(act: Act) -> Transaction:
    call = act.call({})
    assert call is not None
    sent = Call(call.sql, call.function.qualified)
    return Transaction((ASSIGN_XID, sent), READ_COMMITTED) if call.in_block else Transaction((sent,))


def _all_calls(plan: Plan) -> Iterator[Call]:
    return (call for program in plan.programs for call in program.calls())


def _called(plan: Plan) -> set[str]:
    return {call.function for call in _all_calls(plan) if call.function}


@dataclass(frozen=True)
class Drain:
    """A crew that empties a queue while it is hurt: `kills` tells after how many completed jobs which of those at
    work (by place) is killed, `crashes` after how many the server crashes."""

    seed: int
    jobs: int
    workers: int
    kills: dict[int, int]
    crashes: tuple[int, ...]

    @property
    def catalogue(self) -> str:
        """As many jobs as it has, each of its own backup."""
        return _MANY.format(jobs=self.jobs)


KILL_EVERY = 30
"""Completed jobs from one kill to the next: about a tenth of a second of a crew on two cores, but never a clock."""

_MANY = """
INSERT INTO pggit.backups (backup_id, backup_name, backup_type, backup_tool, commit_hash, location, status)
SELECT ('00000000-0000-4000-8000-' || lpad((100000 + n)::text, 12, '0'))::uuid, 'backup-' || n, 'full', 'pg_dump',
       'commit-3', 'file:///backups/' || n, 'in_progress' FROM generate_series(1, {jobs}) n;
INSERT INTO pggit.backup_jobs (job_id, backup_id, job_type, command, tool, created_at)
SELECT ('00000000-0000-4000-8000-' || lpad((200000 + n)::text, 12, '0'))::uuid,
       ('00000000-0000-4000-8000-' || lpad((100000 + n)::text, 12, '0'))::uuid, 'backup', 'pg_dump', 'pg_dump',
       now() - interval '1 hour' + n * interval '1 ms' FROM generate_series(1, {jobs}) n;
ANALYZE pggit.backups, pggit.backup_jobs;
"""


def drain(seed: int, jobs: int) -> Drain:
    """MOST_WORKERS workers, a kill after every KILL_EVERY completed jobs, two crashes."""
    random = Random(seed)
    kills = {done: random.randrange(MOST_WORKERS) for done in range(KILL_EVERY, jobs, KILL_EVERY)}
    crashes = sorted(random.sample(range(jobs // 10, jobs * 9 // 10), 2))
    return Drain(seed, jobs, MOST_WORKERS, kills, tuple(crashes))
