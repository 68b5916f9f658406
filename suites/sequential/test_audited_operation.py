from __future__ import annotations

import json
from typing import Any

import psycopg
import pytest

from fixtures.targets.database import TargetDatabase
from fixtures.targets.kinds import Json
from strategies import catalogues as c
from suites.sequential.asking import ask, call, value
from suites.sequential.test_audit import audit

TAG = f"INSERT INTO pggit.backup_tags (backup_id, tag_name) VALUES ('{c.FULL_NEW}', 'kept')"


def run(conn: psycopg.Connection, statement: str) -> Any:
    """What `audited_operation` answers for the statement, as JSON."""
    reply = ask(conn, "audited_operation", p_operation_name="tidy", p_operation_type="write", p_operation_sql=statement)
    assert reply.sqlstate is None, reply
    return json.loads(reply.rows[0][0] or "null")


STATEMENTS: dict[str, tuple[str, object, int]] = {
    "a query": ("SELECT 1 AS a, 'x' AS b UNION ALL SELECT 2, NULL", [{"a": 1, "b": "x"}, {"a": 2, "b": None}], 2),
    "a query without rows": ("SELECT 1 AS a WHERE false", [], 0),
    "a semicolon at the end": ("SELECT 1 AS a;  -- done; really", [{"a": 1}], 1),
    "a semicolon in a string": ("SELECT 'a; SELECT ''b''' AS a, $$c;d$$ AS b", [{"a": "a; SELECT 'b'", "b": "c;d"}], 1),
    "a semicolon in a name": ('SELECT 1 AS "a;b"', [{"a;b": 1}], 1),
    "a comment in front": ("/* first; */ SELECT 1 AS a", [{"a": 1}], 1),
    "a comment inside": ("SELECT 1 AS a -- first; second\n, 2 AS b", [{"a": 1, "b": 2}], 1),
    "a comment behind an operator": ("SELECT 6 */* ; */2 AS a", [{"a": 12}], 1),
    "semicolons and comments at the end": ("SELECT 1 AS a; /* done; */ ; -- really", [{"a": 1}], 1),
    "a semicolon behind an escaped quote": (r"SELECT E'it''s \'; x' AS a", [{"a": "it's '; x"}], 1),
    "a semicolon behind a dollar": ("SELECT $$$1; $2$$ AS a, $b$b$; $b$ AS b", [{"a": "$1; $2", "b": "b$; "}], 1),
    "a query with WITH": ("WITH t AS (SELECT 1 AS a) SELECT a FROM t", [{"a": 1}], 1),
    "VALUES": ("VALUES (1), (2)", [{"column1": 1}, {"column1": 2}], 2),
    "a change": (TAG, None, 1),
    "a change that returns": (f"{TAG} RETURNING tag_name, tag_value", [{"tag_name": "kept", "tag_value": None}], 1),
    "a change of nothing": ("DELETE FROM pggit.backup_tags", None, 0),
    "a definition": ("CREATE TEMPORARY TABLE scratch (a integer)", None, 0),
    "a body of two": (
        "CREATE FUNCTION pg_temp.f() RETURNS integer BEGIN ATOMIC SELECT 1; SELECT CASE WHEN true THEN 2 END; END",
        None,
        0,
    ),
    "a rule of two": (
        "CREATE RULE r AS ON DELETE TO pggit.backup_tags DO ALSO (SELECT 1; SELECT 2)",
        None,
        0,
    ),
    "a block": ("DO $do$ BEGIN PERFORM 1; PERFORM 2; END $do$", None, 0),
}


@pytest.mark.clause("A2")
@pytest.mark.parametrize(("statement", "result", "count"), STATEMENTS.values(), ids=STATEMENTS)
def test_any_one_statement_is_run_and_audited(
    database: TargetDatabase, statement: str, result: object, count: int
) -> None:
    with database.starting(c.BUSY_DAY) as conn:
        conn.execute("BEGIN")
        answer = run(conn, statement)
        (row,) = audit(conn)
    assert (answer["success"], answer["result"], answer["rows_affected"]) == (True, result, count)
    assert (answer["audit_id"], row.operation_name, row.operation_type) == (row.audit_id, "tidy", "write")
    assert (row.success, row.rows_affected, row.error_code) == (True, count, None)


@pytest.mark.clause("A2")
def test_what_it_runs_takes_effect_and_its_parameters_are_kept(database: TargetDatabase) -> None:
    made = call("audited_operation", p_operation_name="tidy", p_operation_type="delete", p_operation_sql=TAG,
                p_parameters=Json('{"ticket": 7}'))  # fmt: skip
    with database.starting(c.BUSY_DAY) as conn:
        conn.execute(made.sql.encode())
        (row,) = audit(conn)
        assert value(conn, "SELECT count(*) FROM pggit.backup_tags") == 1
    assert (row.operation_type, row.parameters) == ("delete", {"ticket": 7})


@pytest.mark.clause("A2")
def test_a_function_that_it_runs_adds_its_own_row(database: TargetDatabase) -> None:
    with database.starting(c.BUSY_DAY) as conn:
        assert run(conn, f"SELECT pggit.reset_job('{c.JOB_FAILED}') AS done")["result"] == [{"done": True}]
        assert sorted(row.operation_name for row in audit(conn)) == ["reset_job", "tidy"]


FAILURES = {
    "an error after a change": (f"WITH t AS ({TAG} RETURNING 1) SELECT count(*) / 0 FROM t", "22012"),
    "a duplicate": ("INSERT INTO pggit.branches (name) VALUES ('gone'), ('main')", "23505"),
    "a refusal": ("SELECT pggit.reset_job(NULL)", "22004"),
    "no SQL": ("nonsense", "42601"),
    "an unknown table": ("SELECT * FROM pggit.nowhere", "42P01"),
    "an own error": ("DO $$ BEGIN RAISE EXCEPTION 'no'; END $$", "P0001"),
    "an assertion": ("DO $$ BEGIN ASSERT false; END $$", "P0004"),
    "a transaction command": ("ROLLBACK", "0A000"),
}


@pytest.mark.clause("A2")
@pytest.mark.parametrize(("statement", "sqlstate"), FAILURES.values(), ids=FAILURES)
def test_a_failed_statement_is_undone_and_its_audit_row_stays(
    database: TargetDatabase, statement: str, sqlstate: str
) -> None:
    with database.starting(c.BUSY_DAY) as conn:
        before = database.dump(conn)
        answer = run(conn, statement)
        (row,) = audit(conn)
        after = database.dump(conn)
    assert (answer["success"], answer["audit_id"]) == (False, row.audit_id)
    assert (row.success, row.error_code, bool(row.error_message)) == (False, sqlstate, True)
    assert not row.rows_affected
    assert not answer["rows_affected"]
    assert before | {"pggit.operation_audit": []} == after | {"pggit.operation_audit": []}


@pytest.mark.clause("A2")
@pytest.mark.parametrize(
    "statement",
    [
        "SELECT 1; SELECT 2",
        "SELECT 1;SELECT 2",
        f"{TAG}; DROP TABLE pggit.backup_tags",
        "SELECT ';' ; SELECT $$;$$",
        "SELECT $$x$$;SELECT 2",
        "SELECT $x$y$x$;SELECT 2",
        "SELECT 'x' AS \"y\"/* a comment */; SELECT 2",
        "SELECT 'x /* y' /* a /* comment */ in another */; SELECT 2",
        "SELECT 1 -- a comment\n; SELECT 2",
        "SELECT 1; -- a comment\nSELECT 2",
        "SELECT 1;; SELECT 2;",
        "SELECT $$$$; SELECT 2",
        "SELECT $x$$x$; SELECT 2",
        "SELECT $$x$$a$; SELECT 2",
        "SELECT 1 AS a$b$; SELECT 2",
        r"SELECT '\'; SELECT 2",
        "SELECT (t.end) FROM (SELECT 1 AS end) t; SELECT 2",
        "CREATE FUNCTION pg_temp.f() RETURNS integer BEGIN ATOMIC SELECT 1 AS case; END; SELECT 2",
    ],
)
def test_several_statements_are_refused(database: TargetDatabase, statement: str) -> None:
    with database.starting(c.BUSY_DAY) as conn:
        before = database.dump(conn)
        reply = ask(
            conn, "audited_operation", p_operation_name="x", p_operation_type="write", p_operation_sql=statement
        )
        assert database.dump(conn) == before
    assert (reply.sqlstate, "p_operation_sql" in reply.message) == ("22023", True)


@pytest.mark.clause("A2")
def test_a_cancel_is_not_a_failure(database: TargetDatabase) -> None:
    cancel = f"WITH t AS ({TAG} RETURNING 1) SELECT pg_cancel_backend(pg_backend_pid()) FROM t"
    with database.starting(c.BUSY_DAY) as conn:
        before = database.dump(conn)
        reply = ask(conn, "audited_operation", p_operation_name="x", p_operation_type="write", p_operation_sql=cancel)
        assert database.dump(conn) == before
    assert reply.sqlstate == "57014"
