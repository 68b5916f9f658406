"""What must hold of the tables at any moment: named queries (`invariants.toml`) that answer no row."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import psycopg

from fixtures.targets.clauses import clause
from suites.oracles.race import RaceFinding

REGISTRY = Path(__file__).with_name("invariants.toml")


@dataclass(frozen=True)
class Invariant:
    """One of them: its name, the clause, what is wrong with a row that `sql` answers, and whom it blames.

    `sql` names the culprit in its first column. `at_rest`: it need only hold when nobody is at work and all
    maintenance is over.
    """

    name: str
    clause: str
    wrong: str
    functions: tuple[str, ...]
    sql: str
    at_rest: bool = False


@cache
def load_invariants() -> tuple[Invariant, ...]:
    """All of them. SetupError when one names an unknown clause."""
    entries = tomllib.loads(REGISTRY.read_text(encoding="utf-8"))["invariant"]
    invariants = tuple(Invariant(**(entry | {"functions": tuple(entry["functions"])})) for entry in entries)
    for invariant in invariants:
        clause(invariant.clause)
    return invariants


def broken_invariants(connection: psycopg.Connection, *, at_rest: bool = False) -> list[RaceFinding]:
    """A finding for each invariant that does not hold, with the first culprit; `at_rest` asks those as well."""
    found = []
    for invariant in load_invariants():
        if invariant.at_rest and not at_rest:
            continue
        rows = connection.execute(invariant.sql.encode()).fetchall()
        if rows:
            said = f"{rows[0][0]}: {invariant.wrong} ({len(rows)} in all)"
            found.append(RaceFinding(f"{invariant.clause}:{invariant.name}", invariant.functions, said))
    return found
