"""At every isolation level a call that is alone does the same (the one-session part of C4)."""

from __future__ import annotations

from dataclasses import replace

import psycopg
import pytest

from fixtures.targets.calls import FunctionCall
from fixtures.targets.database import TargetDatabase
from fixtures.targets.perform import perform
from suites.oracles.canonical import Canonical, Canonicaliser
from suites.sequential.calling import answer, call, rows
from suites.sequential.catalogue import a_pair, job_id
from suites.sequential.plain_calls import CATALOGUE, plain_calls

LEVELS = ["REPEATABLE READ", "SERIALIZABLE"]


def outcome(database: TargetDatabase, conn: psycopg.Connection, made: FunctionCall, level: str) -> Canonical:
    """What the call answers and leaves at that isolation level, ids and times masked; then it is rolled back."""
    start = database.dump(conn)
    with conn.transaction(force_rollback=True):
        conn.execute(f"SET TRANSACTION ISOLATION LEVEL {level}".encode())
        conn.execute("SELECT pg_current_xact_id(), setval('pggit.operation_audit_audit_id_seq', 100)")  # same numbers
        reply = perform(conn, made)
        assert reply.sqlstate is None, reply.message
        return Canonicaliser(start, [made.sql]).run([reply.rows], database.dump(conn))


@pytest.mark.clause("C4")
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("made", plain_calls(lambda function: function.writes))
def test_alone_a_call_does_the_same_at_every_level(database: TargetDatabase, made: FunctionCall, level: str) -> None:
    alone = replace(made, in_block=False)
    with database.starting(CATALOGUE) as conn:
        assert outcome(database, conn, alone, level) == outcome(database, conn, alone, "READ COMMITTED")


@pytest.mark.clause("C4", "J2", "J4")
@pytest.mark.parametrize("level", LEVELS)
def test_a_retry_without_delay_is_due_at_once_in_one_snapshot(database: TargetDatabase, level: str) -> None:
    with database.starting(a_pair(1)) as conn, conn.transaction():
        conn.execute(f"SET TRANSACTION ISOLATION LEVEL {level}".encode())
        for attempt in (1, 2, 3):
            assert call(conn, "get_next_backup_job")[0].attempts == attempt
            assert answer(conn, "fail_backup_job", job_id(1), "boom", 0) is True
        assert rows(conn, "SELECT status FROM pggit.backups") == [("failed",)]
