from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtures.targets.database import TargetDatabase
from fixtures.targets.functions import Function, Parameter
from strategies.arguments import defective
from suites.invalid_inputs.asking import ask, cases


@pytest.mark.clause("V5", "E2", "E5")
@pytest.mark.parametrize(("function", "parameter", "defect"), cases("unknown"))
@given(data=st.data())
def test_what_is_not_there_is_refused_and_leaves_no_trace(
    database: TargetDatabase, function: Function, parameter: Parameter, defect: str, data: st.DataObject
) -> None:
    ask(database, data.draw(defective(function, parameter, defect)))
