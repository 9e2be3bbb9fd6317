"""SQL text of one function or file as facts: each table, bound or not, and the filter that is only there sometimes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from stas_tui.isolation.code.sql.text import NotUnderstood, masked, parsed
from stas_tui.isolation.code.strings import HOLE
from stas_tui.isolation.code.words import Words

if TYPE_CHECKING:
    from stas_tui.isolation.code.function import FunctionReader
    from stas_tui.isolation.code.query import Query
    from stas_tui.isolation.code.sql.scope import Use

_DIALECTS = ("postgres", "sqlite", "mysql")
_CREATE = re.compile(rb"\bcreate\s+(?:unlogged\s+|temp\w*\s+)?table\b|\balter\s+table\b", re.IGNORECASE)
_TABLE = re.compile(
    r"\b(?:create\s+(?:unlogged\s+)?table\s+(?:if\s+not\s+exists\s+)?|alter\s+table\s+(?:if\s+exists\s+|only\s+)*)"
    r"([\w.\"`]+)([^;]*)",
    re.IGNORECASE,
)


def uses(sql: str, words: Words) -> tuple[tuple[Use, ...], str]:
    """Tables of a statement and the dialect that understood it. Raises `NotUnderstood`."""
    from stas_tui.isolation.code.sql.scope import uses_of

    first: NotUnderstood | None = None
    for dialect in _DIALECTS:
        try:
            return uses_of(sql, words.schema, dialect), dialect
        except NotUnderstood as error:
            first = first or error
    assert first is not None
    raise first


def classified(reader: FunctionReader, query: Query, words: Words) -> Iterator[dict[str, Any]]:
    """The facts of a statement that is text."""
    whole = "".join(full for full, _, _ in query.text)
    depth = len(query.tests)
    least = "".join(part for _, part, tests in query.text if len(tests) <= depth)
    site: dict[str, Any] = {"l": query.line, "c": masked(whole)[:200], "v": "sql"}
    try:
        found, dialect = uses(whole, words)
    except NotUnderstood as error:
        yield site | {"e": "a part of the text cannot be seen" if HOLE in whole else str(error)}
        return
    tables = [(use.table, use.how, int(use.by_key)) for use in found if use.table and HOLE not in use.table]
    if not tables:
        return
    site["t"] = [list(table) for table in dict.fromkeys(tables)]
    site["w"] = _equal(whole, dialect)
    site["v"] = next((kind for kind in ("insert", "update", "delete") if site["c"].lower().startswith(kind)), "select")
    if least != whole and (name := _asked(reader, query)):
        missing = _unbound(least, words) & {use.table for use in found if use.how}
        if missing:
            site["o"] = [name, query.line, reader.names.params.get(name, False)]
            site["t"] = [[table, "" if table in missing else how, key] for table, how, key in site["t"]]
    yield {key: value for key, value in site.items() if value or key in ("l", "c")}


def _asked(reader: FunctionReader, query: Query) -> str:
    """The tenant's name on which a part of the text depends."""
    names = list(query.chosen)
    for _, _, tests in query.text:
        names += [name for test in tests[len(query.tests) :] if (name := reader.needed(test))]
    for entries in reader.names.lists.values():
        names += [name for _, tests in entries for test in tests if (name := reader.needed(test))]
    return next((name for name in names if not reader.is_sure(name)), "")


def _unbound(sql: str, words: Words) -> set[str]:
    try:
        return {use.table for use in uses(sql, words)[0] if not use.how}
    except NotUnderstood:
        return set()


def _equal(sql: str, dialect: str) -> list[list[str]]:
    """Columns that the statement holds equal to a value."""
    from sqlglot import exp

    from stas_tui.isolation.code.sql.scope import is_value

    found = []
    for tree in parsed(sql, dialect):
        for where in tree.find_all(exp.Where):
            for equal in where.find_all(exp.EQ):
                for one, other in ((equal.this, equal.expression), (equal.expression, equal.this)):
                    if isinstance(one, exp.Column) and is_value(other):
                        kind = "const" if isinstance(other, exp.Literal) else "param"
                        found.append([one.name.lower(), kind, ""])
    return [list(item) for item in dict.fromkeys(map(tuple, found))][:8]


def created(data: bytes, words: Words) -> Iterator[tuple[str, list[str]]]:
    """(table, its tenant columns) of a file of SQL statements."""
    from stas_tui.isolation.code.sql.schema import plain

    if not _CREATE.search(data):
        return
    for found in _TABLE.finditer(data.decode("utf-8", "replace")):
        columns = set(re.findall(r"[a-z_]\w*", found[2].lower()))
        yield plain(found[1]), sorted(columns & words.columns)
