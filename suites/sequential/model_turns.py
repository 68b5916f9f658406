"""Actors that take turns: each step asks the SQL and the models the same, then compares everything they hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import compress
from typing import Any

import pytest
from hypothesis import reject
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from fixtures.targets.calls import FunctionCall
from fixtures.targets.functions import function
from fixtures.targets.kinds import Value
from strategies.catalogues import HEAD, uuid
from suites.oracles.model_state import Catalogue
from suites.oracles.models import DRIFT, answer_kind, disagreements, follow
from suites.sequential.catalogue import a_branch
from suites.sequential.model_starts import QUEUE, SHELF
from suites.sequential.model_world import ACTORS, World, inserted

UNKNOWN = uuid(999)
"""An id that no row has."""

SIDE = "commit-side"
"""The head of another branch than main."""

_BRANCHES = {"commit-1": "main", "commit-2": "main", HEAD: "main", SIDE: "side"}
_HEADS = {"main": HEAD, "side": SIDE, "empty": None}
_ANY_ROW, _NO_ROW = 12, 15

ACTOR = st.sampled_from(range(len(ACTORS)))
WHICH = st.sampled_from(range(_NO_ROW + 1))
"""Which row: the n-th newest of those that fit; from 12 on any row fits, and 15 is none at all."""


class Turns(RuleBasedStateMachine):
    """What all rules share. `state` is what the models hold; `groups` are the rows from which examples start.

    `reaches`: functions and answers that a run must meet.
    """

    groups = QUEUE + SHELF
    reaches: frozenset[tuple[str, str]] = frozenset()

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.state = Catalogue(branches=_BRANCHES, heads=_HEADS)
        self.began = 0

    @initialize(data=st.data())
    def start(self, data: st.DataObject) -> None:
        """Each example starts from a known catalogue; in maintenance, its queued jobs are those of clients (J7)."""
        self.world.start(a_branch("side", SIDE))
        self.began = self.world.clock()
        if "set_maintenance_mode" in self.world.functions and data.draw(st.sampled_from([False] * 5 + [True])):
            self.call("set_maintenance_mode", 0, "alone", p_enabled=True)
        chosen = data.draw(st.tuples(*[st.sampled_from([False, True, True])] * len(self.groups)))
        rows = [row for group in compress(self.groups, chosen) for row in group]
        if rows:
            self.write(0, inserted(rows, 0), self.state.with_rows(*rows))

    @precondition(lambda self: self.state.backups or self.state.jobs)
    @rule(seconds=st.sampled_from([60, 600, 3600, 7200, 86_400, 8 * 86_400, 40 * 86_400]))
    def time_passes(self, seconds: int) -> None:
        """Whatever is stored happened so much earlier."""
        self.world.pass_time(seconds)
        self.state = self.state.later(seconds * 1000)
        self.judge([])

    def call(self, name: str, actor: int, how: str, **arguments: Value) -> None:
        """One step: the SQL and the models do the same; then everything is compared."""
        before = self.state
        complaints = self.ask(name, actor, how, **arguments)
        if how == "undone":  # T3
            self.state = before.later(self.state.now - before.now)
        self.judge(complaints)

    def ask(self, name: str, actor: int, how: str, **arguments: Value) -> list[str]:
        """Make the call on both sides; what is wrong with the answer. `how` is empty inside a block."""
        before = self.state = self.state.later(1)
        known = self.world.functions[name]
        given = tuple((key, value) for key, value in arguments.items() if key in known)
        call = FunctionCall(function(f"pggit.{name}"), given, in_block=how != "alone")
        reply = self.world.perform(actor, call, {"": "", "undone": "ROLLBACK"}.get(how, "COMMIT"))
        self.state, complaints = follow(before, call, reply)
        self.world.answered[name, answer_kind(call, reply)] += 1
        if how != "undone":
            for kind in ("backup", "job", "verification"):
                for new in getattr(self.state, f"{kind}s").keys() - getattr(before, f"{kind}s").keys():
                    self.world.learn(new, kind)
        return complaints

    def write(self, actor: int, sql: str, state: Catalogue) -> None:
        """One step of a client that writes the tables itself; `state` is what they hold then."""
        complaints = self.world.write(actor, sql)
        self.state = state
        self.judge(complaints)

    def judge(self, complaints: list[str]) -> None:
        """Compare what both hold; fail with what was done, for psql."""
        self.world.ran["steps"] += 1
        self.state = self.state.later(1)
        complaints = complaints + disagreements(self.state, self.world.read())
        if not complaints:
            return
        if self.world.clock() - self.began > DRIFT:
            reject()  # the machine stood still, while the models' clock did not: no verdict
        wrong, lines = self.world.named("\n".join(complaints)), "\n".join(self.world.lines)
        pytest.fail(f"the SQL and the models disagree:\n{wrong}\nafter, in psql:\n{lines}", pytrace=False)

    def pick(self, rows: Mapping[str, Any], which: int, fits: Callable[[Any], bool]) -> str:
        """The id of a row, preferably one that fits; ids are told by age, since the SQL chooses them at random."""
        fitting = [id for id, row in rows.items() if which >= _ANY_ROW or fits(row)] or list(rows)
        return fitting[-1 - which % len(fitting)] if fitting and which != _NO_ROW else UNKNOWN

    def has(self, rows: str, status: str = "") -> bool:
        """Whether there is a row of that kind, in that status if one is named."""
        return any(row.status == status or not status for row in getattr(self.state, rows).values())

    def idle_backup(self, which: int) -> str:
        """The id of a backup, preferably one that needs a job."""
        busy = {job.backup for job in self.state.jobs.values() if job.is_live}
        return self.pick(self.state.backups, which, lambda row: row.status == "in_progress" and row.id not in busy)

    def backup(self, which: int, *statuses: str) -> str:
        """The id of a backup, preferably one with one of these statuses, or in progress."""
        return self.pick(self.state.backups, which, lambda row: row.status in (statuses or ("in_progress",)))

    def job(self, which: int, *statuses: str) -> str:
        """The id of a job, preferably one with one of these statuses, or running."""
        return self.pick(self.state.jobs, which, lambda row: row.status in (statuses or ("running",)))
