"""pytest: what strikes, on the run's server and on one of its own that may go down."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from fixtures.engine.scheduler import Engine
from fixtures.engine.serial import SerialRunner
from fixtures.engine.stage import gated
from fixtures.postgres.server import OwnServer, Server, running_server
from fixtures.targets.database import Template
from fixtures.targets.target import Target
from suites.faults.striking import Striking
from suites.oracles.judge import Judge
from suites.oracles.serial_equivalence import SerialEquivalence
from suites.verdict import Verdict


@pytest.fixture(scope="session")
def striking(engine: Engine, judge: Judge, verdict: Verdict) -> Striking:
    """Strikes sessions one at a time."""
    return Striking(engine, judge, verdict)


@pytest.fixture(scope="session")
def striking_down(server: Server, target: Target, verdict: Verdict) -> Iterator[Striking]:
    """Strikes a server of its own, durable, which comes back each time. For tests that need own-server."""
    assert isinstance(server, OwnServer)
    with fragile(server, target) as (engine, judge):
        yield Striking(engine, judge, verdict)


@contextmanager
def fragile(server: OwnServer, target: Target) -> Iterator[tuple[Engine, Judge]]:
    """An engine on a durable server of its own, started from the programs of `server`, that may go down."""
    with (
        running_server(server.binaries, durable=True) as durable,
        Template(durable, target).copy() as database,
        gated(database.conninfo, target.schemas, database.state) as (gates, stage),
        Engine(database.conninfo, gates, stage, durable.crash) as engine,
    ):
        runner = SerialRunner(database.conninfo, stage)
        yield engine, Judge(SerialEquivalence(runner))
        runner.close()
