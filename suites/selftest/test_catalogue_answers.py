"""The oracle of documented answers, on calls whose answer is known, and its judge on good and bad replies."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fixtures.targets.calls import FunctionCall, Notice, Reply
from fixtures.targets.functions import function
from fixtures.targets.kinds import Json, Value
from fixtures.targets.state import Dump
from strategies.catalogues import uuid
from suites.oracles.contract import Answer, Refusal, documented_answer
from suites.oracles.replies import judge_reply, judge_trace, told

DONE, OPEN, JOB, UNKNOWN = uuid(1), uuid(2), uuid(3), uuid(9)

CATALOGUE: Dump = {
    "pggit.commits": [{"hash": "commit-1"}],
    "pggit.branches": [
        {"name": "main", "head_commit_hash": "commit-1"},
        {"name": "empty", "head_commit_hash": None},
    ],
    "pggit.backups": [{"backup_id": DONE, "status": "completed"}, {"backup_id": OPEN, "status": "in_progress"}],
    "pggit.backup_jobs": [{"job_id": JOB, "backup_id": OPEN, "status": "failed", "attempts": "1", "max_attempts": "3"}],
}


def call(name: str, **arguments: Value) -> FunctionCall:
    return FunctionCall(function(f"pggit.{name}"), tuple(arguments.items()))


def register(**arguments: Value) -> FunctionCall:
    good: dict[str, Value] = {"p_backup_name": "n", "p_backup_type": "full", "p_backup_tool": "custom"}
    return call("register_backup", **(good | {"p_location": "l"} | arguments))


def policy(text: str) -> FunctionCall:
    return call("apply_retention_policy", p_policy=Json(text))


REFUSED = {
    "V1": (call("verify_backup", p_backup_id=None), "22004", "p_backup_id"),
    "V0 null before form": (register(p_backup_name="", p_location=None), "22004", "p_location"),
    "V0 first form": (register(p_backup_type="x", p_backup_tool="y"), "22023", "p_backup_type"),
    "V0 form before existence": (
        call("verify_backup", p_backup_id=UNKNOWN, p_verification_type="x"), "22023", "p_verification_type",
    ),
    "V0 existence before state": (call("enqueue_backup_job", p_backup_id=UNKNOWN, p_command="c", p_tool="custom"),
                                  "02000", "p_backup_id"),
    "V3 below": (call("cleanup_old_jobs", p_retention_days=0), "22003", "p_retention_days"),
    "V4 array": (policy("[]"), "22023", "p_policy"),
    "V4 missing": (policy('{"full_days": 3}'), "22023", "incremental_days"),
    "V4 null": (policy('{"full_days": null, "incremental_days": 7}'), "22023", "full_days"),
    "V4 fraction": (policy('{"full_days": 3.5, "incremental_days": 7}'), "22023", "full_days"),
    "V4 above": (policy('{"full_days": 30, "incremental_days": 366}'), "22003", "incremental_days"),
    "V4 the last of equal keys counts": (
        policy('{"full_days": 3, "incremental_days": 7, "full_days": 0}'), "22003", "full_days"
    ),
    "V4 huge": (policy('{"full_days": 1e400, "incremental_days": 7}'), "22003", "full_days"),
    "V5 branch": (register(p_branch_name="empty"), "02000", "p_branch_name"),
    "V5 commit": (register(p_commit_hash="commit-9"), "02000", "p_commit_hash"),
    "V7 blank": (register(p_location=" \t"), "22023", "p_location"),
    "V7 overlong": (register(p_backup_name="x" * 256), "22023", "p_backup_name"),
    "V7 64 kB are counted in bytes": (
        call("enqueue_backup_job", p_backup_id=DONE, p_command="é" * 32769, p_tool="custom"), "22023", "p_command"
    ),
    "V7 metadata": (register(p_metadata=Json('"{}"')), "22023", "p_metadata"),
    "V7 limit": (call("list_backups", p_limit=1001), "22003", "p_limit"),
    "S1": (call("backup_barman", p_server_name="-rf"), "22023", "p_server_name"),
    "T1": (call("cleanup_old_jobs", p_dry_run=False), "25P01", "cleanup_old_jobs"),
    "I2": (call("verify_backup", p_backup_id=OPEN), "22023", "p_backup_id"),
    "J6": (call("enqueue_backup_job", p_backup_id=OPEN, p_command="c", p_tool="custom"), "23505", "p_backup_id"),
}  # fmt: skip


@pytest.mark.parametrize(("made", "sqlstate", "name"), REFUSED.values(), ids=REFUSED)
def test_the_oracle_knows_the_first_defect(made: FunctionCall, sqlstate: str, name: str) -> None:
    refusal, *_ = documented_answer(made, CATALOGUE)
    assert isinstance(refusal, Refusal)
    assert (refusal.sqlstate, name in refusal.names) == (sqlstate, True)


ANSWERED = {
    "valid": (call("verify_backup", p_backup_id=DONE), ()),
    "V2 null is a dry run": (call("cleanup_old_jobs", p_dry_run=None), ()),
    "V2 null is the default policy": (call("apply_retention_policy", p_policy=None), ()),
    "T2": (replace(call("cleanup_old_jobs", p_dry_run=False), in_block=True), ()),
    "V3 top": (call("cleanup_old_jobs", p_retention_days=3650), ()),
    "V3 above": (call("cleanup_old_jobs", p_retention_days=3651), (("p_retention_days", "3651"),)),
    "V4 whole": (policy('{"full_days": 30.0, "incremental_days": 3e2, "more": []}'), ()),
    "V5 no rows": (call("list_backups", p_branch_name="nope"), ()),
    "V7 top": (register(p_backup_name="é" * 255, p_location="x" * 1000), ()),
}


@pytest.mark.parametrize(("made", "warned"), ANSWERED.values(), ids=ANSWERED)
def test_the_oracle_knows_what_is_fine(made: FunctionCall, warned: tuple[tuple[str, str], ...]) -> None:
    assert documented_answer(made, CATALOGUE) == (Answer(warned),)


def test_the_oracle_lets_an_age_beyond_all_timestamps_be_answered_or_refused() -> None:
    days = documented_answer(call("cleanup_old_jobs", p_retention_days=2**31 - 1), CATALOGUE)
    assert [type(each) for each in days] == [Answer, Refusal]
    minutes = documented_answer(call("cancel_stuck_jobs", p_timeout_minutes=2**31 - 1), CATALOGUE)
    assert [type(each) for each in minutes] == [Answer]


@pytest.mark.parametrize("value", ["\u00a0", "\u200b", "-rf", "a\nb"])
def test_the_oracle_is_silent_where_the_contract_is(value: str) -> None:
    assert documented_answer(register(p_backup_name=value), CATALOGUE) == ()


BAD = call("cleanup_old_jobs", p_retention_days=0)
GOOD_REPLY = Reply(
    sqlstate="22003",
    message="p_retention_days must be positive: 0",
    detail="PGGIT_RANGE_ERROR: p_retention_days",
    hint="Pass 1 to 3650.",
)

WRONG_REPLIES = {
    "answered": ({"sqlstate": None}, "another answer is documented"),
    "other code": ({"sqlstate": "22004", "detail": "PGGIT_NULL_PARAM"}, "another answer is documented"),
    "internal": ({"sqlstate": "22008"}, "E3: an internal error got through"),
    "raw unique violation": ({"sqlstate": "23514"}, "E3: an internal error got through"),
    "no detail": ({"detail": ""}, "DETAIL must begin with PGGIT_RANGE_ERROR"),
    "no hint": ({"hint": " "}, "there is no hint"),
    "no name": ({"message": "must be positive: 0"}, "must name p_retention_days"),
    "no value": ({"message": "p_retention_days must be positive"}, "must tell the value 0"),
    "no phrase": ({"message": "p_retention_days is 0"}, "must say 'must be positive'"),
}


def test_the_judge_accepts_a_good_refusal() -> None:
    assert judge_reply(BAD, documented_answer(BAD, CATALOGUE), GOOD_REPLY) == []


@pytest.mark.parametrize(("change", "complaint"), WRONG_REPLIES.values(), ids=WRONG_REPLIES)
def test_the_judge_names_what_is_wrong_with_a_reply(change: dict[str, str], complaint: str) -> None:
    reply = Reply(**(vars(GOOD_REPLY) | change))
    complaints = judge_reply(BAD, documented_answer(BAD, CATALOGUE), reply)
    assert len(complaints) == 1
    assert complaint in complaints[0]


def test_the_judge_wants_a_warning_above_the_range_and_none_within() -> None:
    above, within = call("cleanup_old_jobs", p_retention_days=4000), call("cleanup_old_jobs", p_retention_days=40)
    warned = Reply(notices=(Notice("WARNING", "01000", "p_retention_days is unusually large: 4000"),))
    assert judge_reply(above, documented_answer(above, CATALOGUE), warned) == []
    assert judge_reply(within, documented_answer(within, CATALOGUE), Reply()) == []
    assert "there must be a WARNING" in judge_reply(above, documented_answer(above, CATALOGUE), Reply())[0]
    assert "about a value that is fine" in judge_reply(within, documented_answer(within, CATALOGUE), warned)[0]


def test_the_judge_notices_the_trace_of_a_refusal() -> None:
    after = CATALOGUE | {"pggit.commits": []}
    assert judge_trace(CATALOGUE, after)[1:] == ["- pggit.commits hash=commit-1"]
    assert judge_trace(CATALOGUE, CATALOGUE) == []


def test_a_failure_is_told_in_a_few_lines_with_one_for_psql() -> None:
    expectation = documented_answer(BAD, CATALOGUE)
    lines = told(BAD, expectation, Reply(), judge_reply(BAD, expectation, Reply())).splitlines()
    assert lines == [
        "pggit.cleanup_old_jobs: p_retention_days = 0",
        "  expected  22003 naming p_retention_days and 0 (V3)",
        "  got       an answer of 0 rows",
        "  V3: another answer is documented",
        "  starting  working day (strategies/starts.py)",
        "  psql      SELECT * FROM pggit.cleanup_old_jobs(p_retention_days => 0);",
    ]


LITERALS: list[tuple[Value, str]] = [
    (None, "NULL"),
    (False, "false"),
    (-5, "-5"),
    (-(2**31), "'-2147483648'::integer"),
    ("it's", "'it''s'"),
    ("a\\'b", "E'a\\\\''b'"),
    ("a\n\u202e", "E'a\\U0000000a\\U0000202e'"),
    ("é" * 300 + "'", "repeat('é', 300) || ''''"),
    (Json("[" * 200 + "]" * 200), "(repeat('[', 200) || repeat(']', 200))::jsonb"),
    (Json('{"a": "\\\\"}'), 'E\'{"a": "\\\\\\\\"}\''),
]


@pytest.mark.parametrize(("value", "literal"), LITERALS)
def test_an_argument_is_written_so_that_psql_takes_it(value: Value, literal: str) -> None:
    assert call("cleanup_old_jobs", p_retention_days=value).sql.endswith(f"(p_retention_days => {literal})")
