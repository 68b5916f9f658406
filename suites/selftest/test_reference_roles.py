"""The roles that the reference documents (S2) are enough for their work, and for no more."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import psycopg
import pytest

from fixtures.postgres.databases import fresh_name
from fixtures.targets.calls import FunctionCall, Reply
from fixtures.targets.database import TargetDatabase
from fixtures.targets.functions import CALLABLE
from fixtures.targets.perform import perform
from fixtures.targets.target import load_target
from suites.sequential.plain_calls import CATALOGUE, plain_call

SECTIONS = ("Three roles", "Reading", "Working the queue", "Operating")
DOCUMENTED, GRANTEE = "somebody", fresh_name("somebody")

pytestmark = pytest.mark.needs("createrole")

CALLS = {function.name: plain_call(function) for function in CALLABLE}
WORKING = {
    "get_next_backup_job", "complete_backup_job", "fail_backup_job", "complete_backup", "fail_backup",
    "update_pgbackrest_metadata", "update_verification_result",
}  # fmt: skip
READING = {name for name, made in CALLS.items() if not made.function.writes}


def documented_grants() -> dict[str, str]:
    """The GRANTs in the comments of the reference's SQL, by section."""
    (text,) = [file.text for file in load_target("reference").sql if "security" in file.path.name]
    words = "\n".join(line.removeprefix("--").strip() for line in text.splitlines() if line.startswith("--"))
    _, *parts = re.split(rf"^({'|'.join(SECTIONS)})", words, flags=re.MULTILINE)
    sections = dict(zip(parts[::2], parts[1::2], strict=True))
    assert tuple(sections) == SECTIONS
    return {
        name: "".join(re.findall(r"^GRANT.*?;\n?", told, re.MULTILINE | re.DOTALL)) for name, told in sections.items()
    }


@contextmanager
def somebody(database: TargetDatabase, *sections: str, mode: str = "") -> Iterator[psycopg.Connection]:
    """A connection as a role that has the GRANTs of these sections, in a transaction that is never committed."""
    grants = "".join(documented_grants()[name] for name in sections).replace(f" {DOCUMENTED}", f" {GRANTEE}")
    with database.starting(CATALOGUE) as conn:
        conn.execute(f"BEGIN; SELECT pg_current_xact_id(); CREATE ROLE {GRANTEE}; {grants}".encode())
        conn.execute(f"GRANT {GRANTEE} TO CURRENT_USER".encode())
        conn.execute(f"SET LOCAL ROLE {GRANTEE}; {mode}".encode())
        yield conn
        conn.rollback()


def outcome(conn: psycopg.Connection, made: FunctionCall) -> Reply:
    return perform(conn, replace(made, in_block=False))


@pytest.mark.parametrize("name", CALLS)
def test_a_reader_reads_and_changes_nothing(reference: TargetDatabase, name: str) -> None:
    with somebody(reference, "Three roles", "Reading") as conn:
        assert outcome(conn, CALLS[name]).sqlstate == (None if name in READING else "42501")


@pytest.mark.parametrize("name", [name for name, made in CALLS.items() if made.function.transaction])
def test_a_reader_makes_dry_runs_in_read_only_transactions(reference: TargetDatabase, name: str) -> None:
    dry_run = FunctionCall(CALLS[name].function, (("p_dry_run", True),))
    with somebody(reference, "Three roles", "Reading", mode="SET TRANSACTION READ ONLY") as conn:
        assert outcome(conn, dry_run).rows


@pytest.mark.parametrize("name", CALLS)
def test_a_worker_works_the_queue_and_nothing_else(reference: TargetDatabase, name: str) -> None:
    expected = None if name in WORKING | {"raise_error"} else "42501"
    with somebody(reference, "Three roles", "Working the queue") as conn:
        assert outcome(conn, CALLS[name]).sqlstate == expected


@pytest.mark.parametrize("name", CALLS)
def test_an_operator_may_do_everything(reference: TargetDatabase, name: str) -> None:
    with somebody(reference, *SECTIONS) as conn:
        reply = outcome(conn, CALLS[name])
    assert reply.sqlstate is None, reply
