"""For every function one call that has something to do on the catalogue BUSY_DAY."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fixtures.targets.calls import FunctionCall
from fixtures.targets.functions import CALLABLE, Function
from fixtures.targets.kinds import Json, Value
from strategies import catalogues as c
from suites.sequential.asking import call

_ARGUMENTS: dict[str, dict[str, Value]] = {
    "pggit.register_backup": {
        "p_backup_name": "new", "p_backup_type": "incremental", "p_backup_tool": "pg_dump", "p_location": "file:///new",
    },
    "pggit.complete_backup": {"p_backup_id": c.RUNNING},
    "pggit.fail_backup": {"p_backup_id": c.RUNNING, "p_error_message": "disk full"},
    "pggit.get_backup_info": {"p_backup_id": c.FULL_NEW},
    "pggit.enqueue_backup_job": {"p_backup_id": c.FRESH, "p_command": "pg_dump", "p_tool": "pg_dump"},
    "pggit.complete_backup_job": {"p_job_id": c.JOB_LAST_TRY},
    "pggit.fail_backup_job": {"p_job_id": c.JOB_LAST_TRY, "p_error": "disk full"},
    "pggit.update_pgbackrest_metadata": {
        "p_backup_id": c.RUNNING, "p_info_json": Json('{"database": {"size": 7}, "checksum": "abc"}'),
    },
    "pggit.backup_barman": {"p_server_name": "main-db"},
    "pggit.get_worker_stats": {"p_worker_id": "w0"},
    "pggit.cleanup_old_jobs": {"p_dry_run": False},
    "pggit.cancel_stuck_jobs": {"p_dry_run": False},
    "pggit.reset_job": {"p_job_id": c.JOB_FAILED},
    "pggit.set_maintenance_mode": {"p_enabled": True},
    "pggit.validate_retention_policy": {"p_policy": Json('{"full_days": 30, "incremental_days": 7}')},
    "pggit.find_backup_for_commit": {"p_commit_hash": c.HEAD},
    "pggit.generate_recovery_plan": {"p_target_commit": c.HEAD},
    "pggit.restore_from_commit": {"p_target_commit": c.HEAD},
    "pggit.verify_backup": {"p_backup_id": c.FULL_NEW},
    "pggit.update_verification_result": {"p_verification_id": c.VERIFICATION, "p_status": "completed"},
    "pggit.cleanup_expired_backups": {"p_dry_run": False},
    "pggit.test_backup_restore": {"p_backup_id": c.FULL_NEW},
    "pggit_errors.raise_error": {"p_error_code": "PGGIT_IDEMPOTENT_SKIP"},
    "pggit.audit_operation": {"p_operation_name": "backup", "p_operation_type": "write"},
    "pggit.complete_audit": {"p_audit_id": 1, "p_success": True},
    "pggit.audited_operation": {
        "p_operation_name": "tag", "p_operation_type": "write",
        "p_operation_sql": f"INSERT INTO pggit.backup_tags (backup_id, tag_name) VALUES ('{c.FULL_NEW}', 'kept')",
    },
}  # fmt: skip

CATALOGUE = c.BUSY_DAY + "INSERT INTO pggit.operation_audit (operation_name, operation_type) VALUES ('open', 'write');"
"""What these calls are made on: the busy day, and an audit row to complete."""


def plain_call(function: Function) -> FunctionCall:
    """The call, in a block where a clean-up needs one."""
    return call(function.qualified, function.transaction, **_ARGUMENTS.get(function.qualified, {}))


def plain_calls(wanted: Callable[[Function], bool]) -> list[Any]:
    """A pytest case for each function that is `wanted`."""
    return [
        pytest.param(plain_call(function), id=function.name, marks=pytest.mark.needs(function.qualified))
        for function in CALLABLE
        if wanted(function)
    ]
