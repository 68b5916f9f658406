from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtures.targets.database import TargetDatabase
from fixtures.targets.functions import Function, Parameter
from fixtures.targets.kinds import Policy
from strategies.arguments import defective
from suites.invalid_inputs.asking import ask, cases


@pytest.mark.clause("V4", "E2", "E5")
@pytest.mark.parametrize(
    ("function", "parameter", "defect"), cases("not an object", "missing key", "wrong type", kind=Policy)
)
@given(data=st.data())
def test_a_policy_of_the_wrong_form_is_refused_and_leaves_no_trace(
    database: TargetDatabase, function: Function, parameter: Parameter, defect: str, data: st.DataObject
) -> None:
    ask(database, data.draw(defective(function, parameter, defect)), aim="22023")


@pytest.mark.clause("V4", "E2", "E5")
@pytest.mark.parametrize(("function", "parameter", "defect"), cases("below", "above", kind=Policy))
@given(data=st.data())
def test_a_policy_out_of_range_is_refused_and_leaves_no_trace(
    database: TargetDatabase, function: Function, parameter: Parameter, defect: str, data: st.DataObject
) -> None:
    ask(database, data.draw(defective(function, parameter, defect)), aim="22003")
