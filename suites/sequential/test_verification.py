"""One verification of a kind at a time, and a finished one does not move (I2)."""

from __future__ import annotations

import psycopg
import pytest

from fixtures.targets.database import TargetDatabase
from suites.sequential.calling import answer, call, let_pass, refused, rows, unchanged, verification
from suites.sequential.catalogue import a_backup, a_verification, backup_id, verification_id

TYPES = ["checksum", "restore_test", "integrity_check"]
TESTS = ["validate", "sample_restore", "full_test"]
ON_ITS_WAY = ["queued", "pending", "in_progress"]
FINISHED = ["completed", "failed"]


def verifications(conn: psycopg.Connection) -> int:
    """How many there are."""
    return len(rows(conn, "SELECT FROM pggit.backup_verifications"))


@pytest.mark.clause("I2")
@pytest.mark.parametrize("type", TYPES)
def test_a_verification_is_queued(database: TargetDatabase, type: str) -> None:
    with database.starting(a_backup(1)) as conn:
        id = answer(conn, "verify_backup", backup_id(1), type)
        told = "SELECT verification_id, backup_id, verification_type, status FROM pggit.backup_verifications"
        assert rows(conn, told) == [(id, backup_id(1), type, "queued")]


@pytest.mark.clause("I2")
@pytest.mark.parametrize("status", ON_ITS_WAY)
@pytest.mark.parametrize("age", ["0 s", "23 hours 59 minutes"])
def test_the_one_on_its_way_is_returned_for_a_day(database: TargetDatabase, age: str, status: str) -> None:
    with database.starting(a_backup(1) + a_verification(1, 1, status, age=age)) as conn, unchanged(database, conn):
        assert answer(conn, "verify_backup", backup_id(1)) == verification_id(1)


@pytest.mark.clause("I2")
@pytest.mark.parametrize("status", ON_ITS_WAY)
def test_after_a_day_on_its_way_another_one_is_made(database: TargetDatabase, status: str) -> None:
    with database.starting(a_backup(1) + a_verification(1, 1, status, age="24 hours 1 minute")) as conn:
        assert answer(conn, "verify_backup", backup_id(1)) != verification_id(1)
        assert verifications(conn) == 2


@pytest.mark.clause("I2")
@pytest.mark.parametrize(("age", "same"), [("0 s", True), ("59 minutes", True), ("61 minutes", False)])
def test_a_completed_one_is_returned_for_an_hour(database: TargetDatabase, age: str, same: bool) -> None:
    with database.starting(a_backup(1) + a_verification(1, 1, "completed", age=age)) as conn:
        assert (answer(conn, "verify_backup", backup_id(1)) == verification_id(1)) is same


@pytest.mark.clause("I2")
def test_the_hour_counts_from_the_completion(database: TargetDatabase) -> None:
    with database.starting(a_backup(1)) as conn:
        id = answer(conn, "verify_backup", backup_id(1))
        let_pass(conn, "20 hours")
        assert answer(conn, "update_verification_result", id, "completed") is True
        let_pass(conn, "59 minutes")
        assert answer(conn, "verify_backup", backup_id(1)) == id
        let_pass(conn, "2 minutes")
        assert answer(conn, "verify_backup", backup_id(1)) != id


@pytest.mark.clause("I2")
@pytest.mark.parametrize("age", ["0 s", "30 minutes"])
def test_a_failed_one_is_never_returned(database: TargetDatabase, age: str) -> None:
    with database.starting(a_backup(1) + a_verification(1, 1, "failed", age=age)) as conn:
        assert answer(conn, "verify_backup", backup_id(1)) != verification_id(1)
        assert verifications(conn) == 2


@pytest.mark.clause("I2")
def test_a_failed_one_does_not_hide_the_one_on_its_way(database: TargetDatabase) -> None:
    catalogue = a_backup(1) + a_verification(1, 1, "queued", age="2 hours") + a_verification(2, 1, "failed", age="1 s")
    with database.starting(catalogue) as conn:
        assert answer(conn, "verify_backup", backup_id(1)) == verification_id(1)


@pytest.mark.clause("I2")
def test_each_type_has_its_own(database: TargetDatabase) -> None:
    with database.starting(a_backup(1)) as conn:
        ids = [answer(conn, "verify_backup", backup_id(1), type) for type in TYPES * 2]
        assert len(set(ids)) == 3
        assert ids[:3] == ids[3:]


@pytest.mark.clause("I2")
def test_each_backup_has_its_own(database: TargetDatabase) -> None:
    with database.starting(a_backup(1) + a_backup(2) + a_verification(1, 1)) as conn:
        assert answer(conn, "verify_backup", backup_id(2)) != verification_id(1)


@pytest.mark.clause("I2")
@pytest.mark.parametrize("state", ["in_progress", "failed", "expired", "deleted"])
@pytest.mark.parametrize("name", ["verify_backup", "test_backup_restore"])
def test_only_a_completed_backup_is_verified(database: TargetDatabase, name: str, state: str) -> None:
    catalogue = a_backup(1, status=state) + a_verification(1, 1) + a_verification(2, 1, type="restore_test")
    with database.starting(catalogue) as conn, unchanged(database, conn), refused("22023", backup_id(1)):
        answer(conn, name, backup_id(1))


@pytest.mark.clause("I2")
@pytest.mark.parametrize("test", TESTS)
def test_a_restore_test_is_queued_and_told(database: TargetDatabase, test: str) -> None:
    with database.starting(a_backup(1)) as conn:
        told = answer(conn, "test_backup_restore", backup_id(1), test)
        assert (told["backup_id"], told["test_type"], told["status"]) == (backup_id(1), test, "queued")
        assert told["message"]
        made = "SELECT backup_id, verification_type, status FROM pggit.backup_verifications"
        assert rows(conn, made) == [(backup_id(1), "restore_test", "queued")]


@pytest.mark.clause("I2")
def test_each_type_of_restore_test_has_its_own(database: TargetDatabase) -> None:
    with database.starting(a_backup(1)) as conn:
        for test in TESTS * 2:
            answer(conn, "test_backup_restore", backup_id(1), test)
        assert verifications(conn) == 3


@pytest.mark.clause("I2")
@pytest.mark.parametrize("status", ON_ITS_WAY)
@pytest.mark.parametrize(("passes", "made"), [("23 hours 59 minutes", 1), ("24 hours 1 minute", 2)])
def test_a_restore_test_on_its_way_is_not_repeated_for_a_day(
    database: TargetDatabase, passes: str, made: int, status: str
) -> None:
    with database.starting(a_backup(1)) as conn:
        answer(conn, "test_backup_restore", backup_id(1))
        move(conn, status)
        let_pass(conn, passes)
        answer(conn, "test_backup_restore", backup_id(1))
        assert verifications(conn) == made


@pytest.mark.clause("I2")
@pytest.mark.parametrize(("passes", "made"), [("59 minutes", 1), ("61 minutes", 2)])
def test_a_completed_restore_test_is_not_repeated_for_an_hour(database: TargetDatabase, passes: str, made: int) -> None:
    with database.starting(a_backup(1)) as conn:
        answer(conn, "test_backup_restore", backup_id(1))
        move(conn, "completed")
        let_pass(conn, passes)
        answer(conn, "test_backup_restore", backup_id(1))
        assert verifications(conn) == made


@pytest.mark.clause("I2")
def test_a_failed_restore_test_is_repeated(database: TargetDatabase) -> None:
    with database.starting(a_backup(1)) as conn:
        answer(conn, "test_backup_restore", backup_id(1))
        move(conn, "failed")
        assert answer(conn, "test_backup_restore", backup_id(1))["status"] == "queued"
        assert verifications(conn) == 2


def move(conn: psycopg.Connection, status: str) -> None:
    """Moves the only verification there is."""
    ((id,),) = rows(conn, "SELECT verification_id FROM pggit.backup_verifications")
    assert answer(conn, "update_verification_result", id, status) is True


@pytest.mark.clause("I2")
@pytest.mark.parametrize("before", ON_ITS_WAY)
@pytest.mark.parametrize("after", [*ON_ITS_WAY, *FINISHED])
def test_a_verification_on_its_way_moves(database: TargetDatabase, before: str, after: str) -> None:
    with database.starting(a_backup(1) + a_verification(1, 1, before)) as conn:
        assert answer(conn, "update_verification_result", verification_id(1), after, {"files": 3}) is True
        moved = verification(conn, 1)
        assert (moved.status, moved.details["files"]) == (after, 3)


@pytest.mark.clause("I2", "I4")
@pytest.mark.parametrize("status", FINISHED)
def test_finishing_it_again_the_same_way_is_true_and_changes_nothing(database: TargetDatabase, status: str) -> None:
    finished = a_verification(1, 1, status, age="1 hour", details={"files": 3})
    with database.starting(a_backup(1) + finished) as conn, unchanged(database, conn):
        assert answer(conn, "update_verification_result", verification_id(1), status, {"files": 4}) is True


@pytest.mark.clause("I2")
@pytest.mark.parametrize(("before", "after"), [(b, a) for b in FINISHED for a in [*ON_ITS_WAY, *FINISHED] if a != b])
def test_a_finished_verification_does_not_move(database: TargetDatabase, before: str, after: str) -> None:
    finished = a_backup(1) + a_verification(1, 1, before)
    with database.starting(finished) as conn, unchanged(database, conn), refused("22023", verification_id(1)):
        answer(conn, "update_verification_result", verification_id(1), after)


@pytest.mark.clause("J8")
@pytest.mark.parametrize("status", ["in_progress", "completed", "failed"])
def test_a_result_without_details_keeps_those_that_are_known(database: TargetDatabase, status: str) -> None:
    with database.starting(a_backup(1) + a_verification(1, 1, details={"files": 3})) as conn:
        assert answer(conn, "update_verification_result", verification_id(1), status, None) is True
        assert verification(conn, 1).details["files"] == 3


@pytest.mark.clause("J8")
def test_the_details_of_a_verification_without_any_are_kept(database: TargetDatabase) -> None:
    with database.starting(a_backup(1) + a_verification(1, 1, details=None)) as conn:
        assert answer(conn, "update_verification_result", verification_id(1), "completed", {"files": 3}) is True
        assert verification(conn, 1).details["files"] == 3


@pytest.mark.clause("I2")
def test_a_verification_never_changes_its_backup(database: TargetDatabase) -> None:
    with database.starting(a_backup(1)) as conn:
        before = rows(conn, "SELECT * FROM pggit.backups")
        answer(conn, "verify_backup", backup_id(1), "restore_test")
        answer(conn, "test_backup_restore", backup_id(1))
        for row in call(conn, "list_backup_verifications", backup_id(1)):
            answer(conn, "update_verification_result", row.verification_id, "failed")
        assert rows(conn, "SELECT * FROM pggit.backups") == before


@pytest.mark.clause("V5", "V7")
def test_verifications_are_listed_latest_first_of_one_backup_or_of_all(database: TargetDatabase) -> None:
    told = (
        a_backup(1) + a_backup(2) + a_verification(1, 1, age="3 minutes") + a_verification(2, 2, age="2 minutes")
    ) + a_verification(3, 1, "failed", type="restore_test", age="1 minute")

    def listed(*arguments: object) -> list[object]:
        return [row.verification_id for row in call(conn, "list_backup_verifications", *arguments)]

    with database.starting(told) as conn:
        assert listed() == [verification_id(number) for number in (3, 2, 1)]
        assert listed(None, 2) == [verification_id(number) for number in (3, 2)]
        assert listed(backup_id(1)) == [verification_id(number) for number in (3, 1)]
        (latest,) = call(conn, "list_backup_verifications", backup_id(1), 1)
        assert (latest.backup_id, latest.verification_type, latest.status) == (backup_id(1), "restore_test", "failed")
