from __future__ import annotations

import pytest

from fixtures.targets.functions import Function, Parameter
from fixtures.targets.kinds import Policy
from suites.invalid_inputs.asking import Inquiry
from suites.invalid_inputs.cells import cases


@pytest.mark.clause("V4", "E2", "E5")
@pytest.mark.parametrize(
    ("function", "parameter", "defect"), cases("not an object", "missing key", "wrong type", "fraction", kind=Policy)
)
def test_a_policy_of_the_wrong_form_is_refused_and_leaves_no_trace(
    inquiry: Inquiry, function: Function, parameter: Parameter, defect: str
) -> None:
    inquiry.cell(function, parameter, defect, aim="22023")


@pytest.mark.clause("V4", "E2", "E5")
@pytest.mark.parametrize(("function", "parameter", "defect"), cases("below", "above", kind=Policy))
def test_a_policy_out_of_range_is_refused_and_leaves_no_trace(
    inquiry: Inquiry, function: Function, parameter: Parameter, defect: str
) -> None:
    inquiry.cell(function, parameter, defect, aim="22003")
