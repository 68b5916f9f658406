from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtures.targets.database import TargetDatabase
from fixtures.targets.functions import Function, Parameter
from strategies.arguments import calls_of_nothing, defective
from suites.invalid_inputs.asking import ask, cases, functions


@pytest.mark.clause("V1", "E2", "E5")
@pytest.mark.parametrize(("function", "parameter", "defect"), cases("null"))
@given(data=st.data())
def test_null_without_a_meaning_is_refused_and_leaves_no_trace(
    database: TargetDatabase, function: Function, parameter: Parameter, defect: str, data: st.DataObject
) -> None:
    ask(database, data.draw(defective(function, parameter, defect)), aim="22004")


@pytest.mark.clause("V0", "V1")
@pytest.mark.parametrize("function", functions())
@given(data=st.data())
def test_null_everywhere_is_answered_or_refused_for_the_first_one(
    database: TargetDatabase, function: Function, data: st.DataObject
) -> None:
    ask(database, data.draw(calls_of_nothing(function)))
