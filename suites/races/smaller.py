"""Looks for a small schedule that shows what was found in a race: one that can be read, and replayed every time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fixtures.engine.explorer import every_trace
from fixtures.engine.finding import Finding
from fixtures.engine.history import History
from fixtures.engine.plan import Plan
from fixtures.engine.scheduler import Engine
from strategies.races import small_plans
from suites.interleavings.search import search
from suites.oracles.judge import Judge
from suites.oracles.race import RaceFinding

MOST_ORDERS = 1_500
"""Orders of statements that are tried before the search is given up."""

_NO_ORDER = "C1:not-serial"
_BY_CALL = ("C2:", "C3:", "E3:", "L")
"""Codes about how one call ended; any other says that no order of the calls explains what was left."""


@dataclass(frozen=True)
class Smaller:
    """The shortest schedule found, if any, and how many orders of how many plans were tried for it."""

    finding: Finding | None
    orders: int
    plans: int

    def __str__(self) -> str:
        tried = f"{self.orders} orders of statements of {self.plans} small plans were tried"
        return f"a small schedule shows the like ({tried})" if self.finding else f"no small schedule shows it ({tried})"


def smaller(engine: Engine, judge: Judge, found: RaceFinding, offers: frozenset[str]) -> Smaller:
    """Tries pairs of small programs that call the functions concerned, in every order, until one shows `found`.

    `offers`: what the target takes.

    That is a finding of the same code or, for what is left in the tables, one that no serial order explains.
    """
    wanted = {found.code} if found.code.startswith(_BY_CALL) else {found.code, _NO_ORDER}
    orders = 0
    plans = small_plans(found.functions, offers)
    for tried, plan in enumerate(plans, start=1):
        for history in _orders(engine, plan):
            orders += 1
            if any(finding.code in wanted for finding in judge.findings(history)):
                return Smaller(_shortest(engine, judge, plan, wanted), orders, tried)
            if orders >= MOST_ORDERS:
                return Smaller(None, orders, tried)
        judge.serial.forget()
    return Smaller(None, orders, len(plans))


def _orders(engine: Engine, plan: Plan) -> Iterator[History]:
    return every_trace(lambda choose: engine.run(plan, choose))


def _shortest(engine: Engine, judge: Judge, plan: Plan, wanted: set[str]) -> Finding:
    """Of the plan's findings one that is wanted, the same code before another."""
    shown = [finding for (code, _), finding in search(engine, judge, plan).shortest.items() if code in wanted]
    return min(shown, key=lambda finding: finding.code == _NO_ORDER)
