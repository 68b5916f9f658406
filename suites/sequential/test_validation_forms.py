from __future__ import annotations

import json
from typing import Any

import psycopg
import pytest

from fixtures.targets.calls import FunctionCall
from fixtures.targets.database import TargetDatabase
from fixtures.targets.functions import CALLABLE
from fixtures.targets.kinds import Branch, Json, Range
from fixtures.targets.perform import perform
from strategies import catalogues as c
from suites.sequential.asking import ask, call, session
from suites.sequential.asking import value as first_value
from suites.sequential.plain_calls import CATALOGUE, plain_call
from suites.sequential.refusing import BACKUP, JOB, OPERATION, Arguments, answered, refused

NUMBERS = [
    pytest.param(plain_call(function), parameter.name, parameter.kind.high, id=function.name)
    for function in CALLABLE
    for parameter in function.parameters
    if isinstance(parameter.kind, Range) and parameter.kind.unit
]


def with_number(plain: FunctionCall, parameter: str, number: int) -> FunctionCall:
    arguments = dict(plain.arguments) | {parameter: number}
    return FunctionCall(plain.function, tuple(arguments.items()), plain.in_block)


@pytest.mark.clause("V3")
@pytest.mark.parametrize(("plain", "parameter", "top"), NUMBERS)
def test_a_number_is_positive_and_warned_about_above_its_top(
    database: TargetDatabase, plain: FunctionCall, parameter: str, top: int
) -> None:
    with database.starting(CATALOGUE) as conn:
        below, at_top, above = (perform(conn, with_number(plain, parameter, number)) for number in (0, top, top + 1))
    assert (below.sqlstate, parameter in below.message, "must be positive" in below.message) == ("22003", True, True)
    assert (at_top.sqlstate, at_top.notices) == (None, ())
    assert above.sqlstate is None
    assert [notice.severity for notice in above.notices if parameter in notice.message] == ["WARNING"]


@pytest.mark.clause("V3")
@pytest.mark.parametrize(("plain", "parameter", "top"), NUMBERS)
def test_the_largest_number_is_answered_with_a_warning_or_refused(
    database: TargetDatabase, plain: FunctionCall, parameter: str, top: int
) -> None:
    assert top < 2**31 - 1
    with database.starting(CATALOGUE) as conn:
        reply = perform(conn, with_number(plain, parameter, 2**31 - 1))
    assert reply.sqlstate in (None, "22003")
    assert parameter in (reply.message or reply.notices[0].message)


GOOD_POLICIES = {
    "smallest": {"full_days": 1, "incremental_days": 1},
    "largest": {"full_days": 3650, "incremental_days": 365},
    "more keys": {"full_days": 30, "incremental_days": 7, "comment": ["kept", None]},
    "whole with a point": Json('{"full_days": 30.0, "incremental_days": 7e0}'),
}
BAD_POLICIES = {
    "missing": ({"full_days": 30}, "22023", "missing required key"),
    "null": ({"full_days": None, "incremental_days": 7}, "22023", "Invalid policy format"),
    "string": ({"full_days": "30", "incremental_days": 7}, "22023", "Invalid policy format"),
    "boolean": ({"full_days": 30, "incremental_days": True}, "22023", "Invalid policy format"),
    "array": ({"full_days": [30], "incremental_days": 7}, "22023", "Invalid policy format"),
    "object": ({"full_days": 30, "incremental_days": {"days": 7}}, "22023", "Invalid policy format"),
    "fraction": ({"full_days": 30.5, "incremental_days": 7}, "22023", "Invalid policy format"),
    "not an object": ([30, 7], "22023", "Invalid policy format"),
    "json null": (None, "22023", "Invalid policy format"),
    "zero": ({"full_days": 0, "incremental_days": 7}, "22003", "full_days"),
    "too many": ({"full_days": 3651, "incremental_days": 7}, "22003", "out of range"),
    "too many incremental": ({"full_days": 30, "incremental_days": 366}, "22003", "out of range"),
}


@pytest.mark.clause("V4")
@pytest.mark.parametrize("policy", GOOD_POLICIES.values(), ids=GOOD_POLICIES)
def test_a_policy_of_whole_numbers_in_range_is_taken(database: TargetDatabase, policy: object) -> None:
    text = policy if isinstance(policy, Json) else Json(json.dumps(policy))
    with database.starting() as conn:
        answer = ask(conn, "validate_retention_policy", p_policy=text)
    keys = json.loads(text.text)
    assert answer.rows == ((str(int(keys["full_days"])), str(int(keys["incremental_days"]))),)


@pytest.mark.clause("V4")
@pytest.mark.parametrize("name", ["validate_retention_policy", "apply_retention_policy"])
@pytest.mark.parametrize(("policy", "sqlstate", "words"), BAD_POLICIES.values(), ids=BAD_POLICIES)
def test_any_other_policy_is_refused(
    database: TargetDatabase, name: str, policy: object, sqlstate: str, words: str
) -> None:
    refused(database, name, {"p_policy": Json(json.dumps(policy))}, sqlstate, words)


TEXTS: dict[str, tuple[str, Arguments, str, int]] = {
    "backup name": ("register_backup", BACKUP, "p_backup_name", 255),
    "location": ("register_backup", BACKUP, "p_location", 1000),
    "command": ("enqueue_backup_job", JOB, "p_command", 65536),
    "worker id": ("get_next_backup_job", {}, "p_worker_id", 255),
    "worker's statistics": ("get_worker_stats", {}, "p_worker_id", 255),
    "stanza": ("backup_pgbackrest", {}, "p_stanza", 255),
    "server": ("backup_barman", {}, "p_server_name", 255),
    "schema": ("backup_pg_dump", {}, "p_schema", 255),
    "operation": ("audited_operation", OPERATION, "p_operation_name", 255),
}


@pytest.mark.clause("V7")
@pytest.mark.parametrize(("name", "arguments", "parameter"), [text[:3] for text in TEXTS.values()], ids=TEXTS)
def test_a_blank_text_is_refused(database: TargetDatabase, name: str, arguments: Arguments, parameter: str) -> None:
    for blank in ("", "  ", "\t\n"):
        refused(database, name, arguments | {parameter: blank}, "22023", parameter, "cannot be empty")


@pytest.mark.clause("V7")
def test_a_blank_compression_is_refused(database: TargetDatabase) -> None:
    refused(database, "complete_backup", {"p_backup_id": c.RUNNING, "p_compression": " "}, "22023", "p_compression")


@pytest.mark.clause("V7", "A2")
def test_a_blank_statement_is_refused(database: TargetDatabase) -> None:
    refused(database, "audited_operation", OPERATION | {"p_operation_sql": " \n"}, "22023", "p_operation_sql")


@pytest.mark.clause("V7")
@pytest.mark.parametrize(("name", "arguments", "parameter", "longest"), TEXTS.values(), ids=TEXTS)
def test_a_text_is_refused_when_it_is_too_long_and_only_then(
    database: TargetDatabase, name: str, arguments: Arguments, parameter: str, longest: int
) -> None:
    answered(database, name, arguments | {parameter: "x" * longest})
    refused(database, name, arguments | {parameter: "x" * (longest + 1)}, "22023", parameter)


BRANCHES = [
    pytest.param(plain_call(function), parameter.name, id=f"{function.name}.{parameter.name}")
    for function in CALLABLE
    for parameter in function.parameters
    if isinstance(parameter.kind, Branch)
]


@pytest.mark.clause("V7")
@pytest.mark.parametrize(("plain", "parameter"), BRANCHES)
@pytest.mark.parametrize("name", [" ", "x" * 256], ids=["blank", "overlong"])
def test_a_branch_that_cannot_be_one_is_refused_for_its_form(
    database: TargetDatabase, plain: FunctionCall, parameter: str, name: str
) -> None:
    arguments = dict(plain.arguments) | {parameter: name}
    with database.starting(CATALOGUE) as conn:
        reply = perform(conn, FunctionCall(plain.function, tuple(arguments.items()), plain.in_block))
    assert (reply.sqlstate, parameter in reply.message) == ("22023", True), reply


@pytest.mark.clause("V7")
@pytest.mark.parametrize("path", ["", "/" + "x" * 1000, "/" + "x" * 980])
def test_an_output_path_is_neither_blank_nor_too_long(database: TargetDatabase, path: str) -> None:
    refused(database, "backup_pg_dump", {"p_output_path": path}, "22023", "p_output_path")


@pytest.mark.clause("V7", "E2")
def test_a_path_and_the_name_in_it_are_at_most_a_location_long(database: TargetDatabase) -> None:
    made = f"SELECT length(location) - {len('/x')} FROM pggit.backups WHERE backup_tool = 'pg_dump'"
    with database.starting() as conn:
        ask(conn, "backup_pg_dump", p_output_path="/x")
        room = 1000 - first_value(conn, made)
        replies = [ask(conn, "backup_pg_dump", p_output_path="/".ljust(room + more, "x")) for more in (-1, 0, 1, 2)]
        assert first_value(conn, "SELECT max(length(location)) FROM pggit.backups") <= 1000
    for reply in replies:
        assert reply.sqlstate is None or (reply.sqlstate, "p_output_path" in reply.message) == ("22023", True), reply


def notified(database: TargetDatabase, location: str) -> str:
    """What the channel tells about a verification of a backup at that location, as it is sent."""
    heard: list[psycopg.Notify] = []
    with database.starting(CATALOGUE), session(database) as conn:
        conn.add_notify_handler(heard.append)
        conn.execute("LISTEN pggit_verify_backup")
        conn.execute("UPDATE pggit.backups SET location = %s WHERE backup_id = %s", (location, c.FULL_NEW))
        reply = ask(conn, "verify_backup", p_backup_id=c.FULL_NEW)
        conn.execute("SELECT 'the notification has come by now'")
    (notify,) = heard
    told = json.loads(notify.payload)
    assert (told["verification_id"], told["backup_id"]) == (str(reply.rows[0][0]), c.FULL_NEW)
    return notify.payload


def notification(database: TargetDatabase, location: str) -> dict[str, str]:
    """The same, read."""
    payload = json.loads(notified(database, location))
    assert isinstance(payload, dict)
    return payload


@pytest.mark.clause("V7")
@pytest.mark.parametrize("location", ["x" * 9000, "🛑" * 2500, "\\" * 5000], ids=["long", "wide", "escaped"])
def test_a_notification_that_would_be_too_long_leaves_out_the_location(database: TargetDatabase, location: str) -> None:
    plain = notification(database, "file:///here")
    assert plain["location"] == "file:///here"
    assert notification(database, location).keys() == plain.keys() - {"location"}


@pytest.mark.clause("V7")
def test_a_notification_has_its_location_as_long_as_there_is_room_for_it(database: TargetDatabase) -> None:
    most = 7999 - len(notified(database, "x").encode()) + len("x")  # a payload is shorter than 8000 bytes
    assert "location" in notification(database, "x" * most)
    assert "location" not in notification(database, "x" * (most + 1))


NUMBER_BOUNDS: dict[str, tuple[str, Arguments, str, int, int | None]] = {
    "size": ("complete_backup", {"p_backup_id": c.RUNNING}, "p_backup_size", 0, None),
    "compressed size": ("complete_backup", {"p_backup_id": c.RUNNING}, "p_compressed_size", 0, None),
    "backups listed": ("list_backups", {}, "p_limit", 1, 1000),
    "verifications listed": ("list_backup_verifications", {}, "p_limit", 1, 1000),
    "attempts": ("enqueue_backup_job", JOB, "p_max_attempts", 1, 100),
    "retry delay": (
        "fail_backup_job", {"p_job_id": c.JOB_LAST_TRY, "p_error": "x"}, "p_retry_delay_seconds", 0, 86400,
    ),
}  # fmt: skip


@pytest.mark.clause("V7")
@pytest.mark.parametrize(("name", "arguments", "parameter", "low", "high"), NUMBER_BOUNDS.values(), ids=NUMBER_BOUNDS)
def test_a_number_outside_its_bounds_is_refused_and_no_other(
    database: TargetDatabase, name: str, arguments: Arguments, parameter: str, low: int, high: int | None
) -> None:
    refused(database, name, arguments | {parameter: low - 1}, "22003", parameter, str(low - 1))
    if high is not None:
        refused(database, name, arguments | {parameter: high + 1}, "22003", parameter, str(high + 1))
    for number in (low, 2**63 - 1 if high is None else high):
        answered(database, name, arguments | {parameter: number})


OBJECTS: dict[str, tuple[str, Arguments, str]] = {
    "backup": ("register_backup", BACKUP, "p_metadata"),
    "job": ("enqueue_backup_job", JOB, "p_metadata"),
    "pgbackrest": ("backup_pgbackrest", {}, "p_options"),
    "barman": ("backup_barman", {"p_server_name": "s"}, "p_options"),
    "pg_dump": ("backup_pg_dump", {}, "p_options"),
}


@pytest.mark.clause("V7")
@pytest.mark.parametrize(("name", "arguments", "parameter"), OBJECTS.values(), ids=OBJECTS)
def test_options_and_metadata_are_an_object_or_null(
    database: TargetDatabase, name: str, arguments: Arguments, parameter: str
) -> None:
    for text in ("[]", '"x"', "1", "true", "null"):
        refused(database, name, arguments | {parameter: Json(text)}, "22023", parameter)
    for value in (None, Json("{}"), Json('{"unknown": [1]}')):
        answered(database, name, arguments | {parameter: value})


OPTIONS: dict[str, tuple[str, Arguments, list[Any], list[Any]]] = {
    "repo": ("backup_pgbackrest", {}, [1, "2"], ["", "one", "1; reboot", True, [], {}]),
    "compression_level": ("backup_pg_dump", {}, [0, 9, "9"], ["", "high", "1 --file=x", True, [1], 1.5]),
    "wait": ("backup_barman", {"p_server_name": "s"}, [True, False], ["true", 1, [], {}]),
}


@pytest.mark.clause("V7")
@pytest.mark.parametrize("option", OPTIONS)
def test_a_known_option_has_its_type(database: TargetDatabase, option: str) -> None:
    name, arguments, good, bad = OPTIONS[option]
    for value in bad:
        refused(database, name, arguments | {"p_options": Json(json.dumps({option: value}))}, "22023", option)
    for value in good:
        answered(database, name, arguments | {"p_options": Json(json.dumps({option: value}))})


@pytest.mark.clause("V7")
@pytest.mark.parametrize("level", [-1, 10, "10"])
def test_a_compression_level_outside_its_bounds_is_refused(database: TargetDatabase, level: int | str) -> None:
    with database.starting(CATALOGUE) as conn:
        reply = perform(conn, call("backup_pg_dump", p_options=Json(json.dumps({"compression_level": level}))))
    assert reply.sqlstate in ("22003", "22023")
    assert "compression_level" in reply.message
