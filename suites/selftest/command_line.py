"""Runs the suite as a user does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def run_pytest(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """pytest in a process of its own, from the root of the checkout; writes a report only where `--report` says."""
    report = [] if any(each.startswith("--report=") for each in arguments) else ["--no-report"]
    command = [sys.executable, "-m", "pytest", "--color=no", "-p", "no:cacheprovider", *report, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env=os.environ | variables)
