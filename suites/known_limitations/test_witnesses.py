"""Each known limitation shows itself, exactly as it is written down: else it is to be mended or deleted."""

from __future__ import annotations

import pytest

from fixtures.engine.scheduler import Engine
from fixtures.limitations.registry import Limitation
from suites.interleavings.replaying import replay
from suites.oracles.judge import Judge
from suites.plugin import VERDICT


class LimitationHolds(Exception):
    """The witness shows the limitation, as expected. Only this counts as the expected failure."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    holds = pytest.mark.xfail(raises=LimitationHolds, strict=True)
    known = metafunc.config.stash[VERDICT].limitations
    metafunc.parametrize(
        "limitation",
        [pytest.param(one, id=one.id, marks=holds) for one in known],
    )


def test_a_known_limitation_no_longer_holds(limitation: Limitation, engine: Engine, judge: Judge) -> None:
    result = replay(engine, judge, limitation.witness)
    assert not result.other, f"{limitation.id} fails differently: {[finding.sentence for finding in result.other]}"
    assert not result.unreached, f"{limitation.id}: {result.unreached}"
    if result.same:
        raise LimitationHolds(limitation.reason)
    if result.diverged:
        pytest.fail(
            f"{limitation.id} does not show itself, and its schedule is no longer possible ({result.diverged}): "
            "probably mended; search again, then delete the entry or give it another witness",
            pytrace=False,
        )
