"""The suites for invalid inputs find planted bugs, and do not blame the reference."""

from __future__ import annotations

import pytest

from fixtures.postgres.server import Server
from fixtures.targets.calls import FunctionCall
from fixtures.targets.functions import function
from fixtures.targets.mutants import Mutant
from strategies.arguments import Question
from strategies.starts import NOBODY, WORKING_DAY
from suites.invalid_inputs.beyond import raw_errors, report
from suites.invalid_inputs.discovery import HAZARDS, asking, first_failure


@pytest.mark.parametrize("hazard", [pytest.param(hazard, id=hazard.name) for hazard in HAZARDS])
def test_a_planted_hazard_is_found(server: Server, hazard: Mutant) -> None:
    with asking(server, f"mutant:{hazard.name}") as asker:
        assert first_failure(asker, function(hazard.function), seed=1)


RESET_JOB = """
CREATE OR REPLACE FUNCTION pggit.reset_job(p_job_id uuid) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN {body} END'"""
BY_PROTOCOL = RESET_JOB.format(body="RETURN current_query() LIKE ''%$1%'';")
GOES_ON = "CREATE SEQUENCE public.asked;" + RESET_JOB.format(body="RETURN nextval(''public.asked'') > 2;")
KEEPS_A_LOCK = RESET_JOB.format(body="PERFORM pg_advisory_lock(1); RAISE USING ERRCODE = ''02000'';")
CALL = Question(WORKING_DAY, FunctionCall(function("pggit.reset_job"), (("p_job_id", NOBODY),)))


def test_an_answer_that_depends_on_the_protocol_is_found(server: Server) -> None:
    with (
        asking(server, "reference", BY_PROTOCOL) as asker,
        pytest.raises(pytest.fail.Exception, match="E3: sent as extended it gets another answer"),
    ):
        asker.ask_by_every_protocol(CALL)


def test_an_answer_that_goes_on_with_the_clock_is_not_taken_for_one(server: Server) -> None:
    with asking(server, "reference", GOES_ON) as asker:
        assert asker.ask_by_every_protocol(CALL).rows == (("f",),)


def test_a_lock_that_a_refusal_keeps_is_found_within_a_block_and_without(server: Server) -> None:
    with asking(server, "reference", KEEPS_A_LOCK) as asker:
        with pytest.raises(pytest.fail.Exception, match="E5: the refusal kept a lock: advisory 0 1 1 ExclusiveLock"):
            asker.ask_within_a_block(CALL)
        with pytest.raises(pytest.fail.Exception, match="E5: an advisory lock outlived the transaction"):
            asker.ask(CALL)


MORE = """
CREATE FUNCTION pggit.half(p_of integer, p_when date DEFAULT NULL) RETURNS integer LANGUAGE sql AS 'SELECT 1000 / p_of';
CREATE FUNCTION pggit.fine(p_name text) RETURNS text LANGUAGE sql AS 'SELECT p_name';
CREATE FUNCTION pggit.all(VARIADIC p_names text[]) RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION pggit.some(integer) RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION pggit_private.hidden() RETURNS integer LANGUAGE sql AS 'SELECT 1';
"""


def test_functions_beyond_the_contract_are_told_and_tried(server: Server) -> None:
    with asking(server, "reference", MORE) as asker:
        beyond = asker.beyond()
        assert report(beyond) == [
            "2 functions beyond the contract, asked for raw errors alone: pggit.fine, pggit.half",
            "2 functions beyond the contract, not asked, for named arguments cannot reach them: pggit.all, pggit.some",
        ]
        (found,) = raw_errors(asker, beyond)
    assert "pggit.half: p_of = 0" in found
    assert "E3: an internal error got through: 22012 division by zero" in found


def test_the_reference_has_nothing_beyond_the_contract(server: Server) -> None:
    with asking(server, "reference") as asker:
        assert report(asker.beyond()) == []
