"""Mutants that nobody thought of: every mechanical change of every function of the reference."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from fixtures.engine.mutating import Mutation, mutations
from fixtures.errors import SetupError
from fixtures.targets.directory import Target
from fixtures.targets.functions import CALLABLE
from fixtures.targets.scripts import SqlFile
from fixtures.targets.target import load_target
from strategies.programs import BLOCKS, SINGLE_CALLS, TWO_CALLS
from suites.selftest.kill_matrix import Aim, Trial
from suites.selftest.lane import RESTORING, ROOT

_WRITTEN = re.compile(
    r"^CREATE OR REPLACE (?:FUNCTION|VIEW) (?P<name>[\w.]+)"
    r"(?:(?!\nCREATE ).)*?(?:\$function\$(?P<body>.*?)\$function\$|(?P<sql>\b(?:RETURN\s|AS\s+SELECT).*?;\n))",
    re.M | re.S,
)
_LOCKING = {"unlock", "wait", "swap", "drop"}
_LOCKS = re.compile(r"FOR (?:NO KEY )?UPDATE|FOR (?:KEY )?SHARE|hold_|_lock|maintenance_is_on")
_LONG = ("sequential/test_shell.py", "sequential/test_model.py")
"""Files that take longer than all others of suites/sequential: they come last."""
EQUIVALENT = Path(__file__).with_name("equivalent.toml")


@dataclass(frozen=True)
class Generated:
    """One of them: `name` is function/operator/number, `file` the SQL file as changed, `before` what stood there."""

    name: str
    function: str
    operator: str
    file: SqlFile
    before: str
    story: str


@cache
def generated() -> tuple[Generated, ...]:
    """All of them, in the order of the files."""
    return tuple(one for file in load_target("reference").sql for one in _of_file(file))


def _of_file(file: SqlFile) -> Iterator[Generated]:
    for written in _WRITTEN.finditer(file.text):
        part = "body" if written["body"] is not None else "sql"
        source, (start, end) = written[part], written.span(part)
        counts: Counter[str] = Counter()
        for mutation in mutations(source, is_block=bool(re.search(r"^BEGIN", source, re.M))):
            counts[mutation.operator] += 1
            name = f"{written['name']}/{mutation.operator}/{counts[mutation.operator]}"
            changed = file.text[:start] + mutation.applied(source) + file.text[end:]
            before = source.encode()[mutation.start : mutation.end].decode()
            story = _story(file, file.text.count("\n", 0, start), before, mutation)
            yield Generated(name, written["name"], mutation.operator, SqlFile(file.path, changed), before, story)


def _story(file: SqlFile, lines: int, before: str, mutation: Mutation) -> str:
    told = [" ".join(text.split())[:100] for text in (before, mutation.text)]
    return f"{file.path.name}:{lines + mutation.line}: {told[0]} → {told[1]}"


def changed(one: Generated) -> Target:
    """The target that it is."""
    target = load_target("reference")
    sql = tuple(one.file if file.path == one.file.path else file for file in target.sql)
    return replace(target, name=f"generated:{one.name}", sql=sql)


def write(target: Target, directory: Path) -> Path:
    """`target` as a directory that --target takes."""
    for file in (*target.sql, *([target.setup_file] if target.setup_file else [])):
        path = directory / file.path.relative_to(target.directory)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file.text, encoding="utf-8")
    schemas = ", ".join(f'"{schema}"' for schema in target.schemas)
    config = f'name = "{target.name}"\nsql = ["sql/*.sql"]\nschemas = [{schemas}]\nsetup = "setup.sql"\n'
    (directory / "target.toml").write_text(config, encoding="utf-8")
    return directory


def trial(one: Generated, directory: Path) -> Trial:
    """How it is tried: what concerns the public functions that use the changed one, most likely and shortest first."""
    public = users(one.function)
    names = sorted(name.rpartition(".")[2] for name in public)
    files = _by_relevance(names)
    aims = [Aim(tuple(file for file in files if file not in (*_LONG, RESTORING)))]
    if names:
        aims.append(Aim(("invalid_inputs",), " or ".join(names)))
    programs = [name for name, calls in _programs().items() if public & calls]
    if programs and one.operator in _LOCKING:
        aims.append(Aim(("interleavings",), " or ".join(f"day-{name}+{name}" for name in programs)))
    if programs and (_LOCKS.search(one.before) or (one.operator in _LOCKING and one.function in public)):
        aims.append(Aim(("interleavings/test_beyond_pairs.py",)))
        cells = [cell for name in programs for cell in (f"day-{name}+", f"+{name}]")]
        aims.append(Aim(("interleavings/test_pairs.py",), f"day and ({' or '.join(cells)})"))
    aims += [Aim(tuple(file for file in files if file in _LONG)), Aim((RESTORING,))]
    path = write(changed(one), directory / one.name.replace("/", "-"))
    reason = argued().get(one.name, "")
    return Trial(
        f"generated:{one.name}",
        str(path),
        tuple(aims),
        story=one.story,
        equivalent=reason,
        mechanical=True,
        about=one.function,
    )


@cache
def argued() -> Mapping[str, str]:
    """Why nothing can notice some of them: the reason, by the mutant's name.

    Raises SetupError for an entry that fits none: a change of the SQL gives mutants other numbers, and `change`, with
    which the mutant's story goes on after the file and line, tells that it is still the one that was argued about.
    """
    stories = {one.name: one.story for one in generated()}
    reasons: dict[str, str] = {}
    for entry in tomllib.loads(EQUIVALENT.read_text(encoding="utf-8"))["equivalent"]:
        name, change, reason = entry["name"], entry["change"], entry["reason"]
        if not stories.get(name, "").partition(": ")[2].startswith(change):
            raise SetupError(
                f"{EQUIVALENT.name}: {name} is not {change!r} any more but {stories.get(name)!r}; look again"
            )
        reasons[name] = reason
    return reasons


def users(function: str) -> set[str]:
    """The functions of the contract that use `function`, directly or through others; itself, if it is one."""
    found, new = {function}, {function}
    while new:
        new = {name for name, text in _texts().items() if any(f"{one}(" in text or f"{one} " in text for one in new)}
        new -= found
        found |= new
    return found & {known.qualified for known in CALLABLE}


@cache
def _texts() -> Mapping[str, str]:
    files = load_target("reference").sql
    return {found["name"]: found[0] for file in files for found in _WRITTEN.finditer(file.text)}


def _programs() -> dict[str, set[str]]:
    programs = {name: {call.function} for name, call in SINGLE_CALLS.items()}
    return programs | {name: {call.function for call in calls} for name, calls in (BLOCKS | TWO_CALLS).items()}


def _by_relevance(names: list[str]) -> tuple[str, ...]:
    """The files of suites/sequential, those first that speak most of these functions."""
    files = sorted((ROOT / "suites" / "sequential").glob("test_*.py"))

    def share(file: Path) -> float:
        text = file.read_text(encoding="utf-8")
        return -sum(text.count(f'"{name}"') for name in names) / len(text)

    return tuple(f"sequential/{file.name}" for file in sorted(files, key=share))
