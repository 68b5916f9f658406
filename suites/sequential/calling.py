"""How these tests call the target's functions and look at its tables."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from psycopg.rows import namedtuple_row
from psycopg.types.string import TextLoader

from fixtures.targets.calls import FunctionCall
from fixtures.targets.database import TargetDatabase
from fixtures.targets.functions import function
from fixtures.targets.kinds import Json, Value
from fixtures.targets.state import Dump, differences
from suites.sequential.catalogue import backup_id, job_id, verification_id

AUDIT = "pggit.operation_audit"


def rows(conn: psycopg.Connection, sql: str) -> list[Any]:
    """The rows of a statement as named tuples; ids are texts."""
    cursor = conn.cursor(row_factory=namedtuple_row)
    cursor.adapters.register_loader("uuid", TextLoader)
    return cursor.execute(sql.encode()).fetchall()


def call(conn: psycopg.Connection, name: str, *arguments: object, **named: object) -> list[Any]:
    """The rows that `pggit.<name>` answers. Dictionaries are sent as JSON."""
    target = function(f"pggit.{name}")
    given = dict(zip((parameter.name for parameter in target.parameters), arguments, strict=False)) | named
    values = tuple((parameter, _value(value)) for parameter, value in given.items())
    return rows(conn, FunctionCall(target, values).sql)


def answer(conn: psycopg.Connection, name: str, *arguments: object, **named: object) -> Any:
    """The one value that `pggit.<name>` answers."""
    ((value,),) = call(conn, name, *arguments, **named)
    return value


def in_block(conn: psycopg.Connection, name: str, *arguments: object, **named: object) -> list[Any]:
    """As `call`, inside a transaction block that has an xid, as clean-ups ask (T1, T2)."""
    with conn.transaction():
        conn.execute("SELECT pg_current_xact_id()")
        return call(conn, name, *arguments, **named)


def backup(conn: psycopg.Connection, number: int) -> Any:
    """The row of backup `number`."""
    return _row(conn, "pggit.backups", "backup_id", backup_id(number))


def job(conn: psycopg.Connection, number: int) -> Any:
    """The row of job `number`."""
    return _row(conn, "pggit.backup_jobs", "job_id", job_id(number))


def verification(conn: psycopg.Connection, number: int) -> Any:
    """The row of verification `number`."""
    return _row(conn, "pggit.backup_verifications", "verification_id", verification_id(number))


def statuses(conn: psycopg.Connection, table: str = "jobs") -> dict[int, str]:
    """The status of each job (or of the `backups`) by its number."""
    id = {"jobs": "job_id", "backups": "backup_id"}[table]
    found = rows(conn, f"SELECT {id}, status FROM pggit.{'backup_' if table == 'jobs' else ''}{table}")
    return dict(sorted((int(key[-12:]) % 100, status) for key, status in found))


@contextmanager
def refused(sqlstate: str, *told: str) -> Iterator[None]:
    """The block is refused with `sqlstate`, and its message or detail tells each of `told`."""
    with pytest.raises(psycopg.Error) as refusal:
        yield
    diagnostic = refusal.value.diag
    assert refusal.value.sqlstate == sqlstate, diagnostic.message_primary
    text = f"{diagnostic.message_primary} {diagnostic.message_detail}"
    assert [words for words in told if words not in text] == [], text


@contextmanager
def unchanged(database: TargetDatabase, conn: psycopg.Connection) -> Iterator[None]:
    """The block leaves all tables as they were, but for the audit."""
    before = _without_audit(database.dump(conn))
    yield
    assert differences(before, _without_audit(database.dump(conn))) == []


def let_pass(conn: psycopg.Connection, interval: str) -> None:
    """Let time pass: everything that is stored happened `interval` earlier."""
    for table, columns in rows(conn, _TIMES):
        moved = ", ".join(f"{column} = {column} - interval '{interval}'" for column in columns)
        conn.execute(f"UPDATE {table} SET {moved}".encode())


_TIMES = """
    SELECT a.attrelid::regclass::text, array_agg(a.attname::text)
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    WHERE c.relnamespace = 'pggit'::regnamespace AND c.relkind = 'r' AND a.atttypid = 'timestamptz'::regtype
      AND c.relname LIKE 'backup%' AND NOT a.attisdropped
    GROUP BY 1"""


def _row(conn: psycopg.Connection, table: str, column: str, id: str) -> Any:
    (row,) = rows(conn, f"SELECT * FROM {table} WHERE {column} = '{id}'")
    return row


def _value(value: object) -> Value:
    if isinstance(value, dict | list):
        return Json(json.dumps(value))
    assert value is None or isinstance(value, bool | int | str | Json)
    return value


def _without_audit(dump: Dump) -> Dump:
    return {table: contents for table, contents in dump.items() if table != AUDIT}
