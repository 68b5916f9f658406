"""`--replay=FILE`: one schedule, alone. Red when it shows its finding (or another), green when it does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from fixtures.engine.schedule_file import ScheduleFile
from fixtures.engine.scheduler import Engine, EngineError
from fixtures.postgres.plugin import MISSING
from fixtures.reporting.exports import write_export
from fixtures.targets.plugin import UNTESTABLE
from suites.interleavings.replaying import replay
from suites.oracles.judge import Judge
from suites.oracles.refusals import is_nonsense
from suites.verdict import Verdict


def test_the_schedule_does_not_show_its_finding(
    replayed: ScheduleFile, request: pytest.FixtureRequest, verdict: Verdict, pytestconfig: pytest.Config
) -> None:
    engine, judge = _stage(replayed, request)
    try:
        result = replay(engine, judge, replayed)
    except EngineError as error:
        pytest.exit(f"the schedule cannot be run on target {verdict.target}: {error}", returncode=UNTESTABLE)
    if result.unreached:
        pytest.exit(result.unreached, returncode=UNTESTABLE)
    if senseless := next(filter(is_nonsense, result.history.outcomes), None):
        pytest.exit(f"the schedule cannot be run: {senseless.call.sql}: {senseless.message}", returncode=UNTESTABLE)
    if result.diverged:
        verdict.notes.append(f"the schedule could not be followed to its end: {result.diverged}")
    elif form := pytestconfig.getoption("--export"):
        schedule = Path(pytestconfig.getoption("--replay"))
        verdict.notes.append(write_export(form, result.history, engine.gates, replayed.says, schedule, verdict.root))
    verdict.fail([*filter(None, [result.same]), *result.other], "as the schedule says")


def _stage(replayed: ScheduleFile, request: pytest.FixtureRequest) -> tuple[Engine, Judge]:
    """Where to run it: a fault that takes the server down does so on one of its own."""
    if replayed.fault and replayed.fault.kind.takes_server_down:
        if reason := request.config.stash[MISSING]["own-server"]:
            pytest.exit(f"the schedule takes the server down, which needs own-server: {reason}", returncode=UNTESTABLE)
        striking = request.getfixturevalue("striking_down")
        return striking.engine, striking.judge
    return request.getfixturevalue("engine"), request.getfixturevalue("judge")
