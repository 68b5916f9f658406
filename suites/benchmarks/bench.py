"""The engine in a database of its own, on one core with its server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter

from fixtures.engine.scheduler import Engine
from fixtures.postgres.databases import connect
from fixtures.postgres.session import SessionServer
from fixtures.targets.state import State
from suites.benchmarks.orders import on_one_core
from suites.stepped import stepped

SCHEMA = "bench"


@dataclass(frozen=True)
class Bench:
    """The engine, and the same database without gates."""

    engine: Engine
    state: State
    ungated: str

    def renew(self) -> None:
        """Leaves no dead rows of whatever was measured before."""
        for conninfo in (self.engine.conninfo, self.ungated):
            with connect(conninfo) as connection:
                connection.execute(self.state.renew_sql.encode())


@contextmanager
def opened(session_server: SessionServer, sql: str) -> Iterator[Bench]:
    """`sql` makes the schema; everything is on one core, started there, and gone in the end."""
    with on_one_core(session_server), stepped(session_server.get(), SCHEMA, sql) as found:
        yield Bench(*found)


def seconds(act: Callable[[], object]) -> float:
    """How long `act` takes."""
    begun = perf_counter()
    act()
    return perf_counter() - begun
