"""A lane of the kill matrix: a process with a server of its own on a core of its own, and one trial after another.

A trial is a pytest run. Starting pytest takes two seconds, most of it imports, so the lane imports everything once
and forks for each trial. It reads trials from standard input, a line of JSON each, and answers each with a line:
`code`, the exit code; `test` and `said`, the first test that failed and what it said; `code` None: it did not end.
"""

from __future__ import annotations

import json
import os
import re
import select
import signal
import sys
import tempfile
from pathlib import Path
from typing import IO, Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from fixtures.postgres.choosing import choose
from fixtures.postgres.databases import connect
from fixtures.postgres.keeper import die_with
from fixtures.postgres.server import Server
from fixtures.postgres.session import SessionServer

ROOT = Path(__file__).parents[2]
RACES, FAULTS = "races", "faults"
SUITES = ("invalid_inputs", "sequential", "interleavings", RACES, FAULTS)
RESTORING = "sequential/test_restoring.py"
LIMIT = 300.0
"""Seconds after which a trial is ended: the mutant hangs in a way that no time limit of the server ends."""
STUCK = "30s"
"""After so long the server ends a statement: a loop without an end becomes a finding."""


class FirstFailure:
    """pytest's plugin that keeps the first failure in words."""

    def __init__(self) -> None:
        self.test = self.said = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the first one."""
        if report.failed and not self.test:
            file = report.location[0].partition("suites/")[2]
            self.test = f"{file}::{report.nodeid.partition('::')[2]}"
            self.said = _sentence(report.longreprtext)


def _sentence(text: str) -> str:
    """What a failure says in one line: pytest marks the lines of an exception with an E."""
    marked = re.search(r"^E\s+(.+)$", text, re.M)
    return (marked[1] if marked else text.strip().partition("\n")[0])[:300]


def arguments(directory: str, given: list[str]) -> list[str]:
    """pytest's, so that reports are written into `directory`."""
    return [f"--rootdir={directory}", f"-c{ROOT / 'pyproject.toml'}", "-pno:cacheprovider", "--color=no", *given]


def main(spec: str, number: int) -> None:
    """Work until there are no more trials."""
    die_with(os.getppid(), signal.SIGTERM)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for whoever started us, and ends us
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.chdir(ROOT)
    sys.path.insert(0, str(ROOT))
    session_server = SessionServer(choose(spec), worker=number)
    try:
        server = session_server.get()
        with tempfile.TemporaryDirectory(prefix="qualify-") as directory:
            _import_everything(directory)
            cores = session_server.pin.before if session_server.pin else None
            for line in sys.stdin:
                trial = json.loads(line)
                given = trial["arguments"] + _server_options(trial["suites"], spec, server)
                every = cores if RACES in trial["suites"] else None
                print(json.dumps(_trial(server, given, directory, every)), file=answers)
    finally:
        session_server.stop()


def _import_everything(directory: str) -> None:
    suites = [str(ROOT / "suites" / suite) for suite in SUITES]
    pytest.main(arguments(directory, ["--collect-only", "-q", *suites]))


def _server_options(suites: list[str], spec: str, server: Server) -> list[str]:
    """Who makes servers crash, or roles, needs one of its own, on the lane's core unless it wants them all; others
    share the lane's."""
    if RACES in suites:
        return [f"--postgres={spec}"]
    if FAULTS in suites or RESTORING in suites:
        return [f"--postgres={spec}", "--no-pin"]
    limited = make_conninfo(server.conninfo(), options=f"-c statement_timeout={STUCK}")
    return [f"--postgres={limited}", "--no-pin"]


def _trial(server: Server, given: list[str], directory: str, cores: frozenset[int] | None) -> dict[str, Any]:
    """One pytest run, on these cores (None: on the lane's)."""
    receiver, sender = os.pipe()
    lane = os.getpid()
    pid = os.fork()
    if pid == 0:
        os.close(receiver)
        die_with(lane, signal.SIGKILL)
        if cores:
            os.sched_setaffinity(0, cores)
        _run(arguments(directory, given), sender, Path(directory) / "output")
    os.close(sender)
    with os.fdopen(receiver) as told:
        code = _wait(pid, told)
        answer: dict[str, Any] = {"code": code, "test": "", "said": ""} | json.loads(told.read() or "{}")
    if code is None or code < 0:
        _end_others(server)
    if code not in (0, 1):
        answer["said"] = answer["said"] or _complaint((Path(directory) / "output").read_text(errors="replace"))
    return answer


def _run(given: list[str], sender: int, output: Path) -> None:
    """In the fork: never returns."""
    code = 3
    try:
        file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, 1)
        os.dup2(file, 2)
        first = FirstFailure()
        code = int(pytest.main(given, plugins=[first]))
        os.write(sender, json.dumps({"test": first.test, "said": first.said}).encode())
    finally:
        sys.stdout.flush()
        os._exit(code)


def _wait(pid: int, told: IO[str]) -> int | None:
    """The exit code (negative: the signal that ended it); None when it had to be ended."""
    ended, _, _ = select.select([told], [], [], LIMIT)  # it tells at its end, and its end closes the pipe
    if not ended:
        os.kill(pid, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return code if ended else None


def _end_others(server: Server) -> None:
    """Sessions of a trial that was ended may go on for ever."""
    with connect(server.conninfo()) as conn:
        conn.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )


def _complaint(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return next((line for line in lines if line.startswith("ERROR")), lines[-1] if lines else "")[:300]


if __name__ == "__main__":
    try:
        main(sys.argv[1], int(sys.argv[2]))
    except (psycopg.Error, OSError) as error:
        sys.exit(f"a lane of the kill matrix: {error}")
