"""Properties of what Hypothesis draws and the engine runs: a counterexample is shrunk, and then told as a finding."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TypeVar

from hypothesis import given, settings
from hypothesis.strategies import SearchStrategy

from fixtures.engine.finding import Finding
from suites.verdict import Verdict

Drawn = TypeVar("Drawn")


def budget(times: int = 1) -> settings:
    """The profile's, so many times as large."""
    return settings(max_examples=settings().max_examples * times)


class _NewFindingError(Exception):
    """What makes Hypothesis shrink; the test itself fails with the shrunk finding."""


def no_new_finding(
    drawn: SearchStrategy[Drawn],
    look: Callable[[Drawn], Sequence[Finding]],
    verdict: Verdict,
    tries: settings,
    smallest: str,
) -> None:
    """Fails the running test with the shrunk counterexample when `look` sees a finding that is not known.

    `smallest`: why it is told that nothing smaller shows it.
    """
    last: list[Finding] = []

    @tries
    @given(drawn)
    def property(value: Drawn) -> None:
        if new := [finding for finding in look(value) if not verdict.is_known(finding)]:
            last[:] = new
            raise _NewFindingError

    with suppress(_NewFindingError):
        property()
    verdict.fail(last, f"drawn and shrunk: {smallest}")
