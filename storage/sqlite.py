"""The one place where a SQLite file is opened, locked, retried and migrated."""

from __future__ import annotations

import contextlib
import os
import random
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from storage.errors import (
    SchemaTooNew,
    StoreCorrupt,
    StoreError,
    StoreFull,
    StoreGone,
    StoreReadOnly,
    StoreUnavailable,
)

if TYPE_CHECKING:
    import sqlite_utils

Migration = Callable[[sqlite3.Connection], None]
"""Brings the schema from version n to n + 1; runs inside the migrating transaction."""

WAL_SAFE_FROM = (3, 51, 3)
"""SQLite before this version can corrupt a WAL file when two connections write and checkpoint at once."""

_T = TypeVar("_T")
_RETRY_MIN_S, _RETRY_MAX_S = 0.0003, 0.003


class Store:
    """One SQLite file, shared by threads and processes.

    Every thread gets its own connection. Reads and writes wait for locks with a short jittered retry of our
    own, because SQLite's busy handler starves a person behind a busy writer. Files are readable by their
    owner only.

    Raises (from every method): `StoreUnavailable`, `StoreFull`, `StoreReadOnly`, `StoreGone`,
    `StoreCorrupt`, `SchemaTooNew`; all are `StoreError`.
    """

    def __init__(
        self, path: Path, migrations: Sequence[Migration], *, busy_bound_s: float = 10.0, max_pages: int | None = None
    ) -> None:
        self.path = path
        self._migrations = migrations
        self._busy_bound_s = busy_bound_s
        self._max_pages = max_pages
        self._local = threading.local()
        self._all: list[tuple[threading.Thread, sqlite3.Connection]] = []
        self._lock = threading.Lock()
        self._closed = False
        self._identity: tuple[int, int] | None = self._find_or_make()
        try:
            self._migrate()
        except BaseException:
            self.close()
            raise

    def _find_or_make(self) -> tuple[int, int]:
        path = self.path
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not path.exists():
                os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            return _identity(path)
        except OSError as error:
            raise StoreReadOnly(
                f"The database {path} cannot be created: {error.strerror}.",
                "Check the folder's permissions and free space.",
            ) from error

    # connections ---------------------------------------------------------------------------------

    @property
    def connection(self) -> sqlite3.Connection:
        """This thread's connection."""
        conn: sqlite3.Connection | None = getattr(self._local, "conn", None)
        if conn is None:
            conn = self._open()
            self._local.conn = conn
            with self._lock:
                self._drop_orphans()
                self._all.append((threading.current_thread(), conn))
        return conn

    def _drop_orphans(self) -> None:
        """Close the connections of threads that have ended."""
        for thread, conn in self._all:
            if not thread.is_alive():
                conn.close()
        self._all = [(thread, conn) for thread, conn in self._all if thread.is_alive()]

    @property
    def db(self) -> sqlite_utils.Database:
        """sqlite-utils over this thread's connection, without third-party plugins."""
        cached: sqlite_utils.Database | None = getattr(self._local, "db", None)
        if cached is None:
            import sqlite_utils

            cached = sqlite_utils.Database(self.connection, execute_plugins=False)
            self._local.db = cached
        return cached

    def _open(self) -> sqlite3.Connection:
        if self._closed:
            raise StoreError(f"The database {self.path.name} is already closed.")
        self._still_there()
        try:
            conn = sqlite3.connect(
                f"{self.path.absolute().as_uri()}?mode=rw",
                uri=True,
                timeout=0,
                isolation_level=None,
                check_same_thread=False,
            )
        except sqlite3.Error as error:
            self._refuse(error)
        conn.row_factory = sqlite3.Row
        wal = sqlite3.sqlite_version_info >= WAL_SAFE_FROM

        def settings() -> None:
            conn.execute("pragma foreign_keys = on")
            conn.execute("pragma synchronous = full")
            conn.execute("pragma trusted_schema = off")
            if self._max_pages is not None:
                conn.execute(f"pragma max_page_count = {int(self._max_pages)}")
            if os.access(self.path, os.W_OK):
                conn.execute(f"pragma journal_mode = {'wal' if wal else 'truncate'}")

        try:
            self._patiently(settings)
        except BaseException:
            conn.close()
            raise
        return conn

    def close(self) -> None:
        """Close the connections of all threads."""
        self._closed = True
        self._let_go()

    def _let_go(self) -> None:
        with self._lock:
            for _, conn in self._all:
                conn.close()
            self._all.clear()
        self._local = threading.local()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # reading and writing -------------------------------------------------------------------------

    def read(self, sql: str, params: Sequence[Any] | dict[str, Any] = ()) -> list[sqlite3.Row]:
        """All rows of one query, read under one lock."""
        self._still_there()
        return self._patiently(lambda: self.connection.execute(sql, params).fetchall())

    def read_one(self, sql: str, params: Sequence[Any] | dict[str, Any] = ()) -> sqlite3.Row | None:
        """The first row of a query, or None."""
        rows = self.read(sql, params)
        return rows[0] if rows else None

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[sqlite3.Connection]:
        """Several reads of one moment. Write nothing inside; inside a `write` it shows that transaction."""
        conn = self.connection
        if conn.in_transaction:
            yield conn
            return
        self._still_there()

        def begin() -> None:
            self._roll_back(conn)
            conn.execute("begin")
            conn.execute("select 1 from sqlite_master limit 1").fetchall()

        try:
            self._patiently(begin)
            yield conn
        except sqlite3.Error as error:
            self._refuse(error)
        finally:
            self._roll_back(conn)

    @contextlib.contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """One write transaction: the lock is taken first, everything inside happens or nothing does.

        A `write` inside a `write` of the same thread is part of it, and undone alone if it fails and the outer one
        goes on.
        """
        conn = self.connection
        if conn.in_transaction:
            with self._nested(conn):
                yield conn
            return
        self._still_there()
        self._patiently(lambda: conn.execute("begin immediate"))
        self._local.writing = 1
        try:
            yield conn
            if _undone(conn):
                raise StoreError(f"A change of {self.path} was undone half-way; nothing was written.", "Try again.")
            self._patiently(lambda: conn.execute("commit"))
        except sqlite3.Error as error:
            self._refuse(error)
        finally:
            self._local.writing = 0
            self._roll_back(conn)

    def whole(self, act: Callable[[sqlite3.Connection], None]) -> None:
        """`act` in one write transaction."""
        with self.write() as conn:
            act(conn)

    @contextlib.contextmanager
    def _nested(self, conn: sqlite3.Connection) -> Iterator[None]:
        depth: int = getattr(self._local, "writing", 0)
        if not depth:
            raise StoreError("A change was tried inside a read-only look at the database; nothing was written.")
        name = f"nested_{depth}"
        conn.execute(f"savepoint {name}")
        self._local.writing = depth + 1
        try:
            yield
            conn.execute(f"release {name}")
        except BaseException:
            if conn.in_transaction:
                conn.execute(f"rollback to {name}")
                conn.execute(f"release {name}")
            raise
        finally:
            self._local.writing = depth

    @staticmethod
    def _roll_back(conn: sqlite3.Connection) -> None:
        if conn.in_transaction:
            conn.execute("rollback")

    def data_version(self) -> int:
        """A number that changes whenever another connection has committed."""
        return int(self._patiently(lambda: self.connection.execute("pragma data_version").fetchone())[0])

    def _patiently(self, act: Callable[[], _T]) -> _T:
        """Run `act`, retrying while the database is locked, for at most the bound."""
        deadline = time.monotonic() + self._busy_bound_s
        while True:
            try:
                return act()
            except sqlite3.OperationalError as error:
                busy = _code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
                if not busy or time.monotonic() >= deadline:
                    self._refuse(error)
                time.sleep(random.uniform(_RETRY_MIN_S, _RETRY_MAX_S))
            except sqlite3.Error as error:
                self._refuse(error)

    def _still_there(self) -> None:
        try:
            same = _identity(self.path) == self._identity
        except OSError:
            same = False
        if not same:
            raise StoreGone(
                f"The database {self.path} was deleted or replaced while it was open; nothing was written.",
                "Put the file back or restart Stas.",
            )

    def _refuse(self, error: sqlite3.Error) -> NoReturn:
        """Raise the error as a sentence; one that is a bug stays as it is."""
        explained = self._explain(error)
        if explained is None:
            raise error
        raise explained from error

    def _explain(self, error: sqlite3.Error) -> StoreError | None:
        name = str(self.path)
        match _code(error):
            case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
                return StoreUnavailable(
                    f"The database {name} stayed locked for {self._busy_bound_s:.0f} s; nothing was written.",
                    "Another program holds it; close it or try again.",
                )
            case sqlite3.SQLITE_FULL:
                return StoreFull(
                    f"No room left for the database {name}; nothing was half written.", "Free disk space and try again."
                )
            case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM:
                return StoreReadOnly(
                    f"The database {name} is read-only; nothing was written.", "Make it writable for your user."
                )
            case sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_IOERR:
                return StoreError(
                    f"The database {name} cannot be read or written: {error}.", "Check the disk and the permissions."
                )
            case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
                return StoreCorrupt(
                    f"{name} is not a sound database: {error}.",
                    "Move it away and restore a copy; Stas will not overwrite it.",
                )
        return None

    # schema --------------------------------------------------------------------------------------

    def _migrate(self) -> None:
        if self._known() == len(self._migrations):
            return
        with self.write() as conn:
            for version in range(self._known(), len(self._migrations)):
                self._migrations[version](conn)
                conn.execute(f"pragma user_version = {version + 1}")

    def _known(self) -> int:
        """The schema the file has. Raises `SchemaTooNew`."""
        have = self._version(self.connection)
        if have > len(self._migrations):
            raise SchemaTooNew(
                f"The database {self.path} has schema {have}; this Stas knows {len(self._migrations)}.",
                "Use the Stas that wrote it, or a newer one.",
            )
        return have

    def _version(self, conn: sqlite3.Connection) -> int:
        return int(self._patiently(lambda: conn.execute("pragma user_version").fetchone())[0])


def _code(error: sqlite3.Error) -> int:
    """SQLite's primary result code; 0 for errors of the Python module itself."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def _undone(conn: sqlite3.Connection) -> bool:
    """SQLite itself rolled the transaction back, e.g. on a full disk, and somebody caught the error."""
    return not conn.in_transaction


def _identity(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino


def statements(script: str) -> Iterator[str]:
    """The single statements of an SQL script (`executescript` would commit the open transaction)."""
    buffer = ""
    for line in script.splitlines(keepends=True):
        buffer += line
        if sqlite3.complete_statement(buffer):
            if buffer.strip():
                yield buffer
            buffer = ""
    if buffer.strip():
        raise ValueError(f"unfinished SQL statement: {buffer.strip()[:60]}")


def sql_migration(script: str) -> Migration:
    """A migration that runs an SQL script inside the migrating transaction."""

    def run(conn: sqlite3.Connection) -> None:
        for statement in statements(script):
            conn.execute(statement)

    return run
