from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from fixtures.targets.database import TargetDatabase, Template
from fixtures.targets.functions import CALLABLE, FUNCTIONS, Function
from fixtures.targets.interface import Relation, interface
from fixtures.targets.signatures import lacking
from fixtures.targets.target import Target
from suites.oracles.interface import complaints_about_function, complaints_about_table, complaints_about_view

COMMENTS = """
    SELECT format('%I.%I', pronamespace::regnamespace, proname), obj_description(oid, 'pg_proc')
    FROM pg_proc WHERE pronamespace IN (SELECT oid FROM pg_namespace WHERE nspname IN ('pggit', 'pggit_errors'))"""
BODY = "SELECT lower(prosrc) FROM pg_proc WHERE pronamespace = 'pggit'::regnamespace AND proname = %s"
CORE = {
    "pggit.branches": ("id", "name", "head_commit_hash", "created_by"),
    "pggit.commits": ("hash", "branch_id", "message", "author", "parent_commit_hash", "committed_at"),
    "pggit.temporal_snapshots": (
        "snapshot_id", "snapshot_name", "snapshot_timestamp", "branch_id", "description", "created_at",
    ),
}  # fmt: skip


def named(relations: Iterable[Relation]) -> list[Any]:
    return [pytest.param(relation, id=relation.name) for relation in relations]


def test_every_function_is_there_or_known_to_be_missing(template: Template, target: Target) -> None:
    unknown = [name for name in lacking(template.installed.offers) if name in FUNCTIONS and name not in target.missing]
    assert unknown == [], f"not in the target, nor in `missing` of its target.toml: {', '.join(unknown)}"


@pytest.mark.parametrize(
    "function", [pytest.param(f, id=f.qualified, marks=pytest.mark.needs(f.qualified)) for f in FUNCTIONS.values()]
)
def test_a_function_is_there_once_with_its_parameters_defaults_and_columns(
    database: TargetDatabase, function: Function
) -> None:
    with database.starting() as conn:
        assert complaints_about_function(conn, function) == []


@pytest.mark.parametrize(
    ("function", "names"),
    [
        pytest.param(
            function,
            added,
            id=function.qualified,
            marks=pytest.mark.needs(*(f"{function.qualified}.{name}" for name in added)),
        )
        for function in CALLABLE
        if (added := [parameter.name for parameter in function.parameters if parameter.added])
    ],
)
def test_what_the_contract_adds_are_optional_last_parameters(
    database: TargetDatabase, function: Function, names: list[str]
) -> None:
    with database.starting() as conn:
        row = conn.execute(
            "SELECT proargnames[1:pronargs] FROM pg_proc WHERE pronamespace = %s::regnamespace AND proname = %s",
            (function.schema, function.name),
        ).fetchone()
    assert row is not None
    assert row[0][-len(names) :] == names


@pytest.mark.parametrize("table", named(interface().tables))
def test_a_table_has_its_columns_defaults_and_constraints(database: TargetDatabase, table: Relation) -> None:
    with database.starting() as conn:
        assert complaints_about_table(conn, table) == []


@pytest.mark.parametrize("view", named(interface().views))
def test_a_view_has_its_columns_and_no_others(database: TargetDatabase, view: Relation) -> None:
    with database.starting() as conn:
        assert complaints_about_view(conn, view) == []


@pytest.mark.parametrize(("table", "columns"), CORE.items(), ids=CORE)
def test_the_core_tables_have_what_the_subsystem_refers_to(
    database: TargetDatabase, table: str, columns: tuple[str, ...]
) -> None:
    with database.starting() as conn:
        found = conn.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attnum > 0", (table,)
        ).fetchall()
    assert set(columns) <= {name for (name,) in found}


@pytest.mark.parametrize(
    ("table", "columns", "values"),
    [
        ("backups", "backup_name, backup_type, backup_tool, location, status, commit_hash",
         "'x', 'full', 'custom', 'x', 'completed', 'commit-1'"),
        ("backups", "backup_name, backup_type, backup_tool, location, status", "'x', 'full', 'custom', 'x', 'failed'"),
        ("backup_jobs", "job_type, command, tool, status, attempts, max_attempts",
         "'verify', 'x', 'custom', 'failed', 1, 3"),
    ],
    ids=["completed_without_time", "ended_without_commit", "failed_without_retry"],
)  # fmt: skip
def test_a_row_against_the_rules_between_columns_is_refused(
    database: TargetDatabase, table: str, columns: str, values: str
) -> None:
    with database.starting() as conn, pytest.raises(Exception, match="violates check constraint"):
        conn.execute(f"INSERT INTO pggit.{table} ({columns}) VALUES ({values})".encode())


def test_every_function_says_what_it_promises(database: TargetDatabase) -> None:
    with database.starting() as conn:
        comments = dict(conn.execute(COMMENTS).fetchall())
    assert [name for name in FUNCTIONS if name in comments and not (comments[name] or "").strip()] == []


@pytest.mark.parametrize(
    ("function", "words"),
    [
        ("reset_job", "for update"),
        ("cleanup_expired_backups", "transaction"),
        ("cleanup_old_jobs", "transaction"),
        ("cancel_stuck_jobs", "transaction"),
    ],
)
def test_clients_that_read_bodies_find_their_words(database: TargetDatabase, function: str, words: str) -> None:
    with database.starting() as conn:
        row = conn.execute(BODY, (function,)).fetchone()
    assert row is not None
    assert words in row[0]
