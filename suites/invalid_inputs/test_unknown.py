from __future__ import annotations

import pytest

from fixtures.targets.functions import Function, Parameter
from suites.invalid_inputs.asking import Inquiry
from suites.invalid_inputs.cells import cases


@pytest.mark.clause("V5", "E2", "E5")
@pytest.mark.parametrize(("function", "parameter", "defect"), cases("unknown"))
def test_what_is_not_there_is_refused_and_leaves_no_trace(
    inquiry: Inquiry, function: Function, parameter: Parameter, defect: str
) -> None:
    inquiry.cell(function, parameter, defect)
