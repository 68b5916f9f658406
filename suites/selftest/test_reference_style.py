"""How the reference's SQL is written: short functions that say what they promise and raise through one helper."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import LiteralString

import pytest

from fixtures.postgres.server import Server
from fixtures.targets.database import Template
from fixtures.targets.functions import CALLABLE, FUNCTIONS
from fixtures.targets.target import load_target

LONGEST = 60
RAISER = "pggit_errors.raise_error"
STANDIN = "pggit.create_temporal_snapshot"
WRITTEN: LiteralString = """
    SELECT format('%%I.%%I', nspname, proname), pg_get_functiondef(p.oid), prosrc, lanname, prosecdef,
           coalesce(obj_description(p.oid, 'pg_proc'), '')
    FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace JOIN pg_language l ON l.oid = prolang
    WHERE nspname = ANY (%s) ORDER BY 1"""
STRINGS_AND_COMMENTS = re.compile(r"'(?:[^']|'')*'|--[^\n]*|/\*.*?\*/", re.DOTALL)
RAISES = re.compile(r"\bRAISE\b(?!\s*;|\s+(?:WARNING|NOTICE|INFO|LOG|DEBUG)\b)[^;]*", re.IGNORECASE)


@dataclass(frozen=True)
class Written:
    """One function as the server has it."""

    name: str
    definition: str
    body: str
    language: str
    definer: bool
    comment: str


def raises(body: str) -> list[str]:
    """What the body raises; passing on what was caught (RAISE;) and telling (RAISE NOTICE …) do not count."""
    return RAISES.findall(STRINGS_AND_COMMENTS.sub("''", body))


@pytest.fixture(scope="module")
def functions(server: Server) -> Iterator[list[Written]]:
    target = load_target("reference")
    template = Template(server, target)
    with template.copy() as database, database.starting() as conn:
        yield [Written(*row) for row in conn.execute(WRITTEN, (list(target.schemas),))]
    template.drop()


def test_no_function_is_longer_than_sixty_lines(functions: list[Written]) -> None:
    lengths = {function.name: len(function.definition.strip().splitlines()) for function in functions}
    assert {name: length for name, length in lengths.items() if length > LONGEST} == {}


def test_every_function_says_what_it_promises(functions: list[Written]) -> None:
    assert [function.name for function in functions if len(function.comment) < 20] == []


def test_the_comment_of_a_public_function_cites_clauses_or_sqlstates(functions: list[Written]) -> None:
    callable = {function.qualified for function in CALLABLE}
    public = [function for function in functions if function.name in callable]
    assert [f.name for f in public if not re.search(r"\b[EVTLCJBIARSH]\d\b|\b\d\d[\dP]\d\d\b", f.comment)] == []


def test_functions_raise_through_one_helper(functions: list[Written]) -> None:
    found = {function.name: raises(function.body) for function in functions if function.name != RAISER}
    assert {name: said for name, said in found.items() if said} == {}
    (raiser,) = [function for function in functions if function.name == RAISER]
    assert raises(raiser.body), "the pattern finds nothing where there is something"


def test_nothing_runs_with_its_owners_rights(functions: list[Written]) -> None:
    assert [function.name for function in functions if function.definer] == []


def test_nothing_is_there_that_nobody_knows(functions: list[Written]) -> None:
    public = {function.name for function in functions if not function.name.startswith("pggit_private.")}
    assert public == {*FUNCTIONS, STANDIN}


@pytest.mark.parametrize(
    ("body", "count"),
    [
        ("RAISE EXCEPTION 'x';", 1),
        ("raise 'x';", 1),
        ("RAISE SQLSTATE '22023';", 1),
        ("RAISE division_by_zero;", 1),
        ("RAISE;", 0),
        ("RAISE WARNING 'x';", 0),
        ("-- RAISE EXCEPTION 'x';\nRETURN 'RAISE EXCEPTION';", 0),
        ("PERFORM raise_error('x');", 0),
    ],
)
def test_what_raises_is_recognised(body: str, count: int) -> None:
    assert len(raises(body)) == count
