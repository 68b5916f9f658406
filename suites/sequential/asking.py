"""One call and what the server says to it; a second session; questions to the server instead of waiting."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, LiteralString

import psycopg
import pytest

from fixtures.postgres.databases import connect
from fixtures.targets.calls import FunctionCall, Reply
from fixtures.targets.database import TargetDatabase
from fixtures.targets.functions import function
from fixtures.targets.kinds import Value
from fixtures.targets.perform import perform

_PATIENCE = 200_000
"""So often the server is asked before a test gives up: some ten seconds."""


def call(name: str, in_block: bool = False, /, **arguments: Value) -> FunctionCall:
    """A call of the function `name`, of schema pggit unless it says otherwise."""
    return FunctionCall(function(name if "." in name else f"pggit.{name}"), tuple(arguments.items()), in_block)


def ask(conn: psycopg.Connection, name: str, in_block: bool = False, /, **arguments: Value) -> Reply:
    """The reply to a call; `in_block`: in a transaction of its own that has an xid (T2)."""
    return perform(conn, call(name, in_block, **arguments))


@contextmanager
def session(database: TargetDatabase) -> Iterator[psycopg.Connection]:
    """Another session. It cannot wait for ever, and what it leaves open is rolled back."""
    conn = connect(f"{database.conninfo} options='-c statement_timeout=20s'")
    try:
        yield conn
    finally:
        if not conn.closed and not conn.broken:
            conn.rollback()  # before the next example begins; closing alone does not wait for it
        conn.close()


@contextmanager
def holding(database: TargetDatabase, statement: str) -> Iterator[psycopg.Connection]:
    """Another session that has run `statement`, a lock say, and keeps its transaction open."""
    with session(database) as holder:
        holder.execute(f"BEGIN; {statement}".encode())
        yield holder


def row(table: str, column: str, id: str) -> str:
    """A statement that locks one row against everybody."""
    return f"SELECT FROM pggit.{table} WHERE {column} = '{id}' FOR UPDATE"


def guard(name: str) -> str:
    """A statement that takes the guard of a function (L1)."""
    return f"SELECT pg_advisory_xact_lock(hashtext('{name}'))"


def value(conn: psycopg.Connection, query: LiteralString, *parameters: object) -> Any:
    """The first column of the first row; None when there is none."""
    found = conn.execute(query, parameters).fetchone()
    return found[0] if found else None


def until(conn: psycopg.Connection, query: LiteralString, *parameters: object) -> None:
    """Ask the server until it says true."""
    for _ in range(_PATIENCE):
        if value(conn, query, *parameters):
            return
    pytest.fail(f"never true: {query}")


def is_busy(reply: Reply, name: str) -> bool:
    """L2: no rows, and a warning or notice that names the function and the code."""
    told = [notice.message for notice in reply.notices if notice.severity in ("WARNING", "NOTICE")]
    return reply.sqlstate is None and not reply.rows and any("PGGIT_CONCURRENT" in m and name in m for m in told)
