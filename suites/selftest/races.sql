-- Small functions of textbooks, none of them pgGit's: what races in them is known.
CREATE SCHEMA book;
CREATE TABLE book.account (id integer PRIMARY KEY, balance integer NOT NULL);
CREATE TABLE book.doctor (name text PRIMARY KEY, on_call boolean NOT NULL);
CREATE TABLE book.seat (id integer PRIMARY KEY, taken_by text);
CREATE TABLE book.visit (page text NOT NULL, count integer NOT NULL);
CREATE UNIQUE INDEX visit_page ON book.visit (page);
CREATE TABLE book.tag (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name text NOT NULL);
CREATE TABLE book.total (id integer PRIMARY KEY, entries integer NOT NULL);
CREATE TABLE book.entry (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), what text NOT NULL);
INSERT INTO book.account VALUES (1, 100), (2, 100);
INSERT INTO book.doctor VALUES ('ann', true), ('bob', true);
INSERT INTO book.seat VALUES (1, NULL), (2, NULL);
INSERT INTO book.total VALUES (1, 0);

CREATE FUNCTION book.lost_update() RETURNS void LANGUAGE plpgsql AS $$
DECLARE v_balance integer;
BEGIN
  SELECT balance INTO v_balance FROM book.account WHERE id = 1;
  UPDATE book.account SET balance = v_balance - 10 WHERE id = 1;
END $$;

CREATE FUNCTION book.check_then_insert() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM book.tag WHERE name = 'v1') THEN
    RETURN 'there';
  END IF;
  INSERT INTO book.tag (name) VALUES ('v1');
  RETURN 'made';
END $$;

CREATE FUNCTION book.go_off_call(p_name text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  IF (SELECT count(*) FROM book.doctor WHERE on_call) < 2 THEN
    RETURN false;
  END IF;
  UPDATE book.doctor SET on_call = false WHERE name = p_name;
  RETURN true;
END $$;

CREATE FUNCTION book.take_a_seat(p_who text) RETURNS SETOF integer LANGUAGE plpgsql AS $$
BEGIN
  UPDATE book.seat SET taken_by = p_who WHERE id = (SELECT min(id) FROM book.seat WHERE taken_by IS NULL);
  RETURN QUERY SELECT id FROM book.seat WHERE taken_by = p_who;
END $$;

CREATE FUNCTION book.take_a_free_seat(p_who text) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE v_id integer;
BEGIN
  SELECT id INTO v_id FROM book.seat WHERE taken_by IS NULL ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED;
  UPDATE book.seat SET taken_by = p_who WHERE id = v_id;
  RETURN v_id;
END $$;

CREATE FUNCTION book.spend(p_amount integer) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  PERFORM FROM book.account WHERE id = 1 AND balance >= p_amount;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  UPDATE book.account SET balance = balance - p_amount WHERE id = 1;
  RETURN true;
END $$;

CREATE FUNCTION book.spend_in_one(p_amount integer) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  UPDATE book.account SET balance = balance - p_amount WHERE id = 1 AND balance >= p_amount;
  RETURN FOUND;
END $$;

CREATE FUNCTION book.count_visit() RETURNS integer LANGUAGE plpgsql AS $$
DECLARE v_count integer;
BEGIN
  INSERT INTO book.visit VALUES ('home', 1)
  ON CONFLICT (page) DO UPDATE SET count = book.visit.count + 1 RETURNING count INTO v_count;
  RETURN v_count;
END $$;

-- The loop of PostgreSQL's manual: update, else insert, else try again.
CREATE FUNCTION book.count_visit_by_hand() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  LOOP
    UPDATE book.visit SET count = count + 1 WHERE page = 'home';
    EXIT WHEN FOUND;
    BEGIN
      INSERT INTO book.visit VALUES ('home', 1);
      EXIT;
    EXCEPTION WHEN unique_violation THEN
      NULL;
    END;
  END LOOP;
END $$;

CREATE FUNCTION book.credit(p_id integer, p_amount integer) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  UPDATE book.account SET balance = balance + p_amount WHERE id = p_id;
END $$;

CREATE FUNCTION book.transfer(p_from integer, p_to integer) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM book.credit(p_from, -10);
  PERFORM book.credit(p_to, 10);
END $$;

CREATE FUNCTION book.average_out() RETURNS void LANGUAGE plpgsql AS $$
DECLARE v_row record; v_average integer;
BEGIN
  SELECT avg(balance)::integer INTO v_average FROM book.account;
  FOR v_row IN SELECT id FROM book.account ORDER BY id LOOP
    UPDATE book.account SET balance = v_average WHERE id = v_row.id;
  END LOOP;
END $$;

CREATE FUNCTION book.count_entries() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE v_entries integer;
BEGIN
  SELECT entries INTO v_entries FROM book.total WHERE id = 1;
  UPDATE book.total SET entries = v_entries + 1 WHERE id = 1;
  RETURN NEW;
END $$;
CREATE TRIGGER count_entries AFTER INSERT ON book.entry FOR EACH ROW EXECUTE FUNCTION book.count_entries();

CREATE FUNCTION book.enter(p_what text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO book.entry (what) VALUES (p_what);
END $$;

CREATE FUNCTION book.in_turn() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(8);
  UPDATE book.account SET balance = balance + 1 WHERE id = 1;
END $$;

CREATE FUNCTION book.once_under_lock() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  IF NOT pg_try_advisory_xact_lock(7) THEN
    RETURN 'busy';
  END IF;
  RETURN book.check_then_insert();
END $$;

CREATE FUNCTION book.refuses_to_wait() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM FROM book.account WHERE id = 1 FOR UPDATE NOWAIT;
  UPDATE book.account SET balance = balance + 1 WHERE id = 1;
END $$;

CREATE FUNCTION book.account_then_seat() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM FROM book.account WHERE id = 1 FOR UPDATE;
  UPDATE book.seat SET taken_by = 'account' WHERE id = 1;
END $$;

CREATE FUNCTION book.seat_then_account() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  UPDATE book.seat SET taken_by = 'seat' WHERE id = 1;
  PERFORM FROM book.account WHERE id = 1 FOR UPDATE;
END $$;
