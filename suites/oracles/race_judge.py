"""All oracles about races, asked together."""

from __future__ import annotations

from suites.oracles.audit_rows import judge_audit_rows
from suites.oracles.conservation import judge_conservation
from suites.oracles.job_histories import judge_job_histories
from suites.oracles.race import Race, RaceFinding
from suites.oracles.race_refusals import judge_race_refusals


def judge_race(race: Race) -> list[RaceFinding]:
    """What is wrong with what the workers saw and what they left; the invariants are asked of the server."""
    return [
        *judge_race_refusals(race),
        *judge_conservation(race),
        *judge_audit_rows(race),
        *judge_job_histories(race),
    ]
