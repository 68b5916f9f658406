"""How many orders a second, beside PostgreSQL's isolationtester, and what one step inside a function costs.

Ratios within one run, of medians, are what counts; the closing summary tells them beside their goals, and nothing
judges them. Two workers at a time: `-n 2 --dist=each`.
"""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

import pytest
from psycopg import pq

from fixtures.engine.history import History
from fixtures.engine.plan import Call, Plan, Program
from fixtures.engine.session import connect as connect_plainly
from fixtures.engine.session import run
from fixtures.postgres.isolationtester import isolationtester
from fixtures.postgres.session import SERVER_KEY
from suites.benchmarks.bench import Bench, opened, seconds
from suites.benchmarks.orders import PAIR, TRIO, Race, feasible, run_isolationtester
from suites.verdict import Verdict

pytestmark = pytest.mark.needs("own-server")  # on one core with it

ROUNDS = 5
TIMES = 5
"""How often isolationtester goes through all orders in the longer of two runs, whose difference is timed."""
STATEMENTS = 50
_READ = "PERFORM FROM bench.counter WHERE id = 1;"
_SCHEMA = f"""
CREATE SCHEMA bench;
CREATE TABLE bench.counter (id integer PRIMARY KEY, n integer NOT NULL);
INSERT INTO bench.counter VALUES (1, 0);
CREATE FUNCTION bench.count() RETURNS void LANGUAGE plpgsql AS $$ BEGIN
  UPDATE bench.counter SET n = n + 1 WHERE id = 1; END $$;
CREATE FUNCTION bench.short() RETURNS void LANGUAGE plpgsql AS $$ BEGIN {_READ} END $$;
CREATE FUNCTION bench.long() RETURNS void LANGUAGE plpgsql AS $$ BEGIN {_READ * (1 + STATEMENTS)} END $$;
"""


@pytest.fixture(scope="module")
def bench(pytestconfig: pytest.Config) -> Iterator[Bench]:
    """Everything on one core, started there."""
    with opened(pytestconfig.stash[SERVER_KEY], _SCHEMA) as bench:
        yield bench


@pytest.mark.needs("isolationtester")
@pytest.mark.parametrize(("race", "goal"), [(PAIR, 8), (TRIO, 15)], ids=["pair", "trio"])
def test_orders_a_second_beside_isolationtester(race: Race, goal: int, bench: Bench, verdict: Verdict) -> None:
    orders = feasible(bench.engine, race)
    assert len(orders) == race.orders
    few, many = (race.spec(bench.state, orders, times) for times in (1, 1 + TIMES))
    rounds = [timed for _ in range(ROUNDS) if (timed := _round(bench, race, orders, few, many))]
    if not rounds:
        verdict.notes.append(f"{race.title}: nothing to compare, waiters woke in another order in every round")
        return
    ours, theirs = zip(*rounds, strict=True)
    ratios = sorted(their / our for our, their in rounds)
    verdict.notes.append(
        f"{race.title}, {len(orders)} orders, one core, medians of {len(rounds)} rounds\n"
        f"  isolationtester {1 / median(theirs):7,.0f} orders a second\n"
        f"  this engine     {1 / median(ours):7,.0f}\n"
        f"  ratio           {median(ratios):7.1f}  ({ratios[0]:.1f} to {ratios[-1]:.1f}; goal: {goal})"
    )


def _round(bench: Bench, race: Race, orders: list[History], few: str, many: str) -> tuple[float, float] | None:
    """Seconds an order, ours and theirs. None when two waiters woke in another order, which neither can force."""
    tester, went = str(isolationtester()), list[bool]()
    bench.renew()

    def ours(times: int) -> float:
        return seconds(lambda: went.extend(not bench.engine.run(race.plan, h.choices).diverged for h in orders * times))

    first, here = ours(1), ours(1 + TIMES)
    one = seconds(lambda: went.append(run_isolationtester(tester, bench.ungated, few)))
    more = seconds(lambda: went.append(run_isolationtester(tester, bench.ungated, many)))
    # The differences, because connecting and whatever else is done but once is in both.
    return ((here - first) / TIMES / len(orders), (more - one) / TIMES / len(orders)) if all(went) else None


def test_the_cost_of_a_step_in_round_trips(bench: Bench, verdict: Verdict) -> None:
    engine = bench.engine
    names = ("bench.long", "bench.short")
    long, short = (Plan("", (Program.single("a", Call.of(name)),)) for name in names)
    assert len(engine.run(long).decisions) - len(engine.run(short).decisions) == STATEMENTS
    plain = connect_plainly(bench.ungated)
    socket = engine.session(0).connection
    steps, calls, trips = [], [], []
    for _ in range(4 * ROUNDS):
        steps.append((seconds(lambda: engine.run(long)) - seconds(lambda: engine.run(short))) / STATEMENTS)
        calls.append((_call(plain, "bench.long()") - _call(plain, "bench.short()")) / STATEMENTS)
        trips.append(seconds(lambda: [run(socket, "SELECT 1") for _ in range(STATEMENTS)]) / STATEMENTS)
    plain.finish()
    step, call, trip = (1e6 * median(each) for each in (steps, calls, trips))
    verdict.notes.append(
        f"one step inside a function, one core, medians of {len(trips)} rounds\n"
        f"  SELECT 1            {trip:7.1f} us\n"
        f"  a statement ungated {call:7.1f}\n"
        f"  a step with it      {step:7.1f}\n"
        f"  a step alone        {(step - call) / trip:7.2f} round trips (goal: 2.5)"
    )


def _call(connection: pq.abc.PGconn, call: str) -> float:
    return seconds(lambda: run(connection, f"SELECT * FROM {call}"))
