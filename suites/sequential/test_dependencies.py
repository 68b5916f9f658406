"""What a backup depends on (B2), and what protects it once it is depended on (B3)."""

from __future__ import annotations

import psycopg
import pytest

from fixtures.targets.database import TargetDatabase
from suites.sequential.asking import ask, session
from suites.sequential.calling import answer, call, in_block, refused, rows, statuses, unchanged
from suites.sequential.catalogue import LETTERED, a_backup, a_branch, a_link, ago, backup_id

KINDS = ["incremental", "differential"]


def register(
    conn: psycopg.Connection,
    type: str,
    metadata: dict[str, object] | None = None,
    tool: str = "pg_dump",
    branch: str = "main",
) -> str:
    """The id of a new backup."""
    id = answer(
        conn, "register_backup", "new", type, tool, "file:///new", p_branch_name=branch, p_metadata=metadata or {}
    )
    assert isinstance(id, str)
    return id


def links(conn: psycopg.Connection, id: str) -> list[tuple[str, str]]:
    """What the backup depends on by record, and how."""
    found = rows(
        conn,
        "SELECT depends_on_backup_id, dependency_type FROM pggit.backup_dependencies"
        f" WHERE backup_id = '{id}' ORDER BY 1",
    )
    return [tuple(row) for row in found]


def base(number: int) -> dict[str, object]:
    """Metadata that name backup `number` as base."""
    return {"base_backup_id": backup_id(number)}


@pytest.mark.clause("B2")
@pytest.mark.parametrize(
    ("type", "of", "link"),
    [
        ("incremental", "full", "base"),
        ("incremental", "incremental", "incremental_chain"),
        ("incremental", "differential", "incremental_chain"),
        ("differential", "full", "differential_base"),
        ("differential", "incremental", "differential_base"),
    ],
)
def test_the_named_base_is_recorded_as_what_it_is(database: TargetDatabase, type: str, of: str, link: str) -> None:
    with database.starting(a_backup(1, of) + a_backup(2, age="1 minute")) as conn:
        assert links(conn, register(conn, type, base(1))) == [(backup_id(1), link)]


@pytest.mark.clause("B2")
@pytest.mark.parametrize("type", KINDS)
def test_a_base_may_be_named_in_capitals(database: TargetDatabase, type: str) -> None:
    with database.starting(a_backup(1, backup_id=LETTERED)) as conn:
        assert [id for id, _ in links(conn, register(conn, type, {"base_backup_id": LETTERED.upper()}))] == [LETTERED]


@pytest.mark.clause("B2")
@pytest.mark.parametrize("type", KINDS)
def test_a_base_that_does_not_exist_is_refused(database: TargetDatabase, type: str) -> None:
    with database.starting(a_backup(1)) as conn, unchanged(database, conn), refused("02000", backup_id(9)):
        register(conn, type, base(9))


@pytest.mark.clause("B2", "B3")
@pytest.mark.parametrize("type", KINDS)
@pytest.mark.parametrize("state", ["in_progress", "failed", "expired", "deleted"])
def test_a_base_that_is_not_completed_is_refused(database: TargetDatabase, state: str, type: str) -> None:
    bases = a_backup(1) + a_backup(2, status=state)
    with database.starting(bases) as conn, unchanged(database, conn), refused("23503", backup_id(2)):
        register(conn, type, base(2))


@pytest.mark.clause("B2")
@pytest.mark.parametrize(
    ("latest", "link"),
    [("full", "base"), ("incremental", "incremental_chain"), ("differential", "incremental_chain")],
)
def test_an_incremental_is_linked_to_the_latest_of_its_chain(database: TargetDatabase, latest: str, link: str) -> None:
    older = a_backup(1, age="3 hours") + a_backup(2, "incremental", age="2 hours")
    with database.starting(older + a_backup(3, latest, age="1 hour")) as conn:
        assert links(conn, register(conn, "incremental")) == [(backup_id(3), link)]


@pytest.mark.clause("B2")
def test_a_differential_is_linked_to_the_latest_full(database: TargetDatabase) -> None:
    fulls = a_backup(1, age="5 hours") + a_backup(2, age="4 hours")
    later = a_backup(3, "incremental", age="3 hours") + a_backup(4, "differential", age="2 hours")
    with database.starting(fulls + later) as conn:
        assert links(conn, register(conn, "differential")) == [(backup_id(2), "differential_base")]


@pytest.mark.clause("B2")
def test_the_latest_is_the_one_that_was_completed_last(database: TargetDatabase) -> None:
    slow = a_backup(1, age="1 hour", started_at=ago("9 hours"))
    with database.starting(slow + a_backup(2, age="2 hours")) as conn:
        assert links(conn, register(conn, "incremental")) == [(backup_id(1), "base")]


@pytest.mark.clause("B2")
@pytest.mark.parametrize("type", KINDS)
@pytest.mark.parametrize("state", ["in_progress", "failed", "expired", "deleted"])
def test_only_a_completed_backup_becomes_a_base(database: TargetDatabase, state: str, type: str) -> None:
    with database.starting(a_backup(1, age="2 hours") + a_backup(2, status=state, age="1 hour")) as conn:
        assert [id for id, _ in links(conn, register(conn, type))] == [backup_id(1)]


UNFIT = {
    "another tool": a_backup(1, backup_tool="custom"),
    "another branch": a_branch("dev", "commit-dev") + a_backup(1, commit_hash="commit-dev"),
    "another stanza": a_backup(1, metadata={"stanza": "other"}),
    "another server": a_backup(1, metadata={"stanza": "mine", "server": "other"}),
    "a snapshot": a_backup(1, "snapshot", metadata={"stanza": "mine"}),
    "not completed": a_backup(1, status="in_progress", metadata={"stanza": "mine"}),
}


@pytest.mark.clause("B2")
@pytest.mark.parametrize("type", KINDS)
@pytest.mark.parametrize("unfit", UNFIT)
def test_an_unfit_backup_does_not_become_a_base(database: TargetDatabase, unfit: str, type: str) -> None:
    with database.starting(UNFIT[unfit]) as conn:
        assert links(conn, register(conn, type, {"stanza": "mine"})) == []


@pytest.mark.clause("B2")
@pytest.mark.parametrize("type", KINDS)
@pytest.mark.parametrize("place", [{"stanza": "mine"}, {"server": "mine"}], ids=str)
def test_the_base_is_of_the_same_stanza_or_server(
    database: TargetDatabase, place: dict[str, object], type: str
) -> None:
    others = "".join(a_backup(number, metadata={key: "other"}) for number, key in enumerate(["stanza", "server"], 2))
    with database.starting(a_backup(1, age="9 hours", metadata=place) + others) as conn:
        assert [id for id, _ in links(conn, register(conn, type, place))] == [backup_id(1)]


@pytest.mark.clause("B2")
def test_the_base_is_of_the_same_branch_though_of_another_commit(database: TargetDatabase) -> None:
    catalogue = a_branch("dev", "commit-dev") + a_backup(1, commit_hash="commit-1", age="9 hours")
    with database.starting(catalogue + a_backup(2, commit_hash="commit-dev")) as conn:
        assert [id for id, _ in links(conn, register(conn, "incremental"))] == [backup_id(1)]
        assert [id for id, _ in links(conn, register(conn, "incremental", branch="dev"))] == [backup_id(2)]


@pytest.mark.clause("B2")
@pytest.mark.parametrize("type", ["full", "snapshot"])
def test_a_full_or_a_snapshot_is_linked_to_nothing(database: TargetDatabase, type: str) -> None:
    with database.starting(a_backup(1)) as conn:
        assert links(conn, register(conn, type)) == []


@pytest.mark.clause("B2")
@pytest.mark.parametrize(("type", "link"), [("incr", "base"), ("diff", "differential_base")])
def test_a_scheduled_pgbackrest_backup_is_linked_within_its_stanza(
    database: TargetDatabase, type: str, link: str
) -> None:
    catalogue = "".join(
        a_backup(number, backup_tool="pgbackrest", metadata={"stanza": stanza}, age=f"{number} hours")
        for number, stanza in enumerate(["other", "mine", "mine"], 1)
    )
    with database.starting(catalogue) as conn:
        new = answer(conn, "backup_pgbackrest", type, "main", "mine")
        new_backup = rows(conn, "SELECT backup_id FROM pggit.backups WHERE status = 'in_progress'")[0].backup_id
        assert new
        assert links(conn, new_backup) == [(backup_id(2), link)]


@pytest.mark.clause("B2")
@pytest.mark.parametrize("type", KINDS)
def test_an_unlinked_dependant_is_counted_as_orphaned(database: TargetDatabase, type: str) -> None:
    with database.starting(a_backup(1, backup_tool="custom")) as conn:
        register(conn, type)
        register(conn, type, tool="custom")
        counts = {row.recommendation: row.current_count for row in call(conn, "get_retention_recommendations")}
        assert counts["orphaned_incrementals"] == 1


@pytest.mark.clause("B2")
def test_inserting_a_link_that_is_recorded_already_does_not_fail(database: TargetDatabase) -> None:
    with database.starting(a_backup(1)) as conn:
        new = register(conn, "incremental")
        for type in ("base", "incremental_chain"):
            conn.execute(
                "INSERT INTO pggit.backup_dependencies (backup_id, depends_on_backup_id, dependency_type)"
                " VALUES (%s, %s, %s)",
                (new, backup_id(1), type),
            )
        assert [id for id, _ in links(conn, new)] == [backup_id(1)]


DEPENDING = {
    "registered": "",
    "linked later": a_backup(2, "incremental") + a_link(2, 1),
    "named later": a_backup(2, "incremental")
    + f"""UPDATE pggit.backups SET metadata = '{{"base_backup_id": "{backup_id(1)}"}}'
          WHERE backup_id = '{backup_id(2)}';""",
    "named from the start": a_backup(2, "incremental", metadata=base(1)),
}


def depend(conn: psycopg.Connection, how: str) -> None:
    """Makes a live backup that depends on backup 1."""
    if how == "registered":
        register(conn, "incremental", base(1))
    conn.execute(DEPENDING[how].encode())


@pytest.mark.clause("B2", "B3", "B4")
@pytest.mark.parametrize("how", DEPENDING)
def test_however_it_is_recorded_a_dependency_keeps_its_base(database: TargetDatabase, how: str) -> None:
    with database.starting(a_backup(1, age="90 days") + a_backup(9)) as conn:
        depend(conn, how)
        assert call(conn, "apply_retention_policy") == []


@pytest.mark.clause("B2", "B3", "B5")
@pytest.mark.parametrize("how", [how for how in DEPENDING if how != "registered"])
def test_however_it_is_recorded_a_dependency_blocks_the_deletion_of_its_base(
    database: TargetDatabase, how: str
) -> None:
    with database.starting(a_backup(1, status="expired", age="90 days") + a_backup(9)) as conn:
        depend(conn, how)
        with unchanged(database, conn), refused("23503", backup_id(1)):
            in_block(conn, "cleanup_expired_backups", False)


LINKING = {
    "an insert of a link": a_link(3, 1),
    "an update of the metadata": f"""UPDATE pggit.backups SET metadata = '{{"base_backup_id": "{backup_id(1)}"}}'
                                     WHERE backup_id = '{backup_id(3)}'""",
    "an insert with metadata": a_backup(4, "incremental", metadata=base(1)),
    "an update of the status": f"UPDATE pggit.backups SET status = 'in_progress' WHERE backup_id = '{backup_id(2)}'",
}
"""What a client may send so that backup 1 has a live dependant: 2 failed and is linked to it, 3 depends on none."""


@pytest.mark.clause("B3", "C4")
@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
@pytest.mark.parametrize("how", LINKING)
def test_a_base_does_not_expire_in_a_snapshot_older_than_the_link(
    database: TargetDatabase, how: str, level: str
) -> None:
    dependants = a_backup(2, "incremental", status="failed") + a_link(2, 1) + a_backup(3, "incremental")
    with database.starting(a_backup(1, age="90 days") + a_backup(9) + dependants) as conn, session(database) as older:
        older.execute(f"BEGIN ISOLATION LEVEL {level}; SELECT FROM pggit.backups".encode())
        conn.execute(LINKING[how].encode())
        reply = ask(older, "apply_retention_policy")
    assert (reply.sqlstate, reply.rows) in ((None, ()), ("40001", ()))


@pytest.mark.clause("B3")
def test_a_base_can_be_expired_again_once_the_link_is_gone(database: TargetDatabase) -> None:
    with database.starting(
        a_backup(1, age="90 days") + a_backup(9) + a_backup(2, "incremental") + a_link(2, 1)
    ) as conn:
        conn.execute("DELETE FROM pggit.backup_dependencies")
        assert [row.backup_id for row in call(conn, "apply_retention_policy")] == [backup_id(1)]


@pytest.mark.clause("B3")
def test_an_expired_base_takes_no_new_dependant(database: TargetDatabase) -> None:
    with database.starting(
        a_backup(1, age="90 days") + a_backup(2, age="80 days", backup_tool="custom") + a_backup(9)
    ) as conn:
        call(conn, "apply_retention_policy")
        assert statuses(conn, "backups")[1] == "expired"
        with refused("23503", backup_id(1)):
            register(conn, "incremental", base(1))
