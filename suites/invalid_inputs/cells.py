"""The table function × parameter × defect: its cells, and the pytest case for each of them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import pytest

from fixtures.targets import kinds as k
from fixtures.targets.functions import CALLABLE, Function, Parameter
from strategies.arguments import defects, wrong_forms
from strategies.starts import WORKING_DAY


@dataclass
class Cell:
    """One cell: in how many examples the call was refused. `demanded`: the contract leaves no other answer."""

    function: str
    parameter: str
    defect: str
    demanded: bool
    examples: int = 0
    refused: int = 0

    def __str__(self) -> str:
        return f"{self.function}, {self.parameter}: {self.defect}"


def demanded(parameter: Parameter, defect: str) -> bool:
    """Whether the contract demands a refusal: not of ages that are warned about, nor where it is silent."""
    match parameter.kind:
        case k.Range(above="warn"):
            return defect != "above"
        case k.Choice(documented=documented) | k.JsonObject(documented=documented):
            return documented or defect == "null"
        case k.Commit(must_exist=must_exist) | k.Branch(must_exist=must_exist):
            return must_exist or defect != "unknown"
    return True


def cases(*defect_names: str, kind: type = object, above: str = "") -> list[Any]:
    """One pytest case for each function, parameter and defect of these names that the catalogue knows.

    `kind` keeps parameters of that kind only; `above` those ranges that warn or refuse there.
    """
    found = []
    for function, parameter in ((f, p) for f in CALLABLE for p in f.parameters):
        if not isinstance(parameter.kind, kind) or above not in ("", getattr(parameter.kind, "above", "")):
            continue
        for defect in defects(parameter, WORKING_DAY):
            if defect in defect_names:
                name = f"{function.name}.{parameter.name}"
                name = name if len(defect_names) == 1 else f"{name}-{defect.replace(' ', '_')}"
                found.append(pytest.param(function, parameter, defect, id=name, marks=_needs(function, parameter)))
    return found


def pairs() -> list[Any]:
    """One pytest case for each function and two of its parameters that can be wrong, one of them by its form."""
    return [
        pytest.param(
            function, *pair, id=f"{function.name}.{pair[0].name}-{pair[1].name}", marks=_needs(function, pair[1])
        )
        for function in CALLABLE
        for pair in combinations([p for p in function.parameters if defects(p, WORKING_DAY)], 2)
        if any(map(wrong_forms, pair))
    ]


def functions() -> list[Any]:
    """One pytest case for each function."""
    return [
        pytest.param(function, id=function.name, marks=pytest.mark.needs(function.qualified)) for function in CALLABLE
    ]


def _needs(function: Function, parameter: Parameter) -> pytest.MarkDecorator:
    return pytest.mark.needs(f"{function.qualified}.{parameter.name}" if parameter.added else function.qualified)
