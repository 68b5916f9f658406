"""Scheduling with the tools: names, places and commands (names.md), options (V7), what pgBackRest tells (J8)."""

from __future__ import annotations

import re
from typing import Any

import psycopg
import pytest

from fixtures.targets.database import TargetDatabase
from fixtures.targets.kinds import Json
from suites.sequential.calling import answer, backup, refused, rows, unchanged
from suites.sequential.catalogue import a_backup, backup_id

SCHEDULED = """
    SELECT b.*, j.command, j.tool, j.status AS job_status, j.max_attempts
    FROM pggit.backups b JOIN pggit.backup_jobs j USING (backup_id) WHERE b.status = 'in_progress'"""


def scheduled(conn: psycopg.Connection, name: str, *arguments: object, **named: object) -> Any:
    """The backup that the call makes, with the command of its job."""
    id = answer(conn, name, *arguments, **named)
    (row,) = rows(conn, f"{SCHEDULED} AND backup_id = '{id}'")
    return row


@pytest.mark.clause("B1", "J1")
def test_a_scheduled_backup_is_in_progress_at_the_branch_s_head_with_a_queued_job(database: TargetDatabase) -> None:
    with database.starting() as conn:
        for name, arguments in {"backup_pgbackrest": (), "backup_barman": ("s",), "backup_pg_dump": ()}.items():
            row = scheduled(conn, name, *arguments)
            assert (row.commit_hash, row.job_status, row.max_attempts) == ("commit-3", "queued", 3)
            assert row.tool == row.backup_tool == name.removeprefix("backup_")


@pytest.mark.clause("V6")
@pytest.mark.parametrize(("type", "registered"), [("full", "full"), ("incr", "incremental"), ("diff", "differential")])
def test_pgbackrest_gets_its_type_and_stanza(database: TargetDatabase, type: str, registered: str) -> None:
    with database.starting() as conn:
        row = scheduled(conn, "backup_pgbackrest", type, "main", "prod", {"repo": "2"})
        assert row.command == f"pgbackrest --stanza=prod --type={type} backup --repo=2"
        assert (row.backup_type, row.metadata["stanza"]) == (registered, "prod")
        assert re.fullmatch(f"pgbackrest-{type}-[0-9-]+", row.backup_name)
        assert row.location == f"pgbackrest://prod/{row.backup_name}"


@pytest.mark.clause("V7")
def test_barman_waits_when_asked_to(database: TargetDatabase) -> None:
    with database.starting() as conn:
        row = scheduled(conn, "backup_barman", "db1", p_options={"wait": True})
        assert (row.command, row.backup_type) == ("barman backup db1 --wait", "full")
        assert scheduled(conn, "backup_barman", "db1", p_options={"wait": False}).command == "barman backup db1"
        assert re.fullmatch("barman-db1-[0-9-]+", row.backup_name)
        assert row.location.startswith("barman://db1/")
        assert row.metadata["server"] == "db1"


@pytest.mark.clause("V6", "V7")
@pytest.mark.parametrize("format", ["custom", "tar", "plain"])
def test_a_dump_goes_into_a_file_of_its_own_in_the_path_and_format(database: TargetDatabase, format: str) -> None:
    with database.starting() as conn:
        row = scheduled(conn, "backup_pg_dump", "main", None, format, "/dumps/")
        assert re.fullmatch("pg_dump-all-[0-9-]+", row.backup_name)
        assert row.location == f"file:///dumps/{row.backup_name}.dump"
        expected = f"pg_dump --format={format[0]} --file=/dumps/{row.backup_name}.dump"
        assert row.command.startswith(expected), row.command
        assert "--schema" not in row.command
        assert "--compress" not in row.command


@pytest.mark.clause("V7")
def test_a_dump_gets_its_schema_and_its_compression_as_number_or_digits(database: TargetDatabase) -> None:
    with database.starting() as conn:
        for level in (0, "9"):
            row = scheduled(conn, "backup_pg_dump", "main", "sales", p_options={"compression_level": level})
            assert f" --schema=sales --compress={level}" in row.command
            assert row.backup_name.startswith("pg_dump-sales-")


@pytest.mark.clause("J9", "S1")
@pytest.mark.parametrize("schema", ["../../etc/" + "ü" * 240, "../../etc/" + "🛑" * 240, "🛑" * 250])
def test_a_schema_never_leads_a_dump_out_of_its_directory(database: TargetDatabase, schema: str) -> None:
    with database.starting() as conn:
        row = scheduled(conn, "backup_pg_dump", "main", schema, p_output_path="/dumps")
        (name,) = re.findall("/dumps/(.*)[.]dump", row.location)
        assert "/" not in name
        assert len(f"{name}.dump".encode()) <= 255  # what a file may be called


@pytest.mark.clause("V5", "T3")
@pytest.mark.parametrize("branch", ["empty", "nowhere"])
@pytest.mark.parametrize("call", [("backup_pgbackrest", "full"), ("backup_barman", "s"), ("backup_pg_dump",)])
def test_without_a_commit_nothing_is_scheduled(database: TargetDatabase, call: tuple[str, ...], branch: str) -> None:
    with database.starting() as conn, unchanged(database, conn), refused("02000", "not found or has no commits"):
        answer(conn, *call, p_branch_name=branch)


@pytest.mark.clause("B2")
def test_an_increment_is_linked_to_the_latest_full_of_its_stanza(database: TargetDatabase) -> None:
    def full(number: int, stanza: str, age: str) -> str:
        return a_backup(number, backup_tool="pgbackrest", metadata={"stanza": stanza}, age=age)

    with database.starting(full(1, "prod", "2 days") + full(2, "test", "1 day")) as conn:
        row = scheduled(conn, "backup_pgbackrest", "incr", "main", "prod")
        links = rows(conn, "SELECT backup_id, depends_on_backup_id FROM pggit.backup_dependencies")
        assert links == [(row.backup_id, backup_id(1))]


@pytest.mark.clause("J7")
def test_in_maintenance_a_scheduled_job_waits(database: TargetDatabase) -> None:
    with database.starting() as conn:
        answer(conn, "set_maintenance_mode", True)
        assert scheduled(conn, "backup_pg_dump").job_status == "paused"


INFO = {
    "label": "20260101-000000F", "reference": ["20251231-000000F"], "checksum": "abc",
    "database": {"size": 9_000_000_000}, "repo": {"size": 0}, "more": [1],
}  # fmt: skip


@pytest.mark.clause("J8")
def test_what_pgbackrest_tells_is_kept_beside_what_was_there(database: TargetDatabase) -> None:
    with database.starting(a_backup(1, metadata={"stanza": "prod"})) as conn:
        for told in (INFO, None, {}, {"database": {"size": None}}):
            assert answer(conn, "update_pgbackrest_metadata", backup_id(1), told) is True
            row = backup(conn, 1)
            assert (row.backup_size, row.compressed_size) == (9_000_000_000, 0)
            assert row.metadata["stanza"] == "prod"
            assert {key: row.metadata[key] for key in ("reference", "checksum")} == {
                "reference": ["20251231-000000F"], "checksum": "abc",
            }  # fmt: skip


@pytest.mark.clause("V7", "E3")
@pytest.mark.parametrize(
    ("size", "sqlstate"),
    [("-1", "22003"), ("1e400", "22003"), (str(2**63), "22003"), ("1.5", "22023"), ('"1"', "22023"), ("{}", "22023")],
)
@pytest.mark.parametrize("key", ["database", "repo"])
def test_a_size_that_cannot_be_kept_is_refused(database: TargetDatabase, key: str, size: str, sqlstate: str) -> None:
    info = Json(f'{{"{key}": {{"size": {size}}}}}')
    with database.starting(a_backup(1)) as conn, unchanged(database, conn), refused(sqlstate, f"{key}.size"):
        answer(conn, "update_pgbackrest_metadata", backup_id(1), info)


@pytest.mark.clause("E3")
@pytest.mark.parametrize("metadata", ["null", "[1]", '"x"', "7"])
def test_metadata_that_is_no_object_is_coped_with(database: TargetDatabase, metadata: str) -> None:
    with database.starting(a_backup(1)) as conn:
        conn.execute("UPDATE pggit.backups SET metadata = %s::jsonb", (metadata,))
        assert answer(conn, "update_pgbackrest_metadata", backup_id(1), INFO) is True
        assert backup(conn, 1).metadata["checksum"] == "abc"
