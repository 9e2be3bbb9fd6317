"""A SQLite file of a project, opened so that nothing in it or beside it changes."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote

from storage.errors import StasError

LIMIT_S = 3.0
MOST_COUNTED = 1_000
MOST_BROKEN = 200
_STEPS = 10_000
_WAL = 2
_JOURNAL_AT = 18


class FileUnreadable(StasError):
    """A file, or one question to it, could not be answered."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column."""

    name: str
    required: bool
    generated: bool


@dataclass(frozen=True, slots=True)
class Reference:
    """One foreign key."""

    columns: tuple[str, ...]
    table: str
    targets: tuple[str, ...]


@dataclass(slots=True)
class Table:
    """One table, from the pragmas."""

    name: str
    columns: dict[str, Column] = field(default_factory=dict)
    unique: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Unique index to its columns; an expression has an empty name."""
    leading: set[str] = field(default_factory=set)
    """First columns of whole indexes."""
    references: list[Reference] = field(default_factory=list)


def quoted(name: str) -> str:
    """A name in SQL."""
    return '"' + name.replace('"', '""') + '"'


class File:
    """An open file; every question has three seconds. Raises `FileUnreadable`."""

    LISTED = (
        "pragma query_only = on",
        "select name from sqlite_schema where type = 'table'",
        "pragma table_xinfo, index_list, index_xinfo, foreign_key_list of each table",
        "pragma foreign_key_check",
        "select count(*) from (select 1 from each tenant table where … limit 1001)",
    )

    def __init__(self, path: Path) -> None:
        self.path = path
        self.executed: list[str] = []
        self.tables: list[Table] = []
        try:
            with path.open("rb") as file:
                head = file.read(100)
        except OSError as error:
            raise FileUnreadable(f"{path} cannot be read: {error.strerror}") from None
        quiet = len(head) > _JOURNAL_AT and head[_JOURNAL_AT] == _WAL and not Path(f"{path}-wal").exists()
        mode = "mode=ro&immutable=1" if quiet else "mode=ro"
        try:
            self._connection = sqlite3.connect(
                f"file:{quote(str(path))}?{mode}", uri=True, timeout=0.5, isolation_level=None
            )
        except sqlite3.Error as error:
            raise FileUnreadable(f"{path} cannot be opened: {type(error).__name__}") from None
        self._until = 0.0
        self._connection.set_progress_handler(lambda: time.monotonic() > self._until, _STEPS)
        try:
            self._ask("pragma query_only = on")
            self._ask("pragma trusted_schema = off")
            self._ask("begin")
        except FileUnreadable:
            self._connection.close()
            raise

    def read(self) -> None:
        """Read every ordinary table's definition into `tables`."""
        names = [row[0] for row in self._ask("select name from sqlite_schema where type = 'table' order by name")]
        self.tables = [self._table(name) for name in names if not name.startswith("sqlite_")]

    def count(self, what: str, *values: object) -> int:
        """How many rows, up to a thousand and one; `what` stands after FROM."""
        limit = "" if " limit " in what else f" limit {MOST_COUNTED + 1}"
        return int(self._ask(f"select count(*) from (select 1 from {what}{limit})", *values)[0][0])

    def broken(self) -> dict[str, int]:
        """Table to its rows that point at no row, as far as the first few hundred go."""
        found: dict[str, int] = {}
        for row in self._ask("pragma foreign_key_check", most=MOST_BROKEN):
            found[row[0]] = found.get(row[0], 0) + 1
        return found

    def _table(self, name: str) -> Table:
        table = Table(name)
        keys = 0
        for _, column, type_, required, default, key, hidden in self._ask(f"pragma table_xinfo({quoted(name)})"):
            keys = max(keys, key)
            random = default is not None and "random" in str(default).lower()
            table.columns[column] = Column(column, bool(required), random or "uuid" in type_.lower() or hidden > 1)
        for _, index, unique, _, partial in self._ask(f"pragma index_list({quoted(name)})"):
            parts = [row for row in self._ask(f"pragma index_xinfo({quoted(index)})") if row[5]]
            columns = tuple(row[2] or "" for row in parts)
            if unique:
                table.unique[index] = columns
            if columns and not partial:
                table.leading.add(columns[0])
        rows: dict[int, list[Any]] = {}
        for row in self._ask(f"pragma foreign_key_list({quoted(name)})"):
            rows.setdefault(row[0], []).append(row)
        for parts in rows.values():
            target = parts[0][2]
            targets = tuple(row[4] or "" for row in parts)
            if "" in targets:
                targets = self._key(target)
            if len(targets) == len(parts):
                table.references.append(Reference(tuple(row[3] for row in parts), target, targets))
        return table

    def _key(self, name: str) -> tuple[str, ...]:
        rows = [row for row in self._ask(f"pragma table_xinfo({quoted(name)})") if row[5]]
        return tuple(row[1] for row in sorted(rows, key=lambda row: row[5]))

    def _ask(self, statement: str, *values: object, most: int = 100_000) -> list[Any]:
        self.executed.append(statement)
        self._until = time.monotonic() + LIMIT_S
        try:
            return self._connection.execute(statement, values).fetchmany(most)
        except sqlite3.OperationalError as error:
            slow = "interrupted" in str(error)
            why = (
                f"it took longer than {LIMIT_S:g} s"
                if slow
                else "locked"
                if "locked" in str(error)
                else type(error).__name__
            )
            raise FileUnreadable(f"{self.path.name}: {why}") from None
        except sqlite3.Error as error:
            raise FileUnreadable(f"{self.path} is no database that can be read ({type(error).__name__})") from None

    def __enter__(self) -> File:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(sqlite3.Error):
            self._connection.rollback()
        self._connection.close()
