"""A database whose tables lie on a small disk, which is filled up and freed again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import psycopg

from fixtures.postgres.databases import connect
from fixtures.postgres.server import OwnServer, running_server
from fixtures.targets.database import TargetDatabase, Template
from fixtures.targets.target import Target

_BYTES = 8 * 2**20
_MOVE = """
CREATE TABLESPACE small LOCATION '{}';
ALTER TABLE ALL IN TABLESPACE pg_default SET TABLESPACE small;
ALTER INDEX ALL IN TABLESPACE pg_default SET TABLESPACE small;
CREATE TABLE ballast (filler integer) WITH (fillfactor = 10) TABLESPACE small"""
_BALLAST = "INSERT INTO ballast SELECT generate_series(1, 100000)"
_DEAD = "INSERT INTO {0} SELECT * FROM {0} LIMIT 1; SELECT 1/0"
"""A row that is never seen: either its key is there already, or its transaction fails a moment later."""


@dataclass(frozen=True)
class Cramped:
    """Such a database."""

    database: TargetDatabase

    @contextmanager
    def starting(self, catalogue: str) -> Iterator[psycopg.Connection]:
        """As `TargetDatabase.starting`, with tables as small as can be and room on the disk."""
        with self.database.starting(self.database.renew_sql + catalogue) as connection:
            yield connection
            self.free(connection)

    def fill(self, connection: psycopg.Connection, table: str) -> None:
        """Until there is room neither on the disk nor in the pages that `table` has already."""
        _until_full(connection, _BALLAST)
        connection.execute("SET session_replication_role = replica")  # no trigger keeps a row out
        _until_full(connection, _DEAD.format(table))
        connection.execute("RESET session_replication_role")

    def free(self, connection: psycopg.Connection) -> None:
        """There is room on the disk again."""
        connection.execute("TRUNCATE ballast")


def _until_full(connection: psycopg.Connection, sql: str) -> None:
    with suppress(psycopg.errors.DiskFull):
        while True:
            with suppress(psycopg.errors.UniqueViolation, psycopg.errors.DivisionByZero):
                connection.execute(sql.encode())


@contextmanager
def cramped_database(server: OwnServer, target: Target) -> Iterator[Cramped]:
    """A database of the target on a server of its own, started from the programs of `server`."""
    with (
        running_server(server.binaries, small_disk=_BYTES) as small,
        Template(small, target).copy() as database,
    ):
        with connect(database.conninfo) as connection:
            for statement in _MOVE.format(small.small_disk).split(";"):
                connection.execute(statement.encode())
        yield Cramped(database)
