"""No call of the reference writes a row that another holds FOR KEY SHARE: E3 forbids what can come of that.

While such a writer rolls back, the next one can get XX000 from PostgreSQL itself: "new multixact has more than one
updating member". That takes a hit within microseconds, so the row that makes it possible is looked for instead.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest

from fixtures.postgres.databases import connect
from fixtures.targets.calls import FunctionCall
from fixtures.targets.database import TargetDatabase
from fixtures.targets.functions import CALLABLE
from fixtures.targets.perform import perform
from suites.sequential.plain_calls import CATALOGUE, plain_call

BY_CLIENTS = {"pggit.audited_operation"}
"""What it runs is a client's own statement: rows that refer to a backup, written without holding that first."""
CALLS = {f.name: plain_call(f) for f in CALLABLE if f.writes and f.qualified not in BY_CLIENTS}
# A row's xmax below the number of a transaction of this run is a multixact: those are counted apart, from one.
HELD_AND_WRITTEN = """
SELECT '{table}' FROM {table} held CROSS JOIN LATERAL (SELECT array_agg(mode) FROM pg_get_multixact_members(
    CASE WHEN held.xmax::text::bigint < {oldest} AND held.xmax <> '0' THEN held.xmax END)) members (modes)
WHERE '{{keysh}}' <@ modes AND '{{nokeyupd,upd}}' && modes
"""


@pytest.fixture(scope="module")
def sessions(reference: TargetDatabase) -> Iterator[tuple[psycopg.Connection, ...]]:
    with connect(reference.conninfo) as one, connect(reference.conninfo) as other:
        yield one, other


def held_and_written(
    reference: TargetDatabase, sessions: tuple[psycopg.Connection, ...], *calls: FunctionCall
) -> set[str]:
    """The tables with a row that one of two calls in open transactions has written while the other shares it."""
    with reference.starting(CATALOGUE) as seeing:
        (oldest,) = seeing.execute("SELECT pg_current_xact_id()::text").fetchone() or ("",)
        for conn, call in zip(sessions, calls, strict=True):
            conn.execute("BEGIN; SET LOCAL lock_timeout = '10ms'; SELECT pg_current_xact_id()")
            perform(conn, replace(call, in_block=False))
        asked = " UNION ALL ".join(HELD_AND_WRITTEN.format(table=t, oldest=oldest) for t in reference.state.tables)
        found = {table for (table,) in seeing.execute(asked.encode())}
        for conn in sessions:
            conn.rollback()
    return found


@pytest.mark.parametrize("name", CALLS)
def test_no_call_writes_a_row_that_another_holds_for_key_share(
    reference: TargetDatabase, sessions: tuple[psycopg.Connection, ...], name: str
) -> None:
    found = {other: held_and_written(reference, sessions, CALLS[name], CALLS[other]) for other in CALLS}
    assert {other: tables for other, tables in found.items() if tables} == {}
