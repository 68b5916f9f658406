from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import seed, settings
from hypothesis.stateful import run_state_machine_as_test

from fixtures.targets.database import TargetDatabase
from suites.sequential.model_clients import ClientBaseRules, ClientJobRules
from suites.sequential.model_machine import BackupRules, EndingRules, QueueRules
from suites.sequential.model_starts import QUEUE, SHELF
from suites.sequential.model_turns import Turns
from suites.sequential.model_world import World
from suites.verdict import Verdict

STEPS = 50
"""In one example."""

ROUND = 10
"""Examples: after so many Hypothesis mostly varies those it has seen, and fresh ones meet more."""


PATIENCE = 10
"""So many times the rounds are run until all is reached: one time in twenty the planned ones do not come to it."""


class Queue(QueueRules, EndingRules, ClientJobRules):
    """Workers, and operators of the queue."""

    groups = QUEUE
    reaches = frozenset(
        {
            ("enqueue_backup_job", "something"),
            ("get_next_backup_job", "something"),
            ("get_next_backup_job", "None"),
            ("complete_backup_job", "True"),
            ("complete_backup_job", "False"),
            ("fail_backup_job", "True"),
            ("fail_backup_job", "False"),
            ("reset_job", "True"),
            ("reset_job", "False"),
            ("set_maintenance_mode", "something"),
            ("cancel_stuck_jobs", "something"),
            ("cleanup_old_jobs", "something"),
        }
    )


class Shelf(BackupRules, EndingRules, ClientBaseRules):
    """Who makes, verifies and expires backups."""

    groups = SHELF
    reaches = frozenset(
        {
            ("register_backup", "something"),
            ("register_backup", "02000"),
            ("complete_backup", "True"),
            ("complete_backup", "02000"),
            ("fail_backup", "True"),
            ("apply_retention_policy", "something"),
            ("cleanup_expired_backups", "something"),
            ("cleanup_expired_backups", "23503"),
            ("verify_backup", "something"),
            ("update_verification_result", "True"),
            ("update_verification_result", "22023"),
        }
    )


class Everything(QueueRules, BackupRules, EndingRules, ClientJobRules, ClientBaseRules):
    """All of them together."""


@pytest.fixture(scope="module")
def world(database: TargetDatabase) -> Iterator[World]:
    world = World(database)
    yield world
    world.close()


@pytest.mark.clause("J1", "J2", "J3", "J4", "J5", "J6", "J7", "J8", "B1", "B2", "B4", "B5", "B6")
@pytest.mark.clause("I1", "I2", "I3", "I4", "T1", "T2", "T3", "T4")
@pytest.mark.parametrize("rules", [Queue, Shelf, Everything])
def test_actors_who_take_turns_are_answered_as_the_models_say(
    world: World, verdict: Verdict, pytestconfig: pytest.Config, rules: type[Turns]
) -> None:
    world.answered.clear()
    budget = settings(max_examples=ROUND, stateful_step_count=STEPS)
    wanted = {each for each in rules.reaches if each[0] in world.functions}
    rounds = settings().max_examples // ROUND
    for round in range(rounds * PATIENCE):
        if round >= rounds and wanted <= world.answered.keys():
            break
        fresh = seed(f"{pytestconfig.option.run_seed} {round}")
        run_state_machine_as_test(fresh(on(world, rules)), settings=budget)
    steps = world.ran.pop("steps")
    verdict.counts[f"steps of the models ({rules.__name__.lower()})"] += steps
    unreached = sorted(wanted - world.answered.keys())
    assert not unreached, f"the rules did not reach, in {steps} steps: {unreached}"


def on(world: World, rules: type[Turns]) -> type[Turns]:
    """The machine with these rules, on this database."""

    class Machine(rules):  # type: ignore[misc, valid-type]
        def __init__(self) -> None:
            super().__init__(world)

    return Machine
