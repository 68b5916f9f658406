"""Health, statistics, workers, coverage and failures (H1)."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from fixtures.targets.database import TargetDatabase
from suites.sequential.calling import answer, call, rows
from suites.sequential.catalogue import Expression, a_backup, a_branch, a_job, a_pair, ago, ahead, backup_id, job_id

HUGE = 2**63 - 1


def metric(conn: psycopg.Connection, name: str) -> Any:
    """One row of the health, which the view has too."""
    (row,) = [row for row in call(conn, "get_backup_health") if row.metric == name]
    (seen,) = rows(conn, f"SELECT * FROM pggit.backup_system_health WHERE metric = '{name}'")
    assert seen[:-1] == row
    assert seen.indicator == {"critical": "🔴", "warning": "🟡", "ok": "🟢", "info": "ℹ️"}[row.status]
    return row


def jobs(count: int, status: str, **columns: str) -> str:
    """That many jobs of no backup; columns are SQL."""
    names = "".join(f", {name}" for name in columns)
    values = "".join(f", {value}" for value in columns.values())
    return (
        f"INSERT INTO pggit.backup_jobs (job_type, command, tool, status{names})"
        f" SELECT 'backup', 'true', 'custom', '{status}'{values} FROM generate_series(1, {count});\n"
    )


@pytest.mark.clause("H1")
def test_every_metric_is_told_once(database: TargetDatabase) -> None:
    with database.starting() as conn:
        assert sorted(row.metric for row in call(conn, "get_backup_health")) == [
            "active_workers", "backups_completed_today", "failed_jobs", "oldest_queued_minutes", "queued_jobs",
            "running_jobs", "unfinished_backups",
        ]  # fmt: skip


USED_UP = {"attempts": "3", "max_attempts": "3"}


@pytest.mark.clause("H1")
@pytest.mark.parametrize(
    ("name", "status", "columns", "levels"),
    [
        ("queued_jobs", "queued", {}, {0: "ok", 50: "ok", 51: "warning", 100: "warning", 101: "critical"}),
        ("running_jobs", "running", {}, {0: "ok", 20: "ok", 21: "warning", 200: "warning"}),
        ("failed_jobs", "failed", USED_UP, {0: "ok", 5: "ok", 6: "warning", 10: "warning", 11: "critical"}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_numbers_of_jobs_are_judged_by_the_documented_thresholds(
    database: TargetDatabase, name: str, status: str, columns: dict[str, str], levels: dict[int, str]
) -> None:
    for count, level in levels.items():
        with database.starting(jobs(count, status, **columns)) as conn:
            row = metric(conn, name)
            assert (row.value, row.status) == (count, level)


@pytest.mark.clause("H1")
def test_a_job_with_a_retry_to_come_has_not_failed(database: TargetDatabase) -> None:
    with database.starting(a_job(1, status="waiting") + a_job(2, status="failed")) as conn:
        assert metric(conn, "failed_jobs").value == 1


@pytest.mark.clause("H1")
@pytest.mark.parametrize("queue", ["", a_job(1)], ids=["nothing queued", "just queued"])
def test_what_does_not_wait_has_waited_no_minute(database: TargetDatabase, queue: str) -> None:
    with database.starting(queue) as conn:
        conn.execute("UPDATE pggit.backup_jobs SET created_at = clock_timestamp()")
        row = metric(conn, "oldest_queued_minutes")
        assert (row.value, row.status) == (0, "ok")


@pytest.mark.clause("H1")
def test_of_nothing_every_figure_is_none_or_zero(database: TargetDatabase) -> None:
    running = a_backup(1, status="in_progress", backup_size=None, started_at=ago("1 minute"))
    with database.starting() as conn:
        assert not any(call(conn, "get_worker_stats", "nobody")[0])
        assert not any(row.value for row in call(conn, "get_backup_stats"))
        sizes = conn.execute("SELECT total_backup_size FROM pggit.commit_backup_coverage").fetchall()
        assert sizes
        assert not any(size for (size,) in sizes)
    with database.starting(running) as conn:
        (tool,) = call(conn, "get_tool_usage_stats")
        assert not any((tool.successful, tool.failed, tool.success_rate, tool.total_size, tool.avg_duration_seconds))


@pytest.mark.clause("H1")
@pytest.mark.parametrize(("minutes", "level"), [(30, "ok"), (31, "warning"), (60, "warning"), (61, "critical")])
def test_the_oldest_queued_job_is_judged_by_its_minutes(database: TargetDatabase, minutes: int, level: str) -> None:
    old = f"clock_timestamp() - interval '{minutes} minutes 5 seconds'"
    with database.starting(jobs(2, "queued", created_at=old) + jobs(1, "running", created_at="'2020-01-01'")) as conn:
        row = metric(conn, "oldest_queued_minutes")
        assert (row.value, row.status) == (minutes, level)


@pytest.mark.clause("H1")
def test_workers_count_once_each_for_five_minutes(database: TargetDatabase) -> None:
    def claimed(number: int, worker: str, before: str) -> str:
        return a_job(number, status="completed", started_at=ago(before), metadata={"worker_id": worker})

    catalogue = claimed(1, "a", "1 minute") + claimed(2, "a", "2 minutes") + claimed(3, "c", "6 minutes")
    with database.starting(catalogue) as conn:
        assert metric(conn, "active_workers")[1:3] == (1, "warning")
        conn.execute(claimed(4, "b", "4 minutes").encode())
        assert metric(conn, "active_workers")[1:3] == (2, "ok")
        conn.execute("DELETE FROM pggit.backup_jobs")
        assert metric(conn, "active_workers")[1:3] == (0, "critical")


@pytest.mark.clause("H1")
def test_backups_completed_today_are_those_of_24_hours(database: TargetDatabase) -> None:
    catalogue = a_backup(1, age="23 hours") + a_backup(2, age="25 hours") + a_backup(3, status="failed")
    with database.starting(catalogue) as conn:
        assert metric(conn, "backups_completed_today")[1:3] == (1, "info")


@pytest.mark.clause("H1", "J5")
def test_a_backup_whose_job_is_done_is_unfinished_until_it_is_completed(database: TargetDatabase) -> None:
    with database.starting(a_pair(1, "running") + a_pair(2)) as conn:
        assert metric(conn, "unfinished_backups")[1:3] == (0, "ok")
        answer(conn, "complete_backup_job", job_id(1))
        assert metric(conn, "unfinished_backups")[1:3] == (1, "warning")
        answer(conn, "complete_backup", backup_id(1))
        assert metric(conn, "unfinished_backups")[1:3] == (0, "ok")


@pytest.mark.clause("H1")
def test_workers_are_listed_latest_first_with_what_they_did(database: TargetDatabase) -> None:
    def claimed(number: int, worker: str, status: str, before: str) -> str:
        return a_job(number, status=status, started_at=ago(before), metadata={"worker_id": worker})

    catalogue = [
        claimed(1, "old", "completed", "9 minutes"), claimed(2, "new", "running", "1 minute"),
        claimed(3, "new", "failed", "3 minutes"), claimed(4, "gone", "completed", "11 minutes"),
        claimed(5, "new", "completed", "5 minutes"),
    ]  # fmt: skip
    with database.starting("".join(catalogue)) as conn:
        assert [row[:4] + row[5:] for row in call(conn, "list_active_workers")] == [
            ("new", 3, 1, 1, "active"), ("old", 1, 1, 0, "idle"),
        ]  # fmt: skip
        assert call(conn, "list_active_workers", 15)[-1][::5] == ("gone", "inactive")


@pytest.mark.clause("H1")
def test_a_worker_s_statistics_count_its_claims(database: TargetDatabase) -> None:
    def claimed(number: int, status: str, before: str = "60", until: str = "0", worker: str = "w") -> str:
        began, ended = (Expression(f"now() - interval '{minutes} minutes'") for minutes in (before, until))
        return a_job(number, status=status, started_at=began, completed_at=ended, metadata={"worker_id": worker})

    catalogue = [
        claimed(1, "completed", "60", "50"), claimed(2, "completed", "60", "40"), claimed(3, "failed"),
        claimed(4, "running"), claimed(5, "completed", "1500"), claimed(6, "completed", worker="other"),
    ]  # fmt: skip
    with database.starting("".join(catalogue)) as conn:
        assert call(conn, "get_worker_stats", "w") == [(4, 2, 1, 900, 50)]
        assert call(conn, "get_worker_stats", "nobody")[0][:3] == (0, 0, 0)


BEGAN = Expression("now() - interval '20 seconds'")
STATISTICS = "".join(
    [
        a_backup(1, backup_size=10, started_at=BEGAN, completed_at=Expression("now()")),
        a_backup(2, status="failed", backup_tool="barman"),
        a_backup(3, backup_tool="barman", backup_size=5),
        a_backup(4, backup_tool="barman", status="failed"),
        a_backup(5, age="40 days"),
        a_job(1, 1, "completed", attempts=3),
        a_job(2, 2, "failed", attempts=1, max_attempts=1),
        a_job(3, 1, "completed", attempts=1),
    ]
)


@pytest.mark.clause("H1")
def test_statistics_count_each_backup_once(database: TargetDatabase) -> None:
    with database.starting(STATISTICS) as conn:
        found = {row.metric: float(row.value) for row in call(conn, "get_backup_stats")}
        assert found == {
            "total_backups": 4, "successful_backups": 2, "success_rate": 50, "total_size": 15, "avg_duration": 10,
            "avg_retry_rate": 0.67,
        }  # fmt: skip
        assert {row.metric: row.value for row in call(conn, "get_backup_stats", 60)}["total_backups"] == 5


@pytest.mark.clause("H1")
def test_tools_are_listed_by_their_use(database: TargetDatabase) -> None:
    often = a_backup(6, backup_tool="pgbackrest") + a_backup(7, backup_tool="pgbackrest")
    with database.starting(STATISTICS + often) as conn:
        found = call(conn, "get_tool_usage_stats")
        assert [row[:4] for row in found] == [("barman", 3, 1, 2), ("pgbackrest", 2, 2, 0), ("pg_dump", 1, 1, 0)]
        assert [float(row.success_rate) for row in found] == [33.33, 100, 100]


@pytest.mark.clause("H1")
def test_retention_makes_no_failure_of_a_backup(database: TargetDatabase) -> None:
    with database.starting(a_backup(1, status="expired") + a_backup(2, status="deleted")) as conn:
        (row,) = call(conn, "get_tool_usage_stats")
        assert (row.successful, row.failed) == (2, 0)


@pytest.mark.clause("H1")
def test_times_at_infinity_have_no_duration(database: TargetDatabase) -> None:
    endless = a_backup(6, started_at="infinity", completed_at="infinity") + a_backup(7, completed_at="infinity")
    with database.starting(a_backup(1, started_at=BEGAN, completed_at=Expression("now()")) + endless) as conn:
        assert call(conn, "get_tool_usage_stats")[0].avg_duration_seconds == 20


@pytest.mark.clause("H1", "J2")
def test_the_queue_shows_each_job_once_with_what_becomes_of_it(database: TargetDatabase) -> None:
    catalogue = [
        a_pair(1), a_pair(2, "running"), a_pair(3, "waiting"), a_pair(4, "failed"), a_pair(5, "completed"),
        a_pair(6, "cancelled"), a_pair(7, "paused"), a_pair(8, next_retry_at=ahead("1 hour")), a_job(9, None),
    ]  # fmt: skip
    with database.starting("".join(catalogue)) as conn:
        found = rows(conn, "SELECT * FROM pggit.backup_job_queue ORDER BY job_id")
        assert [row.job_state for row in found] == [
            "ready", "in_progress", "will_retry", "permanently_failed", "done",
            "cancelled", "paused", "queued", "ready",
        ]  # fmt: skip
        assert [row.backup_name for row in found] == [f"backup-{number}" for number in range(1, 9)] + [None]
        assert {row.age_seconds // 60 for row in found} == {60}


@pytest.mark.clause("H1")
def test_each_branch_is_covered_by_the_completed_backups_of_its_head(database: TargetDatabase) -> None:
    catalogue = [
        a_branch("dev", "commit-dev"), a_backup(1, backup_size=3), a_backup(2, "incremental", backup_size=4),
        a_backup(3, status="failed"), a_backup(4, commit_hash="commit-1"), a_job(1, 1), a_job(2, 1),
    ]  # fmt: skip
    with database.starting("".join(catalogue)) as conn:
        found = rows(conn, "SELECT * FROM pggit.branch_backup_coverage ORDER BY branch_name")
        assert [(r.branch_name, r.backups_at_head, r.full_backups_at_head, r.total_backup_size) for r in found] == [
            ("dev", 0, 0, 0), ("empty", 0, 0, 0), ("main", 2, 1, 7),
        ]  # fmt: skip


@pytest.mark.clause("H1")
def test_each_commit_is_covered_once(database: TargetDatabase) -> None:
    catalogue = [
        a_backup(1), a_backup(2, "incremental"), a_backup(3, status="failed"),
        a_backup(4, "incremental", commit_hash="commit-2"), a_backup(5, status="in_progress", commit_hash=None),
    ]  # fmt: skip
    with database.starting("".join(catalogue)) as conn:
        found = rows(conn, "SELECT * FROM pggit.commit_backup_coverage ORDER BY commit_hash")
        assert [(r.total_backups, r.completed_backups, r.full_backups, r.backup_status) for r in found] == [
            (0, 0, 0, "no_backup"), (1, 1, 0, "no_full_backup"), (3, 2, 1, "ok"),
        ]  # fmt: skip


@pytest.mark.clause("H1")
def test_a_failed_backup_is_listed_once_with_its_last_failed_job(database: TargetDatabase) -> None:
    catalogue = [
        a_backup(1, status="failed", error_message="why"), a_job(1, 1, "failed", started_at=ago("2 hours")),
        a_job(2, 1, "failed", last_error="last", metadata={"worker_id": "w"}), a_job(3, 1, "completed"),
        a_backup(2, status="failed", age="8 days"), a_backup(3), a_job(4, 3, "failed"), a_backup(4, status="failed"),
    ]  # fmt: skip
    with database.starting("".join(catalogue)) as conn:
        found = rows(conn, "SELECT * FROM pggit.recent_backup_failures ORDER BY backup_id")
        assert [row.backup_id for row in found] == [backup_id(1), backup_id(4)]
        told = (found[0].error_message, found[0].job_id, found[0].job_error, found[0].failed_worker)
        assert told == ("why", job_id(2), "last", "w")


ODD = "".join(
    [
        *(a_backup(n, backup_size=HUGE) for n in (1, 2)),
        a_backup(3, backup_size=-HUGE, metadata=[1], commit_hash="commit-1"),
        *(a_backup(n, started_at=start, completed_at=end) for n, start, end in (
            (4, "-infinity", "infinity"), (5, "infinity", "-infinity"), (6, "infinity", "infinity"),
        )),
        *(a_job(n, n, "completed", created_at=time, started_at=time, completed_at=time, attempts=attempts)
          for n, time, attempts in ((1, "infinity", 2**31 - 1), (2, "-infinity", -(2**31)), (3, None, None))),
        a_job(4, 4, "queued", created_at=None, attempts=None, max_attempts=None, metadata=None),
        a_job(5, 5, "running", created_at="-infinity", started_at="infinity", metadata=["w"]),
        a_job(6, 6, "queued", created_at="-infinity", metadata={"worker_id": ["x"]}),
    ]
)  # fmt: skip
READINGS = [
    "get_backup_health()", "list_active_workers()", "get_worker_stats('x')", "get_backup_stats(30)",
    "get_tool_usage_stats(30)", "backup_job_queue", "backup_system_health", "branch_backup_coverage",
    "commit_backup_coverage", "recent_backup_failures",
]  # fmt: skip


@pytest.mark.clause("H1", "E3")
@pytest.mark.parametrize("reading", READINGS)
def test_odd_rows_of_clients_are_coped_with_also_read_only(database: TargetDatabase, reading: str) -> None:
    with database.starting(ODD) as conn, conn.transaction():
        conn.execute("SET TRANSACTION READ ONLY")
        # Text, since Python has no time at infinity.
        rows(conn, f"SELECT r::text FROM pggit.{reading} r")
