"""Which backups expire (B4) and which of those are deleted (B5)."""

from __future__ import annotations

import psycopg
import pytest

from fixtures.targets.database import TargetDatabase
from suites.sequential.calling import backup, call, in_block, refused, statuses, unchanged
from suites.sequential.catalogue import LETTERED, a_backup, a_branch, a_link, ago, ahead, backup_id

SKIPPING = pytest.mark.needs("pggit.cleanup_expired_backups.p_skip_blocked")
NEW = a_backup(90) + a_backup(91, backup_tool="custom")
"""The newest full ones of their tools, which leave every other to its age."""
CIRCLE = a_link(1, 2) + a_link(2, 3) + a_link(3, 1)


def expired(conn: psycopg.Connection, full_days: int = 30, incremental_days: int = 7) -> dict[int, str]:
    """The backups that a run of the policy marks, by number, and why."""
    policy = {"full_days": full_days, "incremental_days": incremental_days}
    told = call(conn, "apply_retention_policy", policy)
    assert {row.action for row in told} <= {"expire"}
    return {int(row.backup_name.removeprefix("backup-")): row.reason for row in sorted(told)}


def deletions(conn: psycopg.Connection, *, dry_run: bool, **options: bool) -> dict[int, str]:
    """What a clean-up says of each backup, by number."""
    run = call if dry_run else in_block
    told = run(conn, "cleanup_expired_backups", dry_run, **options)
    return {int(row.backup_name.removeprefix("backup-")): row.action for row in sorted(told)}


@pytest.mark.clause("B4")
@pytest.mark.parametrize(
    ("type", "days", "reason"),
    [
        ("full", 30, "full_retention_exceeded"),
        ("incremental", 7, "incremental_retention_exceeded"),
        ("differential", 7, "incremental_retention_exceeded"),
    ],
)
def test_a_backup_expires_at_the_age_of_its_type(database: TargetDatabase, type: str, days: int, reason: str) -> None:
    young, old = f"{days} days -1 minute", f"{days} days 1 minute"
    with database.starting(NEW + a_backup(1, type, age=young) + a_backup(2, type, age=old)) as conn:
        assert expired(conn) == {2: reason}
        assert statuses(conn, "backups") == {1: "completed", 2: "expired", 90: "completed", 91: "completed"}


@pytest.mark.clause("B4")
def test_the_days_are_those_of_the_policy(database: TargetDatabase) -> None:
    with database.starting(NEW + a_backup(1, age="3 days") + a_backup(2, "incremental", age="3 days")) as conn:
        assert expired(conn, full_days=4, incremental_days=4) == {}
        assert expired(conn, full_days=2, incremental_days=4) == {1: "full_retention_exceeded"}
        assert expired(conn, full_days=4, incremental_days=2) == {2: "incremental_retention_exceeded"}


@pytest.mark.clause("B4")
def test_a_backup_ages_from_its_completion(database: TargetDatabase) -> None:
    slow = a_backup(1, age="29 days", started_at=ago("40 days"))
    odd = a_backup(2, age="31 days", started_at=ago("1 day"))
    with database.starting(NEW + slow + odd) as conn:
        assert list(expired(conn)) == [2]


@pytest.mark.clause("B4")
def test_a_snapshot_does_not_age(database: TargetDatabase) -> None:
    with database.starting(NEW + a_backup(1, "snapshot", age="9 years")) as conn, unchanged(database, conn):
        assert expired(conn, 1, 1) == {}


@pytest.mark.clause("B4")
@pytest.mark.parametrize("type", ["full", "incremental", "differential", "snapshot"])
def test_a_date_that_has_passed_takes_the_place_of_age(database: TargetDatabase, type: str) -> None:
    with database.starting(NEW + a_backup(1, type, age="1 hour", expires_at=ago("1 second"))) as conn:
        assert expired(conn) == {1: "expires_at_passed"}


@pytest.mark.clause("B4")
@pytest.mark.parametrize("type", ["full", "incremental", "differential"])
@pytest.mark.parametrize("date", [ahead("1 minute"), "infinity"])
def test_a_date_to_come_takes_the_place_of_age(database: TargetDatabase, type: str, date: str) -> None:
    with database.starting(NEW + a_backup(1, type, age="9 years", expires_at=date)) as conn, unchanged(database, conn):
        assert expired(conn, 1, 1) == {}


@pytest.mark.clause("B4")
def test_an_old_backup_whose_date_has_passed_expires_by_its_date(database: TargetDatabase) -> None:
    with database.starting(NEW + a_backup(1, age="90 days", expires_at=ago("1 day"))) as conn:
        assert expired(conn) == {1: "expires_at_passed"}


DUE = {"by age": {}, "by date": {"expires_at": ago("1 day")}}
"""How an old full can be due."""


@pytest.mark.clause("B4")
@pytest.mark.parametrize("due", DUE)
@pytest.mark.parametrize("state", ["completed", "in_progress"])
def test_what_a_staying_live_backup_depends_on_stays(database: TargetDatabase, state: str, due: str) -> None:
    bases = "".join(a_backup(number, age="90 days", **DUE[due]) for number in (1, 2))
    with database.starting(NEW + bases + a_backup(3, "incremental", state) + a_link(3, 1)) as conn:
        assert list(expired(conn)) == [2]


@pytest.mark.clause("B4")
def test_a_base_that_is_named_in_capitals_stays(database: TargetDatabase) -> None:
    named = {"base_backup_id": LETTERED.upper()}
    base = a_backup(1, age="90 days", backup_id=LETTERED) + a_backup(2, "incremental", metadata=named)
    with database.starting(NEW + base) as conn:
        assert expired(conn) == {}


@pytest.mark.clause("B4")
@pytest.mark.parametrize("name", ["none", 7, [backup_id(1)], {"id": backup_id(1)}, None, backup_id(1) + "0"], ids=str)
def test_metadata_that_name_no_backup_keep_nothing_and_do_no_harm(database: TargetDatabase, name: object) -> None:
    odd = a_backup(2, "incremental", metadata={"base_backup_id": name})
    with database.starting(NEW + a_backup(1, age="90 days") + odd) as conn:
        assert list(expired(conn)) == [1]


@pytest.mark.clause("B4")
@pytest.mark.parametrize("link", ["recorded", "named"])
def test_a_whole_chain_stays_while_its_last_backup_does(database: TargetDatabase, link: str) -> None:
    ages = {1: "90 days", 2: "60 days", 3: "20 days", 4: "1 day"}
    chain = ""
    for number, age in ages.items():
        named = {"base_backup_id": backup_id(number - 1)} if link == "named" and number > 1 else {}
        chain += a_backup(number, "full" if number == 1 else "incremental", age=age, metadata=named)
    if link == "recorded":
        chain += a_link(2, 1) + a_link(3, 2) + a_link(4, 3)
    with database.starting(NEW + chain) as conn:
        assert expired(conn) == {}


@pytest.mark.clause("B4")
def test_a_whole_chain_that_is_due_goes_in_one_run(database: TargetDatabase) -> None:
    chain = "".join(a_backup(number, "full" if number == 1 else "incremental", age="90 days") for number in (1, 2, 3))
    with database.starting(NEW + chain + a_link(2, 1) + a_link(3, 2)) as conn:
        assert list(expired(conn)) == [1, 2, 3]


@pytest.mark.clause("B4")
def test_a_base_goes_in_the_same_run_as_the_dependants_that_go_and_stays_for_the_one_that_stays(
    database: TargetDatabase,
) -> None:
    bases = a_backup(1, age="90 days") + a_backup(2, age="90 days")
    dependants = a_backup(3, "incremental", age="20 days") + a_backup(4, "incremental", age="20 days")
    staying = a_backup(5, "incremental", age="1 day")
    with database.starting(NEW + bases + dependants + staying + a_link(3, 1) + a_link(4, 2) + a_link(5, 2)) as conn:
        assert list(expired(conn)) == [1, 3, 4]


@pytest.mark.clause("B4")
@pytest.mark.parametrize("state", ["failed", "expired", "deleted"])
def test_a_dependant_that_is_not_live_keeps_no_base(database: TargetDatabase, state: str) -> None:
    dependant = a_backup(2, "incremental", state) + a_link(2, 1)
    with database.starting(NEW + a_backup(1, age="90 days") + dependant) as conn:
        assert list(expired(conn)) == [1]


@pytest.mark.clause("B4")
def test_backups_that_depend_on_one_another_expire_when_all_are_due(database: TargetDatabase) -> None:
    circle = "".join(a_backup(number, "incremental", age="90 days") for number in (1, 2, 3))
    with database.starting(circle + CIRCLE) as conn, conn.transaction():
        conn.execute("SET LOCAL statement_timeout = '20s'")  # or a target that goes round and round would hang us
        assert list(expired(conn)) == [1, 2, 3]


@pytest.mark.clause("B4")
def test_backups_that_depend_on_one_another_stay_when_one_stays(database: TargetDatabase) -> None:
    circle = "".join(a_backup(number, "incremental", age="90 days") for number in (1, 2)) + a_backup(3, "incremental")
    with database.starting(circle + CIRCLE) as conn, conn.transaction():
        conn.execute("SET LOCAL statement_timeout = '20s'")
        assert expired(conn) == {}


@pytest.mark.clause("B4")
def test_the_newest_completed_full_of_each_tool_and_branch_never_ages(database: TargetDatabase) -> None:
    fulls = [("pg_dump", "commit-3"), ("custom", "commit-3"), ("pg_dump", "commit-dev"), ("custom", "commit-dev")]
    catalogue = a_branch("dev", "commit-dev")
    for number, (tool, commit) in enumerate(fulls, start=1):
        catalogue += a_backup(number, backup_tool=tool, commit_hash=commit, age="8 years")
        catalogue += a_backup(10 + number, backup_tool=tool, commit_hash=commit, age="9 years")
    with database.starting(catalogue) as conn:
        assert list(expired(conn)) == [11, 12, 13, 14]
        assert expired(conn) == {}


@pytest.mark.clause("B4")
def test_the_newest_full_is_the_newest_of_its_branch_though_of_another_commit(database: TargetDatabase) -> None:
    newer = a_backup(2, commit_hash="commit-1", age="8 years")
    with database.starting(a_backup(1, commit_hash="commit-3", age="9 years") + newer) as conn:
        assert list(expired(conn)) == [1]


@pytest.mark.clause("B4")
@pytest.mark.parametrize(
    "other",
    [
        a_backup(2, status="in_progress"),
        a_backup(2, status="failed"),
        a_backup(2, status="expired"),
        a_backup(2, status="deleted"),
        a_backup(2, "incremental"),
        a_backup(2, "differential"),
        a_backup(2, "snapshot"),
    ],
    ids=["in_progress", "failed", "expired", "deleted", "incremental", "differential", "snapshot"],
)
def test_only_a_completed_full_lets_an_older_one_go(database: TargetDatabase, other: str) -> None:
    with database.starting(a_backup(1, age="90 days") + other) as conn:
        assert expired(conn) == {}


@pytest.mark.clause("B4")
def test_the_newest_full_goes_when_its_date_has_passed(database: TargetDatabase) -> None:
    with database.starting(a_backup(1, age="1 hour", expires_at=ago("1 minute"))) as conn:
        assert expired(conn) == {1: "expires_at_passed"}


@pytest.mark.clause("B4")
def test_the_newest_full_that_is_left_never_ages(database: TargetDatabase) -> None:
    going = a_backup(2, age="1 hour", expires_at=ago("1 minute"))
    with database.starting(a_backup(1, age="90 days") + going) as conn:
        assert list(expired(conn)) == [2]
        assert expired(conn) == {}


@pytest.mark.clause("B4")
def test_what_the_newest_full_depends_on_stays_with_it(database: TargetDatabase) -> None:
    with database.starting(
        a_backup(1, age="90 days") + a_backup(2, "incremental", age="95 days") + a_link(1, 2)
    ) as conn:
        assert expired(conn) == {}


@pytest.mark.clause("B4")
def test_an_old_incremental_of_the_newest_full_goes_all_the_same(database: TargetDatabase) -> None:
    with database.starting(
        a_backup(1, age="90 days") + a_backup(2, "incremental", age="80 days") + a_link(2, 1)
    ) as conn:
        assert list(expired(conn)) == [2]


@pytest.mark.clause("B5")
def test_expired_backups_are_deleted(database: TargetDatabase) -> None:
    with database.starting(
        a_backup(1, status="expired") + a_backup(2, status="expired", expires_at=ago("1 day"))
    ) as conn:
        assert deletions(conn, dry_run=True) == {1: "would_delete", 2: "would_delete"}
        assert deletions(conn, dry_run=False) == {1: "deleted", 2: "deleted"}
        assert statuses(conn, "backups") == {1: "deleted", 2: "deleted"}


@pytest.mark.clause("B5")
def test_an_expired_backup_whose_date_is_to_come_is_not_due(database: TargetDatabase) -> None:
    with (
        database.starting(a_backup(1, status="expired", expires_at=ahead("1 hour"))) as conn,
        unchanged(database, conn),
    ):
        assert deletions(conn, dry_run=True) == deletions(conn, dry_run=False) == {}


BLOCKED = a_backup(1, status="expired") + a_backup(2, status="expired") + a_backup(3, "incremental") + a_link(3, 1)
"""Backup 1 has a live dependant, backup 2 has none."""


@pytest.mark.clause("B5")
def test_one_live_dependant_refuses_the_whole_run_and_its_base_is_in_detail(database: TargetDatabase) -> None:
    with database.starting(BLOCKED) as conn, unchanged(database, conn), pytest.raises(psycopg.Error) as refusal:
        deletions(conn, dry_run=False)
    assert refusal.value.sqlstate == "23503"
    assert "Cannot delete full backups with active incremental dependents" in str(refusal.value)
    detail = refusal.value.diag.message_detail or ""
    assert [id for id in (backup_id(1), backup_id(2)) if id in detail] == [backup_id(1)]


@SKIPPING
@pytest.mark.clause("B5")
def test_when_asked_to_skip_them_the_others_are_deleted_and_the_blocked_are_told(database: TargetDatabase) -> None:
    with database.starting(BLOCKED) as conn:
        assert deletions(conn, dry_run=False, p_skip_blocked=True) == {1: "blocked", 2: "deleted"}
        assert statuses(conn, "backups") == {1: "expired", 2: "deleted", 3: "completed"}


@pytest.mark.clause("B5")
def test_a_dry_run_lists_the_deletable_and_the_blocked(database: TargetDatabase) -> None:
    with database.starting(BLOCKED) as conn, unchanged(database, conn):
        assert deletions(conn, dry_run=True) == {1: "blocked", 2: "would_delete"}


@pytest.mark.clause("B5")
@pytest.mark.parametrize("state", ["completed", "in_progress"])
@pytest.mark.parametrize("type", ["incremental", "differential"])
def test_every_live_dependant_blocks(database: TargetDatabase, type: str, state: str) -> None:
    dependant = a_backup(2, type, state) + a_link(2, 1)
    with database.starting(a_backup(1, status="expired") + dependant) as conn, refused("23503", backup_id(1)):
        deletions(conn, dry_run=False)


@pytest.mark.clause("B5")
def test_a_dependant_named_in_capitals_blocks(database: TargetDatabase) -> None:
    dependant = a_backup(2, "incremental", metadata={"base_backup_id": LETTERED.upper()})
    with database.starting(a_backup(1, status="expired", backup_id=LETTERED) + dependant) as conn:
        assert deletions(conn, dry_run=True) == {1: "blocked"}
        with refused("23503", LETTERED):
            deletions(conn, dry_run=False)


@pytest.mark.clause("B5")
@pytest.mark.parametrize("middle", ["expired", "failed", "deleted"])
def test_a_live_dependant_at_the_end_of_a_chain_blocks(database: TargetDatabase, middle: str) -> None:
    chain = a_backup(1, status="expired") + a_backup(2, "incremental", middle) + a_backup(3, "incremental")
    with database.starting(chain + a_link(2, 1) + a_link(3, 2)) as conn:
        assert deletions(conn, dry_run=True)[1] == "blocked"
        with refused("23503", backup_id(1)):
            deletions(conn, dry_run=False)


@pytest.mark.clause("B5")
@pytest.mark.parametrize("state", ["failed", "expired", "deleted"])
def test_a_dependant_that_is_not_live_does_not_block(database: TargetDatabase, state: str) -> None:
    dependant = a_backup(2, "incremental", state, expires_at=ahead("1 day")) + a_link(2, 1)
    with database.starting(a_backup(1, status="expired") + dependant) as conn:
        assert deletions(conn, dry_run=False) == {1: "deleted"}
        assert statuses(conn, "backups") == {1: "deleted", 2: state}


@pytest.mark.clause("B5")
def test_a_whole_expired_chain_is_deleted_in_one_run(database: TargetDatabase) -> None:
    chain = "".join(a_backup(number, "full" if number == 1 else "incremental", "expired") for number in (1, 2, 3))
    with database.starting(chain + a_link(2, 1) + a_link(3, 2)) as conn:
        assert deletions(conn, dry_run=False) == dict.fromkeys((1, 2, 3), "deleted")


@pytest.mark.clause("B5")
def test_a_deleted_backup_keeps_its_row_and_its_links(database: TargetDatabase) -> None:
    chain = a_backup(1, status="expired") + a_backup(2, "incremental", "failed") + a_link(2, 1)
    with database.starting(chain) as conn:
        before = backup(conn, 1)
        deletions(conn, dry_run=False)
        assert backup(conn, 1) == before._replace(status="deleted")
        assert conn.execute("SELECT count(*) FROM pggit.backup_dependencies").fetchone() == (1,)
