"""How much is tried: the budgets of `--profile`, as data."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import HealthCheck, Phase, settings
from hypothesis.database import ExampleDatabase


@dataclass(frozen=True)
class Profile:
    """One profile. `examples`: how many Hypothesis draws for one property; `races`: how many pools of workers race;
    `jobs`: how many a crew drains while workers are killed and the server crashes; `crashes`: at how many gates of each
    function the server goes down.

    `random`: another run draws other examples, and what failed is tried first the next time.
    `complete`: nothing may be skipped, deselected or excused by date.
    """

    name: str
    purpose: str
    examples: int
    races: int
    jobs: int
    crashes: int
    random: bool = False
    complete: bool = False

    def settings(self, remembered: ExampleDatabase | None) -> settings:
        """The profile in Hypothesis' words; `remembered` keeps what failed. Timing never decides a verdict."""
        return settings(
            max_examples=self.examples,
            derandomize=not self.random,
            database=remembered,
            deadline=None,
            print_blob=False,
            report_multiple_bugs=False,
            phases=[phase for phase in Phase if phase is not Phase.explain],
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        )


PROFILES = {
    profile.name: profile
    for profile in (
        Profile(
            "gate", "the same every time, in minutes: before every commit", examples=20, races=40, jobs=1_000, crashes=1
        ),
        Profile(
            "hunt",
            "random, as long as you let it; remembers what failed",
            examples=2_000,
            races=100,
            jobs=20_000,
            crashes=100,
            random=True,
        ),
        Profile(
            "release",
            "like gate, more of it, and nothing may be skipped",
            examples=200,
            races=100,
            jobs=20_000,
            crashes=100,
            complete=True,
        ),
    )
}
"""By name; the first is the default."""
