"""Functions that a target has and the catalogue lacks: told in the closing summary, and tried all the same."""

from __future__ import annotations

import pytest

from fixtures.targets.signatures import Beyond
from strategies.arguments import valid
from strategies.starts import WORKING_DAY
from suites.invalid_inputs.asking import Asker, for_all


def report(beyond: Beyond) -> list[str]:
    """A line for each kind of them, none when there are none."""
    kinds = {
        "functions beyond the contract, asked for raw errors alone": [each.qualified for each in beyond.callable],
        "functions beyond the contract, not asked, for named arguments cannot reach them": list(beyond.odd),
    }
    return [f"{len(names)} {what}: {', '.join(names)}" for what, names in kinds.items() if names]


def raw_errors(asker: Asker, beyond: Beyond) -> list[str]:
    """What is to be said against any of them, called with arguments of the declared types."""
    found = []
    for function in beyond.callable:
        try:
            for_all(function.qualified, valid(function, (WORKING_DAY,)), asker.ask_beyond, seed=asker.seed)
        except pytest.fail.Exception as failure:
            found.append(str(failure))
    return found
