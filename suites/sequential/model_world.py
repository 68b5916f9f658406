"""The SQL's side of the models' test: rows put in, calls made by actors in turn, time moved, tables read."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import psycopg

from fixtures.postgres.databases import connect
from fixtures.targets.calls import FunctionCall, Reply
from fixtures.targets.database import TargetDatabase
from fixtures.targets.perform import perform
from suites.oracles.model_state import Backup, Job, Link, Verification
from suites.oracles.models import Contents

ACTORS = ("w0", "w1", "w2")
"""The worker ids; each is a connection of its own."""

_RENEW_EVERY = 200
"""Examples after which the tables are truncated: deleted rows slow them down."""


class World:
    """A database of the target with its actors. `lines` is what they did since `start`, for psql."""

    def __init__(self, database: TargetDatabase) -> None:
        self.database = database
        self.lines: list[str] = []
        self.ran: Counter[str] = Counter()
        self.answered: Counter[tuple[str, str]] = Counter()
        self._examples = 0
        self._open = ExitStack()
        self._actors = [self._open.enter_context(connect(database.conninfo)) for _ in ACTORS]
        self._clock = self._open.enter_context(connect(database.conninfo))
        self.functions = {name: names or [] for name, names in self._clock.execute(_FUNCTIONS)}
        times = self._clock.execute(_TIMES, (list(database.tables),)).fetchall()
        self._passing = _passing(times, self._may_silence_triggers())
        self._clock.execute(self._passing.encode())
        self._variables: dict[str, str] = {}

    def close(self) -> None:
        """Disconnect everybody."""
        self._open.close()

    def start(self, catalogue: str) -> None:
        """Begin an example: the contents after setup and what `catalogue` does to them."""
        self._examples += 1
        reset = self.database.renew_sql if self._examples % _RENEW_EVERY == 0 else self.database.reset_sql
        self._clock.execute((reset + catalogue).encode())
        self._variables.clear()
        self.lines[:] = [line for line in catalogue.splitlines() if line]

    def perform(self, actor: int, call: FunctionCall, ending: str = "COMMIT") -> Reply:
        """Make the call; a `ROLLBACK` undoes it, and with no ending it is part of a block that is open."""
        conn = self._actors[actor]
        if ending == "ROLLBACK":
            with conn.transaction(force_rollback=True):
                reply = perform(conn, call)
        else:
            reply = perform(conn, call)
        self.ran[call.function.name] += 1
        self.note(actor, _line(call, reply, ending))
        return reply

    @contextmanager
    def block(self, actor: int) -> Iterator[None]:
        """What is performed inside, with no ending, is one transaction."""
        self.note(actor, "BEGIN;")
        with self._actors[actor].transaction():
            yield
        self.note(actor, "COMMIT;")

    def learn(self, id: str, kind: str) -> None:
        """The last call answered the id of a new row: a psql variable takes it."""
        name = self._variables.setdefault(id, f"{kind}_{len(self._variables) + 1}")
        self.lines[-1] = re.sub(
            r"SELECT \* FROM (pggit\.\w+\(.*\));", rf"SELECT \1 AS {name} \\gset\n", self.lines[-1], count=1
        )

    def write(self, actor: int, sql: str) -> list[str]:
        """What a client does without a function; what is wrong when the target refuses it."""
        self.ran["direct SQL"] += 1
        self.note(actor, sql)
        try:
            self._actors[actor].execute(sql.encode())
        except psycopg.Error as error:
            return [f"a client's direct SQL is refused: {error}"]
        return []

    def note(self, actor: int, sql: str) -> None:
        """Write a line down, with psql variables for the ids that the SQL chose."""
        for id, name in self._variables.items():
            sql = sql.replace(f"'{id}'", f":'{name}'")
            sql = re.sub(rf"'([^']*){id}([^']*)'", rf"('\1' || :'{name}' || '\2')::jsonb", sql)
            sql = re.sub(rf"'([^']*){id.upper()}([^']*)'", rf"('\1' || upper(:'{name}') || '\2')::jsonb", sql)
        self.lines.append(f"/* {ACTORS[actor]} */ {sql.strip()}")

    def named(self, text: str) -> str:
        """`text` with the names of the psql variables instead of the ids that the SQL chose."""
        for id, name in self._variables.items():
            text = text.replace(id, name)
        return text

    def pass_time(self, seconds: int) -> None:
        """Everything that is stored happened so much earlier."""
        if self._passing not in self.lines:
            self.lines.insert(0, self._passing)
        call = f"SELECT pg_temp.pass({_interval(seconds)});"
        self.lines.append(call)
        self._clock.execute(call.encode())

    def read(self) -> Contents:
        """What the tables hold, as the models see it."""
        row = self._clock.execute(_CONTENTS).fetchone()
        assert row is not None
        contents: dict[str, dict[str, dict[str, Any]]] = row[0]
        return {table: rows or {} for table, rows in contents.items()}

    def _may_silence_triggers(self) -> bool:
        row = self._clock.execute("SELECT has_parameter_privilege('session_replication_role', 'SET')").fetchone()
        return row is not None and bool(row[0])

    def clock(self) -> int:
        """The server's clock in milliseconds."""
        row = self._clock.execute("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint").fetchone()
        assert row is not None
        return int(row[0])


def _line(call: FunctionCall, reply: Reply, ending: str) -> str:
    if ending:
        return call.script.replace("; COMMIT;", f"; {ending};")
    return f"SAVEPOINT s; {call.sql}; {'ROLLBACK TO s' if reply.sqlstate else 'RELEASE s'};"


def inserted(rows: Iterable[Backup | Job | Link | Verification], now: int) -> str:
    """SQL that puts in `rows`, whose times are told as the models tell them at `now`."""
    return "".join(_insert(row, now) for row in rows)


def _insert(row: Backup | Job | Link | Verification, now: int) -> str:
    match row:
        case Backup():
            table, values = "backups", _backup(row, now)
        case Job():
            table, values = "backup_jobs", _job(row, now)
        case Verification():
            table = "backup_verifications"
            values = {"verification_id": row.id, "backup_id": row.backup, "verification_type": row.type}
            values |= {"status": row.status, "verified_at": _Time(now - row.moved_at)}
        case Link():
            table = "backup_dependencies"
            values = {"backup_id": row.backup, "depends_on_backup_id": row.base, "dependency_type": row.type}
    given = {column: _literal(value) for column, value in values.items() if value is not None}
    return f"INSERT INTO pggit.{table} ({', '.join(given)}) VALUES ({', '.join(given.values())});\n"


class _Time(int):
    """So many milliseconds ago."""


def _ago(now: int, time: int | None) -> _Time | None:
    return None if time is None else _Time(now - time)


def _backup(row: Backup, now: int) -> dict[str, object]:
    said = {"base_backup_id": row.base, "stanza": row.stanza, "server": row.server}
    return {
        "backup_id": row.id,
        "backup_name": f"backup-{row.id[-4:]}",
        "backup_type": row.type,
        "backup_tool": row.tool,
        "commit_hash": row.commit,
        "location": f"file:///backups/{row.id[-4:]}",
        "status": row.status,
        "metadata": {key: value for key, value in said.items() if value is not None} or None,
        "completed_at": _ago(now, row.completed_at),
        "expires_at": _ago(now, row.expires_at),
        "error_message": row.error,
    }


def _job(row: Job, now: int) -> dict[str, object]:
    return {
        "job_id": row.id,
        "backup_id": row.backup,
        "job_type": row.type,
        "command": "true",
        "tool": "pg_dump",
        "status": row.status,
        "attempts": row.attempts,
        "max_attempts": row.most,
        "created_at": _Time(now - row.created_at),
        "next_retry_at": _ago(now, row.next_retry_at),
        "started_at": _ago(now, row.started_at),
        "completed_at": _ago(now, row.completed_at),
        "metadata": {"worker_id": row.worker} if row.worker else None,
        "last_error": row.error,
    }


def _literal(value: object) -> str:
    match value:
        case _Time():
            return f"now() - {_interval(value // 1000)}"
        case int():
            return str(value)
        case dict():
            return f"'{json.dumps(value)}'"
        case _:
            return f"'{value}'"


def _interval(seconds: int) -> str:
    for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds % size == 0:
            return f"interval '{seconds // size} {unit}'"
    return f"interval '{seconds} seconds'"


_FUNCTIONS = "SELECT proname, proargnames FROM pg_proc WHERE pronamespace = 'pggit'::regnamespace"
_TIMES = """
    SELECT a.attrelid::regclass::text, array_agg(a.attname::text ORDER BY a.attnum)
    FROM pg_attribute a
    WHERE a.attrelid = ANY (%s::text[]::regclass[]) AND a.atttypid = 'timestamptz'::regtype
      AND a.attrelid <> 'pggit_errors.error_codes'::regclass AND NOT a.attisdropped
    GROUP BY 1 ORDER BY 1"""


def _passing(columns: Iterable[tuple[str, list[str]]], silent: bool) -> str:
    """A function that moves all times. No trigger of the target shall notice: who moves time is no client."""
    updates = " ".join(
        f"UPDATE {table} SET {', '.join(f'{name} = {name} - passed' for name in names)};" for table, names in columns
    )
    setting = " SET session_replication_role = replica" if silent else ""
    return f"CREATE FUNCTION pg_temp.pass(passed interval) RETURNS void LANGUAGE sql{setting} AS '{updates}';"


def _in(column: str) -> str:
    return f"round(extract(epoch FROM {column} - clock_timestamp()) * 1000)"


_CONTENTS = f"""
SELECT json_build_object(
 'backups', (SELECT json_object_agg(backup_id, json_build_object(
    'type', backup_type, 'tool', backup_tool, 'status', status, 'commit', commit_hash,
    'base', metadata ->> 'base_backup_id', 'stanza', metadata ->> 'stanza', 'server', metadata ->> 'server',
    'completed_in', {_in("completed_at")}, 'expires_in', {_in("expires_at")}, 'error_message', error_message))
    FROM pggit.backups),
 'jobs', (SELECT json_object_agg(job_id, json_build_object(
    'backup', backup_id, 'type', job_type, 'status', status, 'attempts', attempts, 'most', max_attempts,
    'retry_in', {_in("next_retry_at")}, 'started_in', {_in("started_at")}, 'completed_in', {_in("completed_at")},
    'worker', metadata ->> 'worker_id', 'output', metadata ->> 'output', 'error_message', last_error))
    FROM pggit.backup_jobs),
 'verifications', (SELECT json_object_agg(verification_id, json_build_object(
    'backup', backup_id, 'type', verification_type,
    'status', CASE WHEN status IN ('queued', 'pending') THEN 'waits' ELSE status END))
    FROM pggit.backup_verifications),
 'links', (SELECT json_object_agg(backup_id || ' ' || depends_on_backup_id, json_build_object('type', dependency_type))
    FROM pggit.backup_dependencies),
 'audit', (SELECT json_object_agg(n, json_build_object('name', operation_name, 'type', operation_type))
    FROM (SELECT row_number() OVER (ORDER BY audit_id) - 1 AS n, * FROM pggit.operation_audit) a))
""".encode()
