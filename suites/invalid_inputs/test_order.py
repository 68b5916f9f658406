from __future__ import annotations

import pytest

from fixtures.targets.functions import Function, Parameter
from strategies.arguments import twice_defective
from suites.invalid_inputs.asking import Inquiry
from suites.invalid_inputs.cells import pairs


@pytest.mark.clause("V0", "E2", "E5")
@pytest.mark.parametrize(("function", "first", "second"), pairs())
def test_of_two_defects_the_first_is_told(
    inquiry: Inquiry, function: Function, first: Parameter, second: Parameter
) -> None:
    inquiry.all(twice_defective(function, first, second))
