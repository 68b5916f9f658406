"""Runs a program into a fault at each of its gates, and judges what is left and what the next caller gets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from fixtures.engine.finding import Finding
from fixtures.engine.history import History, Outcome
from fixtures.engine.plan import Plan
from fixtures.engine.scheduler import Engine, EngineError
from fixtures.faults.kinds import Fault, Kind
from fixtures.faults.striking import FaultError
from strategies.fault_plans import EARLIER, HOLDER, NEXT, STRUCK, WAITING
from suites.matrix import FINDING, KEPT, UNDONE, UNSTRUCK
from suites.oracles.invariants import broken_invariants
from suites.oracles.judge import Judge
from suites.verdict import Verdict

_TRIES = 8
"""How often a statement_timeout is tried that came too early, each time with one twice as long."""
_FIRST_MS = 15
_LEFT = "L5:guard-left"
"""The invariant that cannot be asked here: the engine's own keys break it. The engine tells who has left a lock."""


@dataclass
class Striking:
    """An engine whose server may be struck, and its judge. `held` remembers what does not hold of a starting
    catalogue to begin with."""

    engine: Engine
    judge: Judge
    verdict: Verdict
    _held: dict[str, set[str]] = field(default_factory=dict)

    def faults(self, plan: Plan, kind: Kind) -> list[Fault]:
        """A fault of this kind for each step of session `a` that it can meet, as a run without one shows them."""
        steps = [label for label in self._run(plan, None).labels if label.split()[0] == STRUCK]
        gates = {gate.name for gate in self.engine.gates.by_number.values()}
        stops = {label for label in steps if label.split()[1] in gates}
        if kind.loses_connection:
            stops |= {label for label in steps if label.split()[1] == "COMMIT"}
        return [Fault(STRUCK, step, kind) for step, label in enumerate(steps, start=1) if label in stops]

    def strike_all(self, plan: Plan, faults: list[Fault], what: str) -> None:
        """Every fault in turn; a cell of the fault matrix for each. Fails the test when one shows something new."""
        assert faults, f"{plan.title} has no gate that {what} could meet"
        found: dict[tuple[str, str], Finding] = {}
        start = self._broken(plan)
        for fault in faults:
            history = self._run(plan, fault)
            findings = [*self.judge.findings(history), *self._left(history, start)]
            where = history.struck.removeprefix(f"{STRUCK} ") or f"step {fault.step}"
            cell = f"{plan.title} × {what} × {fault.step}: {where}"
            self.verdict.faults[cell] = FINDING if findings else _answer(history)
            assert history.struck or fault.kind == Kind.LOCK_TIMEOUT, f"{cell}: unknown, for it was never struck"
            for finding in findings:
                found.setdefault((finding.code, finding.function), finding)
        self.judge.serial.forget()
        self.verdict.settle(found.values(), f"{len(faults)} gates of {plan.title} were struck by {what}")

    def _run(self, plan: Plan, fault: Fault | None) -> History:
        try:
            for attempt in range(_TRIES):
                history = self.engine.run(plan, order(fault), fault=fault, timeout_ms=_FIRST_MS << attempt)
                if history.struck or fault is None or fault.kind != Kind.STATEMENT_TIMEOUT:
                    break
            return history
        except (EngineError, FaultError) as error:
            pytest.fail(f"{plan.title} cannot be run: {error}", pytrace=False)

    def _broken(self, plan: Plan) -> set[str]:
        if plan.catalogue not in self._held:
            self.engine.stage.reset(plan.catalogue)
            self._held[plan.catalogue] = {one.code for one in broken_invariants(self.engine.stage.connection)}
        return self._held[plan.catalogue]

    def _left(self, history: History, start: set[str]) -> Iterator[Finding]:
        for broken in broken_invariants(self.engine.stage.connection):
            if broken.code not in start and broken.code != _LEFT:
                yield Finding(broken.code, broken.function, broken.sentence, history)


def order(fault: Fault | None) -> Callable[[History, tuple[str, ...]], int]:
    """Who goes: first `earlier`, then `a` until it stands where it is to be struck, then whoever waits for it or holds
    it up as far as they come, then `a` again, and after all others `next`."""

    def choose(history: History, enabled: tuple[str, ...]) -> int:
        taken = [label.split()[0] for label in history.labels]
        if fault and taken.count(STRUCK) == fault.step - 1 and HOLDER not in taken:
            ranks = (EARLIER, WAITING, HOLDER, STRUCK, NEXT)
        else:
            ranks = (EARLIER, STRUCK, WAITING, HOLDER, NEXT)
        return min(range(len(enabled)), key=lambda at: ranks.index(enabled[at]))

    return choose


def _answer(history: History) -> str:
    if not history.struck:
        return UNSTRUCK
    return KEPT if any(one.committed is not None for one in struck(history)) else UNDONE


def struck(history: History) -> list[Outcome]:
    """The calls that the fault met."""
    return [outcome for outcome in history.outcomes if outcome.struck]
