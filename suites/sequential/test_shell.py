"""What reaches a shell is quoted for it (S1): Python's shlex and a real bash are asked."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import psycopg
import pytest
from hypothesis import example, given

from fixtures.targets.database import TargetDatabase
from strategies.values import texts
from suites.sequential.calling import answer, call, refused, rows, unchanged
from suites.sequential.catalogue import a_backup

HOSTILE = [
    "plain", "a b", "a'b", 'a"b', "''", "a\\b", "$(touch pwned)", "`touch pwned`", "$HOME", "a;b|c&d>e<f", "*?[x]{y}!#",
    "~root", "x=y,z:1@2%3+4._-", "%s%n", "é", "🛑", "مرحبا", "a\u2028b",
]  # fmt: skip

PROGRAMS = (
    "pg_dump pg_ctl pg_restore psql initdb createdb dropdb pg_combinebackup pgbackrest barman tar cp mv mkdir chmod rm"
    " test ls gzip mktemp"
)
STUBS = "\n".join(f"{name}() {{ builtin printf '%s\\0' {name} \"$@\"; builtin echo; }}" for name in PROGRAMS.split())
"""For bash: programs that only show how they were called, and do nothing."""


def shown_by_bash(command: str, directory: Path) -> list[list[str]]:
    """The argument lists with which `command` calls programs, as a real bash makes them."""
    subprocess.run(["bash", "-n", "-c", command], check=True)
    done = subprocess.run(
        ["bash", "-c", f"{STUBS}\n{command}"],
        cwd=directory, env={"HOME": "/wrong", "PGDATA": "/nowhere"}, capture_output=True, check=True,
    )  # fmt: skip
    assert list(directory.iterdir()) == []
    return [line.split("\0")[:-1] for line in done.stdout.decode().split("\n") if "\0" in line]


def commands(conn: psycopg.Connection) -> list[str]:
    """The commands of all jobs."""
    return [row.command for row in rows(conn, "SELECT command FROM pggit.backup_jobs")]


@pytest.mark.clause("S1")
@pytest.mark.parametrize("text", HOSTILE)
def test_a_scheduled_command_has_each_value_as_one_word(database: TargetDatabase, tmp_path: Path, text: str) -> None:
    with database.starting() as conn:
        answer(conn, "backup_pgbackrest", "full", "main", text)
        answer(conn, "backup_barman", text)
        answer(conn, "backup_pg_dump", "main", text, "custom", f"/{text}")
        for command in commands(conn):
            (argv,) = shown_by_bash(command, tmp_path)
            assert argv == shlex.split(command)
            tool = argv[0]
            if tool == "pg_dump":
                assert any(word.startswith(f"--file=/{text}/pg_dump-") for word in argv)
            words = {"pgbackrest": f"--stanza={text}", "barman": text, "pg_dump": f"--schema={text}"}
            assert words[tool] in argv


@pytest.mark.clause("S1")
@given(text=texts())
@example(text="x=y,z:1@2%3+4._-/Z")
def test_a_word_is_quoted_exactly_as_python_does_it(database: TargetDatabase, text: str) -> None:
    if text.isprintable() and text.strip() and not text.startswith("-"):
        with database.starting() as conn:
            answer(conn, "backup_barman", text)
            assert commands(conn) == [f"barman backup {shlex.quote(text)}"]


@pytest.mark.clause("S1")
@pytest.mark.parametrize("text", ["-rf", "--stanza=other", "a\nb", "a\tb", "\x1b[2J", "a\x7f"])
def test_control_characters_and_a_leading_dash_are_refused(database: TargetDatabase, text: str) -> None:
    calls = {
        "p_stanza": ("backup_pgbackrest", {}),
        "p_server_name": ("backup_barman", {}),
        "p_schema": ("backup_pg_dump", {}),
        "p_output_path": ("backup_pg_dump", {}),
        "p_clone_target": ("generate_recovery_plan", {"p_target_commit": "commit-3", "p_recovery_mode": "clone"}),
    }
    with database.starting(a_backup(1)) as conn:
        for parameter, (name, others) in calls.items():
            with unchanged(database, conn), refused("22023", parameter):
                call(conn, name, **others, **{parameter: text})


@pytest.mark.clause("S1")
@pytest.mark.parametrize("mode", ["disaster", "clone"])
@pytest.mark.parametrize("text", HOSTILE)
def test_a_plan_has_each_value_as_one_word(database: TargetDatabase, tmp_path: Path, text: str, mode: str) -> None:
    recorded: dict[str, tuple[str, dict[str, str], str]] = {
        "pg_dump": (f"file:///b/{text}", {"database": text}, f"/b/{text}"),
        "pg_basebackup": (f"/b/{text}", {}, f"/b/{text}"),
        "pgbackrest": ("pgbackrest://main/x", {"stanza": text}, f"--stanza={text}"),
        "barman": (f"barman://{text}/20260101T000000", {"server": text}, text),
        "custom": (f"s3://{text}", {}, ""),
    }
    for tool, (location, metadata, word) in recorded.items():
        with database.starting(a_backup(1, backup_tool=tool, location=location, metadata=metadata)) as conn:
            plan = call(conn, "generate_recovery_plan", "commit-3", mode, p_clone_target=f"/clones/{text}")
        for step in plan:
            subprocess.run(["bash", "-n", "-c", step.command], check=True)
        command = {step.step_type: step.command for step in plan}
        if tool != "custom":
            argvs = shown_by_bash(command["restore"], tmp_path)
            home = f"/clones/{text}" if mode == "clone" else "/nowhere"
            assert ["mkdir", "-p", home] in argvs
            assert any(word in part for argv in argvs for part in argv), argvs


@pytest.mark.clause("S1")
@pytest.mark.parametrize("location", ["-rf", "file://-rf", "file:///a\nreboot", " "])
def test_a_location_that_a_client_stored_and_no_shell_should_see_is_refused(
    database: TargetDatabase, location: str
) -> None:
    with database.starting(a_backup(1, location=location)) as conn, refused("22023"):
        call(conn, "generate_recovery_plan", "commit-3")


@pytest.mark.clause("S1", "R2")
@pytest.mark.parametrize(("tool", "key"), [("pgbackrest", "stanza"), ("barman", "server")])
@pytest.mark.parametrize("name", ["-rf", "a\nreboot", " "])
def test_a_stanza_or_server_that_a_client_stored_and_no_shell_should_see_is_refused(
    database: TargetDatabase, tool: str, key: str, name: str
) -> None:
    stored = a_backup(1, backup_tool=tool, location=f"{tool}://main/x", metadata={key: name})
    with database.starting(stored) as conn, refused("22023"):
        call(conn, "generate_recovery_plan", "commit-3")
