from __future__ import annotations

from dataclasses import replace

import psycopg
import pytest

from fixtures.postgres.databases import fresh_name
from fixtures.targets.calls import FunctionCall
from fixtures.targets.database import TargetDatabase
from fixtures.targets.interface import interface
from fixtures.targets.perform import perform
from fixtures.targets.target import Target
from suites.sequential.plain_calls import CATALOGUE, plain_calls

RELATIONS = [relation.name for relation in (*interface().tables, *interface().views)]
NOBODY = fresh_name("nobody")
BECOME_NOBODY = (
    f"BEGIN; SELECT pg_current_xact_id(); CREATE ROLE {NOBODY}; GRANT {NOBODY} TO CURRENT_USER; SET LOCAL ROLE {NOBODY}"
)
PUBLIC_RIGHTS = """
    SELECT privilege_type FROM pg_class c, aclexplode(c.relacl) WHERE c.oid = %(relation)s::regclass AND grantee = 0
    UNION ALL
    SELECT privilege_type || ' ' || attname FROM pg_attribute a, aclexplode(a.attacl)
    WHERE a.attrelid = %(relation)s::regclass AND grantee = 0"""
STATEMENTS = {
    "read": "SELECT count(*) FROM {}",
    "insert": "INSERT INTO {} DEFAULT VALUES",
    "delete": "DELETE FROM {}",
    "empty": "TRUNCATE {} CASCADE",
    "lock": "LOCK TABLE {} IN ROW EXCLUSIVE MODE",
}
REACHES = [(table.name, statement) for table in interface().tables for statement in STATEMENTS]
REACHES += [(view.name, "read") for view in interface().views]


@pytest.mark.needs("createrole")
@pytest.mark.clause("S2")
@pytest.mark.parametrize(("relation", "statement"), REACHES)
def test_a_role_without_grants_reaches_no_table_and_no_view(
    database: TargetDatabase, relation: str, statement: str
) -> None:
    with database.starting(CATALOGUE) as conn:
        grant = f"GRANT USAGE ON SCHEMA pggit, pggit_errors TO {NOBODY}; SET"
        conn.execute(BECOME_NOBODY.replace("SET", grant).encode())
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute(STATEMENTS[statement].format(relation).encode())


@pytest.mark.clause("S2")
@pytest.mark.parametrize("relation", RELATIONS)
def test_nothing_on_a_table_or_view_is_granted_to_everybody(database: TargetDatabase, relation: str) -> None:
    with database.starting() as conn:
        granted = conn.execute(PUBLIC_RIGHTS, {"relation": relation}).fetchall()
    assert granted == []


@pytest.mark.needs("createrole")
@pytest.mark.clause("S2")
@pytest.mark.parametrize(
    "plain", plain_calls(lambda function: bool(function.parameters) or function.returns == "table")
)
def test_a_role_without_grants_gets_nothing_from_a_function(database: TargetDatabase, plain: FunctionCall) -> None:
    with database.starting(CATALOGUE) as conn:
        before = database.dump(conn)
        conn.execute(BECOME_NOBODY.encode())
        assert perform(conn, replace(plain, in_block=False)).sqlstate == "42501"
        conn.execute("ROLLBACK")
        assert database.dump(conn) == before


@pytest.mark.clause("S2")
def test_nothing_runs_with_its_owners_rights(database: TargetDatabase, target: Target) -> None:
    with database.starting() as conn:
        found = conn.execute(
            "SELECT oid::regprocedure::text FROM pg_proc WHERE prosecdef AND pronamespace IN"
            " (SELECT oid FROM pg_namespace WHERE nspname = ANY (%s))",
            (list(target.schemas),),
        ).fetchall()
    assert found == []
