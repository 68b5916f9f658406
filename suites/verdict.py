"""From findings to red or green: known limitations are subtracted and counted, the rest fails the test."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from fixtures.engine.finding import Finding
from fixtures.engine.lock_order import LockOrder
from fixtures.limitations.proposing import propose
from fixtures.limitations.registry import Found, Limitation
from fixtures.reporting.failure import describe, write_page, write_schedule
from fixtures.reporting.qualification import FoundRecord
from suites.matrix import Cell

_SHOWN = 3


@dataclass
class Verdict:
    """What a run says in the end. `root` is where reports are written; `counts` and `notes` are for
    the closing summary, `cells` are the race matrix, `locks` the order in which it saw them taken, `faults` the fault
    matrix, `found` is what the running test found."""

    target: str
    server: str
    root: Path
    limitations: tuple[Limitation, ...]
    proposes: bool = False
    target_config: str = ""
    counts: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    cells: dict[str, Cell] = field(default_factory=dict)
    locks: LockOrder = field(default_factory=LockOrder)
    faults: dict[str, str] = field(default_factory=dict)
    found: list[FoundRecord] = field(default_factory=list)

    def settle(self, findings: Iterable[Finding], tried: str) -> None:
        """Fails the running test when any of `findings` is new; `tried` says what was searched."""
        self.fail([finding for finding in findings if not self.is_known(finding)], tried)

    def fail(self, new: Sequence[Finding], tried: str) -> None:
        """Fails the running test when there are findings, known or not."""
        if not new:
            return
        texts = [self.described(finding, tried) for finding in new[:_SHOWN]]
        for each in new[_SHOWN:]:
            self.found.append(FoundRecord(each.code, each.function, each.sentence))
            if self.proposes:
                self._propose(each, write_schedule(each, self.target, self.server, self.root, self.target_config))
        if len(new) > _SHOWN:
            texts.append(f"… and {len(new) - _SHOWN} more findings: {', '.join(sorted({f.code for f in new}))}")
        pytest.fail("\n".join(texts), pytrace=False)

    def described(self, finding: Finding, tried: str = "") -> str:
        """The text of one finding, whose schedule and page are written down."""
        schedule = write_schedule(finding, self.target, self.server, self.root, self.target_config)
        picture = write_page(finding, schedule, self.root, tried)
        files = {"schedule": str(schedule), "page": str(picture)}
        self.found.append(FoundRecord(finding.code, finding.function, finding.sentence, **files))
        if self.proposes:
            self._propose(finding, schedule)
        return describe(finding, schedule, picture, tried)

    def _propose(self, finding: Finding, schedule: Path) -> None:
        draft = propose(finding, schedule, self.root, datetime.date.today(), self.limitations)
        note = f"proposed: {draft}"
        self.notes += [note] if note not in self.notes else []

    def is_known(self, finding: Found) -> bool:
        """Whether a limitation says so; counted for the closing summary."""
        for limitation in self.limitations:
            if limitation.covers(finding):
                self.counts[f"limitation {limitation.id}"] += 1
                return True
        return False
