"""Runs one pool of workers on a database, ends what they left, and judges."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from fixtures.targets.database import TargetDatabase
from fixtures.workers.crew import race
from fixtures.workers.record import Record
from fixtures.workers.script import Script
from strategies.races import DRAIN, RESUME, Pool
from suites.oracles.invariants import broken_invariants
from suites.oracles.race import Race, RaceFinding
from suites.oracles.race_judge import judge_race


@dataclass(frozen=True)
class Raced:
    """One race and what is wrong with it."""

    race: Race
    findings: tuple[RaceFinding, ...]

    @property
    def refusals(self) -> int:
        """How many calls were refused."""
        return sum(1 for record in self.race.records if record.reply and record.reply.sqlstate)


Racing = Callable[[str, Mapping[str, Script]], list[Record]]
"""Plays scripts at once on the database of a connection string, and answers the calls as they ended."""


def run_pool(database: TargetDatabase, pool: Pool, *, racing: Racing = race, renew: bool = False) -> Raced:
    """Lets the pool race from its catalogue; then maintenance ends, and two last workers empty the queue.

    `racing` sends the pool's workers off: by default processes of this one.
    `renew`: the tables are made anew before, for what many races delete slows them down.
    """
    with database.starting((database.renew_sql if renew else "") + pool.catalogue) as connection:
        start = database.dump(connection)
        records = racing(database.conninfo, pool.scripts)
        findings = broken_invariants(connection)
        records += race(database.conninfo, {"resume": RESUME})
        records += race(database.conninfo, {"last-1": DRAIN, "last-2": DRAIN})
        findings += broken_invariants(connection, at_rest=True)
        whole = Race(tuple(records), start, database.dump(connection))
        return Raced(whole, tuple(dict.fromkeys([*judge_race(whole), *findings])))
