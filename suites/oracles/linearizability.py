"""Is there an order of the calls, one that respects which was over before which began, that a model could have taken?

After Wing and Gong, with Lowe's memory of what was tried. A call whose end is unknown may have taken effect at any
time after it began, or never.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from enum import StrEnum
from typing import TypeVar

from fixtures.workers.record import Record

State = TypeVar("State", bound=Hashable)
Successors = Callable[[State, Record], Iterable[State]]
"""The states in which the model can be after a call that answered what the record says; none when it cannot have."""

BUDGET = 20_000
"""States that are looked at before the answer is unknown."""


class Verdict(StrEnum):
    """Whether there is such an order. `UNKNOWN` is never green."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


def linearizable(
    start: State,
    records: Sequence[Record],
    successors: Successors[State],
    is_final: Callable[[State], bool],
    budget: int = BUDGET,
) -> Verdict:
    """Whether some order of `records` leads from `start` to a state that `is_final`."""
    waiting = [(start, frozenset(range(len(records))))]
    tried = set(waiting)
    while waiting:
        state, left = waiting.pop()
        if not any(records[at].reply for at in left) and is_final(state):
            return Verdict.YES
        if len(tried) > budget:
            return Verdict.UNKNOWN
        # The last to be put there is the first to be looked at: what ended first, and the unknown only if need be.
        for at in sorted(_next(records, left), key=lambda at: records[at].ended or float("inf"), reverse=True):
            for following in successors(state, records[at]):
                node = (following, left - {at})
                if node not in tried:
                    tried.add(node)
                    waiting.append(node)
    return Verdict.NO


def _next(records: Sequence[Record], left: frozenset[int]) -> list[int]:
    """The calls that can be the next one: no other call that is left was over before they began."""
    first_end = min((ended for at in left if (ended := records[at].ended) is not None), default=None)
    return [at for at in left if first_end is None or records[at].began <= first_end]
