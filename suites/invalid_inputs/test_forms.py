from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtures.targets.database import TargetDatabase
from fixtures.targets.functions import Function, Parameter
from strategies.arguments import defective
from suites.invalid_inputs.asking import ask, cases


@pytest.mark.clause("V6", "E2", "E5")
@pytest.mark.parametrize(("function", "parameter", "defect"), cases("outside"))
@given(data=st.data())
def test_a_value_outside_its_closed_set_is_refused_and_leaves_no_trace(
    database: TargetDatabase, function: Function, parameter: Parameter, defect: str, data: st.DataObject
) -> None:
    ask(database, data.draw(defective(function, parameter, defect)))


@pytest.mark.clause("V7", "S1", "E2", "E5")
@pytest.mark.parametrize(("function", "parameter", "defect"), cases("blank", "overlong", "shell"))
@given(data=st.data())
def test_a_text_of_the_wrong_form_is_refused_and_leaves_no_trace(
    database: TargetDatabase, function: Function, parameter: Parameter, defect: str, data: st.DataObject
) -> None:
    ask(database, data.draw(defective(function, parameter, defect)), aim="22023")


@pytest.mark.clause("V7", "E2", "E5")
@pytest.mark.parametrize(("function", "parameter", "defect"), cases("shape", "option"))
@given(data=st.data())
def test_json_of_the_wrong_form_is_refused_and_leaves_no_trace(
    database: TargetDatabase, function: Function, parameter: Parameter, defect: str, data: st.DataObject
) -> None:
    ask(database, data.draw(defective(function, parameter, defect)))
