"""The catalogue of functions and the list of clauses are whole, and agree with the reference."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from fixtures.errors import SetupError
from fixtures.targets.clauses import clause, clauses
from fixtures.targets.database import TargetDatabase
from fixtures.targets.functions import CALLABLE, FUNCTIONS, REQUIRED, Function, function
from fixtures.targets.kinds import Json, Range, Value

CHECKOUT = Path(__file__).parents[2]

INTERFACE = """
    SELECT format('%I.%I', pronamespace::regnamespace, proname),
           pg_get_function_arguments(oid), prorettype::regtype::text, proretset
    FROM pg_proc WHERE pronamespace IN (SELECT oid FROM pg_namespace WHERE nspname IN ('pggit', 'pggit_errors'))"""


def as_declared(function: Function) -> str:
    """The parameters as PostgreSQL shows them."""
    shown = []
    for parameter in function.parameters:
        default = "" if parameter.default is REQUIRED else f" DEFAULT {as_default(parameter.default, parameter.type)}"
        shown.append(f"{parameter.name} {parameter.type}{default}")
    return ", ".join(shown)


def as_default(value: Value, type: str) -> str:
    if isinstance(value, bool | int):
        return str(value).lower()
    text = value.text if isinstance(value, Json) else value
    return f"NULL::{type}" if text is None else f"'{text}'::{type}"


def test_the_catalogue_agrees_with_what_the_reference_declares(reference: TargetDatabase) -> None:
    with reference.starting() as conn:
        declared = {name: (shown, kind, rows) for name, shown, kind, rows in conn.execute(INTERFACE).fetchall()}
    for name in set(FUNCTIONS) & set(declared):
        shown, kind, rows = declared[name]
        assert (name, shown) == (name, as_declared(FUNCTIONS[name]))
        assert (name, "table" if rows else kind) == (name, FUNCTIONS[name].returns)
    assert set(declared) - set(FUNCTIONS) <= {"pggit.create_temporal_snapshot"}, "add them to functions.py"


def test_the_catalogue_has_the_numbers_of_the_seed() -> None:
    assert sum(function.validated for function in CALLABLE) == 12
    assert sum(function.guarded for function in CALLABLE) == 4
    assert sum(function.transaction for function in CALLABLE) == 3
    ranges = {p.kind for f in CALLABLE for p in f.parameters if isinstance(p.kind, Range) and p.kind.above == "warn"}
    assert {(kind.unit, kind.high) for kind in ranges} == {
        ("days", 3650), ("minutes", 10080), ("minutes", 1440), ("hours", 720), ("days", 365)
    }  # fmt: skip


def test_an_unknown_function_parameter_or_clause_is_refused() -> None:
    with pytest.raises(SetupError, match=r"no function 'pggit\.nope'"):
        function("pggit.nope")
    with pytest.raises(SetupError, match="has no parameter 'p_nope'"):
        function("pggit.reset_job").parameter("p_nope")
    with pytest.raises(SetupError, match="no clause 'Z1'; known: E1, "):
        clause("Z1")


def test_the_clauses_are_whole_and_in_sequence() -> None:
    last = {"E": 5, "T": 4, "L": 5, "C": 6, "J": 9, "B": 6, "I": 4, "A": 4, "R": 4, "S": 2, "H": 1}
    expected = {f"V{number}" for number in range(8)}
    expected |= {f"{chapter}{number}" for chapter, top in last.items() for number in range(1, top + 1)}
    assert set(clauses()) == expected
    for each in clauses().values():
        assert re.fullmatch(r"[A-Za-z].*[^ ]\.", each.sentence)
        assert re.fullmatch(r"contract|seed phase [123]", each.source)


USE = """
import pytest

@pytest.mark.clause("{clause}")
@pytest.mark.needs("{needs}")
def test_it():
    pass
"""


@pytest.mark.parametrize(
    ("clause_id", "needs", "code", "told"),
    [
        ("V3", "pggit.register_backup", 0, "1 passed"),
        ("V9", "pggit.register_backup", 4, "test_it: no clause 'V9'"),
        ("V3", "pggit.no_such_function", 5, "1 deselected"),
        ("V3", "pggit.register_backup.p_no_such_parameter", 5, "1 deselected"),
    ],
)
def test_markers_are_checked_when_tests_are_collected(
    tmp_path: Path, clause_id: str, needs: str, code: int, told: str
) -> None:
    (tmp_path / "test_it.py").write_text(USE.format(clause=clause_id, needs=needs))
    (tmp_path / "pytest.ini").write_text(f"[pytest]\npythonpath = {CHECKOUT}\naddopts = --strict-markers")
    plugins = ("-p", "fixtures.postgres.plugin", "-p", "fixtures.targets.plugin")
    command = (sys.executable, "-m", "pytest", *plugins, "--no-header", "-p", "no:cacheprovider")
    environment = os.environ | {"PYTHONPATH": str(CHECKOUT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, told in done.stdout + done.stderr) == (code, True)
