"""The rules of the models' test: what clients write into the tables themselves, odd rows too."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from suites.oracles.model_state import DAY, HOUR, MINUTE, Backup, Catalogue, Job, Link
from suites.sequential.model_starts import uuid
from suites.sequential.model_turns import ACTOR, SIDE, UNKNOWN, WHICH, Turns
from suites.sequential.model_world import inserted

SLOT = st.integers(0, 9)
AGE = st.sampled_from([0, MINUTE, HOUR, 3 * DAY, 8 * DAY, 40 * DAY])

_JOBS = {
    "queued": Job("", None),
    "queued, attempts used up": Job("", None, attempts=3),
    "queued with a time": Job("", None, next_retry_at=HOUR),
    "waits": Job("", None, status="failed", attempts=1, next_retry_at=0),
    "waits longer": Job("", None, status="failed", attempts=2, next_retry_at=20 * MINUTE),
    "paused": Job("", None, status="paused"),
    "paused while it waited": Job("", None, status="paused", attempts=1, next_retry_at=MINUTE),
    "runs": Job("", None, status="running", attempts=1, started_at=0, worker="w1"),
    "runs for nobody": Job("", None, status="running", attempts=3),
    "completed": Job("", None, status="completed", attempts=1, completed_at=0),
    "cancelled, never ended": Job("", None, status="cancelled"),
    "failed for good": Job("", None, status="failed", attempts=3, completed_at=0),
}
"""Their times are told from when they are made."""

_BASE_WRITES = ("base", "incremental_chain", "metadata", "metadata in capitals")


class ClientRules(Turns):
    """Backups that come, end and go without a function; each rule is one message."""

    @rule(
        actor=ACTOR,
        slot=SLOT,
        type=st.sampled_from(["full", "incremental", "differential"]),
        status=st.sampled_from(["in_progress", "completed", "failed", "expired"]),
        commit=st.sampled_from(["commit-3", None, SIDE]),
        age=AGE,
        base=st.none() | WHICH,
    )
    def client_inserts_backup(
        self, actor: int, slot: int, type: str, status: str, commit: str | None, age: int, base: int | None
    ) -> None:
        """Its base is named in capitals (B2)."""
        id = uuid(5000 + slot)
        if id in self.state.backups or (commit is None and status != "in_progress"):
            return
        ended = None if status == "in_progress" else self.state.now - age
        named = None if base is None else self.backup(base, "completed").upper()
        row = Backup(id, type, status=status, commit=commit, completed_at=ended, base=named)
        self.write(actor, inserted([row], self.state.now), self.state.with_rows(row))

    @precondition(lambda self: self.state.backups)
    @rule(actor=ACTOR, which=WHICH, status=st.sampled_from(["completed", "failed", "expired", "deleted"]))
    def client_ends_backup(self, actor: int, which: int, status: str) -> None:
        """Behind the back of the job that works on it."""
        id = self.backup(which, "in_progress", "completed")
        if id != UNKNOWN and self.state.backups[id].is_live and self.state.backups[id].commit is not None:
            now = self.state.now
            self.update(actor, id, f"status = '{status}', completed_at = now()", status=status, completed_at=now)

    def update(self, actor: int, id: str, sets: str, **changes: Any) -> None:
        """One UPDATE of a backup, if there is one."""
        if id != UNKNOWN:
            row = replace(self.state.backups[id], **changes)
            sql = f"UPDATE pggit.backups SET {sets} WHERE backup_id = '{id}';"
            self.write(actor, sql, self.state.with_rows(row))

    @precondition(lambda self: self.state.backups or self.state.jobs)
    @rule(actor=ACTOR, what=st.sampled_from(["audit", "job", "backup", "links"]), which=WHICH)
    def client_deletes(self, actor: int, what: str, which: int) -> None:
        """Rows that clients may delete; a job, a backup with all that is its, its links, the audit (A4)."""
        state, backup, job = self.state, self.backup(which), self.job(which)
        if what == "audit":
            self.write(actor, "DELETE FROM pggit.operation_audit;", replace(state, audit=()))
        elif what == "job" and job != UNKNOWN:
            left = {id: row for id, row in state.jobs.items() if id != job}
            self.write(actor, f"DELETE FROM pggit.backup_jobs WHERE job_id = '{job}';", replace(state, jobs=left))
        elif what == "links" and backup != UNKNOWN:
            links = {id: row for id, row in state.links.items() if row.backup != backup}
            sql = f"DELETE FROM pggit.backup_dependencies WHERE backup_id = '{backup}';"
            self.write(actor, sql, replace(state, links=links))
        elif what == "backup" and backup not in {UNKNOWN, *(link.base for link in state.links.values())}:
            # a foreign key keeps what is linked as a base
            self.write(actor, f"DELETE FROM pggit.backups WHERE backup_id = '{backup}';", _without(state, backup))


class ClientJobRules(ClientRules):
    """Jobs that no function made."""

    @rule(
        actor=ACTOR,
        slots=st.sets(SLOT, min_size=1, max_size=2),
        kind=st.sampled_from(list(_JOBS)),
        type=st.sampled_from(["backup", "backup", "verify"]),
        age=AGE,
        backup=st.none() | WHICH,
    )
    def client_inserts_jobs(
        self, actor: int, slots: set[int], kind: str, type: str, age: int, backup: int | None
    ) -> None:
        """Two jobs of one message are equally old."""
        now, of = self.state.now, self.backup(backup) if backup is not None else UNKNOWN
        then = now - age
        pattern = _later(replace(_JOBS[kind], backup=None if of == UNKNOWN else of, type=type), then)
        rows = [replace(pattern, id=uuid(6000 + slot)) for slot in sorted(slots)]
        if not any(row.id in self.state.jobs for row in rows):
            self.write(actor, inserted(rows, now), self.state.with_rows(*rows))


class ClientBaseRules(ClientRules):
    """Dependencies and dates that no function made."""

    @precondition(lambda self: self.state.backups)
    @rule(actor=ACTOR, write=st.sampled_from(_BASE_WRITES), which=WHICH, base=WHICH)
    def client_names_base(self, actor: int, write: str, which: int, base: int) -> None:
        """B2: by a link or in the metadata; a link that is recorded already must not fail."""
        id, named = self.backup(which, "in_progress", "completed"), self.backup(base, "completed", "expired")
        if UNKNOWN in (id, named) or id == named:
            return
        if write in ("base", "incremental_chain"):
            link = Link(id, named, write)
            self.write(actor, inserted([link], self.state.now), self.state.with_rows(link))
            return
        named = named.upper() if write == "metadata in capitals" else named
        metadata = f"coalesce(metadata, '{{}}') || '{{\"base_backup_id\": \"{named}\"}}'"
        self.update(actor, id, f"metadata = {metadata}", base=named)

    @precondition(lambda self: self.state.backups)
    @rule(actor=ACTOR, which=WHICH, hours=st.sampled_from([None, -1, 1, 72]))
    def client_sets_expiry(self, actor: int, which: int, hours: int | None) -> None:
        """B4: a date of its own, or none."""
        id = self.backup(which, "completed", "expired")
        if hours is None:
            self.update(actor, id, "expires_at = NULL", expires_at=None)
        else:
            then = self.state.now + hours * HOUR
            self.update(actor, id, f"expires_at = now() + interval '{hours} hours'", expires_at=then)


def _later(job: Job, then: int) -> Job:
    retry, start, end = job.next_retry_at, job.started_at, job.completed_at
    return replace(
        job,
        created_at=then,
        next_retry_at=None if retry is None else retry + then,
        started_at=None if start is None else start + then,
        completed_at=None if end is None else end + then,
    )


def _without(state: Catalogue, backup: str) -> Catalogue:
    return replace(
        state,
        backups={key: row for key, row in state.backups.items() if key != backup},
        jobs={key: row for key, row in state.jobs.items() if row.backup != backup},
        verifications={key: row for key, row in state.verifications.items() if row.backup != backup},
        links={key: row for key, row in state.links.items() if row.backup != backup},
    )
