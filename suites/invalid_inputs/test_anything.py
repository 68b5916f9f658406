from __future__ import annotations

import pytest

from fixtures.targets.functions import Function
from strategies.arguments import any_questions, valid
from suites.invalid_inputs.asking import Inquiry
from suites.invalid_inputs.cells import functions


@pytest.mark.clause("E3", "E5", "V0")
@pytest.mark.parametrize("function", functions())
def test_any_arguments_are_answered_or_refused_as_documented(inquiry: Inquiry, function: Function) -> None:
    inquiry.all(any_questions(function))


@pytest.mark.clause("E3", "V2")
@pytest.mark.parametrize("function", functions())
def test_valid_arguments_are_answered_or_refused_as_documented_on_every_catalogue(
    inquiry: Inquiry, function: Function
) -> None:
    inquiry.all(valid(function), times=3)
