"""The commands of a recovery plan restore a real cluster (R4)."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from typing import Any

import pytest
from psycopg import sql

from fixtures.postgres.capabilities import programs_for
from fixtures.postgres.cluster import SUPERUSER
from fixtures.postgres.databases import connect
from fixtures.postgres.room import room
from fixtures.postgres.server import PORT, Server
from fixtures.targets.database import TargetDatabase
from fixtures.targets.state import dump
from suites.sequential.asking import value
from suites.sequential.calling import answer, call, rows
from suites.sequential.catalogue import a_backup, a_link

pytestmark = [
    pytest.mark.clause("R4"),
    pytest.mark.needs("linux", "psql", "pg_dump"),
]

DUMPS = {
    "custom": ({}, "one.dump", "pg_dump --format=custom --file={file} {from}"),
    "directory": ({"format": "directory"}, "one", "pg_dump --format=directory --file={file} {from}"),
    "plain": ({"format": "plain"}, "one.sql", "pg_dump --format=plain --file={file} {from}"),
    "packed": ({"format": "plain"}, "one.sql.gz", "pg_dump --format=plain --compress=6 --file={file} {from}"),
}
BASES = {
    "plain": ("base", "pg_basebackup --checkpoint=fast --no-sync --pgdata={file} --dbname={from}"),
    "tar": ("base", "pg_basebackup --checkpoint=fast --no-sync --format=tar --pgdata={file} --dbname={from}"),
}


def in_a_shell(steps: Iterable[Any]) -> list[str]:
    """The commands of a plan, each for a shell of its own."""
    return [f"bash -c {shlex.quote(step.command)} >&2" for step in steps]


def restore(
    server: Server, database: TargetDatabase, tool: str, metadata: dict[str, str], file: str, take: str, mode: str
) -> None:
    """Takes a backup with the tool itself, runs the plan's commands in another cluster, and compares the contents."""
    with room(next(programs_for(server))) as other:
        place = other.directory / "files" / file
        more = a_backup(2, "incremental", location="file:///nowhere", age="9 days", commit_hash="commit-1") + a_link(
            2, 1
        )
        backup = a_backup(1, backup_tool=tool, metadata=metadata, location=f"file://{place}")
        with database.starting(backup + more) as conn:
            target = str(other.data) if mode == "clone" else None
            steps = call(conn, "generate_recovery_plan", "commit-3", mode, tool, target)
            before, name = database.dump(conn), value(conn, "SELECT current_database()")
        words = {"file": str(place), "from": shlex.quote(server.conninfo(name))}
        empty = ["rm -rf data"] if mode == "clone" else []
        environment = {"PGHOST": str(other.sockets), "CLONE_PORT": str(PORT), "PGPORT": str(PORT)}
        environment |= {} if mode == "clone" else {"PGDATA": str(other.data)}
        other.run("\n".join([take.format_map(words), *empty, *in_a_shell(steps)]), environment)
        with connect(other.conninfo(name)) as restored:
            assert dump(restored, database.state) == before


@pytest.mark.parametrize(("metadata", "file", "take"), DUMPS.values(), ids=DUMPS)
def test_a_dump_is_restored_into_the_cluster_that_is_there(
    server: Server, database: TargetDatabase, metadata: dict[str, str], file: str, take: str
) -> None:
    restore(server, database, "pg_dump", metadata, file, take, "disaster")


@pytest.mark.needs("own-server")  # roles belong to the whole server
def test_a_dump_of_a_database_of_another_owner_is_restored(server: Server, database: TargetDatabase) -> None:
    with connect(database.conninfo) as conn:
        called = value(conn, "SELECT current_database()")
        name, owner = sql.Identifier(str(called)), sql.Identifier(f"{called}_owner")
        conn.execute(sql.SQL("CREATE ROLE {}").format(owner))
        conn.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(name, owner))
        try:
            restore(server, database, "pg_dump", *DUMPS["custom"], "disaster")
        finally:
            conn.execute(sql.SQL("ALTER DATABASE {} OWNER TO CURRENT_USER").format(name))
            conn.execute(sql.SQL("DROP ROLE {}").format(owner))


def test_a_dump_of_a_schema_leaves_the_rest_of_the_database_alone(server: Server, database: TargetDatabase) -> None:
    with room(next(programs_for(server))) as other, database.starting() as conn:
        id = answer(conn, "backup_pg_dump", "main", "shop", "custom", str(other.directory / "files"))
        (job,) = rows(conn, "SELECT command FROM pggit.backup_jobs")
        call(conn, "complete_backup", id, 1)
        steps = call(conn, "generate_recovery_plan", "commit-3", "disaster", "pg_dump")
        name = str(value(conn, "SELECT current_database()"))
        commands = [
            f"{job.command} {shlex.quote(f'--dbname={server.conninfo(name)}')}",
            'pg_ctl --wait --options="-k $PGHOST" start >&2',
            f"createdb {shlex.quote(name)}",
            f"psql --dbname={shlex.quote(name)} --command='CREATE TABLE public.mine AS SELECT 7'",
            "pg_ctl --wait stop >&2",
            *in_a_shell(steps),
        ]
        environment = {"PGHOST": str(other.sockets), "PGPORT": str(PORT), "PGDATA": str(other.data)}
        conn.execute("CREATE SCHEMA shop; CREATE TABLE shop.goods AS SELECT 1")
        try:
            other.run("\n".join(commands), environment | {"PGUSER": SUPERUSER})
        finally:
            conn.execute("DROP SCHEMA shop CASCADE")
        with connect(other.conninfo(name)) as restored:
            assert value(restored, "SELECT count(*) FROM shop.goods JOIN public.mine ON true") == 1


@pytest.mark.needs("own-server", "pg_basebackup")  # of somebody else's server we take no copy
@pytest.mark.parametrize("mode", ["disaster", "clone"])
@pytest.mark.parametrize(("file", "take"), BASES.values(), ids=BASES)
def test_a_base_backup_is_restored_as_a_cluster(
    server: Server, database: TargetDatabase, mode: str, file: str, take: str
) -> None:
    restore(server, database, "pg_basebackup", {}, file, take, mode)
