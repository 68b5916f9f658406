"""Whether the database offers the documented interface: each answer is a list of complaints, empty when it does."""

from __future__ import annotations

import re
from itertools import zip_longest
from typing import LiteralString

import psycopg

from fixtures.targets.functions import REQUIRED, Function, Parameter
from fixtures.targets.interface import Relation, interface
from fixtures.targets.kinds import Json

_FUNCTION: LiteralString = """
    SELECT p.oid, p.proretset, p.prorettype::regtype::text,
           ARRAY(SELECT format('%%s %%s', coalesce(name, ''), format_type(type, NULL))
                 FROM unnest(p.proargnames, p.proallargtypes, p.proargmodes) AS a (name, type, mode)
                 WHERE mode = 't')
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE n.nspname = %s AND p.proname = %s"""
_PARAMETERS: LiteralString = """
    SELECT coalesce(p.proargnames[i], ''), format_type(p.proargtypes[i - 1], NULL),
           pg_get_function_arg_default(p.oid, i)
    FROM pg_proc p, generate_series(1, p.pronargs) AS i WHERE p.oid = %s ORDER BY i"""
_COLUMNS: LiteralString = """
    SELECT a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid)
    FROM pg_attribute a LEFT JOIN pg_attrdef d ON (d.adrelid, d.adnum) = (a.attrelid, a.attnum)
    WHERE a.attrelid = to_regclass(%s) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum"""
_CONSTRAINTS: LiteralString = """
    SELECT contype, pg_get_constraintdef(c.oid),
           ARRAY(SELECT attname::text FROM pg_attribute WHERE attrelid = conrelid AND attnum = ANY (conkey) ORDER BY 1)
    FROM pg_constraint c WHERE conrelid = to_regclass(%s) ORDER BY contype, conname"""

_SHORT_TYPES = {"timestamp with time zone": "timestamptz"}


def complaints_about_function(conn: psycopg.Connection, function: Function) -> list[str]:
    """What differs from the documented name, parameters, defaults and result columns."""
    found = conn.execute(_FUNCTION, (function.schema, function.name)).fetchall()
    if len(found) != 1:
        return [f"{function.qualified}: there are {len(found)} functions of this name; calls need exactly one"]
    oid, many, kind, columns = found[0]
    complaints = []
    returns = "table" if many else _short(kind)
    if returns != function.returns:
        complaints.append(f"{function.qualified} returns {returns}, documented is {function.returns}")
    results = [_short(column) for column in columns]
    if results != list(interface().results.get(function.qualified, ())):
        complaints.append(f"{function.qualified} returns the columns {', '.join(results)}")
    return complaints + _about_parameters(function, conn.execute(_PARAMETERS, (oid,)).fetchall())


def complaints_about_table(conn: psycopg.Connection, table: Relation) -> list[str]:
    """What differs from the documented columns and constraints; a column more must be last, and may stay unset."""
    rows = conn.execute(_COLUMNS, (table.name,)).fetchall()
    documented = list(table.columns)
    found = [_column(*row) for row in rows]
    complaints = _differences(f"{table.name}, column", documented, found[: len(documented)])
    complaints += [
        f"{table.name}: the added column {name} must be nullable or have a default"
        for name, _, required, default in rows[len(documented) :]
        if required and default is None
    ]
    return complaints + _about_constraints(table, conn.execute(_CONSTRAINTS, (table.name,)).fetchall())


def complaints_about_view(conn: psycopg.Connection, view: Relation) -> list[str]:
    """What differs from the documented columns: exactly these, for clients unpack `SELECT *`."""
    found = [name for name, *_ in conn.execute(_COLUMNS, (view.name,))]
    return _differences(f"{view.name}, column", list(view.columns), found)


def _about_parameters(function: Function, found: list[tuple[str, str, str | None]]) -> list[str]:
    """The documented parameters come first, what is added after them has a default."""
    documented = [_declared(parameter) for parameter in function.parameters if not parameter.added]
    shown = [_shown(*row) for row in found]
    complaints = _differences(f"{function.qualified}, parameter", documented, shown[: len(documented)])
    return complaints + [
        f"{function.qualified}: the added parameter {name} needs a default"
        for name, _, default in found[len(documented) :]
        if default is None
    ]


def _about_constraints(table: Relation, found: list[tuple[str, str, list[str]]]) -> list[str]:
    complaints = []
    if [text for kind, text, _ in found if kind == "p"] != [f"PRIMARY KEY ({table.primary_key})"]:
        complaints.append(f"{table.name}: the primary key must be {table.primary_key}")
    references = {text.removeprefix("FOREIGN KEY ") for kind, text, _ in found if kind == "f"}
    complaints += [
        f"{table.name}: no foreign key {key}" for key in table.foreign_keys if _as_defined(key) not in references
    ]
    for column, values in table.values.items():
        allowed = [
            set(re.findall(r"'([^']*)'", text)) for kind, text, columns in found if (kind, columns) == ("c", [column])
        ]
        if set(values) not in allowed:
            complaints.append(f"{table.name}: {column} allows {allowed}, documented is {', '.join(values)}")
    return complaints


def _differences(what: str, documented: list[str], found: list[str]) -> list[str]:
    return [
        f"{what} {number}: found {here}, documented is {there}"
        for number, (there, here) in enumerate(zip_longest(documented, found, fillvalue="none"), 1)
        if there != here
    ]


def _declared(parameter: Parameter) -> str:
    value = parameter.default
    if value is REQUIRED:
        return _shown(parameter.name, parameter.type, None)
    text = value.text if isinstance(value, Json) else value
    if isinstance(text, str):
        return f"{parameter.name} {parameter.type} DEFAULT '{text}'"
    return f"{parameter.name} {parameter.type} DEFAULT {'NULL' if text is None else str(text).lower()}"


def _shown(name: str, type: str, default: str | None) -> str:
    return f"{name} {_short(type)}" + (f" DEFAULT {_plain(default)}" if default is not None else "")


def _column(name: str, type: str, required: bool, default: str | None) -> str:
    return f"{name} {_short(type)}{' NOT NULL' if required else ''}" + (
        f" DEFAULT {_plain(default)}" if default else ""
    )


def _plain(expression: str) -> str:
    """The expression without its casts, which PostgreSQL adds."""
    return re.sub(r"::\w+", "", expression)


def _short(type: str) -> str:
    for long, short in _SHORT_TYPES.items():
        type = type.replace(long, short)
    return type


def _as_defined(key: str) -> str:
    """A foreign key of ours in PostgreSQL's words."""
    columns, referred = key.split(" > ")
    return f"({columns}) REFERENCES {referred}"
