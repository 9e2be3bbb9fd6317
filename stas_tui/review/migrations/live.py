"""Counting in the running database, read-only: how many rows or values an operation would meet. Never a row itself."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from stas_tui.credentials import CredentialMissing, token_of
from stas_tui.isolation.base import UNDECLARED
from stas_tui.review.base import Change
from stas_tui.review.migrations.leads import said

if TYPE_CHECKING:
    import psycopg

MOST = 1_000_000
"""Rows are counted up to this many."""
STATEMENT_MS = 3_000
LOCK_MS = 500
CONNECT_S = 5
SQLITE_S = 10.0

NO_DATABASE = "no live database is declared; name one as `database.dsn` or `database.sqlite` in the tenancy file"
NO_DRIVER = "psycopg is not installed; `pip install 'stas-tui[pg]'`"

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
    try:
        dsn = _dsn(change)
    except CredentialMissing as error:
        raise CannotLook(said(str(error))) from None
    if not dsn:
        raise CannotLook(
            "the connection string of the live database is not set; set the variable that `database.dsn` names"
        )
    with _connected(dsn) as live:
        yield live


def _dsn(change: Change) -> str:
    assert change.tenancy is not None
    assert change.tenancy.database is not None
    return token_of(change.tenancy.database.dsn, change.environ)


@contextmanager
def _connected(dsn: str) -> Iterator[Live]:
    with read_only(dsn) as connection:
        yield _Postgres(connection)


@contextmanager
def read_only(dsn: str) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    """A connection that cannot write, with short limits; everything is rolled back. Raises `CannotLook`."""
    try:
        import psycopg
    except ImportError:
        raise CannotLook(NO_DRIVER) from None
    options = f"-c default_transaction_read_only=on -c statement_timeout={STATEMENT_MS} -c lock_timeout={LOCK_MS}"
    try:
        connection = psycopg.connect(dsn, application_name="stas", connect_timeout=CONNECT_S, options=options)
    except (psycopg.Error, ValueError) as error:
        raise CannotLook(f"the live database does not let us in: {said(_first(error), 200)}") from None
    try:
        row = connection.execute(_sql("can_write.sql")).fetchone()
        if row is not None:
            raise CannotLook(
                f"the account for the live database could change something ({said(row[0], 120)}); name a read-only one"
            )
        yield connection
    except psycopg.Error as error:
        raise CannotLook(f"the live database did not answer: {said(_first(error), 200)}") from None
    finally:
        connection.close()


def _first(error: Exception) -> str:
    return re.sub(r"password=\S+", "password=‹›", str(error).strip().split("\n", 1)[0]) or type(error).__name__


@lru_cache(maxsize=8)
def _sql(name: str) -> bytes:
    return Path(__file__).with_name(name).read_bytes()


class _Postgres:
    def __init__(self, connection: psycopg.Connection[tuple[Any, ...]]) -> None:
        self._connection = connection
        self.executed: list[str] = []
        self.trouble = ""
        version = connection.info.server_version
        self.what = f"PostgreSQL {version // 10_000}.{version % 10_000}, database {said(connection.info.dbname, 60)}"

    def quote(self, name: str) -> str:
        return ".".join('"' + part.replace('"', '""') + '"' for part in name.split("."))

    def count(self, body: str) -> int | None:
        row = self._ask(f"select count(*) from (select 1 {body} limit {MOST}) as found")
        return None if row is None else int(row)

    def size(self, table: str) -> int | None:
        import psycopg

        try:
            with self._connection.transaction(force_rollback=True):
                statement = _sql("table_size.sql")
                self.executed.append(f"the estimated size of {table}")
                row = self._connection.execute(statement, {"table": self.quote(table)}).fetchone()
        except psycopg.Error as error:
            self.trouble = said(_first(error), 200)
            return None
        if row is None or row[0] is None:
            return 0
        return int(row[0]) if row[0] >= 0 else self.count(f"from {self.quote(table)}")

    def _ask(self, statement: str) -> int | None:
        import psycopg

        self.executed.append(statement)
        try:
            with self._connection.transaction(force_rollback=True):
                row = self._connection.execute(statement.encode()).fetchone()
        except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn, psycopg.errors.InvalidSchemaName):
            return 0
        except psycopg.Error as error:
            self.trouble = said(_first(error), 200)
            return None
        return None if row is None else int(row[0])


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
