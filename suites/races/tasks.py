"""What racing workers do. Each is a module-level function, because it runs in a process of its own."""

from __future__ import annotations

from fixtures.workers.race import Worker


def claim_until_empty(worker: Worker) -> None:
    """Claims one job after another until the queue answers that there is none."""
    for _ in range(1000):  # far more than there are: a target that never marks a job as taken must end as well
        if not worker.call("SELECT job_id::text, attempts FROM pggit.get_next_backup_job(%s)", worker.name).rows:
            return


def clean_up(worker: Worker) -> None:
    """Removes old jobs, as a block that PostgreSQL can tell from none, until there are none or somebody is busy."""
    for _ in range(5):
        with worker.connection.transaction():
            worker.call("SELECT pg_current_xact_id()::text")
            worker.call("SELECT action, job_count FROM pggit.cleanup_old_jobs(7, false)")
