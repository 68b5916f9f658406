"""What is found in a race is looked for in small schedules: found where the bug is, and not where it is not."""

from __future__ import annotations

import pytest

from fixtures.engine.schedule_file import ScheduleFile
from fixtures.postgres.server import Server
from suites.interleavings.replaying import replay
from suites.oracles.race import RaceFinding
from suites.races import smaller as searching
from suites.races.smaller import smaller
from suites.selftest.test_mutants import opened

TWICE = RaceFinding("C5:claimed-twice", ("pggit.get_next_backup_job",), "two workers claimed the same job")


def test_a_race_s_finding_becomes_a_schedule_that_replays(server: Server) -> None:
    with opened(server, "mutant:claim_without_second_look") as (engine, judge):
        found = smaller(engine, judge, TWICE)
        assert found.finding is not None
        assert found.finding.code == TWICE.code
        assert found.finding.history.switches <= 2
        assert replay(engine, judge, ScheduleFile.of(found.finding, "any", "any")).same


def test_what_no_small_schedule_shows_is_said_with_the_number_of_orders(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searching, "MOST_ORDERS", 20)
    with opened(server, "reference") as (engine, judge):
        found = smaller(engine, judge, TWICE)
    assert found.finding is None
    assert "no small schedule shows it (20 orders" in str(found)
