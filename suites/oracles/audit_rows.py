"""Contract A1: committed calls of audited functions and rows of the audit are one to one."""

from __future__ import annotations

from collections import Counter

from fixtures.workers.record import Record
from suites.oracles.race import Race, RaceFinding
from suites.oracles.refusals import BUSY

_TABLE = "pggit.operation_audit"
_Entry = tuple[str, str, bool]


def judge_audit_rows(race: Race) -> list[RaceFinding]:
    """A row too few or too many, of a function, type and success. A call whose end is unknown may have left one."""
    known = {row["audit_id"] for row in race.start[_TABLE]}
    rows = Counter(
        (row["operation_name"] or "", row["operation_type"] or "", row["success"] == "t")
        for row in race.final[_TABLE]
        if row["audit_id"] not in known
    )
    audited = [record for record in race.records if record.call.function.audited]
    told = Counter(_entry(record) for record in audited if record.answered)
    lost = Counter(record.name for record in audited if record.reply is None)
    return [
        RaceFinding(
            "A1:audit-rows",
            (f"pggit.{entry[0]}",),
            f"{told[entry]} calls of {entry[0]} ({entry[1]}, {'done' if entry[2] else 'busy'}) were answered, and "
            f"{rows[entry]} audit rows tell of such a call",
        )
        for entry in sorted(rows | told)
        if not told[entry] <= rows[entry] <= told[entry] + lost[entry[0]]
    ]


def _entry(record: Record) -> _Entry:
    arguments = {parameter.name for parameter in record.call.function.parameters}
    dry = "p_dry_run" in arguments and record.call.value("p_dry_run") is not False
    type = "read" if dry else "delete" if record.name.startswith("cleanup") else "write"
    return record.name, type, not told_busy(record)


def told_busy(record: Record) -> bool:
    """Whether the call was told that another session is inside (L2)."""
    notices = record.reply.notices if record.reply else ()
    return not record.rows and any(BUSY in notice.message for notice in notices)
