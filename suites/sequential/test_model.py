from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import seed, settings
from hypothesis.stateful import run_state_machine_as_test

from fixtures.targets.database import TargetDatabase
from suites.oracles.models import MODELS
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


class Queue(QueueRules, EndingRules, ClientJobRules):
    """Workers, and operators of the queue."""

    groups = QUEUE


class Shelf(BackupRules, EndingRules, ClientBaseRules):
    """Who makes, verifies and expires backups."""

    groups = SHELF


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
    budget = settings(max_examples=ROUND, stateful_step_count=STEPS)
    for round in range(settings().max_examples // ROUND):
        fresh = seed(f"{pytestconfig.option.hypothesis_seed} {round}")
        run_state_machine_as_test(fresh(on(world, rules)), settings=budget)
    for name in ("steps", *MODELS):
        verdict.counts[f"models: {name}"] += world.ran.pop(name, 0)


def on(world: World, rules: type[Turns]) -> type[Turns]:
    """The machine with these rules, on this database."""

    class Machine(rules):  # type: ignore[misc, valid-type]
        def __init__(self) -> None:
            super().__init__(world)

    return Machine
