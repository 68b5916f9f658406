"""Targets load, install and are refused in one line that names file, line and mend."""

from __future__ import annotations

import contextlib
import pickle
import re
from pathlib import Path

import psycopg
import pytest
from psycopg.pq import TransactionStatus

from fixtures.errors import SetupError
from fixtures.postgres.databases import connect, create_database, drop_database, fresh_name
from fixtures.postgres.server import Server
from fixtures.targets.clauses import clauses
from fixtures.targets.database import TargetDatabase, Template
from fixtures.targets.directory import load_directory
from fixtures.targets.install import install
from fixtures.targets.mutants import Mutant, load_mutants, mutate
from fixtures.targets.state import differences, dump, keep_baseline
from fixtures.targets.target import Target, load_target

CHECKOUT = Path(__file__).parents[2]

TOML = 'name = "small"\nsql = ["*.sql"]\nschemas = ["s"]\n'
GOOD = "CREATE SCHEMA s;\nCREATE TABLE s.t (a integer PRIMARY KEY);\n"


def directory(path: Path, sql: str = GOOD, toml: str = TOML, **others: str) -> Path:
    """A target's directory with one SQL file; `others` are more files, `_` in their names standing for a dot."""
    for name, text in {"target_toml": toml, "a_sql": sql, **others}.items():
        (path / name.replace("_", ".")).write_text(text)
    return path


def refusal(server: Server, target: Target) -> str:
    """What installing `target` is refused with."""
    with pytest.raises(SetupError) as refused:
        Template(server, target)
    return str(refused.value)


def test_a_target_is_plain_data(target: Target) -> None:
    assert pickle.loads(pickle.dumps(target)) == target


def test_files_are_taken_in_the_order_of_the_globs_and_then_of_their_names_and_once(tmp_path: Path) -> None:
    toml = TOML.replace('["*.sql"]', '["c.sql", "*.sql"]')
    target = load_directory(directory(tmp_path, toml=toml, c_sql="", b_sql=""))
    assert [file.path.name for file in target.sql] == ["c.sql", "a.sql", "b.sql"]


UNUSABLE = {
    "not TOML": ("name =", "cannot be read"),
    "unknown key": (TOML + "setpu = 'x'\n", "unknown key `setpu`; known keys: name, sql"),
    "missing key": ("name = 'x'\nsql = ['*.sql']\n", "`schemas` is missing; add it"),
    "wrong type": (TOML.replace('["s"]', '"s"'), "`schemas` is 's'; it must be a list of strings"),
    "a schema of PostgreSQL's": (
        TOML.replace('"s"', '"pg_catalog"'),
        "`schemas` has 'pg_catalog', which is PostgreSQL's",
    ),
    "empty list": (TOML.replace('["s"]', "[]"), "`schemas` is []; it must be"),
    "nothing matches": (TOML.replace("*.sql", "*.nope"), "nothing matches '*.nope' of `sql`"),
    "no pattern": (TOML.replace("*.sql", "**x"), "'**x' of `sql` is no pattern"),
    "absolute path": (TOML.replace("*.sql", "/*.sql"), "absolute path, /*.sql; write it relative"),
    "no setup": (TOML + "setup = 'nope.sql'\n", "`setup` names 'nope.sql', which does not exist"),
    "no limitations": (TOML + "limitations = 'nope.toml'\n", "`limitations` names 'nope.toml'"),
}


@pytest.mark.parametrize(("toml", "told"), UNUSABLE.values(), ids=UNUSABLE)
def test_an_unusable_target_toml_is_refused(tmp_path: Path, toml: str, told: str) -> None:
    with pytest.raises(SetupError, match=re.escape(told)) as refused:
        load_directory(directory(tmp_path, toml=toml))
    assert str(tmp_path / "target.toml") in str(refused.value)


@pytest.mark.parametrize("spec", ["nope", "mutant:verify_backup_ungarded", "mutant:", "./nope", "fixtures", ""])
def test_an_unknown_target_is_refused_in_one_line(spec: str) -> None:
    with pytest.raises(SetupError) as refused:
        load_target(spec)
    assert "\n" not in str(refused.value)


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(SetupError, match=r"known: reference, mutant:NAME, or a directory"):
        load_target("nope")
    with pytest.raises(SetupError, match=r"known: .*verify_backup_unguarded"):
        load_target("mutant:verify_backup_ungarded")


BROKEN = {
    "syntax": ("CREATE SCHEMA s;\n-- é\n\nCREAT TABLE x;", 'a.sql:4: ERROR: syntax error at or near "CREAT"'),
    "unknown table": ("CREATE SCHEMA s;\nSELECT *\n  FROM nope;", 'a.sql:3: ERROR: relation "nope" does not exist'),
    "twice": ("CREATE SCHEMA s;\nCREATE SCHEMA s;", 'a.sql:2: ERROR: schema "s" already exists'),
    "inside a function": (
        "CREATE SCHEMA s;\nCREATE FUNCTION s.f() RETURNS void LANGUAGE plpgsql AS $$\nBEGIN\n  x := 1;\nEND $$;",
        'a.sql:4: ERROR: "x" is not a known variable',
    ),
    "no position": (
        GOOD + "INSERT INTO s.t VALUES (1);\n/* é; */ -- ;\n\nINSERT INTO s.t VALUES (1);",
        "a.sql:6: ERROR: duplicate key value violates unique constraint",
    ),
    "copy in": (GOOD + "COPY s.t FROM stdin;", "a.sql:3: ERROR: COPY from stdin failed"),
    "open transaction": ("BEGIN;\n" + GOOD, "a.sql: a transaction is left open; add a COMMIT"),
    "other schema": ("CREATE SCHEMA other;", "`schemas` has 's', which no SQL of target small creates"),
    "ours": (GOOD + "CREATE SCHEMA qualify;", "schema 'qualify', which the suite needs; rename it"),
}


@pytest.mark.parametrize(("sql", "told"), BROKEN.values(), ids=BROKEN)
def test_sql_that_does_not_install_is_refused_by_file_and_line(
    server: Server, tmp_path: Path, sql: str, told: str
) -> None:
    assert told in refusal(server, load_directory(directory(tmp_path, sql)))


def test_a_setup_that_fails_is_refused_by_file_and_line(server: Server, tmp_path: Path) -> None:
    target = load_directory(directory(tmp_path, toml=TOML + 'setup = "setup.txt"\n', setup_txt="SELECT\n1/0;"))
    assert "setup.txt:1: ERROR: division by zero" in refusal(server, target)


@pytest.mark.parametrize(("text", "told"), [(b"SELECT '\xff'", "text file in UTF-8"), (b"\n\0", "a.sql:2: a NUL")])
def test_a_file_that_is_no_text_is_refused(tmp_path: Path, text: bytes, told: str) -> None:
    (directory(tmp_path) / "a.sql").write_bytes(text)
    with pytest.raises(SetupError, match=told):
        load_directory(tmp_path)


def test_a_refused_target_leaves_no_database(server: Server, tmp_path: Path) -> None:
    query = "SELECT datname FROM pg_database ORDER BY 1"
    with connect(server.conninfo("postgres")) as conn:
        before = conn.execute(query).fetchall()
        refusal(server, load_directory(directory(tmp_path, "nonsense")))
        assert conn.execute(query).fetchall() == before


STATEFUL = """
CREATE SCHEMA s;
CREATE TABLE s.parent (id serial PRIMARY KEY, self integer REFERENCES s.parent, child integer, odd point);
CREATE TABLE s.child (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, parent integer REFERENCES s.parent ON DELETE RESTRICT,
    twice integer GENERATED ALWAYS AS (parent * 2) STORED, gone integer, "a ""quoted"" name" text DEFAULT 'x', j json);
ALTER TABLE s.child DROP COLUMN gone;
ALTER TABLE s.parent ADD FOREIGN KEY (child) REFERENCES s.child;
CREATE TABLE s."nothing" ();
CREATE TABLE s.alike (a integer);
INSERT INTO s.alike VALUES (1), (1);
CREATE TABLE s.split (a integer) PARTITION BY LIST (a);
CREATE TABLE s.split_1 PARTITION OF s.split FOR VALUES IN (1);
CREATE FUNCTION s.never() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'never'; END $$;
INSERT INTO s.parent (odd) VALUES ('(1,2)'), (NULL);
INSERT INTO s.child (parent, j) VALUES (1, '{"a": 1}'), (2, NULL), (2, NULL);
INSERT INTO s.split VALUES (1);
UPDATE s.parent SET child = id, self = id;
CREATE TRIGGER never BEFORE INSERT OR DELETE ON s.parent FOR EACH ROW EXECUTE FUNCTION s.never();
"""

WRECKED = """
UPDATE s.parent SET child = NULL, self = NULL, odd = '(0,0)';
DELETE FROM s.child;
INSERT INTO s.child (parent) VALUES (1), (1);
DELETE FROM s.split;
INSERT INTO s.alike VALUES (1);
SELECT nextval('s.parent_id_seq');
"""


@pytest.mark.needs("superuser-settings")  # for the circle of foreign keys and the trigger that refuses
@pytest.mark.parametrize("restore", ["reset_sql", "renew_sql"])
def test_a_reset_restores_rows_and_sequences_whatever_the_tables_are_like(
    server: Server, tmp_path: Path, restore: str
) -> None:
    query = (
        "SELECT last_value, is_called FROM s.child_id_seq UNION ALL SELECT last_value, is_called FROM s.parent_id_seq"
    )
    template = Template(server, load_directory(directory(tmp_path, STATEFUL)))
    with template.copy() as database, connect(database.conninfo) as conn:
        before, sequences = database.dump(conn), conn.execute(query).fetchall()
        conn.execute(WRECKED.encode())
        assert len(differences(before, database.dump(conn))) == 4 + 5 + 1 + 1
        conn.execute(getattr(database, restore).encode())
        assert database.dump(conn) == before
        assert conn.execute(query).fetchall() == sequences
    template.drop()


@pytest.mark.needs("createrole")
def test_a_role_that_cannot_silence_triggers_resets_in_the_order_of_the_foreign_keys(
    server: Server, tmp_path: Path
) -> None:
    sql = (
        GOOD
        + """CREATE TABLE s.z (a integer REFERENCES s.t ON DELETE RESTRICT);
        INSERT INTO s.t VALUES (1); INSERT INTO s.z VALUES (1);"""
    )
    name, role = fresh_name("as_owner"), fresh_name("plain")
    create_database(server, name)
    with connect(server.conninfo(name)) as conn:
        conn.execute(f"CREATE ROLE {role}; GRANT {role} TO CURRENT_USER".encode())
        conn.execute(f"GRANT CREATE ON DATABASE {name} TO {role}; SET ROLE {role}".encode())
        target = load_directory(directory(tmp_path, sql))
        install_and_reset(target, conn)
        conn.execute(f"RESET ROLE; DROP OWNED BY {role}; DROP ROLE {role}".encode())
    drop_database(server, name)


def install_and_reset(target: Target, conn: psycopg.Connection) -> None:
    install(target, conn)
    state = keep_baseline(conn, target.schemas)
    before = dump(conn, state)
    conn.execute("INSERT INTO s.t VALUES (2); DELETE FROM s.z; INSERT INTO s.z VALUES (2)")
    conn.execute(state.reset_sql.encode())
    assert "session_replication_role" not in state.reset_sql
    assert dump(conn, state) == before


def test_a_block_that_ends_in_an_open_or_failed_transaction_does_not_reach_the_next(
    server: Server, tmp_path: Path
) -> None:
    template = Template(server, load_directory(directory(tmp_path)))
    with template.copy() as database:
        for left_behind in ("BEGIN; INSERT INTO s.t VALUES (1)", "BEGIN; SELECT 1/0"):
            with database.starting() as conn, contextlib.suppress(psycopg.Error):
                conn.execute(left_behind.encode())
            assert conn.info.transaction_status == TransactionStatus.IDLE
        with database.starting("INSERT INTO s.t VALUES (7);") as conn:
            assert database.dump(conn) == {"s.t": [{"a": "7"}]}
    template.drop()


def interrupted_query(database: TargetDatabase) -> None:
    with database.starting() as conn:
        conn.pgconn.send_query(b"SELECT 1")
        raise KeyboardInterrupt


def test_an_interrupt_in_the_middle_of_a_statement_stays_an_interrupt(server: Server, tmp_path: Path) -> None:
    template = Template(server, load_directory(directory(tmp_path)))
    with template.copy() as database:
        with pytest.raises(KeyboardInterrupt):
            interrupted_query(database)
        with database.starting() as conn:
            assert database.dump(conn) == {"s.t": []}
    template.drop()


MUTANT = Mutant("m", "a story", "I2", "sequential", "a.sql", "a integer", "a bigint", "s.f", "test_a", "why")


def test_a_mutant_is_its_target_with_one_edit(tmp_path: Path) -> None:
    target = load_directory(directory(tmp_path))
    mutant = mutate(target, MUTANT)
    assert mutant.name == "mutant:m"
    assert mutant.sql[0].text == GOOD.replace("a integer", "a bigint")
    assert target.sql[0].text == GOOD


@pytest.mark.parametrize(
    ("sql", "file", "told"),
    [("", "a.sql", "occurs 0 times"), (GOOD * 2, "a.sql", "occurs 2 times"), (GOOD, "b.sql", "b.sql is no SQL file")],
)
def test_a_mutant_that_does_not_match_exactly_once_is_refused(tmp_path: Path, sql: str, file: str, told: str) -> None:
    mutant = Mutant("m", "a story", "I2", "sequential", file, "a integer", "a bigint")
    with pytest.raises(SetupError, match=told):
        mutate(load_directory(directory(tmp_path, sql)), mutant)


def test_every_listed_mutant_names_a_clause_and_a_suite() -> None:
    suites = {path.name for path in CHECKOUT.joinpath("suites").iterdir() if path.is_dir()}
    for mutant in load_mutants().values():
        assert mutant.clause in clauses()
        assert mutant.suite.partition("/")[0] in suites


def test_every_listed_mutant_differs_from_the_reference() -> None:
    """Whether they install is what the kill matrix tells (`broken`): there are too many to try it here."""
    reference = load_target("reference")
    for mutant in load_mutants().values():
        assert mutate(reference, mutant).sql != reference.sql


WRONG_ENTRIES = {
    "unknown key": ('extra = "x"', "unknown key `extra`"),
    "empty find": ('find = ""', "`find` is ''"),
    "wrong type": ("story = 1", "`story` is 1"),
}


@pytest.mark.parametrize(("line", "told"), WRONG_ENTRIES.values(), ids=WRONG_ENTRIES)
def test_a_wrong_entry_of_the_mutants_is_refused(tmp_path: Path, line: str, told: str) -> None:
    fields = {key: f'{key} = "{value}"' for key, value in vars(MUTANT).items()} | {line.split(" ", maxsplit=1)[0]: line}
    registry = tmp_path / "mutants.toml"
    registry.write_text("[[mutant]]\n" + "\n".join(fields.values()))
    with pytest.raises(SetupError, match=re.escape(told)):
        load_mutants(registry)
