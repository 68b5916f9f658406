"""A matrix as a picture: every cell in its place, the worst answer seen, what nobody met not shown as done."""

from __future__ import annotations

from typing import Any

from fixtures.reporting.heatmap import Heatmap, matrices
from fixtures.reporting.qualification import Qualification, Run, TargetRecord


def drawn(name: str, *cells: dict[str, dict[str, Any]]) -> list[Heatmap]:
    """The pictures of a matrix that has these cells on one server after the other."""
    began, target = "2026-01-01T00:00:00+00:00", TargetRecord("reference")
    runs = [
        Run(
            f"PostgreSQL {major}", major, "gate", "fixed", began, 1.0, 0, "uv run pytest", target, matrices={name: each}
        )
        for major, each in enumerate(cells, 15)
    ]
    return matrices(Qualification(runs))[name]


def places(heatmap: Heatmap) -> dict[tuple[str, str], str]:
    """The tone of each cell by row and column."""
    return {
        (heatmap.rows[cell.row], heatmap.columns[cell.column]): cell.tone for cell in heatmap.cells + heatmap.mirrored
    }


def test_steps_stand_in_their_order_whichever_came_first() -> None:
    (crash,) = drawn("fault", {f"crash-{row}": {"answer": "nothing done"} for row in ("a+2", "b+10", "c+1")})
    assert crash.columns == ["1", "2", "10"]
    assert places(crash) == {("a", "2"): "good", ("b", "10"): "good", ("c", "1"): "good"}


def test_what_a_fault_came_to_is_told_apart() -> None:
    answers = {"cut-a+1": "nothing done", "cut-a+2": "done, the reply lost", "cut-a+3": "the fault met nobody"}
    (cut,) = drawn("fault", {title: {"answer": answer} for title, answer in answers.items()})
    assert [cell.tone for cell in cut.cells] == ["good", "quiet", "idle"]


def test_a_pair_has_no_order_and_the_worst_of_all_servers_is_seen() -> None:
    fine, found = {"answer": "equivalent in all orders"}, {"answer": "finding"}
    (day,) = drawn("race", {"day-a+b": fine, "day-b+b": fine}, {"day-a+b": found, "day-b+b": fine})
    assert places(day) == {("a", "b"): "bad", ("b", "a"): "bad", ("b", "b"): "good"}
