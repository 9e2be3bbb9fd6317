"""A database that may be deleted while it is open: whoever reads or writes next goes on in a new file."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, TypeVar

from storage.errors import StoreError, StoreGone
from storage.sqlite import Migration, Store

_T = TypeVar("_T")
_TIMES = 1 << 32


class WatchFile(Store):
    """A `Store` for what can be had again: a file that was deleted or replaced is given up for the one there is now.

    Every question looks whether the file is still the same one. If it is not, the connections of all threads to the
    old file are closed, so that nobody keeps it alive, and the file of that name is opened, made first if there is
    none. Threads of one process take turns. A folder that is gone is not made again: `StoreGone`, as from inside a
    transaction whose file was taken away. Never for a record of what people decided.
    """

    def __init__(self, path: Path, migrations: Sequence[Migration], **options: Any) -> None:
        self._alone = threading.RLock()
        self._times = 0
        super().__init__(path, migrations, **options)

    def read(self, sql: str, params: Sequence[Any] | dict[str, Any] = ()) -> list[sqlite3.Row]:
        """All rows of one query, read under one lock."""
        with self._alone:
            return self._in_the_file_there_is(lambda: Store.read(self, sql, params))

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[sqlite3.Connection]:
        """Several reads of one moment."""
        with self._begun(Store.snapshot) as conn:
            yield conn

    @contextlib.contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """One write transaction."""
        with self._begun(Store.write) as conn:
            yield conn

    def whole(self, act: Callable[[sqlite3.Connection], None]) -> None:
        """`act` in one write transaction, and once more in the new file if the old one was taken away meanwhile."""

        def transact() -> None:
            with Store.write(self) as conn:
                act(conn)

        with self._alone:
            self._in_the_file_there_is(transact)

    def data_version(self) -> int:
        """A number that changes whenever another connection has committed, and with every new file."""

        def ask() -> int:
            self._still_there()
            return Store.data_version(self)

        with self._alone:
            version = self._in_the_file_there_is(ask)
            return self._times * _TIMES + version

    @contextlib.contextmanager
    def _begun(
        self, way: Callable[[Store], AbstractContextManager[sqlite3.Connection]]
    ) -> Iterator[sqlite3.Connection]:
        with self._alone, contextlib.ExitStack() as stack:
            yield self._in_the_file_there_is(lambda: stack.enter_context(way(self)))

    def _in_the_file_there_is(self, act: Callable[[], _T]) -> _T:
        try:
            return act()
        except StoreError:
            conn: sqlite3.Connection | None = getattr(self._local, "conn", None)
            inside = conn is not None and conn.in_transaction
            if inside or self._closed or self._is_there() or not self.path.parent.is_dir():
                raise
            self._renew()
            return act()

    def _is_there(self) -> bool:
        try:
            self._still_there()
        except StoreGone:
            return False
        return True

    def _renew(self) -> None:
        self._times += 1
        self._let_go()
        try:
            self._identity = self._find_or_make()
            self._migrate()
        except BaseException:
            self._identity = None
            self._let_go()
            raise
