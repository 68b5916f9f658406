"""SQL files are read as psql reads them: its commands are followed, or told by file and line."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from fixtures.errors import SetupError
from fixtures.postgres.capabilities import find_program
from fixtures.postgres.databases import connect, create_database, drop_database, fresh_name
from fixtures.postgres.server import Server
from fixtures.targets.directory import load_directory
from fixtures.targets.install import Installed, install
from fixtures.targets.scripts import SqlFile, Statement, read_sql, statements

TOML = 'name = "small"\nsql = ["install.sql"]\nschemas = ["s"]\n'


def read(text: str, home: Path = Path("/nowhere")) -> list[Statement]:
    """The statements of one file."""
    return list(statements([SqlFile(home / "install.sql", text)], home, read_sql))


def sent(text: str) -> list[str]:
    return [statement.text for statement in read(text)]


def problems(text: str, home: Path = Path("/nowhere")) -> list[str]:
    return [f"{each.path.name}:{each.line}: {each.problem}" for each in read(text, home) if each.problem]


def checkout(home: Path, toml: str = TOML, **files: str) -> Path:
    """A directory of SQL; in the names of the files `__` stands for a slash."""
    for name, text in {
        "target.toml": toml,
        **{f"{name.replace('__', '/')}.sql": text for name, text in files.items()},
    }.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text)
    return home


def installed(
    server: Server, home: Path, query: str = "SELECT 1", config: Path | None = None
) -> tuple[Installed, object]:
    """What came of installing the directory, and what a query answers then."""
    name = fresh_name()
    create_database(server, name)
    try:
        with connect(server.conninfo(name)) as conn:
            came = install(load_directory(home, config), conn)
            return came, conn.execute(query.encode()).fetchall()
    finally:
        drop_database(server, name)


ONE = {
    "quotes": "SELECT ';''', E';\\';', \";\"\"\", U&'\\0041;'",
    "dollars": "DO $$ BEGIN; 'x $a$ END $$",
    "named dollars": "DO $a_1$ ; $$ ; $a_1$",
    "no dollars": "SELECT a$b$c, $1",
    "comments": "SELECT /* ; /* ' */ ; */ 1 -- ; '\n+ 1",
    "parentheses": "CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2)",
    "a body without quotes": "CREATE FUNCTION f() RETURNS x BEGIN ATOMIC SELECT CASE WHEN x THEN 1 END; SELECT 2; END",
    "a variable that is not set": "SELECT a[1:n], 'x'::text, :'n', :\"n\", 12:00",
    "a backslash in a text": "SELECT '\\i x', \"\\i x\", $$\\i x$$ /* \\i x */ -- \\i x\n",
}


@pytest.mark.parametrize("sql", ONE.values(), ids=ONE)
def test_a_statement_ends_where_psql_ends_it(sql: str) -> None:
    assert sent(f"  -- before\n{sql};\nSELECT 2") == [sql, "SELECT 2"]


def test_a_statement_is_placed_by_the_line_where_it_begins() -> None:
    assert [each.line for each in read("\n-- é; \\i x\nSELECT\n 1; SELECT 2;\n/* \n */ SELECT 3")] == [3, 4, 6]


SET = {
    "as it is": ("\\set n s.t\nSELECT :n", "SELECT s.t"),
    "as a text": ("\\set n 'it''s'\nSELECT :'n'", "SELECT 'it''s'"),
    "as a name": ('\\set n \'a"b c\'\nSELECT :"n"', 'SELECT "a""b c"'),
    "whether it is set": ("\\set n\nSELECT :{?n}, :{?m}", "SELECT TRUE, FALSE"),
    "of several words": ("\\set n a 'b c' d\nSELECT ':n', :n", "SELECT ':n', ab cd"),
    "from another": ("\\set a x\n\\set n :a.y\nSELECT :n", "SELECT x.y"),
    "taken back": ("\\set n x\n\\unset n\nSELECT :n", "SELECT :n"),
    "with a semicolon behind": ("\\set n 1;\nSELECT :n", "SELECT 1"),
}


@pytest.mark.parametrize(("text", "sql"), SET.values(), ids=SET)
def test_a_variable_is_filled_in(text: str, sql: str) -> None:
    assert sent(text) == [sql]


def test_what_only_prints_is_passed_over_and_q_ends_a_file() -> None:
    quiet = (
        "\\echo it's; 'done'\n\\set ON_ERROR_STOP on\n\\timing\n\\pset pager off\n\\dt+ s.*\n\\restrict x\n\\warn \\i\n"
    )
    assert sent(f"{quiet}SELECT 1;\n\\q\nSELECT 2;\n\\c x") == ["SELECT 1"]


@pytest.mark.parametrize(
    "command", ["\\c other", "\\connect x y", "\\gexec", "\\copy t from x", "\\if true", "\\! ls", "\\."]
)
def test_a_command_that_is_not_understood_is_told_by_file_and_line(command: str) -> None:
    (told,) = problems(f"SELECT 1;\n\n{command}\nSELECT 2;")
    assert told.startswith(f"install.sql:3: psql's {command.split(maxsplit=1)[0]} is not understood here: ")
    assert "\n" not in told


def test_a_command_within_a_statement_is_told() -> None:
    assert problems("SELECT 1\n\\echo x\n;") == ["install.sql:2: \\echo stands within a statement; end that with a ;"]
    assert problems("SELECT 1 \\gset\n") == [
        "install.sql:1: psql's \\gset is not understood here: write it as plain SQL"
    ]


def test_files_are_included_from_the_directory_or_beside_the_file_that_asks(tmp_path: Path) -> None:
    checkout(
        tmp_path, a="SELECT 'a';", sql__b="SELECT 'b';\n\\i c.sql\n\\ir c.sql", sql__c="SELECT :'v'", v="\\set v c"
    )
    text = "\\i v.sql\n\\i 'a.sql'\n\\i sql/b.sql\n\\set where sql\n\\include :where/c.sql\n"
    assert [each.text for each in read(text, tmp_path)] == ["SELECT 'a'", "SELECT 'b'", *["SELECT 'c'"] * 3]


def test_a_file_that_is_not_there_or_includes_itself_is_told(tmp_path: Path) -> None:
    (told,) = problems("\n\\ir nope.sql", tmp_path)
    assert told == f"install.sql:2: \\ir nope.sql: no such file in {tmp_path}; mend the name"
    checkout(tmp_path, a="\\i a.sql")
    (told,) = problems("\\i a.sql", tmp_path)
    assert told.startswith("a.sql:1: \\i a.sql: 50 files include one another")


INSTALL = """\\set ON_ERROR_STOP on
\\echo installing; it's long
\\set schema s
CREATE SCHEMA :schema;
BEGIN;
\\ir sql/parts.sql
COMMIT;
"""
PARTS = "CREATE TABLE :schema.t AS SELECT :'schema'::text AS a;\n\\i one.sql\n"
ONE_FUNCTION = "CREATE FUNCTION s.f() RETURNS text BEGIN ATOMIC SELECT a FROM s.t; END"


def test_an_install_script_does_what_psql_makes_of_it(server: Server, tmp_path: Path) -> None:
    checkout(tmp_path, install=INSTALL, sql__parts=PARTS, one=ONE_FUNCTION)
    assert installed(server, tmp_path, "SELECT s.f()")[1] == [("s",)]


@pytest.mark.needs("psql")
def test_psql_itself_agrees(server: Server, tmp_path: Path) -> None:
    texts = [f"{sql};" for name, sql in ONE.items() if "SELECT" in sql[:6] and "is not" not in name and "$1" not in sql]
    texts += [text + ";" for text, _ in (SET["as a text"], SET["whether it is set"])]
    file = tmp_path / "install.sql"
    file.write_text("\n".join(texts))
    psql = find_program(server, "psql")
    command = [str(psql), "-X", "-q", "-e", "-d", server.conninfo("postgres"), "-f", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    ours = [statement.text for statement in read(file.read_text())]
    assert len(ours) == len(texts)
    assert all(f"{text};" in done.stdout for text in ours), done.stdout


def test_errors_are_listed_by_file_and_line(server: Server, tmp_path: Path) -> None:
    checkout(
        tmp_path, install="CREATE SCHEMA s;\n\\ir sql/a.sql\nSELECT\n nope;", sql__a="\n\nCREAT x;\nSELECT 1;\n\\c y"
    )
    with pytest.raises(SetupError) as refused:
        installed(server, tmp_path)
    told = str(refused.value)
    assert "target small does not install, 3 errors" in told
    for line in (
        "  sql/a.sql:3: ERROR: syntax error",
        "  sql/a.sql:5: psql's \\c is not",
        "  install.sql:4: ERROR: column",
    ):
        assert line in told
    assert "`tolerate_errors = true` in" in told


def test_an_aborted_transaction_is_one_error_and_not_one_for_each_statement(server: Server, tmp_path: Path) -> None:
    checkout(tmp_path, install="CREATE SCHEMA s;\nBEGIN;\nSELECT 1/0;\nSELECT 2;\nSELECT 3;\nCOMMIT;")
    with pytest.raises(SetupError, match=r"does not install: install.sql:3: ERROR: division by zero"):
        installed(server, tmp_path)


def test_tolerated_errors_let_the_rest_go_on_in_a_transaction_too(server: Server, tmp_path: Path) -> None:
    sql = "CREATE SCHEMA s;\n\\c x\nSELECT 1/0;\nBEGIN;\nSELECT n;\nCREATE TABLE s.t ();\nCOMMIT;\nCREATE TABLE s.t ();"
    checkout(tmp_path, TOML + "tolerate_errors = true\n", install=sql)
    came, tables = installed(server, tmp_path, "SELECT count(*) FROM pg_tables WHERE schemaname = 's'")
    assert tables == [(1,)]
    assert [error.partition(" ")[0] for error in came.errors] == [f"install.sql:{line}:" for line in (2, 3, 5, 8)]


def test_errors_of_the_setup_are_never_tolerated(server: Server, tmp_path: Path) -> None:
    toml = TOML + 'tolerate_errors = true\nsetup = "setup.sql"\n'
    checkout(tmp_path, toml, install="CREATE SCHEMA s", setup="SELECT 1;\nSELECT nope")
    with pytest.raises(SetupError, match=r"setup\.sql:2: ERROR: column"):
        installed(server, tmp_path)


def test_the_version_is_what_its_query_answers(server: Server, tmp_path: Path) -> None:
    version = 'version = "SELECT a, b FROM s.version"\n'
    sql = "CREATE SCHEMA s; CREATE TABLE s.version AS SELECT '0.2' AS a, 'of  today' AS b;"
    checkout(tmp_path, TOML + version, install=sql)
    assert installed(server, tmp_path)[0].version == "0.2 of today"
    checkout(tmp_path, TOML + version, install=sql + "TRUNCATE s.version")
    with pytest.raises(SetupError, match=r"target\.toml: `version` answers 0 rows"):
        installed(server, tmp_path)
    checkout(tmp_path, TOML + version, install="CREATE SCHEMA s")
    with pytest.raises(
        SetupError, match=r'target\.toml: `version` does not work: relation "s\.version" does not exist'
    ):
        installed(server, tmp_path)


def test_a_target_toml_may_lie_elsewhere_with_its_setup(server: Server, tmp_path: Path) -> None:
    elsewhere = tmp_path / "mine" / "pggit.toml"
    elsewhere.parent.mkdir()
    elsewhere.write_text('name = "x"\nsql = ["sql/*.sql"]\nschemas = ["s"]\nsetup = "setup.sql"\n')
    (elsewhere.parent / "setup.sql").write_text("CREATE TABLE s.t AS SELECT 7 AS a")
    checkout(tmp_path / "checkout", sql__a="CREATE SCHEMA s")
    assert installed(server, tmp_path / "checkout", "SELECT a FROM s.t", elsewhere)[1] == [(7,)]


def test_a_function_that_is_there_cannot_be_called_missing(server: Server, tmp_path: Path) -> None:
    sql = (
        "CREATE SCHEMA s; CREATE SCHEMA pggit; CREATE FUNCTION pggit.reset_job() RETURNS int LANGUAGE sql AS 'SELECT 1'"
    )
    checkout(tmp_path, TOML + 'missing = ["pggit.reset_job"]\n', install=sql)
    with pytest.raises(SetupError, match=r"`missing` has 'pggit.reset_job', which the target has; take it out"):
        installed(server, tmp_path)
