"""PostgreSQL's log, in its csv or stderr form: every statement that ran, read line by line from the end of the file."""

from __future__ import annotations

import csv
import os
import re
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import IO

MOST_BYTES = 64 * 1024 * 1024
"""Bytes at the end of the log that are read."""
MOST_TEXT = 1024 * 1024
"""Characters of one entry that are kept; a longer statement is not understood anyway."""

_MESSAGE = re.compile(r"(?:duration: [\d.]+ ms\s+)?(?:statement|execute [^:]{1,200}): (?P<sql>.*)", re.DOTALL)
_LINE = re.compile(
    r"^(?P<prefix>.{0,300}?)\b(?P<level>LOG|ERROR|DETAIL|STATEMENT|HINT|CONTEXT|FATAL|WARNING|NOTICE):  "
)
_BEGINS = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
_USER, _DATABASE, _SESSION, _TRANSACTION, _LEVEL, _TEXT, _DETAIL, _APPLICATION = 1, 2, 5, 9, 11, 13, 14, 22
csv.field_size_limit(MOST_BYTES)


class LogUnreadable(Exception):
    """The log could not be read; the text says why, as a clause."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One statement that ran. What the log does not say is empty."""

    sql: str
    user: str = ""
    database: str = ""
    application: str = ""
    transaction: str = ""
    """What tells it from other transactions; empty outside of one, and where the log is not csv."""
    values: str = ""
    """What was bound, as the log has it; looked through for declared keys and never kept."""
    prefix: str = ""
    """What stands before the message where the log is not csv."""


@dataclass(frozen=True, slots=True)
class Log:
    """A log that was opened: what it says, and when it was written last (UTC milliseconds)."""

    entries: Iterator[Entry]
    last: int


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a log ended at some time: which file it was, and how many bytes it had."""

    file: int
    size: int


def mark_of(path: Path) -> Mark:
    """Where a log ends now. Raises `LogUnreadable`."""
    try:
        info = path.stat()
    except OSError as error:
        raise LogUnreadable(f"{path} cannot be read: {error.strerror}") from None
    return Mark(info.st_ino, info.st_size)


@contextmanager
def opened(path: Path, *, since: Mark | None = None) -> Iterator[Log]:
    """A log; its entries are read while it is open. `since` leaves out what it had then. Raises `LogUnreadable`."""
    try:
        with path.open("rb") as file:
            info = os.fstat(file.fileno())
            if not stat.S_ISREG(info.st_mode):
                raise LogUnreadable(f"{path} is no file")
            same = since is not None and since.file == info.st_ino and since.size <= info.st_size
            yield Log(
                _entries(file, info.st_size, since.size if since is not None and same else 0),
                info.st_mtime_ns // 1_000_000,
            )
    except OSError as error:
        raise LogUnreadable(f"{path} cannot be read: {error.strerror}") from None
    except csv.Error as error:
        raise LogUnreadable(f"the log is no csv as PostgreSQL writes it ({error})") from None


def _entries(file: IO[bytes], size: int, since: int = 0) -> Iterator[Entry]:
    first = file.readline(64 * 1024).decode("utf-8", "replace")
    is_csv = first.count(",") >= _TEXT and _BEGINS.match(first) is not None
    start = max(0, size - MOST_BYTES, since - 1)
    file.seek(start)
    lines = _lines(file, size)
    if start:
        begins = _BEGINS.match if is_csv else _LINE.match
        lines = _from_the_first(lines, begins)
    for entry in _csv(lines) if is_csv else _stderr(lines):
        if found := _MESSAGE.match(entry.sql):
            yield Entry(
                found["sql"], entry.user, entry.database, entry.application, entry.transaction, entry.values,
                entry.prefix,
            )  # fmt: skip


def _lines(file: IO[bytes], size: int) -> Iterator[str]:
    """Lines up to where the log ended when it was opened; it may grow meanwhile."""
    while (left := size - file.tell()) > 0:
        yield file.readline(left).decode("utf-8", "replace")


def _from_the_first(lines: Iterator[str], begins: Callable[[str], object]) -> Iterator[str]:
    """Lines from the first that begins an entry: reading may have begun in the middle of a statement."""
    next(lines, None)
    first = next((line for line in lines if begins(line)), None)
    return iter(()) if first is None else chain((first,), lines)


def _csv(lines: Iterator[str]) -> Iterator[Entry]:
    for row in csv.reader(lines):
        if len(row) > _TEXT and row[_LEVEL] == "LOG":
            yield Entry(
                row[_TEXT][: MOST_TEXT + 1],
                user=row[_USER],
                database=row[_DATABASE],
                application=row[_APPLICATION] if len(row) > _APPLICATION else "",
                transaction=f"{row[_SESSION]} {row[_TRANSACTION]}" if row[_TRANSACTION] else "",
                values=row[_DETAIL] if len(row) > _DETAIL else "",
            )


def _stderr(lines: Iterator[str]) -> Iterator[Entry]:
    """Lines that begin with a tab go on with the line before. Who ran it stands somewhere in the prefix, or nowhere."""
    message: list[str] = []
    prefix, held = "", 0
    for line in lines:
        text = line.rstrip("\n")
        if text.startswith("\t") and message:
            if held <= MOST_TEXT:
                message.append(text[1 : MOST_TEXT + 2])
            held += len(text)
            continue
        if message:
            yield Entry("\n".join(message), prefix=prefix)
            message = []
        found = _LINE.match(text)
        if found and found["level"] == "LOG":
            message, prefix, held = [text[found.end() :][: MOST_TEXT + 1]], found["prefix"], len(text)
    if message:
        yield Entry("\n".join(message), prefix=prefix)
