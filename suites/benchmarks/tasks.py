"""What racing workers do here. Module-level functions, because they run in processes of their own."""

from __future__ import annotations

from fixtures.workers.race import Worker

CLAIMS = 100
CLAIM = "SELECT job_id FROM pggit.get_next_backup_job(%s)"
CLOCK = "SELECT extract(epoch FROM clock_timestamp())::float8"


def claim_some(worker: Worker) -> None:
    """CLAIMS claims, one transaction each, between two readings of the server's clock."""
    worker.call(CLOCK)
    for _ in range(CLAIMS):
        worker.call(CLAIM, worker.name)
    worker.call(CLOCK)
