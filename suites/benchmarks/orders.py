"""The same orders of the same statements for our engine and for PostgreSQL's isolationtester."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from fixtures.engine.explorer import every_order
from fixtures.engine.history import History
from fixtures.engine.plan import READ_COMMITTED, Call, Plan, Program, Transaction
from fixtures.engine.scheduler import Engine
from fixtures.postgres.server import OwnServer
from fixtures.postgres.session import SessionServer
from fixtures.targets.state import State

UPDATE = "UPDATE bench.counter SET n = n + 1 WHERE id = 1"
_NOTHING = Call("SELECT")  # our engine sends BEGIN together with a first call, so that step has one to send


@dataclass(frozen=True)
class Race:
    """`sessions` that each go through `steps` (as isolationtester sends them) and `calls` (as our engine does)."""

    title: str
    sessions: int
    steps: tuple[str, ...]
    calls: tuple[Call, ...]
    orders: int

    @property
    def plan(self) -> Plan:
        """The race for our engine."""
        block = Transaction(self.calls, READ_COMMITTED)
        return Plan("", tuple(Program(name, (block,)) for name in "abc"[: self.sessions]), self.title)

    def spec(self, state: State, orders: Sequence[History], times: int) -> str:
        """The race for isolationtester: each of `orders`, `times` times over, from the contents that `state` keeps."""
        lines = [f"setup {{ {state.reset_sql} }}"]
        for name in "abc"[: self.sessions]:
            lines.append(f"session {name}")
            lines += [f"step {name}{at} {{ {sql}; }}" for at, sql in enumerate(self.steps)]
        return "\n".join([*lines, *[f"permutation {_steps(history)}" for history in orders] * times])


PAIR = Race("2 × (begin, update, commit)", 2, ("BEGIN", UPDATE, "COMMIT"), (_NOTHING, Call(UPDATE)), 14)
TRIO = Race("3 × (begin + update, commit)", 3, (f"BEGIN; {UPDATE}", "COMMIT"), (Call(UPDATE),), 30)


def feasible(engine: Engine, race: Race) -> list[History]:
    """Every order that can happen."""
    return list(every_order(lambda choose: engine.run(race.plan, choose)))


def run_isolationtester(program: str, conninfo: str, spec: str) -> bool:
    """One process of it, which connects once and goes through all permutations of `spec`.

    False when it was kept waiting: of two waiters on a row the later one can win, and an order that asks for the
    other one never comes.
    """
    environment = {**os.environ, "PGISOLATIONTIMEOUT": "1"}  # seconds
    ran = subprocess.run([program, conninfo], input=spec, text=True, capture_output=True, check=False, env=environment)
    return ran.returncode == 0 and "canceling step" not in ran.stdout + ran.stderr


@contextmanager
def on_one_core(session_server: SessionServer) -> Iterator[None]:
    """Client and server on one core, and what they start, also where the run is not pinned anyhow."""
    before = os.sched_getaffinity(0)
    core = {session_server.pin.core if session_server.pin else min(before)}
    server = session_server.get()
    assert isinstance(server, OwnServer)
    processes = (0, server.pid)
    for pid in processes:
        os.sched_setaffinity(pid, core)
    try:
        yield
    finally:
        for pid in processes:
            os.sched_setaffinity(pid, before)


def _steps(history: History) -> str:
    went = [decision.enabled[decision.chosen] for decision in history.decisions]
    return " ".join(f"{name}{went[:at].count(name)}" for at, name in enumerate(went))
