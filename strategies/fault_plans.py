"""What is to be struck by faults: each writing function alone, waited for, held up, and undone to a savepoint.

In every plan session `a` is struck, and in the end `next` makes the same call, as somebody does who never heard.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from fixtures.engine.plan import READ_COMMITTED, Call, Plan, Program, Transaction
from fixtures.faults.kinds import Fault, Kind
from strategies.catalogues import DAY
from strategies.programs import BLOCKS, SINGLE_CALLS, program
from strategies.situations import GO_BACK, SAVEPOINT, Situation, situations

STRUCK, WAITING, HOLDER, EARLIER, NEXT = "a", "b", "holder", "earlier", "next"
FUNCTIONS = (*SINGLE_CALLS, *BLOCKS)
"""The programs of the race matrix, a call of each writing function."""

ALONE = (Kind.CANCEL, Kind.TERMINATE, Kind.STATEMENT_TIMEOUT, Kind.CUT)
WAITED_FOR = (Kind.CANCEL, Kind.TERMINATE, Kind.CUT)
"""A statement_timeout is left out: who waits might go on before the step in which it is seen."""
SERVER_DOWN = (Kind.KILL, Kind.CRASH)

_HOLD_ALL = Call(
    "DO $$ DECLARE v_table text; BEGIN FOR v_table IN SELECT oid::regclass::text FROM pg_class"
    " WHERE relnamespace = 'pggit'::regnamespace AND relkind = 'r' ORDER BY 1"
    " LOOP EXECUTE format('SELECT FROM %s FOR UPDATE SKIP LOCKED', v_table); END LOOP; END $$"
)
"""Holds every row that nobody else holds."""


def alone(name: str) -> Plan:
    """The program called `name`, and the same again."""
    return Plan(DAY, (program(name, STRUCK), program(name, NEXT)), name)


def waited_for(name: str) -> Plan:
    """The same with a second session, which does the same and begins before the first is struck."""
    return Plan(DAY, (program(name, STRUCK), program(name, WAITING), program(name, NEXT)), f"{name}, waited for")


def after_another(name: str) -> Plan:
    """The same after a call of a further session that has been answered, and so must last."""
    earlier = Program.single(EARLIER, Call.of("pggit.audit_operation", "earlier", "write"))
    return Plan(DAY, (*waited_for(name).programs, earlier), f"{name}, waited for, after another")


def held_up(name: str) -> Plan:
    """The same with a session that holds all other rows in the meantime."""
    holder = Program(HOLDER, (Transaction((_HOLD_ALL,), READ_COMMITTED, "ROLLBACK"),))
    return Plan(DAY, (program(name, STRUCK), holder, program(name, NEXT)), f"{name}, held up")


def to_savepoint(name: str) -> Plan:
    """The call within a block that goes back to a savepoint before it, whatever became of it, and then commits."""
    *before, call = BLOCKS.get(name) or (SINGLE_CALLS[name],)
    block = Transaction((*before, SAVEPOINT, call, GO_BACK), READ_COMMITTED)
    return Plan(DAY, (Program(STRUCK, (block,)), program(name, NEXT)), f"{name}, to a savepoint")


def sampled(cells: list[Fault], most: int, seed: str) -> list[Fault]:
    """So many of the faults at most, by seed, in their order: for those that take the server down."""
    chosen = Random(seed).sample(range(len(cells)), min(most, len(cells)))
    return [cells[at] for at in sorted(chosen)]


@dataclass(frozen=True)
class Struck:
    """A situation, and the fault that strikes in it."""

    situation: Situation
    fault: Fault


def struck_situations(fenced: bool = True) -> SearchStrategy[Struck]:
    """Any situation (`fenced` or not) with a fault in it. It shrinks with everything else, towards an early cancel of
    the first."""

    def struck(situation: Situation, session: int, step: int, kind: Kind) -> Struck:
        programs = situation.plan.programs
        return Struck(situation, Fault(programs[session % len(programs)].session, step, kind))

    return st.builds(struck, situations(fenced), st.integers(0, 3), st.integers(1, 12), st.sampled_from(WAITED_FOR))
