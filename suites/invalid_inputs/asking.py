"""One example of these suites: a known catalogue, one call, and everything that must hold after it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import hypothesis
import psycopg
import pytest
from hypothesis import given, settings

from fixtures.engine.stage import Stage
from fixtures.targets.calls import Reply
from fixtures.targets.functions import Function, Parameter
from fixtures.targets.perform import PROTOCOLS, Protocol, perform
from fixtures.targets.signatures import Beyond, beyond_the_catalogue
from fixtures.targets.state import Dump
from strategies.arguments import Question, Questions, defective
from strategies.starts import Catalogue
from suites.drawn import budget
from suites.invalid_inputs.cells import Cell, demanded
from suites.oracles.canonical import Canonicaliser
from suites.oracles.contract import Refusal, documented_answer
from suites.oracles.replies import judge_locks, judge_raw, judge_reply, judge_trace, told

_LOCKS = """
    SELECT locktype, relation::text, page::text, tuple::text, classid::text, objid::text, objsubid::text, mode
    FROM pg_locks WHERE pid = pg_backend_pid() AND locktype NOT IN ('virtualxid', 'transactionid')"""
"""The backend's locks but those on its own ids: a block keeps its xid, whatever became of the call that took it."""

_TIDY = 200
"""After so many examples dead rows are removed: autovacuum is off, and every scan would pass over all of them."""

Locks = Counter[tuple[str, ...]]

Check = Callable[[Question], object]

CELL = "cell"
"""The name under which a test records its cell."""


class Asker:
    """Asks through one connection. `asked` counts the examples, each from a known catalogue; `seed` is what they are
    drawn by (None: what the profile says).

    A catalogue is put back only when something may have changed it: most calls are refused, and that a refusal
    changed nothing has just been looked at.
    """

    def __init__(self, stage: Stage, seed: str | None = None) -> None:
        self.asked = 0
        self.seed = seed
        self._stage = stage
        self._conn = stage.connection
        self._at: tuple[str, Dump] | None = None

    def ask(self, question: Question, aim: str = "") -> Reply:
        """Fails unless the reply is the documented one and a refusal leaves no trace.

        `aim`: the SQLSTATE that the example is meant to reach; an oracle that does not expect it misses the defect.
        """
        call, before = question.call, self._start(question.start)
        expectation = documented_answer(call, before)
        if aim and aim not in [each.sqlstate for each in expectation if isinstance(each, Refusal)]:
            pytest.fail(f"the oracle does not expect {aim} from {question!r} but {expectation}", pytrace=False)
        reply = perform(self._conn, call)
        complaints = judge_reply(call, expectation, reply)
        if reply.sqlstate is not None:
            complaints += self._trace(question.start, before)
        if complaints:
            pytest.fail(told(call, expectation, reply, complaints, question.start.name), pytrace=False)
        return reply

    def ask_within_a_block(self, question: Question) -> Reply:
        """Fails when a refusal inside a block that goes on leaves contents or locks behind.

        The call has a savepoint, as a client's error handling would give it one.
        """
        call, before = replace(question.call, in_block=True), self._start(question.start)
        with self._conn.transaction(force_rollback=True):
            assert self._stage.dump() == before
            locks = self._locks()
            reply = perform(self._conn, call)
            if reply.sqlstate is not None:
                complaints = judge_locks(locks, self._locks()) + judge_trace(before, self._stage.dump())
                if complaints:
                    pytest.fail(told(call, (), reply, complaints, question.start.name), pytrace=False)
        self._at = question.start.sql, before
        return reply

    def ask_by_every_protocol(self, question: Question) -> Reply:
        """Fails unless the answer is the same however the call is sent, generated ids and times aside.

        What goes on with the clock, like a number of minutes, has to be as it was before or as it is afterwards.
        """
        first, *others = (self._sent(question, protocol) for protocol in PROTOCOLS)
        for protocol, (seen, reply) in zip(PROTOCOLS[1:], others, strict=True):
            if seen != first[0] and seen != self._sent(question, PROTOCOLS[0])[0]:
                complaint = f"E3: sent as {protocol} it gets another answer: {replace(reply, rows=reply.rows[:3])}"
                pytest.fail(told(question.call, (), first[1], [complaint], question.start.name), pytrace=False)
        return first[1]

    def ask_beyond(self, question: Question) -> Reply:
        """Fails when a function that no contract describes lets an internal error through; rolls back what it did."""
        before = self._start(question.start)
        with self._conn.transaction(force_rollback=True):
            reply = perform(self._conn, replace(question.call, in_block=True))
        self._at = question.start.sql, before
        if complaints := judge_raw(reply):
            pytest.fail(told(question.call, (), reply, complaints, question.start.name), pytrace=False)
        return reply

    def beyond(self) -> Beyond:
        """The functions of the target that the catalogue lacks."""
        return beyond_the_catalogue(self._conn)

    def _sent(self, question: Question, protocol: Protocol) -> tuple[object, Reply]:
        """The reply, and what of it and of its effects must be the same for every protocol."""
        call, before = question.call, self._start(question.start)
        reply = perform(self._conn, call, protocol)
        after = before
        if reply.sqlstate is not None:
            self._at = question.start.sql, before
        elif call.function.writes:
            after = self._stage.dump()
        seen = Canonicaliser(before, [call.sql]).run([reply.rows], after)
        return (seen, replace(reply, rows=())), reply

    def _start(self, catalogue: Catalogue) -> Dump:
        self.asked += 1
        if self.asked % _TIDY == 0:
            self._conn.execute(f"VACUUM {', '.join(self._stage.installed.tables)}".encode())
        at, self._at = self._at, None
        if at is not None and at[0] == catalogue.sql:
            return at[1]
        return self._stage.reset(catalogue.sql)

    def _trace(self, start: Catalogue, before: Dump) -> list[str]:
        """E5: what a refused call of its own left behind: contents, or a lock that outlived its transaction."""
        complaints = judge_trace(before, self._stage.dump())
        locks = [] if not _holds_advisory_lock(self._conn) else ["E5: an advisory lock outlived the transaction"]
        if not complaints and not locks:
            self._at = start.sql, before
        return complaints + locks

    def _locks(self) -> Locks:
        return Counter(self._conn.execute(_LOCKS).fetchall())


def _holds_advisory_lock(conn: psycopg.Connection) -> bool:
    """No other lock outlives a transaction."""
    row = conn.execute("SELECT FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'advisory'").fetchone()
    return row is not None


def for_all(
    name: str, questions: Questions, check: Check, tries: settings | None = None, seed: int | str | None = None
) -> None:
    """Hypothesis' `@given` for a test that is made at run time; `name` keeps its examples apart from others'.

    `tries`: by default the profile's budget; `seed`: draws by it instead of what the profile says.
    """

    def example(question: Question) -> None:
        check(question)

    example.__name__ = re.sub(r"\W", "_", name)
    test = given(questions)(example)
    seeded = test if seed is None else hypothesis.seed(seed)(test)
    (tries or settings())(seeded)()  # last, because a seed switches off the database of examples


class Inquiry:
    """How one test asks: Hypothesis draws, the asker judges, and what came of a cell is told to `record`."""

    def __init__(self, asker: Asker, name: str, record: Callable[[str, object], None]) -> None:
        self.asker = asker
        self._name = name
        self._record = record

    def all(self, questions: Questions, check: Check | None = None, times: int = 1) -> None:
        """Every drawn question passes `check`, by default the one for the documented answer."""
        for_all(self._name, questions, check or self.asker.ask, budget(times), self.asker.seed)

    def cell(self, function: Function, parameter: Parameter, defect: str, aim: str = "") -> None:
        """Every call with that defect is answered as documented; where the contract demands it, some are refused."""
        cell = Cell(function.qualified, parameter.name, defect, demanded(parameter, defect))

        def check(question: Question) -> None:
            refused = self.asker.ask(question, aim).sqlstate is not None
            cell.examples += 1
            cell.refused += refused

        try:
            for_all(self._name, defective(function, parameter, defect), check, seed=self.asker.seed)
        finally:
            self._record(CELL, vars(cell))
        assert cell.refused or not cell.demanded, f"{cell} was never refused: the strategy misses its aim"
