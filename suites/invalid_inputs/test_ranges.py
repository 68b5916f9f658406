from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtures.targets.database import TargetDatabase
from fixtures.targets.functions import Function, Parameter
from fixtures.targets.kinds import Range
from strategies.arguments import defective
from suites.invalid_inputs.asking import ask, cases


@pytest.mark.clause("V3", "V7", "E2", "E5")
@pytest.mark.parametrize(("function", "parameter", "defect"), cases("below", kind=Range))
@given(data=st.data())
def test_a_number_below_its_range_is_refused_and_leaves_no_trace(
    database: TargetDatabase, function: Function, parameter: Parameter, defect: str, data: st.DataObject
) -> None:
    ask(database, data.draw(defective(function, parameter, defect)), aim="22003")


@pytest.mark.clause("V7", "E2", "E5")
@pytest.mark.parametrize(("function", "parameter", "defect"), cases("above", kind=Range, above="refuse"))
@given(data=st.data())
def test_a_number_above_its_range_is_refused_and_leaves_no_trace(
    database: TargetDatabase, function: Function, parameter: Parameter, defect: str, data: st.DataObject
) -> None:
    ask(database, data.draw(defective(function, parameter, defect)), aim="22003")


@pytest.mark.clause("V3", "E3")
@pytest.mark.parametrize(("function", "parameter", "defect"), cases("above", kind=Range, above="warn"))
@given(data=st.data())
def test_an_age_above_its_range_is_warned_about_and_never_overflows(
    database: TargetDatabase, function: Function, parameter: Parameter, defect: str, data: st.DataObject
) -> None:
    ask(database, data.draw(defective(function, parameter, defect)))
