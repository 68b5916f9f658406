"""Another implementation of the contract: other helpers in another schema, more in SQL, more columns, fewer parameters.

Made from the reference, so that it stays as right as that is, but with none of its private names. `second.sql` is what
differs by more than names.
"""

from __future__ import annotations

import re
from pathlib import Path

from fixtures.targets.functions import CALLABLE
from fixtures.targets.target import load_target

_DIFFERENT = Path(__file__).with_name("second.sql")
_PRIVATE = re.compile(r"\bpggit_private\.(\w+)")
_CONFIG = """name = "second"
sql = ["sql/*.sql"]
schemas = ["pggit", "pggit_errors", "inner_parts"]
setup = "setup.sql"
limitations = "limitations.toml"
"""
_SHORTER = {function.qualified for function in CALLABLE if any(each.added for each in function.parameters)}
"""Functions that have parameters which the contract adds; here they are helpers of shorter ones."""


def write_second(home: Path) -> Path:
    """The target as a directory that --target takes, with the reference's limitations and their witnesses."""
    reference = load_target("reference")
    assert reference.setup_file is not None
    texts = {f"sql/{file.path.name}": _renamed(file.text) for file in reference.sql}
    texts |= {"sql/001_schema.sql": "CREATE SCHEMA inner_parts;", "sql/127_different.sql": _DIFFERENT.read_text()}
    texts |= {"setup.sql": reference.setup, "target.toml": _CONFIG}
    limitations = (reference.directory / "limitations.toml").read_text(encoding="utf-8")
    helpers = {name for file in reference.sql for name in _PRIVATE.findall(file.text)}
    for witness in (reference.directory / "witnesses").glob("*.schedule"):
        texts[f"witnesses/{witness.name}"] = _relabelled(witness.read_text(encoding="utf-8"), helpers)
    for name, text in (texts | {"limitations.toml": limitations}).items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text, encoding="utf-8")
    return home


def _renamed(text: str) -> str:
    """The SQL with other private names; what has added parameters becomes private."""
    for name in _SHORTER:
        text = re.sub(rf"(?<!-)\b{re.escape(name)}\b", f"pggit_private.{name.rpartition('.')[2]}", text)
    text = _PRIVATE.sub(r"inner_parts.\1_", text)
    return text.replace("pggit_private", "inner_parts").replace("backup_maintenance", "switches")


def _relabelled(text: str, helpers: set[str]) -> str:
    """A witness whose steps name the gates of the renamed functions."""
    names = helpers | {name.rpartition(".")[2] for name in _SHORTER}
    return re.sub(r"\b(\w+)/(\d+)\"", lambda gate: f'{gate[1]}{"_" * (gate[1] in names)}/{gate[2]}"', text)
