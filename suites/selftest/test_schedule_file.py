"""A schedule survives being written down, whatever is in it; a damaged file is told in one line."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtures.engine.plan import ISOLATION_LEVELS, Call, Plan, Program, Transaction
from fixtures.engine.schedule_file import ScheduleFile, dumps, load
from fixtures.errors import SetupError
from fixtures.faults.kinds import Fault, Kind

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)
calls = st.builds(Call, texts, texts)
transactions = st.one_of(
    st.builds(Transaction, st.tuples(calls)),
    st.builds(
        Transaction,
        st.lists(calls, min_size=1, max_size=3).map(tuple),
        st.sampled_from(ISOLATION_LEVELS),
        st.sampled_from(["COMMIT", "ROLLBACK"]),
    ),
)
programs = st.tuples(
    *(st.builds(Program, st.just(name), st.lists(transactions, min_size=1, max_size=2).map(tuple)) for name in "ab")
)
faults = st.none() | st.builds(Fault, st.sampled_from("ab"), st.integers(1, 99), st.sampled_from(Kind))


@given(programs, texts, texts, faults)
def test_a_schedule_read_back_is_the_one_that_was_written(
    tmp_path_factory: pytest.TempPathFactory,
    programs: tuple[Program, ...],
    catalogue: str,
    says: str,
    fault: Fault | None,
) -> None:
    plan = Plan(catalogue, programs)
    schedule = ScheduleFile(plan, ("a f/1", "b f/1", "a f/2"), "C1:not-serial", "f", says, fault=fault)
    path = tmp_path_factory.getbasetemp() / "one.schedule"
    path.write_text(dumps(schedule), encoding="utf-8", newline="")
    assert load(path) == schedule


ONE = Plan("", (Program.single("a", Call("SELECT 1")),))
GOOD = dumps(ScheduleFile(ONE, ("a f/1",), "C1:x", "f", fault=Fault("a", 7, Kind.CUT)))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("version = ", "is not a schedule file"),
        ("version = 99", "has version 99, this suite reads 1"),
        (GOOD.replace("steps", "stops"), "unknown key 'stops'"),
        (GOOD.replace("catalogue", "#"), "'catalogue' is missing"),
        (GOOD.replace('"a f/1"', '"z f/1"'), "names no session of the schedule; sessions are a"),
        (GOOD.replace('"a f/1"', "7"), "of the wrong kind"),
        (GOOD.replace('session = "a"', 'session = "z"'), "the fault names no session of the schedule"),
        (GOOD.replace('kind = "cut"', 'kind = "flood"'), "unknown fault 'flood'; known are cancel, terminate"),
        (GOOD.replace("step = 7", 'step = "x"'), "of the wrong kind"),
    ],
)
def test_a_damaged_schedule_is_told_in_one_line(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "bad.schedule"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SetupError) as error:
        load(path)
    assert told in str(error.value)
    assert "\n" not in str(error.value)
