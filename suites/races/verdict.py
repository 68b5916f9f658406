"""Fails a test for what was found in a race, with a small schedule that shows it if there is one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import pytest

from fixtures.engine.scheduler import Engine
from fixtures.reporting.qualification import FoundRecord
from suites.oracles.judge import Judge
from suites.oracles.race import RaceFinding
from suites.races.smaller import smaller
from suites.verdict import Verdict

_SHOWN = 3


@dataclass(frozen=True)
class RaceVerdict:
    """`engine_and_judge` are made when something is found: stepping needs a database of its own."""

    verdict: Verdict
    engine_and_judge: Callable[[], tuple[Engine, Judge]]
    offers: frozenset[str]

    def settle(self, findings: Sequence[RaceFinding], what: str) -> None:
        """Fails the running test when there are findings that no limitation covers; `what` says which race it was."""
        findings = [found for found in findings if not self.verdict.is_known(found)]
        if not findings:
            return
        self.verdict.found += [FoundRecord(found.code, found.function, found.sentence) for found in findings]
        said = [f"{found.sentence}. [{found.code}]" for found in findings[:_SHOWN]]
        if len(findings) > _SHOWN:
            said.append(f"… and {len(findings) - _SHOWN} more: {', '.join(sorted({found.code for found in findings}))}")
        pytest.fail("\n".join([what, *said, *self._handed(findings)]), pytrace=False)

    def _handed(self, findings: Sequence[RaceFinding]) -> Iterator[str]:
        """What the search for a small schedule came to, code after code until one is found."""
        engine, judge = self.engine_and_judge()
        for found in {found.code: found for found in findings}.values():
            result = smaller(engine, judge, found, self.offers)
            yield f"\n{found.code}: {result}"
            if result.finding:
                yield self.verdict.described(result.finding)
                return
