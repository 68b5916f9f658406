from __future__ import annotations

import pytest

from fixtures.targets.functions import Function, Parameter
from fixtures.targets.kinds import Range
from suites.invalid_inputs.asking import Inquiry
from suites.invalid_inputs.cells import cases


@pytest.mark.clause("V3", "V7", "E2", "E5")
@pytest.mark.parametrize(("function", "parameter", "defect"), cases("below", kind=Range))
def test_a_number_below_its_range_is_refused_and_leaves_no_trace(
    inquiry: Inquiry, function: Function, parameter: Parameter, defect: str
) -> None:
    inquiry.cell(function, parameter, defect, aim="22003")


@pytest.mark.clause("V7", "E2", "E5")
@pytest.mark.parametrize(("function", "parameter", "defect"), cases("above", kind=Range, above="refuse"))
def test_a_number_above_its_range_is_refused_and_leaves_no_trace(
    inquiry: Inquiry, function: Function, parameter: Parameter, defect: str
) -> None:
    inquiry.cell(function, parameter, defect, aim="22003")


@pytest.mark.clause("V3", "E3")
@pytest.mark.parametrize(("function", "parameter", "defect"), cases("above", kind=Range, above="warn"))
def test_an_age_above_its_range_is_warned_about_and_never_overflows(
    inquiry: Inquiry, function: Function, parameter: Parameter, defect: str
) -> None:
    inquiry.cell(function, parameter, defect)
