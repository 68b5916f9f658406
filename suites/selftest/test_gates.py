"""Gates stop sessions and change nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from fixtures.engine.gates import Gates, remove_gates
from fixtures.engine.placing import Placer, PlacingError
from fixtures.engine.session import Answer, Controller, Session, answer_of, connect, run
from fixtures.postgres.databases import connect as connect_psycopg
from fixtures.postgres.server import Server
from suites.selftest.textbook import Textbook, opened

CALLS = [
    "SELECT book.diagnostics()",
    "SELECT book.diagnostics(true)",
    "SELECT * FROM book.branches(-1)",
    "SELECT * FROM book.branches(1)",
    "SELECT * FROM book.branches(2)",
    "SELECT * FROM book.branches(9)",
    "SELECT book.lost_update(1)",
]


@pytest.fixture(scope="module")
def book(server: Server) -> Iterator[Textbook]:
    with opened(server, "gates") as book:
        yield book


@pytest.fixture
def session(book: Textbook) -> Iterator[Session]:
    controller = Controller(book.engine.conninfo)
    session = Session("gated", 90, book.engine.conninfo, controller)
    yield session
    session.close()
    controller.close()


def through_gates(session: Session, sql: str) -> tuple[Answer, int]:
    """The answer of a call that was stopped at every gate, and how many there were."""
    session.send(sql)
    session.wait()
    while session.gate:
        until_it_waits(session)
        session.release()
        session.wait()
    return session.answer, session.gates_met


def until_it_waits(session: Session) -> None:
    """A gate that only announces itself would let the session run on."""
    controller = session.controller
    for _ in range(10_000):
        if controller.blockers(session.pid) == {controller.connection.backend_pid}:
            return
    pytest.fail(f"the session does not wait at gate {session.gate}")


def plainly(conninfo: str, sql: str) -> Answer:
    connection = connect(conninfo)
    answer = answer_of(connection.exec_(sql.encode()))
    connection.finish()
    return answer


@pytest.mark.parametrize("sql", CALLS)
def test_a_gated_call_answers_as_an_ungated_one(book: Textbook, session: Session, sql: str) -> None:
    """FOUND, ROW_COUNT, the xid, results, and lines in error contexts are all in the answers."""
    gated, stops = through_gates(session, sql)
    assert gated == plainly(book.ungated, sql)
    assert stops > 1


@pytest.mark.parametrize("sql", CALLS)
def test_gates_let_other_sessions_through(book: Textbook, sql: str) -> None:
    assert plainly(book.engine.conninfo, sql) == plainly(book.ungated, sql)


def test_gates_assign_no_transaction_id(session: Session) -> None:
    answer, _ = through_gates(session, "SELECT book.diagnostics()")
    assert (answer.rows[0][0] or "").startswith("no xid")


def test_gates_leave_no_lock_behind(book: Textbook, session: Session) -> None:
    run(session.connection, "BEGIN")
    through_gates(session, "SELECT book.lost_update(1)")
    held = run(
        book.engine.controller.connection,
        f"SELECT mode FROM pg_locks WHERE pid = {session.pid} AND locktype = 'advisory'",
    )
    run(session.connection, "ROLLBACK")
    assert held == []


def test_gates_work_in_read_only_transactions_and_after_rollback_to_savepoint(session: Session) -> None:
    run(session.connection, "BEGIN; SAVEPOINT s")
    _, first = through_gates(session, "SELECT book.lost_update(1)")
    run(session.connection, "ROLLBACK TO s")
    _, second = through_gates(session, "SELECT book.lost_update(1)")
    run(session.connection, "ROLLBACK; BEGIN READ ONLY")
    answer, read_only = through_gates(session, "SELECT * FROM book.branches(1)")
    run(session.connection, "ROLLBACK")
    assert (first, second, answer.sqlstate) == (3, 3, "")
    assert read_only > 1


@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_cancel_at_a_gate_loses_no_gate_of_the_next_call(book: Textbook, session: Session, at: int) -> None:
    session.send("SELECT book.lost_update(1)")
    session.wait()
    for _ in range(at - 1):
        session.release()
        session.wait()
    run(book.engine.controller.connection, f"SELECT pg_cancel_backend({session.pid})")
    session.wait()
    assert session.answer.sqlstate == "57014"
    for _ in range(3):
        answer, stops = through_gates(session, "SELECT book.lost_update(1)")
        assert (stops, answer.sqlstate) == (3, "")


def test_a_session_that_is_struck_when_it_gets_its_key_goes_on(session: Session) -> None:
    through_gates(session, "SELECT book.lost_update(1)")
    assert session.freed is not None
    run(session.connection, f"SELECT pg_advisory_lock_shared({session.key_class}, {session.freed})")
    session.answer = Answer(sqlstate="57014")
    run(session.controller.connection, "SET lock_timeout = '5s'")  # or it would wait for ever
    for _ in range(3):
        answer, stops = through_gates(session, "SELECT book.lost_update(1)")
        assert (stops, answer.sqlstate) == (3, "")


def test_removed_gates_leave_the_functions_as_they_were(server: Server) -> None:
    with opened(server, "removal") as book, connect_psycopg(book.engine.conninfo) as gated:
        assert "qualify.gate" in sources(book.engine.conninfo)
        remove_gates(gated, book.engine.gates)
        assert sources(book.engine.conninfo) == sources(book.ungated)


def test_every_statement_that_touches_a_shared_table_has_a_gate(book: Textbook) -> None:
    gates: Gates = book.engine.gates
    texts = [gate.place.text for gate in gates.of("book.diagnostics")]
    assert not gates.skipped
    assert [text for text in texts if re.match(r"PERFORM 1|UPDATE|FOR v_row|INSERT|v_first|SELECT", text)] == [
        "v_first integer := (SELECT min(id) FROM book.account)",
        "PERFORM 1 FROM book.account WHERE id = 99",
        "UPDATE book.account SET balance = balance WHERE id > 90",
        "UPDATE book.account SET balance = balance WHERE id IN (1, 2)",
        "SELECT balance INTO v_rows FROM book.account WHERE id = v_first",
        "UPDATE book.account SET balance = balance WHERE id IN (1, 2)",
        "FOR v_row IN SELECT id FROM book.account ORDER BY id",
        "INSERT INTO book.account VALUES (1, 0)",
        "INSERT INTO book.log (what) VALUES (SQLSTATE)",
        "INSERT INTO book.account VALUES (2, 0)",
    ]


def sources(conninfo: str) -> str:
    connection = connect(conninfo)
    rows = run(connection, "SELECT prosrc FROM pg_proc WHERE pronamespace = 'book'::regnamespace ORDER BY proname")
    connection.finish()
    return "\n".join(source or "" for (source,) in rows)


def test_a_function_that_cannot_be_read_is_told_and_the_others_are_stepped_through(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Placer.place

    def confused(placer: Placer) -> str:
        if "RETURN v_balance;" in placer.source and "FOR UPDATE" not in placer.source:
            raise PlacingError("what is this?")
        return place(placer)

    monkeypatch.setattr(Placer, "place", confused)
    with opened(server, "unread") as book:
        gates = book.engine.gates
        assert gates.of("book.careful_update")
        assert not gates.of("book.lost_update")
        assert gates.unread() == ["book.lost_update is one step, its text could not be read: what is this?"]
