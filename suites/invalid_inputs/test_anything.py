from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtures.targets.database import TargetDatabase
from fixtures.targets.functions import Function
from strategies.arguments import any_calls, calls
from suites.invalid_inputs.asking import ask, functions


@pytest.mark.clause("E3", "E5", "V0")
@pytest.mark.parametrize("function", functions())
@given(data=st.data())
def test_any_arguments_are_answered_or_refused_as_documented(
    database: TargetDatabase, function: Function, data: st.DataObject
) -> None:
    ask(database, data.draw(any_calls(function)))


@pytest.mark.clause("E3", "V2")
@pytest.mark.parametrize("function", functions())
@given(data=st.data())
def test_valid_arguments_are_answered_or_refused_as_documented(
    database: TargetDatabase, function: Function, data: st.DataObject
) -> None:
    ask(database, data.draw(calls(function)))
