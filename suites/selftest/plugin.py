"""pytest: `--mutants`, which makes the kill matrix instead of running tests; where runs that tests start write; a
database of the reference."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from fixtures.errors import SetupError
from fixtures.postgres.server import Server
from fixtures.reports import VARIABLE
from fixtures.targets.database import TargetDatabase, Template
from fixtures.targets.target import load_target
from suites.selftest.choosing import baseline, canary, chosen
from suites.selftest.kill_matrix import BROKEN, SURVIVED, KillMatrix, cores, show, write


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--mutants`."""
    parser.getgroup("qualification").addoption(
        "--mutants",
        metavar="all|sample[:N]|generated[:N]|NAME,…",
        help="instead of any test: see planted bugs die by the tests aimed at them; the samples are chosen by "
        "--hypothesis-seed (default 0)",
    )


def pytest_cmdline_main(config: pytest.Config) -> int | None:
    """Make the kill matrix: exit code 0 when every mutant died or is argued equivalent, else 1.

    With `--collect-only` just name the mutants."""
    spec = config.getoption("--mutants")
    if spec is None or config.option.help or config.option.version:
        return None
    seed = int(config.option.hypothesis_seed or 0)
    console = Console()
    with tempfile.TemporaryDirectory(prefix="qualify-") as directory:
        try:
            trials = chosen(spec, seed, Path(directory))
        except SetupError as error:
            raise pytest.UsageError(str(error)) from None
        if config.option.collectonly:
            console.print("\n".join(trial.name for trial in trials))
            return pytest.ExitCode.OK
        matrix = KillMatrix(config.getoption("--postgres"), min(cores(), len(trials)), console)
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, _interrupt_once)
        matrix.run(trials, baseline(trials), canary())
    show(matrix.outcomes, matrix.void, console)
    console.print(f"all of them: {write(matrix.outcomes, seed, matrix.void, config.rootpath)}")
    alive = any(outcome.verdict in (SURVIVED, BROKEN) for outcome in matrix.outcomes)
    return pytest.ExitCode.TESTS_FAILED if alive or matrix.void else pytest.ExitCode.OK


def _interrupt_once(number: int, _: object) -> None:
    """Ctrl-C comes twice when whoever runs us passes it on: the second would interrupt the closing words."""
    signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


@pytest.fixture(scope="session", autouse=True)
def _own_place(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Runs that tests start leave the checkout's `.reports` alone; this run knows its own place already."""
    os.environ[VARIABLE] = str(tmp_path_factory.mktemp("reports"))


@pytest.fixture(scope="session")
def reference(server: Server) -> Iterator[TargetDatabase]:
    """A database of the reference, whatever `--target` is; for tests that know it from within."""
    template = Template(server, load_target("reference"))
    with template.copy() as database:
        yield database
    template.drop()
