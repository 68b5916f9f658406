from __future__ import annotations

import pytest

from fixtures.targets.functions import Function
from strategies.arguments import any_questions
from suites.invalid_inputs.asking import Inquiry
from suites.invalid_inputs.cells import functions


@pytest.mark.clause("E5", "T3")
@pytest.mark.parametrize("function", functions())
def test_refusals_leave_no_trace(inquiry: Inquiry, function: Function) -> None:
    inquiry.all(any_questions(function), inquiry.asker.ask_within_a_block)
