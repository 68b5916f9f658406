"""A made-up older pgGit, from the public names alone: other bodies, other views, more core columns, open to everybody.

It is what the reference must install on top of: functions without the parameters that the contract adds, tables without
the columns that the reference adds, and rows of clients, odd ones among them.
"""

from __future__ import annotations

from fixtures.targets.functions import FUNCTIONS, REQUIRED, Function, Parameter
from fixtures.targets.interface import Relation, interface
from fixtures.targets.kinds import Json
from strategies import catalogues as c

CORE = """
CREATE SCHEMA pggit;
CREATE SCHEMA pggit_errors;
CREATE TABLE pggit.branches (
    id serial PRIMARY KEY, kind text NOT NULL DEFAULT 'plain', name text NOT NULL UNIQUE, head_commit_hash text,
    opened_at timestamptz DEFAULT now(), created_by text DEFAULT CURRENT_USER, notes jsonb);
CREATE TABLE pggit.commits (
    number serial PRIMARY KEY, hash text NOT NULL UNIQUE DEFAULT md5(random()::text), tree text,
    branch_id integer NOT NULL REFERENCES pggit.branches (id), message text, author text, signature bytea,
    parent_commit_hash text, committed_at timestamp DEFAULT now());
CREATE TABLE pggit.temporal_snapshots (
    snapshot_id uuid PRIMARY KEY DEFAULT gen_random_uuid(), snapshot_name text NOT NULL, frozen boolean DEFAULT false,
    snapshot_timestamp timestamptz DEFAULT now(), branch_id integer, description text,
    created_at timestamptz DEFAULT now());
CREATE FUNCTION pggit.create_temporal_snapshot(
    snapshot_name text, branch_id integer DEFAULT 1, snapshot_description text DEFAULT NULL
) RETURNS TABLE (snapshot_id uuid, name text, created_at timestamptz) LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY INSERT INTO pggit.temporal_snapshots AS s (snapshot_name, branch_id, description) VALUES ($1, $2, $3)
        RETURNING s.snapshot_id, s.snapshot_name, s.created_at;
END $$;
INSERT INTO pggit.branches (id, name) VALUES (1, 'main');  -- and the sequence stays where it is
INSERT INTO pggit.commits (hash, branch_id, message) VALUES ('commit-3', 1, 'third');
UPDATE pggit.branches SET head_commit_hash = 'commit-3';
"""

RULES = """
ALTER TABLE pggit.backups ADD CHECK (status <> 'completed' OR completed_at IS NOT NULL),
    ADD CHECK (commit_hash IS NOT NULL OR status = 'in_progress');
ALTER TABLE pggit.backup_jobs ADD CHECK (
    status <> 'failed' OR attempts >= max_attempts OR (next_retry_at IS NOT NULL AND attempts < max_attempts));
CREATE TRIGGER old_name_one BEFORE UPDATE ON pggit_errors.error_codes
    FOR EACH ROW EXECUTE FUNCTION pggit_errors.update_error_codes_updated_at();
CREATE TRIGGER old_name_two BEFORE UPDATE ON pggit.operation_audit
    FOR EACH ROW EXECUTE FUNCTION pggit.update_audit_duration();
"""

GRANTS = "".join(
    f"GRANT {what} {schema} TO PUBLIC;\n"
    for schema in ("pggit", "pggit_errors")
    for what in (
        "USAGE ON SCHEMA", "ALL ON ALL TABLES IN SCHEMA", "ALL ON ALL SEQUENCES IN SCHEMA",
        "ALL ON ALL FUNCTIONS IN SCHEMA",
    )
)  # fmt: skip

ODD_ROWS = f"""
INSERT INTO pggit.backups (backup_name, backup_type, backup_tool, location, metadata) VALUES
    ('no commit', 'full', 'custom', 'x', NULL),
    ('odd base', 'incremental', 'custom', 'x', '{{"base_backup_id": "none"}}'),
    ('capital base', 'incremental', 'custom', 'x', '{{"base_backup_id": "{c.FULL_NEW.upper()}"}}');
INSERT INTO pggit.backup_jobs (backup_id, job_type, command, tool, status, attempts, max_attempts, metadata) VALUES
    ('{c.RUNNING}', 'backup', 'second', 'pg_dump', 'queued', 0, 3, '[1]'),
    ('{c.RUNNING}', 'backup', 'third', 'pg_dump', 'running', NULL, NULL, NULL),
    (NULL, 'verify', 'alone', 'custom', 'cancelled', 0, 0, '{{}}');
INSERT INTO pggit.backup_tags (backup_id, tag_name) VALUES ('{c.FULL_NEW}', 'kept');
INSERT INTO pggit.operation_audit (operation_name, operation_type, duration_ms) VALUES ('old', 'read', -5);
"""


def old_install() -> str:
    """The older installation with its clients' rows, as one text."""
    tables = "".join(map(_table, interface().tables))
    functions = "".join(map(_function, FUNCTIONS.values()))
    views = "".join(
        f"CREATE VIEW {view.name} AS SELECT {', '.join(f'NULL::integer AS {name}' for name in view.columns)};\n"
        for view in interface().views
    )
    codes = "".join(
        "INSERT INTO pggit_errors.error_codes (error_code, sqlstate, severity, description)"
        f" VALUES ('{code.name}', '{code.sqlstate}', '{code.severity}', 'old words');\n"
        for code in interface().codes
    )
    return CORE + tables + functions + views + codes + RULES + GRANTS + c.BUSY_DAY + ODD_ROWS


def _table(table: Relation) -> str:
    sequences = [column.split("'")[1] for column in table.columns if "nextval(" in column]
    lines = [
        column.replace(" DEFAULT (pg_backend_pid())", " DEFAULT pg_backend_pid()::text") for column in table.columns
    ]
    lines.append(f"PRIMARY KEY ({table.primary_key})")
    for key in table.foreign_keys:
        columns, referred = key.split(" > ")
        lines.append(f"FOREIGN KEY ({columns}) REFERENCES {referred}")
    for column, values in table.values.items():
        lines.append(f"CHECK ({column} IN ({', '.join(map(repr, values))}))")
    created = "".join(f"CREATE SEQUENCE {name};\n" for name in sequences)
    return f"{created}CREATE TABLE {table.name} ({', '.join(lines)});\n"


def _function(function: Function) -> str:
    """The function as it was: without what the contract adds, and with nothing in it."""
    parameters = ", ".join(_parameter(parameter) for parameter in function.parameters if not parameter.added)
    columns = interface().results.get(function.qualified)
    returns = f"TABLE ({', '.join(columns)})" if columns else function.returns
    body = "RETURN NEW;" if returns == "trigger" else "RAISE EXCEPTION 'the old one';"
    return (
        f"CREATE FUNCTION {function.qualified}({parameters}) RETURNS {returns}"
        f" LANGUAGE plpgsql AS $$ BEGIN {body} END $$;\n"
    )


def _parameter(parameter: Parameter) -> str:
    value = parameter.default
    if value is REQUIRED:
        return f"{parameter.name} {parameter.type}"
    text = value.text if isinstance(value, Json) else value
    default = "NULL" if text is None else f"'{text}'" if isinstance(text, str) else str(text).lower()
    return f"{parameter.name} {parameter.type} DEFAULT {default}"
