from __future__ import annotations

import pytest

from fixtures.targets.functions import Function, Parameter
from strategies.arguments import of_nothing
from suites.invalid_inputs.asking import Inquiry
from suites.invalid_inputs.cells import cases, functions


@pytest.mark.clause("V1", "E2", "E5")
@pytest.mark.parametrize(("function", "parameter", "defect"), cases("null"))
def test_null_without_a_meaning_is_refused_and_leaves_no_trace(
    inquiry: Inquiry, function: Function, parameter: Parameter, defect: str
) -> None:
    inquiry.cell(function, parameter, defect, aim="22004")


@pytest.mark.clause("V0", "V1")
@pytest.mark.parametrize("function", functions())
def test_null_everywhere_is_answered_or_refused_for_the_first_one(inquiry: Inquiry, function: Function) -> None:
    inquiry.all(of_nothing(function))
