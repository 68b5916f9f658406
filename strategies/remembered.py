"""Where Hypothesis keeps the examples that failed, between runs and between people."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis.database import DirectoryBasedExampleDatabase, ExampleDatabase

from fixtures.errors import SetupError

REDIS = ("redis://", "rediss://", "unix://")


def remembered(where: str) -> ExampleDatabase:
    """The database at `where`, a folder or the address of a Redis. SetupError when there is none to be had."""
    if not where.startswith(REDIS):
        try:
            Path(where).mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=where).close()
        except OSError as error:
            raise SetupError(f"--examples={where}: {error.strerror}; name a folder that can be written to") from None
        return DirectoryBasedExampleDatabase(where)
    try:
        import redis  # noqa: PLC0415 -- only who asks for one needs it
        from hypothesis.extra.redis import RedisExampleDatabase  # noqa: PLC0415
    except ImportError:
        raise SetupError("--examples=redis://… needs the redis package: uv sync --group redis") from None
    client = redis.Redis.from_url(where)
    try:
        client.ping()
    except redis.RedisError as error:
        raise SetupError(f"--examples: no Redis answers there: {error}; start it, or name a folder") from None
    return RedisExampleDatabase(client)
