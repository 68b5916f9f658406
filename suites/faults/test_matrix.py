"""The fault matrix: every writing function × every gate in it × each fault, and then the same call again."""

from __future__ import annotations

import pytest

from fixtures.faults.kinds import Kind
from strategies.fault_plans import (
    ALONE,
    FUNCTIONS,
    SERVER_DOWN,
    WAITED_FOR,
    after_another,
    alone,
    held_up,
    sampled,
    to_savepoint,
    waited_for,
)
from strategies.profiles import PROFILES
from suites.faults.striking import Striking
from suites.races.plugin import first_seed

pytestmark = [
    pytest.mark.clause("T3", "L5", "I4", "E2", "C1"),
    pytest.mark.parametrize("name", FUNCTIONS),
]


@pytest.mark.parametrize("kind", ALONE)
def test_a_struck_call_is_done_or_undone_as_a_whole_and_the_next_caller_succeeds(
    striking: Striking, name: str, kind: Kind
) -> None:
    plan = alone(name)
    striking.strike_all(plan, striking.faults(plan, kind), kind)


@pytest.mark.parametrize("kind", WAITED_FOR)
def test_who_waits_for_a_struck_call_goes_on_as_if_it_had_not_been_made(
    striking: Striking, name: str, kind: Kind
) -> None:
    plan = waited_for(name)
    striking.strike_all(plan, striking.faults(plan, kind), kind)


def test_a_wait_that_lasts_too_long_is_refused_with_a_code_and_leaves_nothing(striking: Striking, name: str) -> None:
    plan = held_up(name)
    striking.strike_all(plan, striking.faults(alone(name), Kind.LOCK_TIMEOUT), Kind.LOCK_TIMEOUT)


def test_going_back_to_a_savepoint_undoes_a_cancelled_call(striking: Striking, name: str) -> None:
    plan = to_savepoint(name)
    striking.strike_all(plan, striking.faults(plan, Kind.CANCEL), f"{Kind.CANCEL} and rollback to a savepoint")


@pytest.mark.needs("own-server")
@pytest.mark.parametrize("kind", SERVER_DOWN)
def test_a_server_that_goes_down_forgets_what_was_not_committed_and_nothing_else(
    striking_down: Striking, name: str, kind: Kind, pytestconfig: pytest.Config
) -> None:
    plan = after_another(name)
    most = PROFILES[pytestconfig.getoption("--profile")].crashes
    faults = sampled(striking_down.faults(plan, kind), most, f"{first_seed(pytestconfig)} {name} {kind}")
    striking_down.strike_all(plan, faults, kind)
