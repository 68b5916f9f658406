"""The words of the race matrix, an answer for each pair of programs, and of the fault matrix, one for each gate and
fault."""

from __future__ import annotations

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
    """One pair. `feasible`: how many orders there are (about so many where rows were passed over: which of the rows
    that were held were wanted, nobody can say); `orders`: how many were run and stand for all others;
    `outcomes`: how many different ones they had; `unreached`: orders that the server never took; `refusals`: how often
    calls were refused or passed something over, by kind, each with a witness."""

    answer: str
    feasible: int
    orders: int
    outcomes: int
    unreached: int = 0
    refusals: dict[str, int] = field(default_factory=dict)
