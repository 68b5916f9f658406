"""What failed in a hunt is tried first in the next one: the examples are kept, in a folder or for a team."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from fakeredis import TcpFakeServer

from suites.selftest.command_line import run_pytest

HAZARD = (
    "--target=mutant:hazard_boolean_day",
    "suites/invalid_inputs/test_policies.py",
    "-k",
    "validate_retention_policy and wrong_type",
)


@pytest.fixture
def team() -> Iterator[str]:
    """The address of a Redis."""
    server = TcpFakeServer(("127.0.0.1", 0))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"redis://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


def hunt(where: str, *arguments: str) -> str:
    return run_pytest("--profile=hunt", f"--examples={where}", *HAZARD, *arguments).stdout


def test_what_failed_is_kept_in_a_folder(tmp_path: Path) -> None:
    assert "1 failed" in hunt(str(tmp_path))
    assert any(path.is_file() for path in tmp_path.rglob("*"))


def test_what_failed_is_kept_for_the_team(team: str) -> None:
    assert "1 failed" in hunt(team)
    assert redis.Redis.from_url(team).keys("*")
