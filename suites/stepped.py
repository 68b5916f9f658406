"""The engine on SQL of one's own that is no target: for self-tests and benchmarks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fixtures.engine.scheduler import Engine
from fixtures.engine.stage import gated
from fixtures.postgres.databases import connect, create_database, drop_database, fresh_name
from fixtures.postgres.server import Server
from fixtures.targets.state import State, keep_baseline


@contextmanager
def stepped(server: Server, schema: str, sql: str, name: str = "") -> Iterator[tuple[Engine, State, str]]:
    """The engine, the state that it puts back, and the conninfo of the same without gates.

    Two databases have `sql` installed, which makes `schema`; their names tell `name` (default: the schema), and both
    are dropped in the end.
    """
    whole = fresh_name(name or schema)
    plain = f"{whole}_plain"
    create_database(server, whole)
    with connect(server.conninfo(whole)) as connection:
        connection.execute(sql.encode())
        state = keep_baseline(connection, (schema,))
    create_database(server, plain, template=whole)
    conninfo = server.conninfo(whole)
    with gated(conninfo, (schema,), state) as (gates, stage), Engine(conninfo, gates, stage) as engine:
        yield engine, state, server.conninfo(plain)
    drop_database(server, plain)
    drop_database(server, whole)
