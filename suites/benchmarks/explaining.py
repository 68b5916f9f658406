"""What a call reads, told by the server: the plans of all statements inside its functions, with actual numbers."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg

_SETTINGS = """
    LOAD 'auto_explain';
    SET auto_explain.log_min_duration = 0;
    SET auto_explain.log_analyze = on;
    SET auto_explain.log_timing = off;
    SET auto_explain.log_nested_statements = on;
    SET auto_explain.log_format = json;
    SET auto_explain.log_level = info"""  # INFO is sent to the client whatever it asked for
_REMOVED = ("Rows Removed by Filter", "Rows Removed by Index Recheck", "Rows Removed by Join Filter")


@dataclass
class Reading:
    """What one call reads.

    `rows` that scans of each table looked at, kept or not; the tables that were read from end to end (`sequential`);
    `blocks` that were touched, which tells of an index that was read from end to end as well.
    """

    rows: Counter[str] = field(default_factory=Counter)
    sequential: set[str] = field(default_factory=set)
    blocks: int = 0

    def add(self, plan: dict[str, Any]) -> None:
        """Add a plan with all that is below it."""
        table = plan.get("Relation Name")
        if table and "Scan" in plan["Node Type"]:
            read = plan["Actual Rows"] + sum(plan.get(key, 0) for key in _REMOVED)
            self.rows[table] += round(read * plan["Actual Loops"])
            if plan["Node Type"] == "Seq Scan" and plan["Actual Loops"]:
                self.sequential.add(table)
        for below in plan.get("Plans", []):
            self.add(below)


@contextmanager
def reading(conn: psycopg.Connection) -> Iterator[Reading]:
    """What the one call of the block reads, which goes through `conn`."""
    found = Reading()

    def note(diagnostic: psycopg.errors.Diagnostic) -> None:
        _, plan, text = (diagnostic.message_primary or "").partition("plan:\n")
        if plan:
            tree = json.loads(text)["Plan"]
            blocks = tree.get("Shared Hit Blocks", 0) + tree.get("Shared Read Blocks", 0)
            found.blocks = max(found.blocks, blocks)  # those of the call hold those of the statements inside
            found.add(tree)

    conn.execute(_SETTINGS)
    conn.execute("SET auto_explain.log_buffers = on")
    conn.add_notice_handler(note)
    try:
        yield found
    finally:
        conn.remove_notice_handler(note)
        if not conn.closed:
            conn.execute("SET auto_explain.log_min_duration = -1")
