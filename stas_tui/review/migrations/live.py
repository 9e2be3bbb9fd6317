"""Counting in the running database, read-only: how many rows or values an operation would meet. Never a row itself."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from stas_tui.credentials import CredentialMissing, token_of
from stas_tui.isolation.base import UNDECLARED
from stas_tui.review.base import Change
from stas_tui.review.migrations.leads import said

if TYPE_CHECKING:
    from stas_tui.isolation.database.live import Live as Reading

MOST = 1_000_000
"""Rows are counted up to this many."""
SQLITE_S = 10.0

NO_DATABASE = "no live database is declared; name one as `database.dsn` or `database.sqlite` in the tenancy file"
_NOT_THERE = frozenset({"42P01", "42703", "3F000"})
"""SQLSTATEs for a table, a column or a schema that is not there."""

_CHILD = Path(__file__).parents[1] / "rehearsal" / "child.py"


class CannotLook(Exception):
    """The live database cannot be asked; the text says why and what would change that."""


class Live(Protocol):
    """A database that runs, to be asked for numbers."""

    what: str
    """Which one, for a person."""
    executed: list[str]
    """Statements that were sent."""
    trouble: str
    """Why the last question had no answer."""

    def quote(self, name: str) -> str:
        """A name, or `schema.name`, as this database takes it."""
        ...

    def count(self, body: str) -> int | None:
        """How many rows `select 1 {body}` has, up to `MOST`; 0 if a table or column is not there; None: no answer."""
        ...

    def size(self, table: str) -> int | None:
        """About how many rows a table has; 0 if it is not there; None if that is not known."""
        ...


@contextmanager
def looking(change: Change) -> Iterator[Live]:
    """The project's live database. Raises `CannotLook`."""
    database = change.tenancy.database if change.tenancy is not None else None
    if change.tenancy is None:
        raise CannotLook(UNDECLARED)
    if database is None or not (database.dsn.named or database.sqlite):
        raise CannotLook(NO_DATABASE)
    if database.sqlite:
        if "{tenant}" in database.sqlite:
            raise CannotLook("each tenant has a file of its own; the rows of all of them are not counted")
        yield _Sqlite(Path(database.sqlite))
        return
    with postgres(change) as live:
        yield _Postgres(live)


@contextmanager
def postgres(change: Change) -> Iterator[Reading]:
    """The live PostgreSQL; ask inside of its `transaction`.

    Raises `CannotLook`, also for an account that could write.
    """
    from stas_tui.isolation.database.live import NotUsable, reading, roles_of

    assert change.tenancy is not None
    assert change.tenancy.database is not None
    try:
        dsn = token_of(change.tenancy.database.dsn, change.environ)
    except CredentialMissing as error:
        raise CannotLook(said(str(error))) from None
    if not dsn:
        raise CannotLook(
            "the connection string of the live database is not set; set the variable that `database.dsn` names"
        )
    try:
        with reading(dsn, roles_of(change.tenancy), cancelled=change.cancelled) as live:
            yield live
    except NotUsable as error:
        raise CannotLook(said(str(error))) from None


@lru_cache(maxsize=8)
def _sql(name: str) -> str:
    return Path(__file__).with_name(name).read_text("utf-8")


class _Postgres:
    def __init__(self, live: Reading) -> None:
        self._live = live
        self.executed: list[str] = []
        self.trouble = ""
        self.what = what(live)

    def quote(self, name: str) -> str:
        return ".".join('"' + part.replace('"', '""') + '"' for part in name.split("."))

    def count(self, body: str) -> int | None:
        statement = f"select count(*) from (select 1 {body} limit {MOST}) as found"
        self.executed.append(statement)
        return self._ask(statement, None)

    def size(self, table: str) -> int | None:
        self.executed.append(f"the estimated size of {table}")
        rows = self._ask(_sql("table_size.sql"), {"table": self.quote(table)})
        return self.count(f"from {self.quote(table)}") if rows is not None and rows < 0 else rows

    def _ask(self, statement: str, values: Mapping[str, object] | None) -> int | None:
        """The number that a statement gives; 0 if what it is about is not there, None without an answer."""
        from stas_tui.isolation.database.live import Refused

        try:
            with self._live.transaction():
                return int(self._live.one(statement, values) or 0)
        except Refused as error:
            if error.state in _NOT_THERE:
                return 0
            self.trouble = said(str(error), 200)
            return None


def what(live: Reading) -> str:
    """Which database it is, for a person."""
    assert live.connection is not None
    info = live.connection.info
    version = info.server_version
    return f"PostgreSQL {version // 10_000}.{version % 10_000}, database {said(info.dbname, 60)}"


class _Sqlite:
    """Asked through a short-lived child, so that no damaged file is opened in our own process."""

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise CannotLook(f"the live database {path.name} is not there")
        self._path = path
        self.what = f"SQLite, {path.name}"
        self.executed: list[str] = []
        self.trouble = ""

    def quote(self, name: str) -> str:
        return ".".join("`" + part.replace("`", "``") + "`" for part in name.removeprefix("main.").split("."))

    def count(self, body: str) -> int | None:
        statement = f"select count(*) from (select 1 {body} limit {MOST})"
        self.executed.append(statement)
        asked = "".join(
            f"{json.dumps(line)}\n" for line in ({"file": str(self._path)}, {"do": "look", "sql": statement})
        )
        try:
            done = subprocess.run(
                [sys.executable, "-I", "-S", str(_CHILD), "sqlite"],
                input=asked.encode(),
                capture_output=True,
                timeout=SQLITE_S,
                check=False,
            )
            answer = json.loads(done.stdout.decode().strip().split("\n")[-1])
        except (OSError, ValueError, subprocess.TimeoutExpired) as error:
            self.trouble = f"the question had no answer ({type(error).__name__})"
            return None
        if "error" in answer:
            self.trouble = said(str(answer["error"]), 200)
            return 0 if answer.get("missing") else None
        return int(answer["value"])

    def size(self, table: str) -> int | None:
        return self.count(f"from {self.quote(table)}")


_SIMPLE = frozenset(
    {
        *("And", "Or", "Not", "EQ", "NEQ", "GT", "GTE", "LT", "LTE", "Is", "Null", "In", "Column", "Identifier"),
        *("Literal", "Boolean", "Paren", "Like", "Between", "Neg"),
    }
)


def simple_condition(where: str) -> str | None:
    """A condition that only compares columns with values, as it may be sent; None for anything else."""
    from stas_tui.review.migrations.sql_tree import parse

    tree = parse(f"select 1 where {where}", "postgres")
    found = tree.args.get("where") if tree is not None else None
    if found is None:
        return None
    inner = found.this
    if any(type(node).__name__ not in _SIMPLE for node in inner.walk()):
        return None
    return str(inner.sql(dialect="postgres"))
