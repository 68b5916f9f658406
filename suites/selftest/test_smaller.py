"""What is found in a race is looked for in small schedules: found where the bug is, and not where it is not."""

from __future__ import annotations

import pytest

from fixtures.engine.schedule_file import ScheduleFile
from fixtures.postgres.server import Server
from fixtures.targets.mutants import load_mutants
from fixtures.targets.signatures import EVERYTHING
from suites.interleavings.replaying import replay
from suites.oracles.race import RaceFinding
from suites.races import smaller as searching
from suites.races.smaller import smaller
from suites.selftest.test_mutants import opened

CLAIM, CLEAN_UP = "pggit.get_next_backup_job", "pggit.cleanup_old_jobs"
QUEUE = (CLAIM, "pggit.complete_backup_job", "pggit.fail_backup_job")
TWICE = RaceFinding("C5:claimed-twice", (CLAIM,), "two workers claimed the same job")
FOUND = {
    "claim_without_second_look": TWICE,
    "status_before_lock": TWICE,
    "no_fencing": RaceFinding("C1:not-linearizable", QUEUE, "no order explains it"),
    "lost_worker_not_counted": RaceFinding("J2:attempts-lost", (CLAIM,), "attempts do not add up"),
    "session_guard": RaceFinding("L1:held-from-outside", (CLEAN_UP,), "busy though nobody was inside"),
    "audit_before_guard": RaceFinding("A1:audit-rows", (CLEAN_UP,), "a row too many"),
}
"""What races find in each mutant that is theirs."""


@pytest.mark.parametrize(("mutant", "found"), FOUND.items(), ids=FOUND)
def test_a_race_s_finding_becomes_a_schedule_that_replays(server: Server, mutant: str, found: RaceFinding) -> None:
    with opened(server, f"mutant:{mutant}") as (engine, judge):
        finding = smaller(engine, judge, found, EVERYTHING).finding
        assert finding is not None
        assert finding.code == found.code
        assert finding.history.switches <= 3
        assert replay(engine, judge, ScheduleFile.of(finding, "any", "any")).same


def test_every_mutant_of_the_races_is_looked_for() -> None:
    assert set(FOUND) == {mutant.name for mutant in load_mutants().values() if mutant.suite == "races"}


def test_what_no_small_schedule_shows_is_said_with_the_number_of_orders(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searching, "MOST_ORDERS", 20)
    with opened(server, "reference") as (engine, judge):
        found = smaller(engine, judge, TWICE, EVERYTHING)
    assert found.finding is None
    assert "no small schedule shows it (20 orders" in str(found)
