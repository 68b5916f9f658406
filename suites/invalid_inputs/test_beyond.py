from __future__ import annotations

import pytest

from suites.invalid_inputs.asking import Asker
from suites.invalid_inputs.beyond import raw_errors, report
from suites.verdict import Verdict


@pytest.mark.clause("E3")
def test_functions_beyond_the_contract_let_nothing_raw_through(asker: Asker, verdict: Verdict) -> None:
    beyond = asker.beyond()
    verdict.notes.extend(report(beyond))
    assert not (found := raw_errors(asker, beyond)), "\n".join(found)
