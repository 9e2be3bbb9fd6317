"""SQLite inside the jail: runs migrations on a scratch file, reads a file's catalogue, counts in a file read-only."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

_NAME = re.compile(r"[\"`\[\]]")
_CHECK = re.compile(r"\bcheck\s*\(", re.IGNORECASE)
_GENERATED = re.compile(r"\bas\s*\(", re.IGNORECASE)


class Handler:
    """One connection for each request, so that nothing is left over between two steps."""

    phase = "run"

    def __init__(self, settings: dict[str, Any]) -> None:
        self.file = str(settings.get("file", ""))
        self.about = {"version": sqlite3.sqlite_version}
        self.statements: list[str] = []

    def do(self, request: dict[str, Any]) -> dict[str, Any]:
        """`run` statements, read the `catalogue`, or `look` for one number."""
        self.statements = []
        if request["do"] == "run":
            return self._run(list(request["sql"]), bool(request["transaction"]))
        with closing(_read_only(self.file)) as connection:
            if request["do"] == "catalogue":
                return {"rows": list(_catalogue(connection))}
            if request["do"] == "rows":
                return {"rows": [list(row) for row in connection.execute(request["sql"]).fetchall()]}
            return _look(connection, str(request["sql"]))

    def _run(self, statements: list[str], transaction: bool) -> dict[str, Any]:
        own = any(re.match(r"\s*(begin|commit|savepoint)\b", text, re.IGNORECASE) for text in statements)
        with closing(sqlite3.connect(self.file, isolation_level=None)) as connection:
            connection.set_authorizer(_stay_in_the_file)
            try:
                if transaction and not own:
                    connection.execute("BEGIN IMMEDIATE")
                for text in statements:
                    self.statements.append(text)
                    connection.execute(text)
                if connection.in_transaction:
                    connection.execute("COMMIT")
            except sqlite3.Error:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
        return {"ok": True}


def _stay_in_the_file(action: int, first: str | None, *_: object) -> int:
    if action == sqlite3.SQLITE_ATTACH and first not in ("", ":memory:", None):
        return sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK


def _only_read(action: int, *_: object) -> int:
    allowed = (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_PRAGMA)
    return sqlite3.SQLITE_OK if action in allowed else sqlite3.SQLITE_DENY


def _read_only(file: str) -> sqlite3.Connection:
    connection = sqlite3.connect(f"file:{quote(str(Path(file).resolve()))}?mode=ro", uri=True, timeout=0.5)
    connection.execute("PRAGMA query_only = on")
    connection.set_authorizer(_only_read)
    return connection


def _look(connection: sqlite3.Connection, statement: str) -> dict[str, Any]:
    try:
        row = connection.execute(statement).fetchone()
    except sqlite3.OperationalError as error:
        missing = str(error).startswith(("no such table", "no such column"))
        return {"error": str(error), "missing": missing}
    return {"value": row[0] if row else 0}


# catalogue ----------------------------------------------------------------------------------------


def _catalogue(connection: sqlite3.Connection) -> Iterator[tuple[str, str, str]]:
    rows = connection.execute(
        "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
    )
    for kind, name, table, text in rows.fetchall():
        if kind == "table":
            yield from _table(connection, name, text or "")
        elif kind == "index":
            yield f"index {name}", "definition", _plain(text or "")
        elif kind == "trigger":
            yield f"trigger {table}.{name}", "definition", _plain(text or "")
        else:
            yield f"view {name}", "definition", _plain(text or "")


def _table(connection: sqlite3.Connection, name: str, text: str) -> Iterator[tuple[str, str, str]]:
    yield f"table {name}", "there", "yes"
    options = [
        word for word in ("autoincrement", "without rowid", "strict") if re.search(rf"\b{word}\b", _bare(text), re.I)
    ]
    if options:
        yield f"table {name}", "options", ", ".join(options)
    for attribute, pattern in (("checks", _CHECK), ("generated", _GENERATED)):
        found = sorted(_in_parentheses(text, pattern))
        if found:
            yield f"table {name}", attribute, "; ".join(found)
    collations = sorted(match.lower() for match in re.findall(r"\bcollate\s+(\w+)", _bare(text), re.I))
    if collations:
        yield f"table {name}", "collations", ", ".join(collations)
    keys: list[tuple[int, str]] = []
    for _, column, type_, not_null, default, key, hidden in _pragma(connection, "table_xinfo", name):
        own = f"column {name}.{column}"
        yield own, "type", (type_ or "none").lower()
        yield own, "nullable", "no" if not_null else "yes"
        if default is not None:
            yield own, "default", str(default)
        if hidden:
            yield own, "hidden", str(hidden)
        if key:
            keys.append((key, column))
    if keys:
        yield f"constraint {name}.primary key", "rule", ", ".join(column for _, column in sorted(keys))
    yield from _references(connection, name)
    for _, index, _, origin, partial in _pragma(connection, "index_list", name):
        if origin == "u":
            columns = ", ".join(str(row[2]) for row in _pragma(connection, "index_info", index))
            yield f"constraint {name}.unique ({columns})", "rule", f"unique{' partial' if partial else ''}"


def _references(connection: sqlite3.Connection, name: str) -> Iterator[tuple[str, str, str]]:
    found: dict[int, list[tuple[Any, ...]]] = {}
    for row in _pragma(connection, "foreign_key_list", name):
        found.setdefault(row[0], []).append(row)
    for rows in found.values():
        rows.sort(key=lambda row: row[1])
        columns = ", ".join(row[3] for row in rows)
        target = ", ".join(str(row[4] or "its key") for row in rows)
        rule = f"references {rows[0][2]} ({target}) on update {rows[0][5]} on delete {rows[0][6]}".lower()
        yield f"constraint {name}.foreign key ({columns})", "rule", rule


def _pragma(connection: sqlite3.Connection, pragma: str, name: str) -> list[tuple[Any, ...]]:
    quoted = name.replace('"', '""')
    return connection.execute(f'PRAGMA {pragma}("{quoted}")').fetchall()


def _plain(text: str) -> str:
    """A definition without what SQLite may write differently: quotes, blanks, `IF NOT EXISTS`."""
    words = " ".join(_NAME.sub("", text).split())
    return re.sub(r"\bif not exists ", "", re.sub(r"\s*([(),])\s*", r"\1", words), flags=re.I)


def _bare(text: str) -> str:
    """Without strings and comments."""
    return re.sub(r"'(?:[^']|'')*'|--[^\n]*|/\*.*?\*/", " ", text, flags=re.S)


def _in_parentheses(text: str, pattern: re.Pattern[str]) -> Iterator[str]:
    for match in pattern.finditer(text):
        depth, at = 1, match.end()
        while at < len(text) and depth:
            depth += {"(": 1, ")": -1}.get(text[at], 0)
            at += 1
        yield _plain(text[match.end() : at - 1])
