"""One example of these suites: a known catalogue, one call, and everything that must hold after it."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from fixtures.targets.calls import FunctionCall
from fixtures.targets.database import TargetDatabase
from fixtures.targets.functions import CALLABLE, Function, Parameter
from fixtures.targets.perform import perform
from strategies.arguments import WORKING_DAY, defects
from strategies.catalogues import WORKING_DAY as CATALOGUE
from suites.oracles.contract import Refusal, documented_answer
from suites.oracles.replies import judge_reply, judge_trace, told


def ask(database: TargetDatabase, call: FunctionCall, aim: str = "") -> None:
    """Make `call` on the working day's catalogue; fail unless the reply is the documented one and leaves no trace.

    `aim`: the SQLSTATE that the example is meant to reach; an oracle that does not expect it misses the defect.
    """
    with database.starting(CATALOGUE) as conn:
        before = database.dump(conn)
        expectation = documented_answer(call, before)
        if aim and aim not in [each.sqlstate for each in expectation if isinstance(each, Refusal)]:
            pytest.fail(f"the oracle does not expect {aim} from {call!r} but {expectation}", pytrace=False)
        reply = perform(conn, call)
        complaints = judge_reply(call, expectation, reply)
        if reply.sqlstate is not None:
            complaints += judge_trace(before, database.dump(conn)) + _kept_locks(conn)
    if complaints:
        pytest.fail(told(call, expectation, reply, complaints), pytrace=False)


def _kept_locks(conn: psycopg.Connection) -> list[str]:
    """E5: advisory locks that outlived the transaction; no other lock can."""
    row = conn.execute(
        "SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'advisory'"
    ).fetchone()
    assert row is not None
    return ["E5: an advisory lock outlived the transaction"] if row[0] else []


def cases(*defect_names: str, kind: type = object, above: str = "") -> list[Any]:
    """One pytest case for each function, parameter and defect of these names that the catalogue knows.

    `kind` keeps parameters of that kind only; `above` those ranges that warn or refuse there.
    """
    found = []
    for function, parameter in ((f, p) for f in CALLABLE for p in f.parameters):
        if not isinstance(parameter.kind, kind) or above not in ("", getattr(parameter.kind, "above", "")):
            continue
        for defect in defects(parameter, WORKING_DAY):
            if defect in defect_names:
                name = f"{function.name}.{parameter.name}"
                name = name if len(defect_names) == 1 else f"{name}-{defect.replace(' ', '_')}"
                found.append(pytest.param(function, parameter, defect, id=name, marks=_needs(function, parameter)))
    return found


def functions() -> list[Any]:
    """One pytest case for each function."""
    return [
        pytest.param(function, id=function.name, marks=pytest.mark.needs(function.qualified)) for function in CALLABLE
    ]


def _needs(function: Function, parameter: Parameter) -> pytest.MarkDecorator:
    return pytest.mark.needs(f"{function.qualified}.{parameter.name}" if parameter.added else function.qualified)
