from __future__ import annotations

import pytest

from fixtures.targets.functions import Function
from strategies.arguments import any_questions
from suites.invalid_inputs.asking import Inquiry
from suites.invalid_inputs.cells import functions


@pytest.mark.clause("E3")
@pytest.mark.parametrize("function", functions())
def test_the_answer_is_the_same_by_the_simple_and_extended_protocol_and_prepared(
    inquiry: Inquiry, function: Function
) -> None:
    inquiry.all(any_questions(function), inquiry.asker.ask_by_every_protocol)
