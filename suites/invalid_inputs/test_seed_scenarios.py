"""The 31 validation scenarios of the document that the contract comes from, by name."""

from __future__ import annotations

from typing import Any

import pytest

from fixtures.targets.calls import FunctionCall
from fixtures.targets.functions import CALLABLE, Function, function
from fixtures.targets.kinds import Json, Range, Value
from strategies.arguments import Question
from strategies.starts import NOBODY, WORKING_DAY
from suites.invalid_inputs.asking import Asker

VALIDATED = {function.name: function for function in CALLABLE if function.validated}
NUMBERS = [
    ("cleanup_old_jobs", "p_retention_days"),
    ("cancel_stuck_jobs", "p_timeout_minutes"),
    ("list_active_workers", "p_since_minutes"),
    ("get_worker_stats", "p_since_hours"),
    ("get_backup_stats", "p_since_days"),
    ("get_tool_usage_stats", "p_since_days"),
]
UNKNOWN: dict[str, dict[str, Value]] = {
    "verify_backup": {"p_backup_id": NOBODY},
    "test_backup_restore": {"p_backup_id": NOBODY},
    "reset_job": {"p_job_id": NOBODY},
    "update_verification_result": {"p_verification_id": NOBODY, "p_status": "completed"},
}
POLICIES = {
    "missing key": ('{"full_days": 30}', "22023"),
    "wrong type": ('{"full_days": "30", "incremental_days": 7}', "22023"),
    "out of range": ('{"full_days": 30, "incremental_days": 366}', "22003"),
}


def ask(asker: Asker, name: str, arguments: dict[str, Value], sqlstate: str | None) -> None:
    reply = asker.ask(Question(WORKING_DAY, FunctionCall(function(f"pggit.{name}"), tuple(arguments.items()))))
    assert reply.sqlstate == sqlstate


def with_number(name: str, parameter: str, value: int) -> dict[str, Value]:
    return ({"p_worker_id": "w0"} if name == "get_worker_stats" else {}) | {parameter: value}


def top(name: str, parameter: str) -> int:
    kind = VALIDATED[name].parameter(parameter).kind
    assert isinstance(kind, Range)
    assert kind.high is not None
    return kind.high


def scenario(kind: str, name: str, *values: object) -> Any:
    """One of the 31, by the name of its kind and its function."""
    return pytest.param(*values, id=f"{kind}-{name}", marks=pytest.mark.needs(f"pggit.{name}"))


@pytest.mark.clause("V1", "V2")
@pytest.mark.parametrize("validated", [scenario("null", name, each) for name, each in VALIDATED.items()])
def test_null_is_refused_or_a_safe_default(asker: Asker, validated: Function) -> None:
    parameter = validated.parameters[0]
    arguments: dict[str, Value] = {parameter.name: None}
    ask(asker, validated.name, arguments, None if parameter.null else "22004")


@pytest.mark.clause("V3")
@pytest.mark.parametrize(
    ("name", "parameter"), [scenario("below", name, name, parameter) for name, parameter in NUMBERS]
)
def test_a_number_below_its_range_is_refused(asker: Asker, name: str, parameter: str) -> None:
    ask(asker, name, with_number(name, parameter, 0), "22003")


@pytest.mark.clause("V3")
@pytest.mark.parametrize(
    ("name", "parameter"), [scenario("above", name, name, parameter) for name, parameter in NUMBERS]
)
def test_a_number_above_its_range_is_warned_about(asker: Asker, name: str, parameter: str) -> None:
    ask(asker, name, with_number(name, parameter, top(name, parameter) + 1), None)


@pytest.mark.clause("V5")
@pytest.mark.parametrize("name", [scenario("unknown", name, name) for name in UNKNOWN])
def test_an_unknown_id_is_refused(asker: Asker, name: str) -> None:
    ask(asker, name, UNKNOWN[name], "02000")


@pytest.mark.clause("V4")
@pytest.mark.needs("pggit.apply_retention_policy")
@pytest.mark.parametrize("defect", [pytest.param(name, id=f"policy-{name.replace(' ', '_')}") for name in POLICIES])
def test_a_defective_policy_is_refused(asker: Asker, defect: str) -> None:
    policy, sqlstate = POLICIES[defect]
    ask(asker, "apply_retention_policy", {"p_policy": Json(policy)}, sqlstate)
