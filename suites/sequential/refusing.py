"""What the tests of the validation share: valid arguments to spoil, and what a refusal must be."""

from __future__ import annotations

from fixtures.targets.calls import Reply
from fixtures.targets.database import TargetDatabase
from fixtures.targets.kinds import Value
from strategies import catalogues as c
from suites.sequential.asking import ask
from suites.sequential.plain_calls import CATALOGUE

Arguments = dict[str, Value]

NOBODY = c.uuid(999)
"""An id that no row has."""

BACKUP: Arguments = {
    "p_backup_name": "new", "p_backup_type": "full", "p_backup_tool": "custom", "p_location": "file:///new",
}  # fmt: skip
JOB: Arguments = {"p_backup_id": c.FRESH, "p_command": "true", "p_tool": "custom"}
OPERATION: Arguments = {"p_operation_name": "n", "p_operation_type": "read", "p_operation_sql": "SELECT 1"}


def told(reply: Reply) -> tuple[str | None, str]:
    """The reply's error; (None, '') when it is an answer."""
    return reply.sqlstate, reply.message


def refused(database: TargetDatabase, name: str, arguments: Arguments, sqlstate: str, *words: str) -> None:
    """The call is refused with `sqlstate`, in these words, and nothing has changed."""
    with database.starting(CATALOGUE) as conn:
        before = database.dump(conn)
        reply = ask(conn, name, **arguments)
        assert reply.sqlstate == sqlstate, reply
        assert [word for word in words if word not in reply.message] == [], reply.message
        assert database.dump(conn) == before


def answered(database: TargetDatabase, name: str, arguments: Arguments) -> None:
    """The call is answered, without a warning."""
    with database.starting(CATALOGUE) as conn:
        reply = ask(conn, name, **arguments)
    assert (told(reply), reply.notices) == ((None, ""), ())
