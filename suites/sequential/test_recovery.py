"""Which backup restores a commit (R1), the plan (R2), and asking for it (R3)."""

from __future__ import annotations

import subprocess
from typing import Any

import psycopg
import pytest

from fixtures.targets.database import TargetDatabase
from suites.sequential.asking import session
from suites.sequential.calling import call, refused, unchanged
from suites.sequential.catalogue import a_backup, a_link, ago, backup_id

DISASTER = ["prepare", "backup_current", "restore", "start", "verify", "info"]
CLONE = ["prepare", "restore", "configure", "start_clone", "verify", "info"]
IDS = [backup_id(number) for number in range(10)]


def ended(time: str, number: int, commit: str = "commit-3") -> str:
    """Backup `number`, which ended at that time of 2026 in UTC."""
    return a_backup(number, completed_at=f"2026-{time}+00", commit_hash=commit)


def a_base(number: int, type: str, place: str, **columns: object) -> str:
    """Backup `number`, made by pg_basebackup in the directory /b/`place`."""
    return a_backup(number, type, backup_tool="pg_basebackup", location=f"/b/{place}", **columns)  # type: ignore[arg-type]


def found(conn: psycopg.Connection, commit: str) -> list[tuple[int, int, bool]]:
    """The number, distance and exactness of each backup that is found."""
    answer = call(conn, "find_backup_for_commit", commit)
    return [(IDS.index(row.backup_id), row.time_distance_seconds, row.exact_match) for row in answer]


def plan(conn: psycopg.Connection, commit: str = "commit-3", *arguments: object) -> dict[str, Any]:
    """The steps of a plan by their types."""
    return {step.step_type: step for step in call(conn, "generate_recovery_plan", commit, *arguments)}


@pytest.mark.clause("R1")
def test_a_commit_s_own_backups_come_first_then_the_nearest_in_time(database: TargetDatabase) -> None:
    catalogue = [
        ended("01-01 00:00:09", 1),
        ended("01-01 00:00:02", 2),
        a_backup(3, completed_at="2025-05-05 00:00:00+00", commit_hash="commit-1"),
        a_backup(4, completed_at="2025-12-31 23:59:55+00"),
        ended("06-06 00:00:00", 5, "commit-1"),
        ended("01-01 00:00:00", 6),
    ]
    with database.starting("".join(catalogue)) as conn:
        assert found(conn, "commit-1") == [(5, 0, True), (3, 0, True), (6, 0, False), (2, 2, False), (4, 5, False)]


@pytest.mark.clause("R1")
def test_at_most_five_backups_are_found(database: TargetDatabase) -> None:
    with database.starting("".join(ended(f"01-01 00:00:0{second}", second) for second in range(1, 9))) as conn:
        assert [number for number, _, _ in found(conn, "commit-1")] == [1, 2, 3, 4, 5]


@pytest.mark.clause("R1")
@pytest.mark.parametrize("status", ["in_progress", "failed", "expired", "deleted"])
def test_only_completed_backups_are_found(database: TargetDatabase, status: str) -> None:
    with database.starting(a_backup(1, status=status)) as conn:
        assert found(conn, "commit-3") == []


@pytest.mark.clause("R1", "V5")
@pytest.mark.parametrize("commit", ["commit-9", "", "x" * 1_000_000])
def test_for_an_unknown_commit_nothing_is_found(database: TargetDatabase, commit: str) -> None:
    with database.starting(a_backup(1)) as conn:
        assert found(conn, commit) == []


@pytest.mark.clause("R1")
@pytest.mark.parametrize("zone", ["UTC", "Asia/Kathmandu", "America/Los_Angeles", "Pacific/Kiritimati"])
def test_the_distance_is_the_same_in_every_time_zone(database: TargetDatabase, zone: str) -> None:
    with database.starting(ended("01-01 00:01:00", 1)), session(database) as conn:
        conn.execute("SELECT set_config('timezone', %s, false)", (zone,))
        assert found(conn, "commit-1") == [(1, 60, False)]


@pytest.mark.clause("R1", "E3")
@pytest.mark.parametrize("time", ["infinity", "-infinity", "4713-01-01 BC", "294276-12-31 23:59:59"])
def test_odd_times_are_coped_with(database: TargetDatabase, time: str) -> None:
    commits = f"INSERT INTO pggit.commits (hash, branch_id, committed_at) VALUES ('odd', 1, '{time}')"
    odd = a_backup(1, completed_at=time) + a_backup(2, completed_at=ago("1 day"))
    with database.starting(odd + f"{commits}, ('none', 1, NULL)") as conn:
        assert sorted(number for number, _, _ in found(conn, "odd")) == [1, 2]
        assert sorted(number for number, _, _ in found(conn, "none")) == [1, 2]
        assert list(plan(conn, "odd")) == DISASTER


@pytest.mark.clause("R2")
def test_a_disaster_plan_begins_with_the_downtime(database: TargetDatabase) -> None:
    with database.starting(a_backup(1)) as conn:
        for mode in ("disaster", None):
            steps = call(conn, "generate_recovery_plan", "commit-3", mode)
            assert [step.step_type for step in steps] == DISASTER
            assert [step.step_number for step in steps] == list(range(1, 7))
            assert [step.description.startswith("🛑") for step in steps] == [True] + 5 * [False]


@pytest.mark.clause("R2")
def test_a_clone_plan_has_no_downtime_and_uses_its_target(database: TargetDatabase) -> None:
    with database.starting(a_backup(1)) as conn:
        steps = plan(conn, "commit-3", "clone", None, "/clones/one")
        assert list(steps) == CLONE
        assert not any("🛑" in step.description for step in steps.values())
        assert any("clone" in step.description for step in steps.values())
        assert "/clones/one" in steps["restore"].command


@pytest.mark.clause("R2", "V0")
def test_a_clone_needs_a_target(database: TargetDatabase) -> None:
    with database.starting(a_backup(1)) as conn, refused("22004", "p_clone_target"):
        plan(conn, "commit-3", "clone")


STORED = {
    "recorded stanza": ("pgbackrest", {"stanza": "prod"}, "pgbackrest://prod/b", ["pgbackrest", "--stanza=prod"]),
    "no stanza": ("pgbackrest", {}, "pgbackrest://prod/b", ["--stanza=main"]),
    "label": ("pgbackrest", {}, "pgbackrest://main/20260101-000000F", ["--set=20260101-000000F"]),
    "recorded server": ("barman", {"server": "db1"}, "barman://other/20260101T000000", ["barman", " db1 20260101T"]),
    "no server": ("barman", {}, "barman://db1/20260101T000000", ["barman", " db1 20260101T"]),
    "dump": ("pg_dump", {}, "file:///b/one.dump", ["pg_restore", " /b/one.dump"]),
    "plain dump": ("pg_dump", {"format": "plain"}, "file:///b/one.dump", ["psql", "--file=/b/one.dump"]),
    "base backup": ("pg_basebackup", {}, "/b/base", [" /b/base/PG_VERSION "]),
    "custom": ("custom", {}, "s3://b/one", ["s3://b/one"]),
}


@pytest.mark.clause("R2")
@pytest.mark.parametrize(("tool", "metadata", "location", "words"), STORED.values(), ids=STORED)
def test_the_commands_restore_what_is_stored_about_the_backup(
    database: TargetDatabase, tool: str, metadata: dict[str, str], location: str, words: list[str]
) -> None:
    with database.starting(a_backup(1, backup_tool=tool, metadata=metadata, location=location)) as conn:
        restore = plan(conn)["restore"]
        assert [word for word in (location, *words) if word not in restore.command] == [], restore.command
        assert restore.details["backup_id"] == backup_id(1)


CHAINED = "".join(
    [
        a_base(1, "full", "full", commit_hash="commit-1"),
        a_base(2, "incremental", "one", commit_hash="commit-1"),
        a_base(3, "incremental", "two", metadata={"base_backup_id": IDS[2].upper()}),
        a_link(2, 1),
    ]
)


@pytest.mark.clause("R2")
def test_the_chain_of_bases_is_restored_bases_first(database: TargetDatabase) -> None:
    with database.starting(CHAINED) as conn:
        restore = plan(conn)["restore"]
        assert " /b/full /b/one /b/two" in restore.command
        assert restore.details["bases"] == [backup_id(1), backup_id(2)]


@pytest.mark.clause("R2", "E3")
def test_bases_in_a_circle_do_not_loop_for_ever(database: TargetDatabase) -> None:
    with database.starting(CHAINED + a_link(1, 3) + a_link(3, 3)), session(database) as conn:
        assert sorted(plan(conn)["restore"].details["bases"]) == [backup_id(1), backup_id(2)]


@pytest.mark.clause("R2")
@pytest.mark.parametrize(
    "loss",
    [
        f"status = 'deleted' WHERE backup_id = '{backup_id(1)}'",
        f"metadata = jsonb_build_object('base_backup_id', '{backup_id(9)}') WHERE backup_id = '{backup_id(2)}'",
    ],
    ids=["deleted", "never there"],
)
def test_what_has_lost_a_base_is_passed_over(database: TargetDatabase, loss: str) -> None:
    with database.starting(CHAINED + a_backup(4, age="5 hours") + f"UPDATE pggit.backups SET {loss}") as conn:
        assert plan(conn)["restore"].details["backup_id"] == backup_id(4)


@pytest.mark.clause("R2", "R4")
def test_an_incremental_of_pg_basebackup_is_combined_with_its_one_base(database: TargetDatabase) -> None:
    with database.starting(a_base(1, "full", "full") + a_base(2, "incremental", "inc") + a_link(2, 1)) as conn:
        conn.execute("UPDATE pggit.backups SET completed_at = now() - interval '1 year' WHERE backup_id = %s", [IDS[1]])
        command = plan(conn)["restore"].command
        assert -1 < command.index("/b/full") < command.index("/b/inc")


@pytest.mark.clause("R2")
def test_there_is_no_plan_by_an_incremental_of_pg_basebackup_without_its_base(database: TargetDatabase) -> None:
    with database.starting(a_base(1, "incremental", "inc")) as conn, refused("02000", "not found"):
        plan(conn)


@pytest.mark.clause("R2")
def test_a_preferred_tool_is_honoured_where_it_has_a_backup_however_far(database: TargetDatabase) -> None:
    near = "".join(a_backup(number, age=f"{number} minutes") for number in range(1, 8))
    far = a_backup(8, backup_tool="barman", location="barman://db1/x", commit_hash="commit-1", age="90 days")
    with database.starting(near + far) as conn:
        for tool, number in {"barman": 8, "custom": 1, None: 1}.items():
            assert plan(conn, "commit-3", "disaster", tool)["restore"].details["backup_id"] == backup_id(number)


@pytest.mark.clause("R2")
def test_a_dump_of_everything_goes_before_a_dump_of_one_schema(database: TargetDatabase) -> None:
    part = a_backup(2, age="1 minute", metadata={"schema": "sales"})
    with database.starting(a_backup(1) + part) as conn:
        assert plan(conn)["restore"].details["backup_id"] == backup_id(1)


@pytest.mark.clause("R2", "V5")
def test_without_commit_or_backup_there_is_no_plan(database: TargetDatabase) -> None:
    with database.starting(a_backup(1, status="failed")) as conn:
        with refused("02000", "commit-9", "not found"):
            plan(conn, "commit-9")
        with refused("02000", "commit-3", "not found"):
            plan(conn)


@pytest.mark.clause("R2")
def test_every_command_is_one_that_a_shell_can_read(database: TargetDatabase) -> None:
    with database.starting(CHAINED) as conn:
        for arguments in (("disaster",), ("clone", None, "/clones/one")):
            for step in plan(conn, "commit-3", *arguments).values():
                subprocess.run(["bash", "-n", "-c", step.command], check=True)


@pytest.mark.clause("R3", "V2")
@pytest.mark.parametrize(("mode", "types"), [("disaster", DISASTER), (None, DISASTER), ("clone", CLONE)])
@pytest.mark.parametrize("dry_run", [True, None])
def test_a_dry_run_shows_the_plan_of_the_mode(
    database: TargetDatabase, mode: str, types: list[str], dry_run: bool | None
) -> None:
    with database.starting(a_backup(1)) as conn, unchanged(database, conn):
        steps = call(conn, "restore_from_commit", "commit-3", dry_run, mode)
        assert [(step.step_number, step.status) for step in steps] == [(n, "planned") for n in range(1, 7)]
        assert [type for type, step in zip(types, steps, strict=True) if type not in step.output] == []


@pytest.mark.clause("R3")
def test_a_real_run_changes_nothing_and_says_so_in_one_row(database: TargetDatabase) -> None:
    with database.starting(a_backup(1)) as conn:
        before = database.dump(conn)
        (row,) = call(conn, "restore_from_commit", "commit-3", False)
        assert (row.step_number, row.status) == (1, "info")
        assert database.dump(conn) == before


@pytest.mark.clause("R3", "V5")
@pytest.mark.parametrize("dry_run", [True, False])
def test_restoring_an_unknown_commit_is_refused(database: TargetDatabase, dry_run: bool) -> None:
    with database.starting(a_backup(1)) as conn, refused("02000", "commit-9", "not found"):
        call(conn, "restore_from_commit", "commit-9", dry_run)


@pytest.mark.clause("R1", "R2", "R3")
def test_asking_for_recovery_works_in_a_read_only_transaction(database: TargetDatabase) -> None:
    with database.starting(CHAINED) as conn, conn.transaction():
        conn.execute("SET TRANSACTION READ ONLY")
        assert found(conn, "commit-3")
        assert plan(conn)
        assert call(conn, "restore_from_commit", "commit-3")
