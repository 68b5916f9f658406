"""What the functions stand on gives way: connections, room on the disk, the right to write, clocks, other sessions, the
whole server."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from random import Random
from typing import LiteralString

import psycopg
import pytest
from psycopg import pq
from psycopg.conninfo import make_conninfo

from fixtures.faults.striking import await_gone, cut
from fixtures.postgres.databases import connect
from fixtures.postgres.server import OwnServer, Server, running_server
from fixtures.targets.calls import FunctionCall
from fixtures.targets.database import TargetDatabase, Template
from fixtures.targets.functions import CALLABLE, Function, function
from fixtures.targets.perform import perform
from fixtures.targets.target import Target
from fixtures.workers.crew import Crew
from strategies import catalogues as c
from strategies.fault_plans import FUNCTIONS
from strategies.programs import BLOCKS, SINGLE_CALLS
from strategies.races import DRAIN
from suites.faults.full_disk import Cramped, cramped_database
from suites.oracles.replies import CODES
from suites.sequential.asking import until

_WAITING: LiteralString = """
SELECT count(*) = %s FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name LIKE 'w_'"""
_FULL = re.compile(r"too many clients|reserved")
_TRIES = 5_000
_GUARDED = [each for each in CALLABLE if each.guarded]


def sql_of(name: str) -> str:
    """The program called `name` as one message: its own transaction, or a block."""
    calls = BLOCKS.get(name) or (SINGLE_CALLS[name],)
    texts = [call.sql for call in calls]
    return texts[0] if len(texts) == 1 else "; ".join(["BEGIN", *texts, "COMMIT"])


@pytest.mark.clause("T4", "E2", "T3")
@pytest.mark.parametrize("name", FUNCTIONS)
def test_in_a_read_only_transaction_nothing_is_written_and_the_server_says_why(
    database: TargetDatabase, name: str
) -> None:
    with database.starting(c.DAY) as connection:
        before = database.dump(connection)
        connection.execute("SET default_transaction_read_only = on")
        *_, call = BLOCKS.get(name) or (SINGLE_CALLS[name],)
        said = refusal(connection, call.sql)
        connection.execute("RESET default_transaction_read_only")
        # Who may not write has no transaction id, by which a block is known; and there is nothing to write in SELECT 1.
        assert said in ({"25P01"} if name in BLOCKS else {"", "25006"} if name == "audited" else {"25006"})
        assert database.dump(connection) == before


def refusal(connection: psycopg.Connection, sql: str) -> str:
    """The SQLSTATE with which the server refuses `sql`; empty when it answers."""
    try:
        connection.execute(sql.encode())
    except psycopg.Error as error:
        return error.sqlstate or "no SQLSTATE"
    return ""


@pytest.mark.clause("E3")
@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("time", ["2100-01-01", "infinity", "-infinity"])
def test_rows_from_another_time_are_answered_or_refused_with_a_code(
    database: TargetDatabase, name: str, time: str
) -> None:
    with database.starting(c.DAY + _moved_to(time)) as connection:
        assert refusal(connection, sql_of(name)) in {"", *CODES}


def _moved_to(time: str) -> str:
    return f"""
        UPDATE pggit.backups SET started_at = '{time}', completed_at = CASE WHEN completed_at IS NOT NULL THEN
            '{time}'::timestamptz END, expires_at = CASE WHEN expires_at IS NOT NULL THEN '{time}'::timestamptz END;
        UPDATE pggit.backup_jobs SET created_at = '{time}', started_at = CASE WHEN started_at IS NOT NULL THEN
            '{time}'::timestamptz END, completed_at = CASE WHEN completed_at IS NOT NULL THEN '{time}'::timestamptz END;
        UPDATE pggit.backup_verifications SET verified_at = '{time}';
    """


@pytest.mark.clause("L1", "L2", "L5")
@pytest.mark.parametrize("guarded", _GUARDED, ids=lambda each: each.name)
def test_a_guard_held_by_an_idle_session_keeps_nobody_waiting(database: TargetDatabase, guarded: Function) -> None:
    run = f"SELECT * FROM {guarded.qualified}({'p_dry_run => false' if guarded.transaction else ''})"
    with database.starting(c.DAY) as idle, connect(database.conninfo) as contender:
        contender.execute("SET lock_timeout = '20s'")
        for connection in (idle, contender):
            connection.execute("BEGIN")
            connection.execute("SELECT pg_current_xact_id()")
        idle.execute(run.encode())
        told: list[str] = []
        contender.add_notice_handler(lambda notice: told.append(str(notice.message_primary)))
        assert contender.execute(run.encode()).fetchall() == []
        assert any("PGGIT_CONCURRENT" in message for message in told)
        contender.execute("ROLLBACK")
        pid = idle.info.backend_pid
        idle.close()
        await_gone(contender.pgconn, pid)
        told.clear()
        contender.execute("BEGIN")
        contender.execute("SELECT pg_current_xact_id()")
        contender.execute(run.encode())
        assert told == []  # the guard has gone with its session


@pytest.mark.clause("T3")
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_client_that_goes_away_at_any_moment_leaves_all_or_nothing(database: TargetDatabase, name: str) -> None:
    random = Random(name)
    with database.starting(c.DAY) as connection:
        before = _shape(database, connection)
        connection.execute(sql_of(name).encode())
        after = _shape(database, connection)
    for _ in range(3):
        with database.starting(c.DAY) as connection:
            client = pq.PGconn.connect(database.conninfo.encode())
            pid = client.backend_pid
            client.send_query(sql_of(name).encode())
            for _ in range(random.randrange(20)):  # so long, in round trips
                connection.execute("SELECT")
            cut(client)
            client.finish()
            await_gone(connection.pgconn, pid)
            assert _shape(database, connection) in (before, after)


def _shape(database: TargetDatabase, connection: psycopg.Connection) -> object:
    """The contents by what does not depend on the moment: states, and how many rows."""
    dump = database.dump(connection)
    return {table: sorted(str(row.get("status")) for row in rows) for table, rows in dump.items()}


@pytest.mark.needs("own-server")
@pytest.mark.clause("T3", "L5")
def test_when_all_connections_are_used_up_who_is_in_goes_on(server: Server, target: Target) -> None:
    assert isinstance(server, OwnServer)
    claim = FunctionCall(function("pggit.get_next_backup_job"), ())
    with (
        running_server(server.binaries, settings={"max_connections": "8"}) as small,
        Template(small, target).copy() as database,
        database.starting(c.DAY) as connection,
    ):
        with ExitStack() as stack:
            with pytest.raises(psycopg.OperationalError, match=_FULL):
                _use_up(database.conninfo, stack)
            assert perform(connection, claim).rows
        with _let_in(database.conninfo) as late:
            assert perform(late, claim).sqlstate is None


@pytest.fixture(scope="module")
def cramped(server: Server, target: Target) -> Iterator[Cramped]:
    assert isinstance(server, OwnServer)
    with cramped_database(server, target) as cramped:
        yield cramped


@pytest.mark.needs("small-disk")
@pytest.mark.clause("T3", "L5", "E2")
@pytest.mark.parametrize("name", FUNCTIONS)
def test_on_a_full_disk_nothing_is_half_done_and_with_room_again_the_next_caller_succeeds(
    cramped: Cramped, name: str
) -> None:
    database = cramped.database
    with cramped.starting(c.DAY) as connection:
        before = database.dump(connection)
        assert refusal(connection, sql_of(name)) == ""
        after, done = database.dump(connection), _shape(database, connection)
    written = [table for table, rows in after.items() if any(row not in before[table] for row in rows)]
    assert written
    for table in written:
        with cramped.starting(c.DAY) as connection:
            before = database.dump(connection)
            cramped.fill(connection, table)
            assert refusal(connection, sql_of(name)) == "53100", f"no room in {table}"
            connection.rollback()
            assert database.dump(connection) == before, f"no room in {table}"
            cramped.free(connection)
            with connect(database.conninfo) as late:
                assert refusal(late, sql_of(name)) == "", f"no room in {table} before"
            assert _shape(database, connection) == done


def _use_up(conninfo: str, stack: ExitStack) -> None:
    while True:
        stack.enter_context(connect(conninfo))


def _let_in(conninfo: str) -> psycopg.Connection:
    """A connection, as soon as there is a place: the server's process leaves its own only after the client is gone."""
    for _ in range(_TRIES):
        try:
            return connect(conninfo)
        except psycopg.OperationalError as error:
            if not _FULL.search(str(error)):
                raise
    pytest.fail("the server does not give the places of those who have left to others")


@pytest.mark.needs("own-server", "linux")
@pytest.mark.clause("C5", "C6", "L5")
def test_workers_that_wait_while_the_server_restarts_lose_their_call_and_nothing_else(
    server: Server, target: Target
) -> None:
    assert isinstance(server, OwnServer)
    start = c.backup(c.RUNNING, "one", status="in_progress") + c.job(c.JOB_QUEUED, c.RUNNING)
    with running_server(server.binaries, durable=True) as durable, Template(durable, target).copy() as database:
        with database.starting(start):
            pass
        holder = connect(database.conninfo)
        with Crew(database.conninfo) as crew:
            holder.execute("BEGIN")
            holder.execute("LOCK TABLE pggit.backup_jobs IN ACCESS EXCLUSIVE MODE")  # so everybody waits
            for number in range(4):
                crew.hire(f"w{number}", DRAIN)
            crew.go()
            with connect(database.conninfo) as watcher:
                until(watcher, _WAITING, len(crew.names))
            durable.crash()
            records = list(crew.watch())
        holder.close()
        database.close()
        assert [record for record in records if record.answered] == []
        with Crew(make_conninfo(database.conninfo)) as crew:
            crew.hire("after", DRAIN)
            crew.go()
            ended = [record for record in crew.watch() if record.name == "complete_backup_job"]
        assert [record.rows for record in ended] == [(("t",),)]
