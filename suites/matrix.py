"""The race matrix, an answer for each pair of programs, and the fault matrix, one for each gate and fault; and what all
of them come to in a few lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

EQUIVALENT = "equivalent in all orders"
REFUSED = "refused as documented"
FINDING = "finding"
PARTLY = "not explored fully"

UNDONE = "nothing done"
KEPT = "done, the reply lost"
UNSTRUCK = "the fault met nobody"


@dataclass(frozen=True)
class Cell:
    """One pair. `feasible`: how many orders there are; `orders`: how many were run and stand for all others;
    `outcomes`: how many different ones they had; `unreached`: orders that the server never took; `refusals`: how often
    calls were refused or passed something over, by kind, each with a witness."""

    answer: str
    feasible: int
    orders: int
    outcomes: int
    unreached: int = 0
    refusals: dict[str, int] = field(default_factory=dict)


def told(cells: Mapping[str, Cell]) -> list[str]:
    """The lines for the closing summary."""
    answers = Counter(cell.answer for cell in cells.values())
    refusals = sum((Counter(cell.refusals) for cell in cells.values()), Counter[str]())
    feasible, run = sum(cell.feasible for cell in cells.values()), sum(cell.orders for cell in cells.values())
    outcomes = sum(cell.outcomes for cell in cells.values())
    lines = [
        f"race matrix: {len(cells)} cells: {', '.join(f'{count} {answer}' for answer, count in answers.most_common())}",
        f"  {feasible:,} feasible orders, {run:,} run that stand for all of them, {outcomes:,} distinct outcomes",
    ]
    if refusals:
        counted = ", ".join(f"{count:,} {kind}" for kind, count in refusals.most_common())
        lines.append(f"  refused or passed over, each with a witness: {counted}")
    return lines


def faults_told(cells: Mapping[str, str]) -> str:
    """The line for the closing summary; `cells` are the answers by name (`function × fault × gate`)."""
    counted = ", ".join(f"{count:,} {answer}" for answer, count in Counter(cells.values()).most_common())
    return f"fault matrix: {len(cells):,} cells: {counted}"
