"""A crew empties a queue while workers are killed and the server crashes, and a supervisor recovers what they had."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import psycopg
from psycopg.conninfo import make_conninfo

from fixtures.postgres.databases import connect
from fixtures.postgres.server import OwnServer
from fixtures.targets.calls import FunctionCall
from fixtures.targets.database import TargetDatabase
from fixtures.targets.functions import function
from fixtures.targets.perform import perform
from fixtures.workers.crew import Crew
from fixtures.workers.record import Record
from strategies.races import DRAIN, Drain
from suites.oracles.invariants import broken_invariants
from suites.oracles.race import COMPLETE, TRUE, Race, RaceFinding
from suites.oracles.race_judge import judge_race
from suites.races.arena import Raced

_SUPERVISOR = "supervisor"
_RECOVER_EVERY = 5
"""Kills from one recovery to the next, while the others are at work."""
_MOST_ROUNDS = 50
"""How often what is left at the end is recovered and drained until the queue counts as stuck."""

# The contract takes a worker for lost after an hour. Nobody waits for that: its job is made to look so much older.
_AGE = """
UPDATE pggit.backup_jobs SET started_at = started_at - interval '2 hours'
WHERE status = 'running' AND metadata ->> 'worker_id' = ANY (%s)"""
_CANCELLED = "SELECT job_id::text FROM pggit.backup_jobs WHERE status = 'cancelled' ORDER BY 1"
_LEFT = "SELECT count(*) FROM pggit.backup_jobs WHERE status <> 'completed'"


def run_drain(server: OwnServer, database: TargetDatabase, plan: Drain) -> tuple[Raced, Supervisor]:
    """Lets the crew empty the queue of `plan` on a server that may crash, and judges; and who saw to it."""
    with database.starting(plan.catalogue) as connection:
        start = database.dump(connection)
    database.close()
    supervisor = Supervisor(server, database.conninfo, plan)
    supervisor.work()
    with connect(database.conninfo) as connection:
        whole = Race(tuple(supervisor.records), start, database.dump(connection))
        findings = [*judge_race(whole), *broken_invariants(connection, at_rest=True)]
    left = [id for id, row in whole.jobs_after.items() if row["status"] != "completed"]
    if left:
        said = f"{len(left)} jobs are not completed, though lost workers' jobs were recovered: {left[0]}, …"
        findings.append(RaceFinding("C6:not-drained", ("pggit.get_next_backup_job",), said))
    return Raced(whole, tuple(findings)), supervisor


@dataclass
class Supervisor:
    """Hires, kills, has the server crash, and recovers. `kills` counts the workers that it killed."""

    server: OwnServer
    conninfo: str
    plan: Drain
    records: list[Record] = field(default_factory=list)
    kills: int = 0
    crashes: int = 0
    _hired: int = 0
    _done: int = 0

    def work(self) -> None:
        """Until every job is completed, or recovery does not help."""
        with Crew(self.conninfo) as crew:
            self._hire(crew, self.plan.workers)
            crew.go()
            for _ in range(_MOST_ROUNDS):
                for record in crew.watch():
                    self.records.append(record)
                    if record.name == COMPLETE and record.rows == TRUE:
                        self._done += 1
                        self._hurt(crew)
                if not self._recover([]):
                    return
                self._hire(crew, 2)

    def _hire(self, crew: Crew, number: int) -> None:
        for _ in range(number):
            self._hired += 1
            crew.hire(f"d{self.plan.seed}-w{self._hired}", DRAIN)

    def _hurt(self, crew: Crew) -> None:
        """What the plan has for this number of completed jobs."""
        if self._done in self.plan.crashes:
            self.server = self.server.crash()
            self.crashes += 1
            self._hire(crew, self.plan.workers)  # the others have lost their connection, and end
        if self._done in self.plan.kills and crew.names:
            place = self.plan.kills[self._done] % len(crew.names)
            if crew.kill(crew.names[place]):
                self.kills += 1
                self._hire(crew, 1)
                if self.kills % _RECOVER_EVERY == 0:
                    self._recover(crew.names)

    def _recover(self, at_work: list[str]) -> int:
        """Frees the jobs of those who are not at work any more; how many are not completed yet."""
        names = {f"d{self.plan.seed}-w{number + 1}" for number in range(self._hired)}
        with connect(make_conninfo(self.conninfo, application_name=_SUPERVISOR)) as connection:
            connection.execute(_AGE, [sorted(names - set(at_work))])
            self._call(connection, "pggit.cancel_stuck_jobs", p_timeout_minutes=60, p_dry_run=False)
            for (job,) in connection.execute(_CANCELLED).fetchall():
                self._call(connection, "pggit.reset_job", p_job_id=job)
            row = connection.execute(_LEFT).fetchone()
        assert row is not None
        return int(row[0])

    def _call(self, connection: psycopg.Connection, name: str, **arguments: str | int | bool) -> None:
        call = FunctionCall(function(name), tuple(arguments.items()), in_block=function(name).transaction)
        began = time.monotonic_ns()
        reply = perform(connection, call)
        self.records.append(Record(_SUPERVISOR, call, began, time.monotonic_ns(), reply))
