"""A schedule in other forms does the same there, and says honestly where they cannot hold it."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator

import pytest

from fixtures.engine.explorer import every_order
from fixtures.engine.history import History
from fixtures.engine.plan import Call, Plan, Program, Transaction
from fixtures.errors import SetupError
from fixtures.postgres.databases import connect
from fixtures.postgres.isolationtester import isolationtester
from fixtures.postgres.server import Server
from fixtures.reporting.by_hand import by_hand
from fixtures.reporting.exports import isolation_spec, psql_script
from suites.selftest.command_line import run_pytest
from suites.selftest.textbook import Textbook, opened

LOST = Call.of("book.lost_update", 1)
CAREFUL = Call.of("book.careful_update", 1)
ADD = Call("UPDATE book.account SET balance = balance + 1 WHERE id = 1")
UNDONE = (Call("SAVEPOINT s"), ADD, Call("ROLLBACK TO s"))
START = "DELETE FROM book.log; UPDATE book.account SET balance = 100 -- as installed"
ODD = Call(r"INSERT INTO book.log (what) VALUES ('{a\b}'), (E'{\\}''')")


@pytest.fixture(scope="module")
def book(server: Server) -> Iterator[Textbook]:
    with opened(server, "exports") as book:
        yield book


def block(session: str, *calls: Call, level: str = "read committed", end: str = "COMMIT") -> Program:
    return Program(session, (Transaction(calls, level, end),))


def orders(book: Textbook, *programs: Program) -> list[History]:
    return list(every_order(lambda choose: book.engine.run(Plan(START, programs), choose)))


def commands(book: Textbook, history: History) -> list[tuple[str, str]]:
    return [(command.session, command.sql) for command in by_hand(history, book.engine.gates).commands]


def test_statements_in_blocks_are_commands_in_the_order_of_the_schedule(book: Textbook) -> None:
    history = orders(book, block("a", ADD), block("b", ADD, level="serializable", end="ROLLBACK"))[0]
    script = by_hand(history, book.engine.gates)
    assert script.stop == ""
    sent = [("a", "BEGIN"), ("a", ADD.sql), ("a", "COMMIT")]
    sent += [("b", "BEGIN ISOLATION LEVEL SERIALIZABLE"), ("b", ADD.sql), ("b", "ROLLBACK")]
    assert commands(book, history) == sent


def test_a_block_that_begins_with_a_savepoint_begins_before_it(book: Textbook) -> None:
    history = orders(book, Program("a", (Transaction((ADD,)), Transaction(UNDONE, "repeatable read"))))[0]
    sent = ["BEGIN ISOLATION LEVEL REPEATABLE READ", "SAVEPOINT s", ADD.sql, "ROLLBACK TO s", "COMMIT"]
    assert commands(book, history) == [("a", sql) for sql in (ADD.sql, *sent)]


def test_a_call_that_stands_still_before_its_commit_gets_a_block(book: Textbook) -> None:
    histories = orders(book, Program.single("a", LOST), Program.single("b", Call("SELECT 1")))
    wrapped = [("a", "BEGIN"), ("a", LOST.sql), ("b", "SELECT 1"), ("a", "COMMIT")]
    assert wrapped in [commands(book, history) for history in histories]


def test_a_call_that_stands_still_in_the_middle_takes_a_gate(book: Textbook) -> None:
    histories = orders(book, Program.single("a", LOST), Program.single("b", LOST))
    stopped = [history for history in histories if by_hand(history, book.engine.gates).stop]
    assert 0 < len(stopped) < len(histories)
    with pytest.raises(SetupError, match=r"takes a gate: session . has to stand still before line 5 of book.lost_up"):
        isolation_spec(stopped[0], book.engine.gates, "")
    script = psql_script(stopped[0], book.engine.gates, "", "the replay command")
    assert "takes gates: session" in script
    assert "the replay command" in script


def test_a_wait_is_told_to_the_one_who_pastes(book: Textbook) -> None:
    histories = orders(book, block("a", CAREFUL), block("b", CAREFUL))
    scripts = [psql_script(history, book.engine.gates, "", "") for history in histories]
    assert any("terminal b (waits for a)" in script for script in scripts)


@pytest.mark.needs("isolationtester")
@pytest.mark.parametrize(
    "second", [(CAREFUL,), (ADD,), (ODD,), UNDONE], ids=["careful", "add", "odd text", "savepoint"]
)
def test_isolationtester_comes_to_the_same_contents(book: Textbook, second: tuple[Call, ...]) -> None:
    tester = str(isolationtester())
    histories = orders(book, block("a", CAREFUL), block("b", *second))
    ungated = [history for history in histories if not by_hand(history, book.engine.gates).stop]
    assert len(ungated) > 2
    for history in ungated:
        spec = isolation_spec(history, book.engine.gates, "said")
        ran = subprocess.run([tester, book.ungated], input=spec, text=True, capture_output=True, check=False)
        assert (ran.returncode, ran.stderr) == (0, "")
        steps = re.findall(r"^step (\w)\d: (?!<)", ran.stdout, re.MULTILINE)
        assert steps == [session for session, _ in commands(book, history)]
        with connect(book.ungated) as plain:
            balances = plain.execute("SELECT balance::text FROM book.account ORDER BY id").fetchall()
            logs = plain.execute("SELECT what FROM book.log ORDER BY what").fetchall()
        assert balances == [(row["balance"],) for row in history.final["book.account"]]
        assert logs == sorted((row["what"],) for row in history.final["book.log"])


def test_an_export_alone_is_told_in_one_line() -> None:
    run = run_pytest("--export=psql")
    assert run.returncode == pytest.ExitCode.USAGE_ERROR
    assert "--export writes the schedule of --replay=FILE" in run.stdout + run.stderr
