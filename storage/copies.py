"""A copy of a database that somebody else may be using: read under its locks, without a byte of it changing."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

from storage.errors import StoreCorrupt, StoreError, StoreUnavailable

_WAL = b"\x02\x02"
"""Bytes 18 and 19 of a file in write-ahead mode (SQLite file format, 1.3)."""
_PAGES = 512
_WAIT_S = 0.02


def copy_of(source: Path, target: Path, *, bound_s: float = 10.0) -> None:
    """Make `target` a copy of the database `source` as it stands now.

    The source is opened read-only, and nothing is made beside it. Raises `StoreUnavailable` if it stays locked,
    `StoreCorrupt` if it is no database, `StoreError` if it cannot be read.
    """
    until = time.monotonic() + bound_s

    def in_time(status: int, _: int, __: int) -> None:
        if status != sqlite3.SQLITE_DONE and time.monotonic() > until:
            raise TimeoutError

    try:
        ours = sqlite3.connect(source_uri(source), uri=True, timeout=0)
        try:
            copy = sqlite3.connect(target)
            try:
                ours.backup(copy, pages=_PAGES, progress=in_time, sleep=_WAIT_S)
                copy.execute("pragma journal_mode = delete")
            finally:
                copy.close()
        finally:
            ours.close()
    except TimeoutError:
        raise StoreUnavailable(
            f"The database {source} could not be copied within {bound_s:.0f} s.", "Another program writes; try again."
        ) from None
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            raise StoreCorrupt(f"{source} is not a sound database: {error}.", "Restore a copy.") from error
        raise StoreError(
            f"The database {source} cannot be read: {error}.",
            "If Stas was cut off while it wrote, start it once on this profile; it mends the file.",
        ) from error
    except OSError as error:
        raise StoreError(f"The database {source} cannot be read: {error.strerror}.") from error


def source_uri(path: Path) -> str:
    """How it is opened. In write-ahead mode without a log nobody writes: then not even the index beside it is made."""
    with path.open("rb") as file:
        head = file.read(20)
    log = path.with_name(path.name + "-wal")
    alone = head[18:20] == _WAL and not (log.exists() and log.stat().st_size)
    return f"{path.absolute().as_uri()}?mode=ro{'&immutable=1' if alone else ''}"
