"""`--replay=FILE`: one schedule, alone. Red when it shows its finding (or another), green when it does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from fixtures.engine.schedule_file import ScheduleFile
from fixtures.engine.scheduler import Engine, EngineError
from fixtures.reporting.exports import write_export
from suites.interleavings.replaying import replay
from suites.oracles.judge import Judge
from suites.verdict import Verdict


def test_the_schedule_does_not_show_its_finding(
    replayed: ScheduleFile, engine: Engine, judge: Judge, verdict: Verdict, pytestconfig: pytest.Config
) -> None:
    try:
        result = replay(engine, judge, replayed)
    except EngineError as error:
        pytest.exit(f"the schedule cannot be run on target {verdict.target}: {error}", returncode=125)
    if result.unreached:
        pytest.exit(result.unreached, returncode=125)
    if result.diverged:
        verdict.notes.append(f"the schedule could not be followed to its end: {result.diverged}")
    elif form := pytestconfig.getoption("--export"):
        schedule = Path(pytestconfig.getoption("--replay"))
        verdict.notes.append(write_export(form, result.history, engine.gates, replayed.says, schedule, verdict.root))
    verdict.fail([*filter(None, [result.same]), *result.other], "as the schedule says")
