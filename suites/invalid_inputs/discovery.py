"""Whether these suites find a planted bug: their properties about one function, drawn with a seed of one's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import Phase, settings

from fixtures.engine.stage import Stage
from fixtures.postgres.databases import connect
from fixtures.postgres.server import Server
from fixtures.targets.database import Template
from fixtures.targets.functions import Function
from fixtures.targets.mutants import Mutant, load_mutants
from fixtures.targets.target import load_target
from strategies.arguments import Questions, any_questions, defective, defects, of_nothing, valid
from strategies.starts import WORKING_DAY
from suites.drawn import budget
from suites.invalid_inputs.asking import Asker, Check, for_all

HAZARDS: list[Mutant] = [mutant for mutant in load_mutants().values() if mutant.function]
"""The planted bugs that one call shows."""


@contextmanager
def asking(server: Server, spec: str, more: str = "SELECT") -> Iterator[Asker]:
    """An asker for a target of one's own, with `more` SQL on top."""
    target = load_target(spec)
    template = Template(server, target)
    try:
        with template.copy() as database, connect(database.conninfo) as conn:
            conn.execute(more.encode())
            yield Asker(Stage(conn, target.schemas, database.state))
    finally:
        template.drop()


def properties(asker: Asker, function: Function) -> Iterator[tuple[Questions, Check, int]]:
    """What the tests of this folder ask one function: questions, a check, and how many times the budget."""
    yield any_questions(function), asker.ask, 1
    yield valid(function), asker.ask, 3
    yield of_nothing(function), asker.ask, 1
    for parameter in function.parameters:
        for defect in defects(parameter, WORKING_DAY):
            yield defective(function, parameter, defect), asker.ask, 1
    yield any_questions(function), asker.ask_within_a_block, 1
    yield any_questions(function), asker.ask_by_every_protocol, 1


def first_failure(asker: Asker, function: Function, seed: int) -> str:
    """What the first property that fails says; empty when all hold. Not shrunk."""
    for number, (questions, check, times) in enumerate(properties(asker, function)):
        tries = settings(budget(times), phases=[Phase.generate], database=None)
        try:
            for_all(f"{function.name} {number}", questions, check, tries, seed)
        except pytest.fail.Exception as failure:
            return str(failure)
    return ""
