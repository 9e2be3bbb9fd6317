"""Statements as text: placeholders of every driver made alike, values masked, and what a parser makes of them."""

from __future__ import annotations

import logging
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from stas_tui.isolation.code.lists import listed

if TYPE_CHECKING:
    from sqlglot import exp

LONGEST = 100_000
"""Characters of a statement that are parsed; a longer one is not understood."""
MASKED = 2_000
"""Characters of a statement that are shown."""

_PIECE = re.compile(
    r"""
    (?P<keep>[eE]?'(?:[^'\\]|''|\\.)*' | "(?:[^"]|"")*" | `[^`]*`)
  | (?P<note>--[^\n]*|/\*.*?\*/)
  | \$(?P<number>\d+)
  | (?P<dollar>\$(?P<tag>[A-Za-z_]\w*)?\$.*?\$(?P=tag)\$|\$\$.*?\$\$)
  | %\((?P<name>\w+)\)s
  | (?P<format>%[sdbt])
  | (?P<cast>::)
  | (?P<operator>\?(?=[|&?]|\s*(?:'|\$\d|:\w|array\b|%\())[|&?]?)
  | (?P<mark>\?)
  | :(?P<colon>[A-Za-z_]\w*)
  | (?P<literal>\b\d+(?:\.\d+)?\b)
    """,
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
_WRAPPED = re.compile(
    r"""\s*(?:
        declare\s+\S+\s+(?:(?:no\s+)?scroll\s+|binary\s+|insensitive\s+|asensitive\s+)*cursor\s+(?:with(?:out)?\s+hold\s+)?for
      | explain\s+(?:\([^)]*\)\s*)?(?:analyze\s+|verbose\s+|query\s+plan\s+)*
      | prepare\s+\w+\s*(?:\([^)]*\))?\s+as
    )\s+""",
    re.VERBOSE | re.IGNORECASE,
)
_COPY_QUERY = re.compile(r"\s*copy\s*\((?P<query>.*)\)\s*to\s", re.IGNORECASE | re.DOTALL)
_COPY = re.compile(r"\s*copy\s+(?P<table>[\w.\"]+)\s*(?P<columns>\([^)]*\))?\s*(?P<way>from|to)\s", re.IGNORECASE)
_WORD = re.compile(r"\s*(?:(?:--[^\n]*\n|/\*.*?\*/)\s*)*\(*\s*([A-Za-z]+)", re.DOTALL)
READS_ROWS = listed("select insert update delete with merge copy truncate table values")
_WRAPPERS = frozenset({"declare", "explain", "prepare"})


class NotUnderstood(Exception):
    """The statement could not be parsed, or does something that the rules do not know; the text says what."""


def first_word(sql: str) -> str:
    """The statement's first keyword, in lower case; empty if there is none."""
    found = _WORD.match(sql)
    return found[1].lower() if found else ""


def touches_rows(sql: str) -> bool:
    """Whether a statement can read or write rows; the others (BEGIN, SET, CREATE …) have no tenant."""
    return first_word(sql) in READS_ROWS | _WRAPPERS


def alike(sql: str) -> str:
    """The statement with every placeholder as `:name` and without comments: `$1`, `%s`, `%(a)s` and `?` are one."""
    return _PIECE.sub(lambda found: _placeholder(found, mask=False), sql)


def masked(sql: str, *, most: int = MASKED) -> str:
    """The statement in one line without any value: every literal becomes `?`, at most `most` characters."""
    out = _PIECE.sub(lambda found: _placeholder(found, mask=True), sql)
    return " ".join(out.split())[:most]


def _placeholder(found: re.Match[str], *, mask: bool) -> str:
    text = found[0]
    if found["keep"]:
        return "?" if mask and text[0] not in '"`' else text
    if found["note"]:
        return " "
    if found["dollar"] or found["literal"]:
        return "?" if mask else text
    if mask or found["cast"] or found["operator"]:
        return text
    if found["number"]:
        return f":p{found['number']}"
    return f":{found['name'] or found['colon'] or 'p'}"


@lru_cache(maxsize=4_096)
def parsed(sql: str, dialect: str = "postgres") -> tuple[exp.Expr, ...]:
    """Its statements as trees; those that touch no rows are left out. Raises `NotUnderstood`."""
    import sqlglot
    from sqlglot import exp
    from sqlglot.errors import SqlglotError

    if len(sql) > LONGEST:
        raise NotUnderstood("it is too long to be parsed")
    logging.getLogger("sqlglot").setLevel(logging.CRITICAL)
    text = _unwrapped(alike(sql))
    try:
        trees = [tree for tree in sqlglot.parse(text, read=dialect) if tree is not None]
    except (SqlglotError, RecursionError, ValueError) as error:
        first = str(error).split("\n", 1)[0][:120]
        raise NotUnderstood(f"it could not be parsed ({type(error).__name__}: {first})") from None
    found: list[exp.Expr] = []
    for tree in trees:
        if isinstance(tree, exp.Command):
            if str(tree.this).lower() in READS_ROWS | _WRAPPERS:
                raise NotUnderstood(f"the parser does not know this form of {str(tree.this).upper()}")
        elif isinstance(tree, _kinds()):
            found.append(tree)
    return tuple(found)


@lru_cache(maxsize=1)
def _kinds() -> tuple[type[Any], ...]:
    from sqlglot import exp

    return (exp.Query, exp.Update, exp.Delete, exp.Insert, exp.Merge, exp.TruncateTable, exp.Copy)


def _unwrapped(sql: str) -> str:
    """The statement inside `EXPLAIN`, `DECLARE … CURSOR FOR`, `PREPARE … AS` and `COPY (…) TO`."""
    text = _WRAPPED.sub("", sql, count=1) if first_word(sql) in _WRAPPERS else sql
    if found := _COPY_QUERY.match(text):
        return found["query"]
    if found := _COPY.match(text):
        table, columns = found["table"], found["columns"] or ""
        if found["way"].lower() == "to":
            return f"TABLE {table}" if not columns else f"SELECT {columns.strip('()')} FROM {table}"
        return f"INSERT INTO {table} {columns} VALUES (:p)" if not columns else _copied(table, columns)
    return text


def _copied(table: str, columns: str) -> str:
    marks = ", ".join(f":p{n}" for n, _ in enumerate(columns.split(",")))
    return f"INSERT INTO {table} {columns} VALUES ({marks})"
