"""The rules of the models' test: what workers and operators call. A machine takes those that it needs."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, cast

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from fixtures.targets.kinds import Json, Value
from suites.sequential.model_turns import ACTOR, SIDE, UNKNOWN, WHICH, Turns
from suites.sequential.model_world import ACTORS

HOW = st.sampled_from(["alone", "alone", "alone", "block", "undone"])
IN_BLOCK = st.sampled_from(["block", "block", "undone", "alone"])
WORKER = st.sampled_from([None, *ACTORS])
NOTE = st.sampled_from([None, "one", "two"])
DRY_RUN = st.sampled_from([True, False, False, None])
_PAIRS = (
    ("complete_backup_job", "complete_backup"),
    ("complete_backup", "complete_backup_job"),
    ("complete_backup", "fail_backup_job"),
    ("fail_backup_job", "get_next_backup_job"),
    ("fail_backup", "fail_backup_job"),
    ("get_next_backup_job", "complete_backup_job"),
)


_Rule = Callable[[Callable[..., None]], Callable[..., None]]


def asks(name: str, has: str = "", how: st.SearchStrategy[str] = HOW, **strategies: st.SearchStrategy[Any]) -> _Rule:
    """A rule that calls the function `name`, where the target has it and there is something for it to do.

    `has`: the kind of rows that there must be, and a status, as in "jobs running".
    """
    rows, _, status = has.partition(" ")

    def makes_sense(self: Turns) -> bool:
        return name in self.world.functions and (not has or self.has(rows, status))

    ruled = cast(_Rule, rule(actor=ACTOR, how=how, **cast(Any, strategies)))
    return lambda method: precondition(makes_sense)(ruled(method))


def _json(**values: object) -> Json:
    return Json(json.dumps({key: value for key, value in values.items() if value is not None}))


class EndingRules(Turns):
    """How backups end."""

    @asks("complete_backup", "backups in_progress", which=WHICH)
    def complete_backup(self, actor: int, how: str, which: int) -> None:
        """B1."""
        self.call("complete_backup", actor, how, p_backup_id=self.backup(which))

    @asks("fail_backup", "backups in_progress", which=WHICH, note=NOTE)
    def fail_backup(self, actor: int, how: str, which: int, note: str | None) -> None:
        """B1, J5."""
        self.call("fail_backup", actor, how, p_backup_id=self.backup(which), p_error_message=note)


class BackupRules(Turns):
    """Backups, their verifications and their retention."""

    @asks(
        "register_backup",
        type=st.sampled_from(["full", "incremental", "incremental", "differential", "snapshot"]),
        tool=st.sampled_from(["pg_dump", "pgbackrest"]),
        at=st.sampled_from([None, None, None, "commit-1", SIDE, "no-commit", "=main", "=side", "=empty", "=no-branch"]),
        stanza=st.sampled_from([None, None, "a"]),
        base=st.none() | WHICH,
    )
    def register_backup(
        self, actor: int, how: str, type: str, tool: str, at: str | None, stanza: str | None, base: int | None
    ) -> None:
        """`at`: a commit, or a branch after an equals sign; what both at once mean is not documented."""
        named = self.backup(base, "completed") if base is not None and type in ("incremental", "differential") else None
        branch, commit = (at[1:], None) if at and at.startswith("=") else (None, at)
        self.call(
            "register_backup", actor, how,
            p_backup_name="nightly", p_backup_type=type, p_backup_tool=tool, p_location="file:///nightly",
            p_commit_hash=commit, p_branch_name=branch, p_metadata=_json(stanza=stanza, base_backup_id=named),
        )  # fmt: skip

    @asks(
        "apply_retention_policy",
        "backups completed",
        full=st.sampled_from([30, 1, None]),
        incremental=st.sampled_from([7, 1]),
    )
    def apply_retention_policy(self, actor: int, how: str, full: int | None, incremental: int) -> None:
        """B4; no policy is the default one (V2)."""
        policy = None if full is None else _json(full_days=full, incremental_days=incremental)
        self.call("apply_retention_policy", actor, how, p_policy=policy)

    @asks("cleanup_expired_backups", "backups expired", IN_BLOCK, dry=DRY_RUN, skip=st.booleans())
    def cleanup_expired_backups(self, actor: int, how: str, dry: bool | None, skip: bool) -> None:
        """B5, T1."""
        self.call("cleanup_expired_backups", actor, how, p_dry_run=dry, p_skip_blocked=skip)

    @asks("verify_backup", "backups completed", which=WHICH, type=st.sampled_from(["checksum", "restore_test"]))
    def verify_backup(self, actor: int, how: str, which: int, type: str) -> None:
        """I2: preferably one that is being verified."""
        verified = {row.backup for row in self.state.verifications.values()} if which % 2 else self.state.backups.keys()
        id = self.pick(self.state.backups, which, lambda row: row.status == "completed" and row.id in verified)
        self.call("verify_backup", actor, how, p_backup_id=id, p_verification_type=type)

    @asks(
        "update_verification_result",
        "verifications",
        which=WHICH,
        status=st.sampled_from(["completed", "failed", "in_progress", "queued", "pending"]),
    )
    def update_verification_result(self, actor: int, how: str, which: int, status: str) -> None:
        """I2."""
        id = self.pick(self.state.verifications, which, lambda row: row.status not in ("completed", "failed"))
        self.call("update_verification_result", actor, how, p_verification_id=id, p_status=status)


class QueueRules(Turns):
    """The job queue."""

    @asks("enqueue_backup_job", "backups in_progress", which=WHICH, most=st.integers(1, 3))
    def enqueue_backup_job(self, actor: int, how: str, which: int, most: int) -> None:
        """J6, J7."""
        self.call(
            "enqueue_backup_job", actor, how,
            p_backup_id=self.idle_backup(which), p_command="true", p_tool="pg_dump", p_max_attempts=most,
        )  # fmt: skip

    @asks("get_next_backup_job")
    def get_next_backup_job(self, actor: int, how: str) -> None:
        """J2; a worker claims for itself."""
        self.call("get_next_backup_job", actor, how, p_worker_id=ACTORS[actor])

    @asks("complete_backup_job", "jobs running", which=WHICH, worker=WORKER, note=NOTE)
    def complete_backup_job(self, actor: int, how: str, which: int, worker: str | None, note: str | None) -> None:
        """J3, with or without a worker id."""
        self.call("complete_backup_job", actor, how, p_job_id=self.job(which), p_output=note, p_worker_id=worker)

    @asks(
        "fail_backup_job",
        "jobs running",
        which=WHICH,
        worker=WORKER,
        note=NOTE,
        delay=st.sampled_from([0, 60, 20_000, 86_400]),
    )
    def fail_backup_job(
        self, actor: int, how: str, which: int, worker: str | None, note: str | None, delay: int
    ) -> None:
        """J3, J4."""
        self.call(
            "fail_backup_job", actor, how,
            p_job_id=self.job(which), p_error=note, p_retry_delay_seconds=delay, p_worker_id=worker,
        )  # fmt: skip

    @asks("reset_job", "jobs", which=WHICH)
    def reset_job(self, actor: int, how: str, which: int) -> None:
        """J5."""
        self.call("reset_job", actor, how, p_job_id=self.job(which, "failed", "cancelled"))

    @asks("set_maintenance_mode", enabled=st.sampled_from([False, False, True]))
    def set_maintenance_mode(self, actor: int, how: str, enabled: bool) -> None:
        """J7."""
        self.call("set_maintenance_mode", actor, how, p_enabled=enabled)

    @asks("cancel_stuck_jobs", "jobs running", IN_BLOCK, minutes=st.sampled_from([1, 60, 1440]), dry=DRY_RUN)
    def cancel_stuck_jobs(self, actor: int, how: str, minutes: int, dry: bool | None) -> None:
        """J1, J5, T1."""
        self.call("cancel_stuck_jobs", actor, how, p_timeout_minutes=minutes, p_dry_run=dry)

    @asks("cleanup_old_jobs", "jobs", IN_BLOCK, days=st.sampled_from([1, 7, 30]), dry=DRY_RUN)
    def cleanup_old_jobs(self, actor: int, how: str, days: int, dry: bool | None) -> None:
        """B6, T1."""
        self.call("cleanup_old_jobs", actor, how, p_retention_days=days, p_dry_run=dry)

    @precondition(lambda self: all(name in self.world.functions for pair in _PAIRS for name in pair))
    @rule(actor=ACTOR, pair=st.sampled_from(_PAIRS), which=WHICH)
    def two_calls_in_a_block(self, actor: int, pair: tuple[str, str], which: int) -> None:
        """T3: one transaction; a call that is refused is undone alone."""
        job = self.job(which)
        backup = (self.state.jobs[job].backup if job in self.state.jobs else None) or UNKNOWN
        arguments: dict[str, dict[str, Value]] = {
            "complete_backup_job": {"p_job_id": job},
            "complete_backup": {"p_backup_id": backup},
            "fail_backup_job": {"p_job_id": job, "p_error": None, "p_retry_delay_seconds": 0},
            "get_next_backup_job": {"p_worker_id": ACTORS[actor]},
            "fail_backup": {"p_backup_id": backup, "p_error_message": None},
        }
        complaints: list[str] = []
        with self.world.block(actor):
            for name in pair:
                complaints += self.ask(name, actor, "", **arguments[name])
        self.judge(complaints)
