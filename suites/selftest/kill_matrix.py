"""The kill matrix: each mutant is tried by the tests aimed at it, and must die.

A clean baseline comes first, a canary last: the reference must pass the same tests, and a mutant that nobody could
overlook must die. If either misbehaves the run is void.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from queue import SimpleQueue

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from fixtures.reporting.mutant_score import FILE, code_checksum
from suites.selftest.lane import LIMIT, RESTORING, ROOT

KILLED, SURVIVED, EQUIVALENT, BROKEN = "killed", "survived", "equivalent", "broken"
_NOT_INSTALLED = "does not install"
_FIRST = 12
"""So many of the tests that killed other mutants of a function are tried before all others."""
_STYLES = {KILLED: "green", SURVIVED: "bold red", EQUIVALENT: "cyan", BROKEN: "yellow"}


@dataclass(frozen=True)
class Aim:
    """The tests of some suites that an expression, as for pytest's -k, selects (all without one)."""

    suites: tuple[str, ...]
    expression: str = ""

    @property
    def kinds(self) -> tuple[str, ...]:
        """The suites by their servers: what shares one of the lane's, and what wants its own."""
        return tuple(sorted({suite if suite == RESTORING else suite.partition("/")[0] for suite in self.suites}))

    @property
    def arguments(self) -> list[str]:
        """pytest's."""
        paths = [str(ROOT / "suites" / suite) for suite in self.suites]
        return [*paths, "-x", "-q", *([f"-k{self.expression}"] if self.expression else [])]


@dataclass(frozen=True)
class Trial:
    """A target (as for --target) and the tests aimed at it, one aim after another until one kills it.

    `equivalent`: the written reason for which nothing can. `mechanical`: nobody saw to it that it installs; the server
    kills it when it does not. `about`: the changed function, if it has many mutants: what killed others of them is
    tried first.
    """

    name: str
    target: str
    aims: tuple[Aim, ...]
    clause: str = ""
    story: str = ""
    equivalent: str = ""
    mechanical: bool = False
    about: str = ""


@dataclass(frozen=True)
class Outcome:
    """How a trial ended: `test` failed first and `said` why; for what is broken, `said` what is wrong with it."""

    name: str
    verdict: str
    clause: str = ""
    story: str = ""
    test: str = ""
    said: str = ""


class Lane:
    """A process that makes trials, one at a time (`suites.selftest.lane`)."""

    def __init__(self, postgres: str, number: int) -> None:
        command = [sys.executable, "-m", "suites.selftest.lane", postgres, str(number)]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def attempt(self, target: str, aim: Aim) -> tuple[int | None, str, str]:
        """One pytest run: its exit code (None: it did not end), the first test that failed, what it said."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        request = {"arguments": [*aim.arguments, f"--target={target}"], "suites": aim.kinds}
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            answer = json.loads(self._process.stdout.readline())
        except (OSError, ValueError):
            return 3, "", "the lane's process has ended"
        return answer["code"], answer["test"], answer["said"]

    def stop(self) -> None:
        """End the process in the middle of a trial."""
        self._process.terminate()

    def close(self) -> None:
        """End the process, and with it its server."""
        self._process.communicate()


def attempt(lane: Lane, trial: Trial) -> Outcome:
    """Try one mutant."""
    for aim in trial.aims:
        code, test, said = lane.attempt(trial.target, aim)
        if code == 0:
            continue
        if code is None:
            return Outcome(trial.name, KILLED, trial.clause, trial.story, said=f"it did not end within {LIMIT:.0f} s")
        if trial.mechanical and _NOT_INSTALLED in said:
            return Outcome(trial.name, KILLED, trial.clause, trial.story, said=said)
        if code != 1:
            said = "no test of its suite fits `tests`" if code == 5 else said
            return Outcome(trial.name, BROKEN, trial.clause, trial.story, said=said)
        if trial.equivalent:
            said = f"argued to be equivalent, but {test} notices it: {said}"
            return Outcome(trial.name, BROKEN, trial.clause, trial.story, test, said)
        return Outcome(trial.name, KILLED, trial.clause, trial.story, test, said)
    verdict = EQUIVALENT if trial.equivalent else SURVIVED
    return Outcome(trial.name, verdict, trial.clause, trial.story, said=trial.equivalent)


class KillMatrix:
    """Makes all trials on `lanes` processes. `void` says why a run proves nothing."""

    def __init__(self, postgres: str, lanes: int, console: Console) -> None:
        self.void = ""
        self.outcomes: list[Outcome] = []
        self._postgres, self._count, self._console = postgres, lanes, console
        self._free: SimpleQueue[Lane] = SimpleQueue()
        self._killers: defaultdict[str, Counter[str]] = defaultdict(Counter)

    def run(self, trials: Sequence[Trial], baseline: Iterable[Aim], canary: Trial) -> None:
        """Baseline, mutants, canary. Ctrl-C keeps the outcomes that there are."""
        with self._lanes() as lanes, self._progress() as progress, ThreadPoolExecutor(self._count) as pool:
            try:
                self._check(list(baseline), pool, progress)
                if not self.void:
                    self._try_all(trials, pool, progress)
                    self._see_die(canary)
            except KeyboardInterrupt:
                self.void = "it was interrupted"
                for lane in lanes:
                    lane.stop()
                pool.shutdown(cancel_futures=True)

    def _check(self, aims: Sequence[Aim], pool: Executor, progress: Progress) -> None:
        task = progress.add_task("baseline", total=len(aims))
        for code, test, said in pool.map(lambda aim: self._on_a_lane("reference", aim), aims):
            progress.advance(task)
            if code != 0:
                self.void = self.void or f"the baseline is not clean: {test or 'pytest'} (exit {code}): {said}"

    def _try_all(self, trials: Sequence[Trial], pool: Executor, progress: Progress) -> None:
        task = progress.add_task("mutants", total=len(trials))
        for outcome in pool.map(self._try, trials):
            self.outcomes.append(outcome)
            progress.advance(task)
            if outcome.verdict in (SURVIVED, BROKEN):
                progress.console.print(told(outcome), markup=False)

    def _see_die(self, canary: Trial) -> None:
        dead = self._try(canary)
        if dead.verdict != KILLED:
            self.void = f"the canary has {dead.verdict}: {dead.said or 'nothing notices what cannot be overlooked'}"

    def _try(self, trial: Trial) -> Outcome:
        lane = self._free.get()
        try:
            outcome = self._killed_as_others(lane, trial) or attempt(lane, trial)
        finally:
            self._free.put(lane)
        if outcome.test:
            self._killers[trial.about][outcome.test] += 1
        return outcome

    def _killed_as_others(self, lane: Lane, trial: Trial) -> Outcome | None:
        """What kills one mutant of a function mostly kills others. That saves time and changes no verdict, for who
        lives through those tests is tried by all that are aimed at it."""
        killers = self._killers[trial.about].most_common(_FIRST) if trial.about and not trial.equivalent else []
        if not killers:
            return None
        code, test, said = lane.attempt(trial.target, Aim(tuple(name for name, _ in killers)))
        return Outcome(trial.name, KILLED, trial.clause, trial.story, test, said) if code == 1 else None

    def _on_a_lane(self, target: str, aim: Aim) -> tuple[int | None, str, str]:
        lane = self._free.get()
        try:
            return lane.attempt(target, aim)
        finally:
            self._free.put(lane)

    @contextmanager
    def _lanes(self) -> Iterator[list[Lane]]:
        lanes = [Lane(self._postgres, number) for number in range(self._count)]
        for lane in lanes:
            self._free.put(lane)
        try:
            yield lanes
        finally:
            for lane in lanes:
                lane.close()

    def _progress(self) -> Progress:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        return Progress(*columns, console=self._console)


def told(outcome: Outcome) -> str:
    """An outcome in one line."""
    return ": ".join(filter(None, (outcome.verdict, outcome.name, outcome.story, outcome.said)))


def cores() -> int:
    """How many trials to make at the same time."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def write(outcomes: Sequence[Outcome], seed: int, void: str, root: Path) -> Path:
    """The whole matrix as JSON."""
    path = root / FILE
    path.parent.mkdir(exist_ok=True)
    counts = Counter(outcome.verdict for outcome in outcomes)
    content = {
        "code": code_checksum(root),
        "seed": seed,
        "void": void,
        "counts": counts,
        "mutants": [asdict(outcome) for outcome in outcomes],
    }
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def show(outcomes: Sequence[Outcome], void: str, console: Console) -> None:
    """A table of what did not die, and the numbers."""
    left = [outcome for outcome in outcomes if outcome.verdict != KILLED]
    if left:
        table = Table("verdict", "mutant", "clause", "why")
        for outcome in sorted(left, key=lambda outcome: list(_STYLES).index(outcome.verdict)):
            why = escape(outcome.said or outcome.story)
            table.add_row(outcome.verdict, outcome.name, outcome.clause, why, style=_STYLES[outcome.verdict])
        console.print(table)
    counts = Counter(outcome.verdict for outcome in outcomes)
    console.print(", ".join(f"{counts[verdict]} {verdict}" for verdict in _STYLES) + f" of {len(outcomes)} mutants")
    if void:
        console.print(f"void, it proves nothing: {void}", style="bold red", markup=False)
