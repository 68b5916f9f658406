from __future__ import annotations

import pytest

from fixtures.targets.functions import Function, Parameter
from suites.invalid_inputs.asking import Inquiry
from suites.invalid_inputs.cells import cases


@pytest.mark.clause("V6", "E2", "E5")
@pytest.mark.parametrize(("function", "parameter", "defect"), cases("outside"))
def test_a_value_outside_its_closed_set_is_refused_and_leaves_no_trace(
    inquiry: Inquiry, function: Function, parameter: Parameter, defect: str
) -> None:
    inquiry.cell(function, parameter, defect)


@pytest.mark.clause("V7", "S1", "E2", "E5")
@pytest.mark.parametrize(("function", "parameter", "defect"), cases("blank", "overlong", "dash", "control"))
def test_a_text_of_the_wrong_form_is_refused_and_leaves_no_trace(
    inquiry: Inquiry, function: Function, parameter: Parameter, defect: str
) -> None:
    inquiry.cell(function, parameter, defect, aim="22023")


@pytest.mark.clause("V7", "E2", "E5")
@pytest.mark.parametrize(
    ("function", "parameter", "defect"), cases("shape", "option repo", "option wait", "option compression_level")
)
def test_json_of_the_wrong_form_is_refused_and_leaves_no_trace(
    inquiry: Inquiry, function: Function, parameter: Parameter, defect: str
) -> None:
    inquiry.cell(function, parameter, defect)
