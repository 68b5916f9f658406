"""Small functions, none of them pgGit's, that engine and oracles are tried on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from fixtures.engine.scheduler import Engine
from fixtures.engine.serial import SerialRunner
from fixtures.postgres.server import Server
from suites.stepped import stepped

SCHEMA = "book"

TEXTBOOK = r"""
CREATE SCHEMA book;
CREATE TABLE book.account (id integer PRIMARY KEY, balance integer NOT NULL);
CREATE TABLE book.log (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), what text NOT NULL);
INSERT INTO book.account VALUES (1, 100), (2, 100);

CREATE FUNCTION book.lost_update(p_id integer) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE v_balance integer;
BEGIN
  SELECT balance INTO v_balance FROM book.account WHERE id = p_id;
  UPDATE book.account SET balance = v_balance - 10 WHERE id = p_id;
  RETURN v_balance;
END $$;

CREATE FUNCTION book.careful_update(p_id integer) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE v_balance integer;
BEGIN
  SELECT balance INTO v_balance FROM book.account WHERE id = p_id FOR UPDATE;
  UPDATE book.account SET balance = v_balance - 10 WHERE id = p_id;
  RETURN v_balance;
END $$;

CREATE FUNCTION book.transfer(p_from integer, p_to integer) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  UPDATE book.account SET balance = balance - 10 WHERE id = p_from;
  UPDATE book.account SET balance = balance + 10 WHERE id = p_to;
END $$;

CREATE FUNCTION book.skip_to_free() RETURNS integer LANGUAGE plpgsql AS $$
DECLARE v_id integer;
BEGIN
  SELECT id INTO v_id FROM book.account ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED;
  UPDATE book.account SET balance = 0 WHERE id = v_id;
  RETURN v_id;
END $$;

-- Functions that take what is free, and what they can meet: rows that come, go, get another key or another value.
CREATE FUNCTION book.empty_the_rich() RETURNS integer[] LANGUAGE plpgsql AS $$
DECLARE v_ids integer[];
BEGIN
  SELECT array_agg(id ORDER BY id) INTO v_ids
  FROM (SELECT id FROM book.account WHERE balance >= 100 FOR UPDATE SKIP LOCKED) rich;
  UPDATE book.account SET balance = 0 WHERE id = ANY (v_ids);
  RETURN v_ids;
END $$;

CREATE FUNCTION book.close_what_is_free() RETURNS SETOF integer LANGUAGE plpgsql AS $$
BEGIN
  RETURN QUERY DELETE FROM book.account
    WHERE id IN (SELECT id FROM book.account WHERE balance >= 100 FOR UPDATE SKIP LOCKED) RETURNING id;
END $$;

CREATE FUNCTION book.skip_in_dynamic_sql() RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  v_sql text := 'SELECT id FROM book.account ORDER BY id DESC LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED';
  v_id integer;
BEGIN
  EXECUTE v_sql INTO v_id;
  UPDATE book.account SET balance = 1 WHERE id = v_id;
  RETURN v_id;
END $$;

CREATE FUNCTION book.update_or_leave(p_id integer) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  BEGIN
    UPDATE book.account SET balance = balance + 1 WHERE id = 3 - p_id;
    PERFORM FROM book.account WHERE id = p_id FOR UPDATE NOWAIT;
  EXCEPTION WHEN lock_not_available THEN
    NULL;  -- what the block had locked is free, and no statement tells
  END;
  RETURN (SELECT string_agg(balance::text, ' ' ORDER BY id) FROM book.account);
END $$;

CREATE FUNCTION book.refuses_to_wait() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM FROM book.account WHERE id = 1 FOR UPDATE NOWAIT;
END $$;

CREATE FUNCTION book.open_account(p_id integer) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO book.account VALUES (p_id, 200);
END $$;

CREATE FUNCTION book.close_account(p_id integer) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM book.account WHERE id = p_id;
END $$;

CREATE FUNCTION book.renumber(p_from integer, p_to integer) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  UPDATE book.account SET id = p_to WHERE id = p_from;
END $$;

-- A bug that shows only when another session commits once between each two of the reads.
CREATE FUNCTION book.reads_four_times() RETURNS text LANGUAGE plpgsql AS $$
DECLARE v_one integer; v_two integer; v_three integer; v_four integer;
BEGIN
  SELECT balance INTO v_one FROM book.account WHERE id = 1;
  SELECT balance INTO v_two FROM book.account WHERE id = 1;
  SELECT balance INTO v_three FROM book.account WHERE id = 1;
  SELECT balance INTO v_four FROM book.account WHERE id = 1;
  UPDATE book.account SET balance = balance WHERE id = 2;
  RETURN CASE WHEN v_two - v_one = 1 AND v_three - v_two = 1 AND v_four - v_three = 1 THEN 'bug' ELSE 'fine' END;
END $$;

CREATE FUNCTION book.credit(p_id integer) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  UPDATE book.account SET balance = balance + 1 WHERE id = p_id;
END $$;

CREATE FUNCTION book.count_logs() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE v_count integer;
BEGIN
  SELECT count(*) INTO v_count FROM book.log;
  NEW.what := NEW.what || v_count;
  RETURN NEW;
END $$;
CREATE TRIGGER count_logs BEFORE INSERT ON book.log FOR EACH ROW EXECUTE FUNCTION book.count_logs();

CREATE FUNCTION book.note(p_what text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO book.log (what) VALUES (p_what);
END $$;

CREATE FUNCTION book.forgets_its_lock() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_lock(42);
  UPDATE book.account SET balance = balance + 1 WHERE id = 1;
END $$;

-- All that a gate must leave alone, told in one text.
CREATE FUNCTION book.diagnostics(p_fail boolean DEFAULT false) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  v_first integer := (SELECT min(id) FROM book.account);
  v_said text := coalesce(pg_current_xact_id_if_assigned()::text, 'no xid');
  v_rows bigint;
  v_row record;
BEGIN
  PERFORM 1 FROM book.account WHERE id = 99;
  v_said := v_said || ' found=' || FOUND;
  UPDATE book.account SET balance = balance WHERE id > 90;
  v_row := ROW(pg_try_advisory_xact_lock(8));  -- gated, and sets neither FOUND nor ROW_COUNT
  v_said := v_said || ' found=' || FOUND;
  UPDATE book.account SET balance = balance WHERE id IN (1, 2);
  v_row := ROW(pg_try_advisory_xact_lock(8));
  GET DIAGNOSTICS v_rows = ROW_COUNT;
  v_said := v_said || ' rows=' || v_rows;
  SELECT balance INTO v_rows FROM book.account WHERE id = v_first;
  v_said := v_said || ' found=' || FOUND;
  UPDATE book.account SET balance = balance WHERE id IN (1, 2);
  IF (SELECT count(*) FROM book.account) > 1 AND FOUND THEN
    v_said := v_said || ' more than one';
  END IF;
  <<rows>>
  FOR v_row IN SELECT id FROM book.account ORDER BY id LOOP
    CONTINUE rows WHEN v_row.id = 2;
    v_said := v_said || ' id=' || v_row.id;
  END LOOP rows;
  BEGIN
    INSERT INTO book.account VALUES (1, 0);
  EXCEPTION WHEN unique_violation THEN
    INSERT INTO book.log (what) VALUES (SQLSTATE);
    v_said := v_said || ' caught=' || SQLSTATE;
  END;
  CASE v_first WHEN 1 THEN
    PERFORM pg_advisory_xact_lock(7);
    v_said := v_said || ' perform=' || FOUND;
  END CASE;
  IF p_fail THEN
    INSERT INTO book.account
      VALUES (2, 0);
  END IF;
  RETURN v_said;
EXCEPTION WHEN division_by_zero THEN
  RETURN 'never';
END $$;

CREATE FUNCTION book.branches(p_n integer) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE v_left integer := p_n;
BEGIN
  IF p_n < 0 THEN
    RETURN NEXT 'negative';
  ELSIF (SELECT count(*) FROM book.account) < p_n THEN
    RETURN NEXT 'more than accounts';
  ELSIF EXISTS (SELECT FROM book.account WHERE id = p_n) THEN
    RETURN QUERY SELECT 'account ' || id FROM book.account WHERE id = p_n;
  ELSE
    RETURN NEXT 'none';
  END IF;
  WHILE v_left > (SELECT min(id) FROM book.account) LOOP
    v_left := v_left - 1;
    EXIT WHEN v_left = 5;
    RETURN NEXT 'left ' || v_left;
  END LOOP;
END $$;
"""


@dataclass(frozen=True)
class Textbook:
    """The engine in a database with the functions above, and the same functions without gates."""

    engine: Engine
    serial: SerialRunner
    ungated: str


@contextmanager
def opened(server: Server, name: str, sql: str = TEXTBOOK) -> Iterator[Textbook]:
    """Two databases (their names tell `name`) with `sql` installed, one of them gated; both are dropped in the end."""
    with stepped(server, SCHEMA, sql, name) as (engine, _, ungated):
        serial = SerialRunner(engine.conninfo, engine.stage)
        yield Textbook(engine, serial, ungated)
        serial.close()
