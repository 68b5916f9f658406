"""How surely the suites for invalid inputs find planted bugs: each in ten runs of ten, in the gate profile.

uv run pytest suites/benchmarks/test_hazards.py
"""

from __future__ import annotations

import pytest

from fixtures.postgres.server import Server
from fixtures.targets.functions import function
from fixtures.targets.mutants import Mutant
from suites.invalid_inputs.discovery import HAZARDS, asking, first_failure

SEEDS = range(1, 11)


@pytest.mark.parametrize("hazard", [pytest.param(hazard, id=hazard.name) for hazard in HAZARDS])
def test_a_planted_hazard_is_found_whatever_the_seed(server: Server, hazard: Mutant) -> None:
    with asking(server, f"mutant:{hazard.name}") as asker:
        missed = [seed for seed in SEEDS if not first_failure(asker, function(hazard.function), seed)]
    assert missed == []
