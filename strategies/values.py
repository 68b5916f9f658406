"""Hazardous scalars by SQL type: where values break that somebody thought harmless.

Text never holds NUL or surrogates, which PostgreSQL cannot take in at all.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from fixtures.targets.kinds import Json

INTEGER = (-(2**31), 2**31 - 1)
BIGINT = (-(2**63), 2**63 - 1)

_OVERFLOWS = (
    2_461_000,  # days: before that, now() - n days is earlier than any timestamp
    106_751_991,  # days: more no longer fit microseconds of 64 bits
    24_855,  # days: more no longer fit seconds of 32 bits
    596_523,  # hours: likewise
    35_791_394,  # minutes: likewise
    1_073_741_824,  # doubling it no longer fits an integer
)


def near(bounds: Iterable[int], low: int, high: int) -> SearchStrategy[int]:
    """Numbers from `low` to `high`: these two and `bounds` often, corners and just past them, or any."""
    around = {n + step for n in (*bounds, *_OVERFLOWS, *INTEGER, *BIGINT, 0, 1, low, high) for step in (-1, 0, 1)}
    corners = sorted((n for n in around if low <= n <= high), key=lambda n: (abs(n), n))
    often = sorted({n for n in (*bounds, low, high) if low <= n <= high}, key=abs)
    return st.one_of(st.sampled_from(often), st.sampled_from(corners), st.integers(low, high))


def integers() -> SearchStrategy[int]:
    """Every 32-bit integer, the dangerous ones often."""
    return near((0,), *INTEGER)


def bigints() -> SearchStrategy[int]:
    """Every 64-bit integer, the dangerous ones often."""
    return near((0,), *BIGINT)


BLANK = ("", " ", "\t", "\n", " \r\n\t ", " " * 300)
"""Blank by any reading."""

UNICODE_BLANK = ("\u00a0", "\u3000", "\u2003\u2003", "\u200b", "\ufeff")
"""Blank to a reader, not to every function of PostgreSQL."""

HOSTILE = (
    "'; DROP TABLE pggit.backups; --",
    "a'b",
    'a"b',
    "a\\b",
    "\\'",
    "$$",
    "$(reboot)",
    "`reboot`",
    "a;b|c&d>e<f",
    "a b",
    "*?[x]{y}~!#",
    "%s %I %n",
    "{0} {}",
    "NULL",
    "null",
    "true",
    "0",
    "-rf",
    "--help",
    "=",
    "e\u0301\u0301\u0301",
    "\u202egnp.exe",
    "مرحبا",
    "🛑👩‍👩‍👧",
    "ﬀ",
    "İ",
    "ß",
    "\x01\x02\x7f",
    "a\nb",
    "\u0085\u2028",
)
"""Texts that mean something to a shell, to SQL, to format() or to a terminal."""

_CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0")


HUGE = tuple(letter * size for size in (8_192, 350_000) for letter in "xé🛑")
"""From 8 kB to more than 1 MB, of letters of one, two and four bytes: past index rows, notifications and every bound
of the contract."""


def texts(max_size: int = 40) -> SearchStrategy[str]:
    """Any text up to `max_size` characters, hostile and blank ones often."""
    fixed = [text for text in (*HOSTILE, *BLANK, *UNICODE_BLANK) if len(text) <= max_size]
    return st.one_of(st.sampled_from(fixed), st.text(_CHARACTERS, max_size=max_size))


def short_texts() -> SearchStrategy[str]:
    """Any text up to 40 characters, without a preference."""
    return st.text(_CHARACTERS, max_size=40)


def any_texts() -> SearchStrategy[str]:
    """Any text, hostile and blank ones often, huge ones now and then."""
    return st.sampled_from((*HOSTILE, *BLANK, *UNICODE_BLANK, *HUGE)) | short_texts()


NIL, MAX = "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"


def uuids() -> SearchStrategy[str]:
    """Any uuid in its canonical text; nil and max often."""
    return st.one_of(st.sampled_from([NIL, MAX]), st.uuids().map(str))


ODD_JSON = (
    "null",
    "true",
    "0",
    "-0.0",
    "1e400",
    "1e-400",
    "30.0",
    '""',
    '"{}"',
    "[]",
    "[{}]",
    '[{"": {"": null}}]',
    "-1e400",
    "[" * 200 + "]" * 200,
    "[" * 2_000 + "]" * 2_000,
    '{"a": 1, "a": 2}',
    f'{{"{"x" * 8_192}": "{"x" * 350_000}"}}',
    '{"a": ' * 100 + "1" + "}" * 100,
    json.dumps({f"key {number}": number for number in range(300)}),
)
"""Of every shape; deep, wide and huge ones; numbers that no machine type holds; a key twice."""

_JSON_TREES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(*BIGINT), st.text(_CHARACTERS, max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(_CHARACTERS, max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)


def jsons() -> SearchStrategy[Json]:
    """JSON of every shape, odd ones often."""
    trees = _JSON_TREES.map(lambda tree: json.dumps(tree, ensure_ascii=False))
    return st.one_of(st.sampled_from(ODD_JSON), trees).map(Json)


def json_objects() -> SearchStrategy[Json]:
    """JSON objects, odd ones often."""
    objects = st.dictionaries(st.text(_CHARACTERS, max_size=4), _JSON_TREES, max_size=3)
    odd = [Json(text) for text in ODD_JSON if text.startswith("{")]
    return st.sampled_from(odd) | objects.map(lambda tree: Json(json.dumps(tree, ensure_ascii=False)))


def json_not_objects() -> SearchStrategy[Json]:
    """JSON of every shape but an object."""
    return jsons().filter(lambda value: not value.text.lstrip().startswith("{"))


OTHER = {
    "smallint": ("0", "-1", "-32768", "32767"),
    "numeric": ("0", "-1", "0.5", "1e400", "NaN", "Infinity", "-Infinity"),
    "double precision": ("0", "-1", "0.5", "1e308", "NaN", "Infinity", "-Infinity"),
    "timestamp with time zone": (
        "now",
        "-infinity",
        "infinity",
        "4713-01-01 00:00:00+00 BC",
        "294276-12-31 23:59:59+00",
    ),
    "timestamp without time zone": ("now", "-infinity", "infinity", "4713-01-01 00:00:00 BC", "294276-12-31 23:59:59"),
    "date": ("today", "-infinity", "infinity", "4713-01-01 BC", "5874897-12-31"),
    "interval": ("0", "-1 day", "178000000 years", "-178000000 years"),
    "text[]": ("{}", "{NULL}", '{""}', "{a,b}", "{{a},{b}}"),
    "uuid[]": ("{}", "{NULL}", f"{{{NIL},{MAX}}}"),
}
"""Values of types that no function of the contract takes, but those of a target may, as text."""
