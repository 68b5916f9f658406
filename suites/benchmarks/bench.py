"""The engine in a database of its own, on one core with its server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter

from fixtures.engine.scheduler import Engine
from fixtures.engine.stage import gated
from fixtures.postgres.databases import connect, create_database, drop_database, fresh_name
from fixtures.postgres.session import SessionServer
from fixtures.targets.state import State, keep_baseline
from suites.benchmarks.orders import on_one_core

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
    server = session_server.get()
    with on_one_core(session_server):
        name, plain = fresh_name("bench"), fresh_name("bench_plain")
        create_database(server, name)
        with connect(server.conninfo(name)) as connection:
            connection.execute(sql.encode())
            state = keep_baseline(connection, (SCHEMA,))
        create_database(server, plain, template=name)
        conninfo = server.conninfo(name)
        with gated(conninfo, (SCHEMA,), state) as (gates, stage), Engine(conninfo, gates, stage) as engine:
            yield Bench(engine, state, server.conninfo(plain))
        drop_database(server, plain)
        drop_database(server, name)


def seconds(act: Callable[[], object]) -> float:
    """How long `act` takes."""
    begun = perf_counter()
    act()
    return perf_counter() - begun
