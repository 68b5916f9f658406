"""The reference installs with plain psql: file by file, twice in a row, and on top of an older pgGit."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence

import psycopg
import pytest

from fixtures.postgres.capabilities import find_program
from fixtures.postgres.databases import connect, create_database, drop_database, fresh_name
from fixtures.postgres.server import Server
from fixtures.targets.functions import FUNCTIONS
from fixtures.targets.interface import Relation, interface
from fixtures.targets.scripts import SqlFile
from fixtures.targets.target import load_target
from strategies import catalogues as c
from suites.oracles.interface import complaints_about_function, complaints_about_table, complaints_about_view
from suites.selftest.old_install import old_install
from suites.sequential.asking import ask, value

pytestmark = pytest.mark.needs("psql", "pg_dump")

FRESH, OLD, READER = fresh_name("fresh"), fresh_name("old"), fresh_name("reader")
REFERENCE = load_target("reference")
OUR_TABLES = [table for table in interface().tables if table.name != "pggit_errors.error_codes"]


def program(server: Server, name: str, *arguments: str) -> str:
    """What a client program prints; it must succeed."""
    path = find_program(server, name)
    assert path is not None
    command = [str(path), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "ERROR" not in done.stderr
    return done.stdout


def install(server: Server, name: str, files: Sequence[SqlFile]) -> None:
    """Each file by its own `psql -f`, a statement at a time."""
    for file in files:
        program(server, "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", server.conninfo(name), "-f", str(file.path))


def dump(server: Server, name: str) -> list[str]:
    """The whole database as pg_dump writes it, without the key that it draws."""
    lines = program(server, "pg_dump", "-d", server.conninfo(name)).splitlines()
    return [line for line in lines if not line.startswith(("\\restrict", "\\unrestrict"))]


@pytest.fixture(scope="module")
def fresh(server: Server) -> Iterator[psycopg.Connection]:
    create_database(server, FRESH)
    install(server, FRESH, REFERENCE.sql)
    with connect(server.conninfo(FRESH)) as conn:
        yield conn
    drop_database(server, FRESH)


@pytest.fixture(scope="module")
def old(server: Server) -> Iterator[psycopg.Connection]:
    """The reference on top of an older pgGit; `before` in schema kept is what clients had."""
    create_database(server, OLD)
    with connect(server.conninfo(OLD)) as conn:
        conn.execute(old_install().encode())
        conn.execute("CREATE SCHEMA kept")
        for table in OUR_TABLES:
            conn.execute(f"CREATE TABLE kept.{table.name.split('.')[1]} AS TABLE {table.name}".encode())
        install(server, OLD, [file for file in REFERENCE.sql if "standins" not in file.path.name])
        yield conn
    drop_database(server, OLD)


def test_installing_twice_changes_nothing(server: Server, fresh: psycopg.Connection) -> None:
    fresh.execute(REFERENCE.setup.encode() + c.BUSY_DAY.encode())
    ask(fresh, "set_maintenance_mode", p_enabled=True)
    before = dump(server, FRESH)
    install(server, FRESH, REFERENCE.sql)
    assert dump(server, FRESH) == before
    assert any("incremental-old" in line for line in before)


@pytest.mark.needs("createrole")
def test_installing_again_takes_no_grant_away(server: Server, fresh: psycopg.Connection) -> None:
    fresh.execute(f"CREATE ROLE {READER}; GRANT {READER} TO CURRENT_USER".encode())
    fresh.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA pggit TO {READER}".encode())
    try:
        before = dump(server, FRESH)
        install(server, FRESH, REFERENCE.sql)
        assert dump(server, FRESH) == before
    finally:
        fresh.execute(f"DROP OWNED BY {READER}; DROP ROLE {READER}".encode())


def test_installing_again_minds_no_view_of_a_client(server: Server, fresh: psycopg.Connection) -> None:
    fresh.execute("CREATE VIEW public.my_queue AS SELECT job_id, job_state FROM pggit.backup_job_queue")
    try:
        before = dump(server, FRESH)
        install(server, FRESH, REFERENCE.sql)
        assert dump(server, FRESH) == before
    finally:
        fresh.execute("DROP VIEW public.my_queue")


def test_the_files_install_in_the_order_of_their_names() -> None:
    names = [file.path.name for file in REFERENCE.sql]
    assert names == sorted(names)
    assert names[0].startswith("000")


def test_no_setting_of_the_database_is_touched(fresh: psycopg.Connection) -> None:
    assert value(fresh, "SELECT count(*) FROM pg_db_role_setting") == 0


def test_old_functions_are_replaced_and_no_call_is_ambiguous(old: psycopg.Connection) -> None:
    complaints = [told for function in FUNCTIONS.values() for told in complaints_about_function(old, function)]
    assert complaints == []
    assert value(old, "SELECT count(*) FROM pg_proc WHERE position('the old one' IN prosrc) > 0") == 0
    for name in ("complete_backup_job", "fail_backup_job"):
        reply = ask(old, name, p_job_id=c.uuid(999), **({"p_error": "x"} if name == "fail_backup_job" else {}))
        assert reply.sqlstate == "02000"
    with old.transaction(force_rollback=True):
        assert ask(old, "cleanup_expired_backups", p_dry_run=True).rows
    assert ask(old, "pggit_errors.raise_error", p_error_code="PGGIT_LOCKED").sqlstate == "55P03"


def test_old_tables_and_views_become_the_documented_ones(old: psycopg.Connection) -> None:
    complaints = [told for table in interface().tables for told in complaints_about_table(old, table)]
    complaints += [told for view in interface().views for told in complaints_about_view(old, view)]
    assert complaints == []
    for view in interface().views:
        old.execute(f"SELECT * FROM {view.name}".encode())


@pytest.mark.parametrize("table", OUR_TABLES, ids=lambda table: str(table.name))
def test_the_rows_of_clients_are_kept(old: psycopg.Connection, table: Relation) -> None:
    name, columns = table.name, ", ".join(column.split()[0] for column in table.columns)
    kept = f"kept.{name.split('.')[1]}"
    for here, there in ((name, kept), (kept, name)):
        lost = old.execute(f"SELECT {columns} FROM {here} EXCEPT ALL SELECT {columns} FROM {there}".encode()).fetchall()
        assert lost == []
    assert value(old, "SELECT count(*) FROM pggit.backups") > 0


def test_the_codes_of_clients_keep_their_words_and_get_hints(old: psycopg.Connection) -> None:
    found = old.execute(
        "SELECT error_code, sqlstate, severity, description, recovery_hint FROM pggit_errors.error_codes"
    ).fetchall()
    expected = {(code.name, code.sqlstate, code.severity, "old words") for code in interface().codes}
    assert {row[:4] for row in found} == expected
    assert all(row[4] for row in found)


def test_what_was_granted_to_everybody_is_revoked(old: psycopg.Connection) -> None:
    """Schema pggit itself is for pgGit's core to open or close."""
    relations = [relation.name for relation in (*interface().tables, *interface().views)]
    granted = old.execute(
        "SELECT c.oid::regclass::text, privilege_type FROM pg_class c, aclexplode(relacl)"
        " WHERE grantee = 0 AND c.oid = ANY (%s::regclass[])"
        " UNION ALL SELECT nspname, privilege_type FROM pg_namespace, aclexplode(nspacl)"
        " WHERE grantee = 0 AND nspname = ANY (%s) AND nspname <> 'pggit'"
        " UNION ALL SELECT p.oid::regproc::text, privilege_type"
        " FROM pg_proc p, aclexplode(coalesce(proacl, acldefault('f', proowner)))"
        " WHERE grantee = 0 AND p.oid = ANY (%s::regproc[])",
        ([*relations, "pggit.operation_audit_audit_id_seq"], list(REFERENCE.schemas), list(FUNCTIONS)),
    ).fetchall()
    assert granted == []


def test_each_trigger_function_has_one_trigger(old: psycopg.Connection) -> None:
    found = old.execute(
        "SELECT tgfoid::regproc::text, count(*) FROM pg_trigger"
        " WHERE tgfoid::regproc::text LIKE '%update\\_%' GROUP BY 1 ORDER BY 1"
    ).fetchall()
    assert found == [("pggit.update_audit_duration", 1), ("pggit_errors.update_error_codes_updated_at", 1)]


def test_it_works_on_top_of_an_older_one(old: psycopg.Connection) -> None:
    with old.transaction(force_rollback=True):
        registered = ask(
            old, "register_backup", p_backup_name="n", p_backup_type="full", p_backup_tool="pg_dump", p_location="x",
            p_create_snapshot=True,
        )  # fmt: skip
        (backup,) = registered.rows[0]
        (job,) = ask(old, "enqueue_backup_job", p_backup_id=backup, p_command="x", p_tool="pg_dump").rows[0]
        assert ask(old, "get_next_backup_job", p_worker_id="w").rows[0][0] == job
        assert ask(old, "complete_backup_job", p_job_id=job).rows == (("t",),)
        assert ask(old, "complete_backup", p_backup_id=backup).rows == (("t",),)
        assert ask(old, "set_maintenance_mode", p_enabled=True).sqlstate is None


def test_installing_on_top_of_an_older_one_again_changes_nothing(server: Server, old: psycopg.Connection) -> None:
    before = dump(server, OLD)
    install(server, OLD, [file for file in REFERENCE.sql if "standins" not in file.path.name])
    assert dump(server, OLD) == before
    assert value(old, "SELECT 1") == 1
