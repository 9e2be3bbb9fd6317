"""A bounded pool of SQLite connections, shared by all request threads of one process."""

from __future__ import annotations

import sqlite3
import threading
import time
from contextlib import contextmanager
from typing import Dict, Iterator, List


class PoolExhausted(Exception):
    """No connection became free in time; the caller answers 503."""


class Pool:
    """Hands out at most `size` connections; a thread waits `wait_s` seconds for one, then gets `PoolExhausted`."""

    def __init__(self, database: str, size: int, wait_s: float) -> None:
        self.size = size
        self._database = database
        self._wait_s = wait_s
        self._changed = threading.Condition()
        self._idle: List[sqlite3.Connection] = []
        self._in_use: Dict[str, int] = {}
        self._exhausted: Dict[str, int] = {}
        self._closed = False

    @contextmanager
    def connection(self, tenant: str) -> Iterator[sqlite3.Connection]:
        """A connection for one unit of work of one tenant: committed at the end, rolled back on an error."""
        connection = self._take(tenant)
        try:
            with connection:
                yield connection
        finally:
            self._give_back(tenant, connection)

    def in_use(self) -> Dict[str, int]:
        """Connections in use, by tenant."""
        with self._changed:
            return {tenant: count for tenant, count in self._in_use.items() if count}

    def exhausted(self) -> Dict[str, int]:
        """How often a tenant was turned away since the start, by tenant."""
        with self._changed:
            return dict(self._exhausted)

    def close(self) -> None:
        """Close idle connections; those in use are closed when they come back."""
        with self._changed:
            self._closed = True
            while self._idle:
                self._idle.pop().close()

    def _may_take(self, tenant: str) -> bool:
        return sum(self._in_use.values()) < self.size

    def _take(self, tenant: str) -> sqlite3.Connection:
        deadline = time.monotonic() + self._wait_s
        with self._changed:
            while not self._may_take(tenant):
                left = deadline - time.monotonic()
                if left <= 0 or not self._changed.wait(left):
                    self._exhausted[tenant] = self._exhausted.get(tenant, 0) + 1
                    raise PoolExhausted("no database connection became free in %.1f s" % self._wait_s)
            self._in_use[tenant] = self._in_use.get(tenant, 0) + 1
            if self._idle:
                return self._idle.pop()
        try:
            return self._open()
        except sqlite3.Error:
            with self._changed:
                self._in_use[tenant] -= 1
                self._changed.notify_all()
            raise

    def _give_back(self, tenant: str, connection: sqlite3.Connection) -> None:
        with self._changed:
            self._in_use[tenant] -= 1
            if self._closed:
                connection.close()
            else:
                self._idle.append(connection)
            self._changed.notify_all()

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._database, check_same_thread=False, timeout=self._wait_s)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA foreign_keys = ON")
        return connection
