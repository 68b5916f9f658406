"""Ctrl-C ends a run whenever it comes."""

from __future__ import annotations

import signal
from collections.abc import Callable
from threading import Event

import pytest

from fixtures.engine import session
from fixtures.engine.session import Controller, Session
from fixtures.postgres.databases import connect
from fixtures.postgres.server import Server

TELLS = "DO $$ BEGIN RAISE NOTICE 'a callback of libpq'; END $$"


def interrupt(*_: object) -> None:
    signal.raise_signal(signal.SIGINT)


def a_while_after(command: Callable[[str], object], sql: str) -> None:
    command(sql)
    Event().wait(20)


def test_while_psycopg_is_called_back(server: Server) -> None:
    with connect(server.conninfo("postgres")) as connection:
        connection.add_notice_handler(interrupt)
        with pytest.raises(KeyboardInterrupt):
            a_while_after(connection.execute, TELLS)


def test_while_the_engine_is_called_back(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    controller = Controller(server.conninfo("postgres"))
    actor = Session("a", 0, server.conninfo("postgres"), controller)
    told = [interrupt]  # once
    monkeypatch.setattr(session, "_field", lambda *_: told.pop()() if told else "")
    with pytest.raises(KeyboardInterrupt):
        a_while_after(actor.finish_now, TELLS)
    actor.close()
    controller.close()


def test_at_any_other_time() -> None:
    with pytest.raises(KeyboardInterrupt):
        interrupt()
