"""PostgreSQL's own tester of orders, for those who have it: our exports run in it, our speed is compared with its."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

_DEBIAN = Path("/usr/lib/postgresql")


def program() -> str:
    """Its path. Skips the test where it is not installed: capability `isolationtester`."""
    if found := shutil.which("isolationtester"):
        return found
    packaged = sorted(_DEBIAN.glob("*/lib/pgxs/src/test/isolation/isolationtester"), reverse=True)
    if not packaged:
        pytest.skip("capability isolationtester: not installed (Debian: postgresql-server-dev-15)")
    return str(packaged[0])
