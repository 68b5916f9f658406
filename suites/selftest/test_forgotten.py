"""What was forgotten is told before it looks like a fault of the target, or like none at all."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from fixtures.targets.target import load_target
from suites.selftest.command_line import run_pytest
from suites.selftest.test_bisect import edited

FORGOTTEN = {
    "a schema of helpers": (
        "target.toml",
        '"pggit", "pggit_errors", "pggit_private"',
        '"pggit", "pggit_errors"',
        "`schemas` does not have 'pggit_private', whose functions pggit.",
    ),
    "the setup": ("target.toml", 'setup = "setup.sql"', "", "the tests need commit-1 to commit-3 on branch main"),
    "a branch": ("setup.sql", "('empty')", "('empti')", "and a branch empty without commits; make them in the file"),
}
SHOP = """CREATE SCHEMA shop;
CREATE TABLE shop.stock (id integer PRIMARY KEY, n integer NOT NULL);
CREATE FUNCTION shop.sell(p_id integer) RETURNS void LANGUAGE plpgsql AS $$
BEGIN UPDATE shop.stock SET n = n - 1 WHERE id = p_id; END $$;
CREATE PROCEDURE shop.restock(p_id integer) LANGUAGE plpgsql AS $$
BEGIN UPDATE shop.stock SET n = n + 1 WHERE id = p_id; END $$;
"""
TEST = """
from fixtures.engine.plan import Call, Plan, Program
from suites.interleavings.search import search

def test_it(engine, judge, verdict):
    calls = Call.of("shop.sell", 1), {call}
    plan = Plan("", tuple(Program.single(name, call) for name, call in zip("ab", calls)), "two calls")
    searched = search(engine, judge, plan)
    verdict.settle(searched.shortest.values(), str(searched))
"""


@pytest.mark.parametrize("case", FORGOTTEN)
def test_a_target_toml_that_lacks_something_is_told(case: str, tmp_path: Path) -> None:
    file, old, new, told = FORGOTTEN[case]
    home = Path(shutil.copytree(load_target("reference").directory, tmp_path / "theirs"))
    edited(file, old, new)(home)
    done = run_pytest(f"--target={home}", "suites/known_limitations")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    (line,) = done.stderr.strip().splitlines()
    assert told in line


SLIPS = {
    "no such function": ('Call.of("shop.nope", 1)', "function shop.nope(integer) does not exist"),
    "no such schema": ('Call.of("shpo.sell", 1)', 'schema "shpo" does not exist'),
    "no such table": ('Call("DELETE FROM shop.stok")', 'relation "shop.stok" does not exist'),
    "not SQL": ('Call("SELEC 1", "shop.sell")', 'syntax error at or near "SELEC"'),
    "another type": ('Call.of("shop.sell", "one")', 'invalid input syntax for type integer: "one"'),
    "a procedure": ('Call.of("shop.restock", 1)', "shop.restock(integer) is a procedure"),
}


@pytest.mark.parametrize("slip", SLIPS)
def test_a_race_of_a_call_that_never_gets_in_is_red(slip: str, tmp_path: Path) -> None:
    call, told = SLIPS[slip]
    (tmp_path / "shop.sql").write_text(SHOP)
    (tmp_path / "target.toml").write_text('name = "shop"\nsql = ["shop.sql"]\nschemas = ["shop"]\n')
    (tmp_path / "test_shop.py").write_text(TEST.replace("{call}", call))
    done = run_pytest(f"--target={tmp_path}", "conftest.py", str(tmp_path / "test_shop.py"))
    assert told in done.stdout, done.stderr
    assert "mend the call, or the target" in done.stdout
    assert "Traceback" not in done.stdout
    assert "During handling" not in done.stdout
    assert done.returncode == pytest.ExitCode.TESTS_FAILED
