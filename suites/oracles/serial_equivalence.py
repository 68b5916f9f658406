"""Contract C1: could the outcome have come from running the calls one after another?

Needs no model of the target: the same calls are run serially, in every allowed order, on the same starting catalogue.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import permutations, product

from fixtures.engine.finding import Finding, TriedOrder
from fixtures.engine.history import Dump, History, Outcome, Status
from fixtures.engine.plan import Plan
from fixtures.engine.serial import SerialCall, SerialRunner
from suites.oracles.canonical import Canonical, Canonicaliser
from suites.oracles.explaining import differences
from suites.oracles.refusals import is_busy, is_concurrency_refusal

_AUDIT = "pggit.operation_audit"
_ANSWERS_AUDIT_ID = ("pggit.audit_operation", "pggit.audited_operation")
_AUDIT_ID = re.compile(r'^\d+$|(?<="audit_id": )\d+')
"""A sequence's number: what is undone has used one up all the same."""
_GOES_ON = {"stuck_minutes"}
"""Columns of answers that tell how long ago something was: the minute may end between two runs."""
_TOLD = 24
"""So many serial orders, the nearest ones, are told with a finding."""


@dataclass
class SerialEquivalence:
    """Judges histories of one stage. Serial runs are made when first needed, and remembered."""

    runner: SerialRunner
    _rewriters: dict[Plan, Canonicaliser] = field(default_factory=dict)
    _remembered: dict[object, Canonical] = field(default_factory=dict)
    _seen: dict[Plan, set[object]] = field(default_factory=dict)

    def judge(self, history: History) -> Finding | None:
        """None when some serial order gives the same answers and the same contents."""
        calls = [outcome for outcome in history.outcomes if _counts(outcome)]
        rewriter = self._rewriter(history)
        seen = rewriter.run([_told(o, o.rows, o.sqlstate) for o in calls], _without_busy_rows(history.final))
        self._seen.setdefault(history.plan, set()).add((tuple((o.session, o.position) for o in calls), seen))
        others = []
        for order in serial_orders(calls):
            for run, serial in self._outcomes(history, order, calls):
                if serial == seen:
                    return None
                others.append((run, serial))
        tried = {TriedOrder(tuple(map(_named, run)), differences(seen, serial, calls)) for run, serial in others}
        blamed = sorted({outcome.call.function for outcome in calls if outcome.call.function})
        return Finding(
            "C1:not-serial",
            " + ".join(blamed),
            f"{' and '.join(blamed)} left what no order of the calls, one after another, could have left",
            history,
            tuple(sorted(tried, key=lambda one: (len(one.differences), one.calls))[:_TOLD]),
        )

    def distinct(self, plan: Plan) -> int:
        """How many different outcomes the histories of `plan` have had."""
        return len(self._seen.get(plan, ()))

    def forget(self) -> None:
        """Drops what is remembered of a plan, when the next histories are of another."""
        self.runner.forget()
        for kept in (self._remembered, self._rewriters, self._seen):
            kept.clear()

    def _outcomes(
        self, history: History, order: Sequence[Outcome], calls: Sequence[Outcome]
    ) -> Iterator[tuple[tuple[SerialCall, ...], Canonical]]:
        """What the serial run in this order comes to: without misses, with the rows held that were missed, and
        with some of them."""
        plain = tuple(SerialCall(o.session, o.call, o.explicit) for o in order)
        held = tuple(replace(call, misses=tuple(o.misses)) for call, o in zip(plain, order, strict=True))
        variants = (plain, held, *product(*zip(plain, held, strict=True)))
        places = tuple(order.index(call) for call in calls)
        # Misses are recorded generously: rows that the statement would not have taken anyway may be among them.
        for variant in dict.fromkeys(variants):
            key = (history.plan, variant, places, tuple(call.status == Status.LOST for call in calls))
            if key not in self._remembered:
                serial = self.runner.run(history.plan.catalogue, variant)
                told = [serial.answers[at] for at in places]
                answers = [_told(call, one.rows, one.sqlstate) for call, one in zip(calls, told, strict=True)]
                final = _without_busy_rows(serial.final)
                self._remembered[key] = self._rewriter(history).run(answers, final)
            yield variant, self._remembered[key]

    def _rewriter(self, history: History) -> Canonicaliser:
        if history.plan not in self._rewriters:
            texts = [call.sql for program in history.plan.programs for call in program.calls()]
            self._rewriters[history.plan] = Canonicaliser(history.start, texts)
        return self._rewriters[history.plan]


def serial_orders(calls: Sequence[Outcome]) -> Iterator[tuple[Outcome, ...]]:
    """Every order that keeps each session's own, and puts a call before those that began after its commit."""
    for order in permutations(calls):
        if not any(_must_precede(later, earlier) for at, earlier in enumerate(order) for later in order[at + 1 :]):
            yield order


def _must_precede(first: Outcome, second: Outcome) -> bool:
    if first.session == second.session:
        return first.position < second.position
    return first.committed is not None and first.committed < second.sees_from


def _counts(outcome: Outcome) -> bool:
    """Committed calls, their answers lost or not, and refusals that tell the state of the catalogue: those have to be
    explained as well."""
    if outcome.struck and outcome.committed is None:
        return False
    if outcome.is_commit or outcome.status == Status.UNFINISHED or is_busy(outcome):
        return False
    if outcome.status == Status.REFUSED:
        return not is_concurrency_refusal(outcome) and not outcome.explicit
    return outcome.committed is not None


def _told(outcome: Outcome, rows: Sequence[tuple[str | None, ...]], sqlstate: str) -> list[tuple[str | None, ...]]:
    """What there is to compare of an answer; nobody knows that of a call whose connection was lost."""
    if outcome.status == Status.LOST:
        return []
    if outcome.call.function in _ANSWERS_AUDIT_ID:
        rows = [tuple(value and _AUDIT_ID.sub("…", value) for value in row) for row in rows]
    if clocks := {at for at, name in enumerate(outcome.columns) if name in _GOES_ON}:
        rows = [tuple(value and "…" if at in clocks else value for at, value in enumerate(row)) for row in rows]
    return [(f"refused with {sqlstate}",)] if sqlstate else list(rows)


def _named(call: SerialCall) -> str:
    held = ", the rows that it passed over held by a bystander" if call.misses else ""
    return f"{call.session}: {' '.join(call.call.sql.split()).removeprefix('SELECT * FROM ')}{held}"


def _without_busy_rows(final: Dump) -> Dump:
    """Audit rows of busy answers aside: the calls are left out of the serial run (C1, C2)."""
    kept = [row for row in final.get(_AUDIT, []) if row.get("error_code") != "PGGIT_CONCURRENT"]
    return {**final, _AUDIT: kept} if _AUDIT in final else final
