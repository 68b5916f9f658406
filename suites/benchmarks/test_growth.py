"""Where the time of one run goes, and how it grows with sessions, gates and the size of the catalogue.

Told in the closing summary; nothing judges it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from statistics import median
from time import perf_counter

import pytest

from fixtures.engine.history import History
from fixtures.engine.plan import Call, Plan, Program
from fixtures.engine.serial import SerialRunner
from fixtures.postgres.session import SERVER_KEY
from suites.benchmarks.bench import Bench, opened
from suites.oracles.serial_equivalence import SerialEquivalence
from suites.verdict import Verdict

pytestmark = pytest.mark.needs("own-server")  # on one core with it

RUNS = 30
GATES = (1, 10, 50)
SITUATIONS = [
    *((sessions, 10, 1) for sessions in (1, 2, 3, 4)),
    *((2, gates, 1) for gates in GATES if gates != 10),
    *((2, 10, rows) for rows in (100, 1_000, 10_000)),
]
"""Sessions, gates in the function that each of them calls, rows of the table."""
_COUNT = "UPDATE bench.counter SET n = n + 1 WHERE id = 1;"
_READ = "PERFORM FROM bench.counter WHERE id = 1;"
_FUNCTION = "CREATE FUNCTION bench.gates_{gates}() RETURNS void LANGUAGE plpgsql AS $$ BEGIN {body} END $$;\n"
_SCHEMA = """
CREATE SCHEMA bench;
CREATE TABLE bench.counter (id integer PRIMARY KEY, n integer NOT NULL);
INSERT INTO bench.counter VALUES (1, 0);
""" + "".join(_FUNCTION.format(gates=gates, body=_READ * (gates - 1) + _COUNT) for gates in GATES)


@pytest.fixture(scope="module")
def bench(pytestconfig: pytest.Config) -> Iterator[Bench]:
    with opened(pytestconfig.stash[SERVER_KEY], _SCHEMA) as bench:
        yield bench


def situation(sessions: int, gates: int, rows: int) -> Plan:
    more = f"INSERT INTO bench.counter SELECT id, 0 FROM generate_series(2, {rows}) id"
    call = Call.of(f"bench.gates_{gates}")
    return Plan(more, tuple(Program.single(name, call) for name in "abcd"[:sessions]))


def in_turn(_history: History, enabled: tuple[str, ...]) -> int:
    """Another session at each step, as far as there is one that can go on."""
    return len(enabled) - 1


def test_where_the_time_goes_and_how_it_grows(bench: Bench, verdict: Verdict) -> None:
    lines = [
        f"one run, every session in turn, one core, medians of {RUNS} in ms",
        "  sessions  gates    rows   steps     reset   steps    dump   judge     sum   a step in us",
    ]
    for sessions, gates, rows in SITUATIONS:
        steps, times = measured(bench, situation(sessions, gates, rows))
        told = "".join(f"{1000 * each:8.2f}" for each in (*times, sum(times)))
        lines.append(f"  {sessions:8}  {gates:5}  {rows:6}  {steps:6}  {told}  {1e6 * times[1] / steps:13.0f}")
    verdict.notes.append("\n".join(lines))


def measured(bench: Bench, plan: Plan) -> tuple[int, list[float]]:
    """How many steps a run of `plan` has, and the seconds for the contents before it, the steps, the contents after it,
    and the judge."""
    stage, runner = bench.engine.stage, SerialRunner(bench.engine.conninfo, bench.engine.stage)
    judge = SerialEquivalence(runner)
    rounds, history = [], History(plan)
    with pytest.MonkeyPatch.context() as patched:
        reset, dump = Timed(stage.reset), Timed(stage.dump)
        patched.setattr(stage, "reset", reset)
        patched.setattr(stage, "dump", dump)
        for _ in range(RUNS):
            begun = perf_counter()
            history = bench.engine.run(plan, in_turn)
            ran = perf_counter()
            rounds.append([reset.last, ran - begun - reset.last - dump.last, dump.last])
            judge.judge(history)
            rounds[-1].append(perf_counter() - ran)
    runner.close()
    return len(history.decisions), [median(each) for each in zip(*rounds, strict=True)]


class Timed:
    """A function, and how long its last call took."""

    def __init__(self, function: Callable[..., object]) -> None:
        self.function, self.last = function, 0.0

    def __call__(self, *args: object, **kwargs: object) -> object:
        """Calls it."""
        begun = perf_counter()
        answer = self.function(*args, **kwargs)
        self.last = perf_counter() - begun
        return answer
