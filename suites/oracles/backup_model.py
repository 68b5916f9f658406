"""A model of the backups and their verifications, from contract chapters B, J, I, T: what a call answers and leaves."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from fixtures.targets.calls import FunctionCall
from fixtures.targets.kinds import Json
from suites.oracles.model_state import (
    DAY,
    DEPENDENCY,
    HOUR,
    INVALID,
    NO_BLOCK,
    NOT_FOUND,
    Backup,
    Catalogue,
    Job,
    Link,
    Outcome,
    Refused,
    Verification,
    is_dry,
    text,
    unused,
)

_DEFAULT_POLICY = {"full_days": 30, "incremental_days": 7}
_DEPENDENT = ("incremental", "differential")


def register_backup(state: Catalogue, call: FunctionCall, learned: str) -> Outcome:
    """B1, B2: a backup in progress of a commit, linked to the base that it names or to the latest that fits."""
    commit = _commit(state, text(call, "p_commit_hash"), text(call, "p_branch_name"))
    if commit is None:
        return Outcome(NOT_FOUND, state)
    backup = _registered(call, unused(learned, state.backups), commit)
    base = _base(state, backup)
    if isinstance(base, Refused):
        return Outcome(base, state)
    registered = state.with_rows(backup)
    link = [Link(backup.id, base.id, _link_type(backup, base))] if base else []
    return Outcome(backup.id, registered.with_rows(*link))


def _registered(call: FunctionCall, id: str, commit: str) -> Backup:
    said = _object(call, "p_metadata")
    base, stanza, server = said.get("base_backup_id"), said.get("stanza"), said.get("server")
    type, tool = text(call, "p_backup_type") or "", text(call, "p_backup_tool") or ""
    return Backup(id, type, tool, commit=commit, base=base, stanza=stanza, server=server)


def _object(call: FunctionCall, name: str) -> dict[str, Any]:
    """A JSON argument; NULL is an empty object (V7)."""
    value = call.value(name)
    tree = json.loads(value.text) if isinstance(value, Json) else {}
    assert isinstance(tree, dict)
    return tree


def _commit(state: Catalogue, commit: str | None, branch: str | None) -> str | None:
    """The commit that is asked for, else the head of the branch, else of main; None for an unknown one."""
    if branch is not None and branch not in state.heads:
        return None
    if commit is not None:
        return commit if commit in state.branches else None
    return state.heads["main" if branch is None else branch]


def _base(state: Catalogue, backup: Backup) -> Backup | Refused | None:
    """B2: the base of a backup that is about to be registered, or why it cannot be."""
    if backup.type not in _DEPENDENT:
        return None
    if backup.base is not None:
        named = state.backups.get(backup.base_id or "")
        if named is None:
            return NOT_FOUND
        return named if named.status == "completed" else DEPENDENCY
    types = ("full", *_DEPENDENT) if backup.type == "incremental" else ("full",)
    fitting = [other for other in state.backups.values() if other.type in types and _goes_with(state, other, backup)]
    return max(fitting, key=lambda other: other.completed_at or 0, default=None)


def _goes_with(state: Catalogue, base: Backup, backup: Backup) -> bool:
    """B2: completed, of the same tool, recorded stanza or server, and branch."""
    same_place = (base.tool, base.stanza, base.server) == (backup.tool, backup.stanza, backup.server)
    return base.status == "completed" and same_place and _branch(state, base) == _branch(state, backup)


def _branch(state: Catalogue, backup: Backup) -> str | None:
    return state.branches[backup.commit] if backup.commit else None


def _link_type(backup: Backup, base: Backup) -> str:
    if backup.type == "differential":
        return "differential_base"
    return "incremental_chain" if base.type in _DEPENDENT else "base"


def complete_backup(state: Catalogue, call: FunctionCall, learned: str) -> Outcome:  # noqa: ARG001
    """B1, I4: in_progress becomes completed; anything else is not found or not in progress."""
    backup = state.backups.get(text(call, "p_backup_id") or "")
    if backup is None or backup.status != "in_progress":
        return Outcome(NOT_FOUND, state)
    if backup.commit is None:
        return Outcome(INVALID, state)
    return Outcome(True, state.with_rows(replace(backup, status="completed", completed_at=state.now)))


def fail_backup(state: Catalogue, call: FunctionCall, learned: str) -> Outcome:  # noqa: ARG001
    """B1, I4, J5: in_progress becomes failed and its waiting jobs are cancelled; anything else is FALSE. A1."""
    backup = state.backups.get(text(call, "p_backup_id") or "")
    if backup is None:
        return Outcome(NOT_FOUND, state)
    audited = state.audited("fail_backup", "write")
    if backup.status != "in_progress":
        return Outcome(False, audited)
    if backup.commit is None:
        return Outcome(INVALID, state)
    error = text(call, "p_error_message")
    failed = replace(backup, status="failed", completed_at=state.now, error=backup.error if error is None else error)
    return Outcome(True, audited.with_rows(failed).with_rows(*_cancelled(state, backup)))


def _cancelled(state: Catalogue, backup: Backup) -> Iterable[Job]:
    for job in state.jobs_of(backup.id):
        if job.is_waiting or job.status == "paused":
            yield replace(job, status="cancelled", completed_at=state.now, paused_from=None)


def apply_retention_policy(state: Catalogue, call: FunctionCall, learned: str) -> Outcome:  # noqa: ARG001
    """B4: what is due expires, but for what a backup that stays depends on. A real run is audited (A1)."""
    policy = _object(call, "p_policy") or _DEFAULT_POLICY
    audited = state.audited("apply_retention_policy", "write")
    completed = [backup for backup in state.backups.values() if backup.status == "completed"]
    outcomes = []
    for kept in (_newest(state, completed), _newest(state, [b for b in completed if not _has_passed(state, b)])):
        reasons = {b.id: reason for b in completed if (reason := _reason(state, b, policy, kept))}
        going = _without_needed(state, reasons)
        expired = [replace(state.backups[id], status="expired") for id in going]
        rows = tuple(sorted(("expire", id, reasons[id]) for id in going))
        outcomes.append(Outcome(rows, audited.with_rows(*expired)))
    # When the newest full has passed its own date, the next may count as the newest: the contract does not say.
    return replace(outcomes[0], otherwise=outcomes[1])


def _newest(state: Catalogue, backups: Iterable[Backup]) -> set[str]:
    """The newest full of each tool and branch."""
    newest: dict[tuple[str, str | None], Backup] = {}
    for backup in sorted(backups, key=lambda backup: backup.completed_at or 0):
        if backup.type == "full":
            newest[backup.tool, _branch(state, backup)] = backup
    return {backup.id for backup in newest.values()}


def _has_passed(state: Catalogue, backup: Backup) -> bool:
    return backup.expires_at is not None and backup.expires_at <= state.now


def _reason(state: Catalogue, backup: Backup, policy: dict[str, int], kept: set[str]) -> str:
    """Why a completed backup is due; '' when it is not."""
    if backup.expires_at is not None:
        return "expires_at_passed" if _has_passed(state, backup) else ""
    assert backup.completed_at is not None
    age = state.now - backup.completed_at
    if backup.type == "full" and backup.id not in kept and age > policy["full_days"] * DAY:
        return "full_retention_exceeded"
    if backup.type in _DEPENDENT and age > policy["incremental_days"] * DAY:
        return "incremental_retention_exceeded"
    return ""


def _without_needed(state: Catalogue, due: Iterable[str]) -> set[str]:
    """Of `due`, what no live backup that stays depends on."""
    needed: set[str] = set()
    for backup in state.backups.values():
        if backup.is_live and backup.id not in due:
            needed |= state.all_bases(backup.id)
    return set(due) - needed


def cleanup_expired_backups(state: Catalogue, call: FunctionCall, learned: str) -> Outcome:  # noqa: ARG001
    """B5, T1, T4: what is expired and due is deleted, unless live backups depend on it."""
    dry, name = is_dry(call), "cleanup_expired_backups"
    if not dry and not call.in_block:
        return Outcome(NO_BLOCK, state)
    needed = {base for b in state.backups.values() if b.is_live for base in state.all_bases(b.id)}
    due = {b.id for b in state.backups.values() if b.status == "expired" and not _is_kept(state, b)}
    if not dry and due & needed and call.value("p_skip_blocked") is not True:
        return Outcome(DEPENDENCY, state)
    rows = [("would_delete" if dry else "deleted", id) for id in due - needed]
    answer = tuple(sorted(rows + [("blocked", id) for id in due & needed]))
    if dry:
        return Outcome(answer, state.audited(name, "read"))
    gone = [replace(state.backups[id], status="deleted") for id in due - needed]
    return Outcome(answer, state.with_rows(*gone).audited(name, "delete"))


def _is_kept(state: Catalogue, backup: Backup) -> bool:
    return backup.expires_at is not None and backup.expires_at > state.now


def verify_backup(state: Catalogue, call: FunctionCall, learned: str) -> Outcome:
    """I2: a fresh verification of the same type if there is one, else a new one."""
    backup, type = state.backups.get(text(call, "p_backup_id") or ""), text(call, "p_verification_type") or ""
    if backup is None:
        return Outcome(NOT_FOUND, state)
    if backup.status != "completed":
        return Outcome(INVALID, state)
    same = [v for v in state.verifications.values() if (v.backup, v.type) == (backup.id, type)]
    if any(v.id == learned and _is_fresh(state, v, v.moved_at) for v in same):
        return Outcome(learned, state)  # of several, any
    fresh = [v.id for v in same if _is_fresh(state, v, v.asked_at)]
    if fresh:
        return Outcome(fresh[0], state)
    id = unused(learned, state.verifications)
    return Outcome(id, state.with_rows(Verification(id, backup.id, type, "queued", state.now, state.now)))


def _is_fresh(state: Catalogue, verification: Verification, since: int) -> bool:
    """Whether it is returned; what waits may count from when it was asked for or last moved."""
    if verification.status == "completed":
        return state.now - verification.moved_at < HOUR
    return verification.status != "failed" and state.now - since < DAY


def update_verification_result(state: Catalogue, call: FunctionCall, learned: str) -> Outcome:  # noqa: ARG001
    """I2: a finished verification does not move; the same status again is TRUE."""
    verification = state.verifications.get(text(call, "p_verification_id") or "")
    status = text(call, "p_status") or ""
    if verification is None:
        return Outcome(NOT_FOUND, state)
    if verification.status == status:
        return Outcome(True, state)
    if verification.status in ("completed", "failed"):
        return Outcome(INVALID, state)
    return Outcome(True, state.with_rows(replace(verification, status=status, moved_at=state.now)))


BACKUPS: dict[str, Callable[[Catalogue, FunctionCall, str], Outcome]] = {
    function.__name__: function
    for function in (
        register_backup,
        complete_backup,
        fail_backup,
        apply_retention_policy,
        cleanup_expired_backups,
        verify_backup,
        update_verification_result,
    )
}
"""The functions of the backups by name."""
