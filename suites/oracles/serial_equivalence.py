"""Contract C1: could the outcome have come from running the calls one after another?

Needs no model of the target: the same calls are run serially, in every allowed order, on the same starting catalogue.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import permutations

from fixtures.engine.finding import Finding
from fixtures.engine.history import Dump, History, Outcome, Status
from fixtures.engine.serial import SerialCall, SerialRun, SerialRunner
from suites.oracles.canonical import Canonical, Canonicaliser
from suites.oracles.refusals import is_busy, is_concurrency_refusal

_AUDIT = "pggit.operation_audit"


@dataclass
class SerialEquivalence:
    """Judges histories of one stage. Serial runs are made when first needed, and remembered."""

    runner: SerialRunner

    def judge(self, history: History) -> Finding | None:
        """None when some serial order gives the same answers and the same contents."""
        calls = [outcome for outcome in history.outcomes if _counts(outcome)]
        seen = self._seen(history, calls)
        if any(self._explains(history, order, seen) for order in serial_orders(calls)):
            return None
        blamed = sorted({outcome.call.function for outcome in calls})
        return Finding(
            "C1:not-serial",
            " + ".join(blamed),
            f"{' and '.join(blamed)} left what no order of the calls, one after another, could have left",
            history,
        )

    def _seen(self, history: History, calls: Sequence[Outcome]) -> Canonical:
        answers = [_told(o.rows, o.sqlstate) for o in calls]
        return _canonical(history, answers, history.final)

    def _explains(self, history: History, order: Sequence[Outcome], seen: Canonical) -> bool:
        plain = [SerialCall(o.session, o.call, o.explicit) for o in order]
        held = [replace(call, misses=tuple(o.misses)) for call, o in zip(plain, order, strict=True)]
        # Misses are recorded generously: rows that the statement would not have taken anyway may be among them.
        variants = [plain, held] if held != plain else [plain]
        calls = [outcome for outcome in history.outcomes if outcome in order]
        for variant in variants:
            serial = self.runner.run(history.plan.catalogue, variant)
            if _canonical(history, _answers(serial, order, calls), serial.final) == seen:
                return True
        return False


def serial_orders(calls: Sequence[Outcome]) -> Iterator[tuple[Outcome, ...]]:
    """Every order that keeps each session's own, and puts a call before those that began after its commit."""
    for order in permutations(calls):
        if not any(_must_precede(later, earlier) for at, earlier in enumerate(order) for later in order[at + 1 :]):
            yield order


def _must_precede(first: Outcome, second: Outcome) -> bool:
    if first.session == second.session:
        return first.position < second.position
    return first.committed is not None and first.committed < second.began


def _counts(outcome: Outcome) -> bool:
    """Committed calls, and refusals that tell the state of the catalogue: those have to be explained as well."""
    if outcome.is_commit or outcome.status == Status.UNFINISHED or is_busy(outcome):
        return False
    if outcome.status == Status.REFUSED:
        return not is_concurrency_refusal(outcome) and not outcome.explicit
    return outcome.committed is not None


def _answers(serial: SerialRun, order: Sequence[Outcome], calls: Sequence[Outcome]) -> list[object]:
    """The serial answers in the order in which the concurrent run lists its calls."""
    by_call = dict(zip(map(id, order), serial.answers, strict=True))
    return [_told(by_call[id(call)].rows, by_call[id(call)].sqlstate) for call in calls]


def _told(rows: Sequence[tuple[str | None, ...]], sqlstate: str) -> list[tuple[str | None, ...]]:
    return [(sqlstate,)] if sqlstate else list(rows)


def _canonical(history: History, answers: Sequence[object], final: Dump) -> Canonical:
    texts = [call.sql for program in history.plan.programs for call in program.calls()]
    rewriter = Canonicaliser.of(history.start, texts)
    return rewriter.run(answers, _without_busy_rows(final))  # type: ignore[arg-type]


def _without_busy_rows(final: Dump) -> Dump:
    """Audit rows of busy answers aside: the calls are left out of the serial run (C1, C2)."""
    kept = [row for row in final.get(_AUDIT, []) if row.get("error_code") != "PGGIT_CONCURRENT"]
    return {**final, _AUDIT: kept} if _AUDIT in final else final
