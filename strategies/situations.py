"""Situations drawn as a whole before anything runs: a small catalogue, what 2 to 4 sessions do, and in which order.

Everything shrinks together, towards the smallest catalogue, the fewest calls and the fewest context switches.
"""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from fixtures.engine.history import History
from fixtures.engine.plan import ISOLATION_LEVELS, Call, Choices, Plan, Program, Transaction
from strategies import catalogues as c
from strategies.programs import ASSIGN_XID

_BACKUPS = (1, 2, 3)
_MOST_COMMANDS = 8
"""Of all sessions together: every order of the calls is run one after another, to compare with."""

_STEPS = 30
"""So many steps have their choice drawn; then the session that went last goes on."""

SAVEPOINT, GO_BACK = Call("SAVEPOINT s"), Call("ROLLBACK TO s")


@dataclass(frozen=True)
class Situation:
    """A plan and the choices that make its order; choices are taken modulo the sessions that can go on."""

    plan: Plan
    choices: Choices

    def choose(self, history: History, enabled: tuple[str, ...]) -> int:
        """What the engine asks for; when the choices are used up, the session that went last goes on."""
        number = len(history.decisions)
        return self.choices[number] % len(enabled) if number < len(self.choices) else 0


def situations(fenced: bool = True) -> SearchStrategy[Situation]:
    """Any situation; `fenced`: whoever ends a job says who it is (J3), for targets that can be told."""
    return st.builds(
        lambda catalogue, programs, choices: Situation(Plan(catalogue, programs, "drawn"), choices),
        _catalogues(),
        _programs({"p_worker_id": "w0"} if fenced else {}),
        st.tuples(*[st.integers(0, 3)] * _STEPS),  # of a fixed length: lists would mostly be too short to switch late
    )


def _backup(number: int) -> SearchStrategy[str]:
    """One backup with perhaps a base, a job and a verification, or none."""
    id, job = c.uuid(number), c.uuid(100 + number)
    backups = st.builds(
        lambda type, status, age: c.backup(id, f"backup-{number}", type, status, age),
        st.sampled_from(["full", "incremental", "differential"]),
        st.sampled_from(["completed", "completed", "in_progress", "failed", "expired"]),
        st.sampled_from([0, 20, 60]),
    )
    jobs = st.sampled_from([("queued", 0), ("running", 1), ("running", 3), ("failed", 3), ("completed", 1)]).map(
        lambda state: c.job(job, id, state[0], attempts=state[1], age=30)
    )
    link = (
        "INSERT INTO pggit.backup_dependencies (backup_id, depends_on_backup_id, dependency_type)"
        f" SELECT '{id}', '{c.uuid(number - 1)}', 'incremental_chain'"
        f" WHERE EXISTS (SELECT FROM pggit.backups WHERE backup_id = '{c.uuid(number - 1)}');\n"
    )
    verification = (
        "INSERT INTO pggit.backup_verifications (verification_id, backup_id, verification_type, status, verified_at)"
        f" VALUES ('{c.uuid(200 + number)}', '{id}', 'integrity_check', 'queued', now());\n"
    )
    more = [st.just("") | jobs, st.sampled_from(["", link]), st.sampled_from(["", verification])]
    there = st.tuples(backups, *more).map("".join)
    return st.one_of(st.just(""), there, there)


def _catalogues() -> SearchStrategy[str]:
    return st.tuples(*map(_backup, _BACKUPS)).map("".join)


def _calls(worker: dict[str, str]) -> SearchStrategy[tuple[Call, ...]]:
    """One call, with what it needs before it in its transaction."""
    backup = st.sampled_from([c.uuid(number) for number in _BACKUPS])
    job = st.sampled_from([c.uuid(100 + number) for number in _BACKUPS])
    verification = st.sampled_from([c.uuid(200 + number) for number in _BACKUPS])
    base = backup.map(lambda id: f'{{"base_backup_id": "{id}"}}')
    register = ("new", "incremental", "pg_dump", "file:///backups/new")
    plain: list[SearchStrategy[Call]] = [
        st.builds(lambda: Call.of("pggit.get_next_backup_job", "w1")),
        st.builds(lambda id: Call.of("pggit.verify_backup", id), backup),
        st.builds(lambda id: Call.of("pggit.complete_backup", id, 1), backup),
        st.builds(lambda id: Call.of("pggit.fail_backup", id, "disk full"), backup),
        st.builds(lambda id: Call.of("pggit.enqueue_backup_job", id, "pg_dump", "pg_dump"), backup),
        st.builds(lambda id: Call.of("pggit.complete_backup_job", id, "done", **worker), job),
        st.builds(lambda id: Call.of("pggit.fail_backup_job", id, "boom", 60, **worker), job),
        st.builds(lambda id: Call.of("pggit.reset_job", id), job),
        st.builds(lambda: Call.of("pggit.register_backup", *register)),
        st.builds(lambda text: Call.of("pggit.register_backup", *register, p_metadata=text), base),
        st.builds(lambda id: Call.of("pggit.update_verification_result", id, "completed"), verification),
        st.builds(lambda on: Call.of("pggit.set_maintenance_mode", on), st.booleans()),
        st.just(Call.of("pggit.apply_retention_policy")),
    ]
    cleaning = [
        Call.of("pggit.cleanup_old_jobs", 7, False),
        Call.of("pggit.cancel_stuck_jobs", 60, False),
        Call.of("pggit.cleanup_expired_backups", False),
    ]
    return st.one_of(
        st.one_of(plain).map(lambda call: (call,)), st.sampled_from(cleaning).map(lambda x: (ASSIGN_XID, x))
    )


def _programs(worker: dict[str, str]) -> SearchStrategy[tuple[Program, ...]]:
    """Programs over a pool of a few calls: those that meet are mostly the same ones, or of the same rows."""
    return st.builds(
        lambda pool, outlines: tuple(
            Program(name, tuple(_transaction(outline, pool) for outline in some))
            for name, some in zip("abcd", outlines, strict=False)
        ),
        st.lists(_calls(worker), min_size=1, max_size=3),
        st.lists(st.lists(_outlines(), min_size=1, max_size=2), min_size=2, max_size=4),
    ).filter(lambda programs: sum(len(list(program.calls())) for program in programs) <= _MOST_COMMANDS)


@dataclass(frozen=True)
class _Outline:
    """A transaction whose calls are numbers in a pool; without an isolation level it is its first call alone."""

    calls: list[int]
    isolation: str | None
    end: str
    undone: bool


def _outlines() -> SearchStrategy[_Outline]:
    return st.builds(
        _Outline,
        st.lists(st.integers(0, 2), min_size=1, max_size=2),
        st.none() | st.sampled_from(ISOLATION_LEVELS),
        st.sampled_from(["COMMIT", "COMMIT", "ROLLBACK"]),
        st.booleans(),
    )


def _transaction(outline: _Outline, pool: list[tuple[Call, ...]]) -> Transaction:
    first, *rest = (pool[number % len(pool)] for number in outline.calls)
    if outline.isolation is None:
        return Transaction(first[-1:])
    opening = (SAVEPOINT, *first, GO_BACK) if outline.undone else first
    return Transaction((*opening, *(call for calls in rest for call in calls)), outline.isolation, outline.end)
