"""Room kept back for the one thing that must work on a full disk: saying no."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path

from storage.errors import StoreFull, StoreReadOnly
from storage.sqlite import Store

_PAGES_BYTES = 128 * 1024
_SIDE_BYTES = 256 * 1024


def _side_file(store: Store) -> Path:
    return store.path.with_name(f"{store.path.name}.reserve")


def fill(store: Store) -> None:
    """Keep room inside the database for rows, and beside it for SQLite's own journal.

    A disk without that room, or a read-only record, is no error here: the next write tells.
    """
    with contextlib.suppress(StoreFull, StoreReadOnly):
        if store.read_one("select 1 from reserve") is None:
            with store.write() as conn:
                conn.execute("insert into reserve values(1, zeroblob(?)) on conflict do nothing", (_PAGES_BYTES,))
    side = _side_file(store)
    with contextlib.suppress(OSError):
        if side.exists():
            return
        descriptor = os.open(side, os.O_CREAT | os.O_WRONLY, 0o600)
        try:
            os.write(descriptor, b"\0" * _SIDE_BYTES)
        finally:
            os.close(descriptor)


def free_pages(conn: sqlite3.Connection) -> None:
    """Turn the reserve inside the database into free pages for the running transaction."""
    conn.execute("delete from reserve")


def free_side_file(store: Store) -> None:
    """Give the file beside the database back to the disk."""
    with contextlib.suppress(OSError):
        _side_file(store).unlink()
