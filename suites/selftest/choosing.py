"""Which mutants `--mutants` means, and the tests that are aimed at each."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from pathlib import Path

from fixtures.errors import SetupError
from fixtures.targets.mutants import Mutant, load_mutants
from fixtures.targets.target import MUTANT
from suites.selftest import generated
from suites.selftest.kill_matrix import Aim, Trial

SAMPLE = 30
CANARY = "canary"
GENERATED = "generated"
_MEANING = f"all, sample (or sample:N, {SAMPLE} by default), {GENERATED} (or {GENERATED}:N), or names with commas"


def chosen(spec: str, seed: int, directory: Path) -> list[Trial]:
    """The trials that `spec` means: all, sample, sample:N, generated, generated:N, or names. Raises SetupError.

    Generated mutants are written into `directory`.
    """
    if spec.partition(":")[0] == GENERATED:
        return _generated(spec, seed, directory)
    mutants = load_mutants()
    del mutants[CANARY]
    word, _, number = spec.partition(":")
    if spec == "all":
        return [trial(mutant) for mutant in mutants.values()]
    if word == "sample":
        count = min(_count(spec, number, SAMPLE), len(mutants))
        return [trial(mutants[name]) for name in random.Random(seed).sample(list(mutants), count)]
    names = [name.removeprefix(MUTANT) for name in spec.split(",")]
    if unknown := [name for name in names if name not in mutants]:
        raise SetupError(f"--mutants={spec}: no mutant {unknown[0]!r}; give {_MEANING}")
    return [trial(mutants[name]) for name in names]


def _generated(spec: str, seed: int, directory: Path) -> list[Trial]:
    everything = generated.generated()
    _, _, which = spec.partition(":")
    if not which or which.isdecimal():
        count = min(_count(spec, which, len(everything)), len(everything))
        wanted = list(everything) if count == len(everything) else random.Random(seed).sample(everything, count)
    else:
        names = [name.removeprefix(f"{GENERATED}:") for name in spec.split(",")]
        wanted = [one for one in everything if one.name in names]
        if unknown := [name for name in names if name not in {one.name for one in wanted}]:
            raise SetupError(f"--mutants={spec}: no mutant {unknown[0]!r}; .reports/mutants.json has their names")
    return [generated.trial(one, directory) for one in wanted]


def canary() -> Trial:
    """The mutant that nobody can overlook."""
    return trial(load_mutants()[CANARY])


def trial(mutant: Mutant) -> Trial:
    """How a listed mutant is tried: by the tests of its suite that it names; a hazard by those of its function."""
    expression = mutant.tests or mutant.function.rpartition(".")[2]
    aim = Aim((mutant.suite,), expression)
    return Trial(mutant.name, MUTANT + mutant.name, (aim,), mutant.clause, mutant.story, mutant.equivalent)


def baseline(trials: Iterable[Trial]) -> Iterator[Aim]:
    """What the reference must pass: all that is aimed at any of them, each suite in one run."""
    wanted: dict[tuple[str, ...], set[str]] = {}
    for one in trials:
        for aim in one.aims:
            wanted.setdefault(aim.kinds, set()).add(aim.expression)
    for suites, expressions in wanted.items():
        whole = "" in expressions
        yield Aim(suites, "" if whole else " or ".join(f"({expression})" for expression in sorted(expressions)))


def _count(spec: str, number: str, default: int) -> int:
    if not number:
        return default
    if not number.isdecimal() or int(number) < 1:
        raise SetupError(f"--mutants={spec}: {number!r} is no number of mutants; give {_MEANING}")
    return int(number)
