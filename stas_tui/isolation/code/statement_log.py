"""Statements out of PostgreSQL's log, in its csv or stderr form: the shape of each once, with how often it ran."""

from __future__ import annotations

import csv
import io
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from stas_tui.isolation.code.sql.text import masked, touches_rows

MOST_BYTES = 64 * 1024 * 1024
"""Bytes at the end of the log that are read."""
MOST_SHAPES = 5_000
"""Different statements that are kept; more than that are not normalised by their writer."""

_MESSAGE = re.compile(r"(?:duration: [\d.]+ ms\s+)?(?:statement|execute [^:]{1,200}): (?P<sql>.*)", re.DOTALL)
_LINE = re.compile(
    r"^(?P<prefix>.{0,300}?)\b(?P<level>LOG|ERROR|DETAIL|STATEMENT|HINT|CONTEXT|FATAL|WARNING|NOTICE):  "
)
_LISTS = re.compile(r"\(\s*(?:\?|\$\d+)(?:\s*,\s*(?:\?|\$\d+))+\s*\)")
_USER, _DATABASE, _LEVEL, _TEXT, _APPLICATION = 1, 2, 11, 13, 22
csv.field_size_limit(16 * 1024 * 1024)


class LogUnreadable(Exception):
    """The log could not be read; the text says why, as a clause."""


@dataclass(slots=True)
class Ran:
    """One statement: a text that ran, and how often statements of this shape did."""

    sql: str
    calls: int = 0
    user: str = ""
    """Role that ran it; empty if the log does not say."""


@dataclass(slots=True)
class Window:
    """What ran in a stretch of time."""

    statements: list[Ran] = field(default_factory=list)
    source: str = ""
    hidden: int = 0
    """Statements whose text could not be seen."""
    left_out: int = 0
    """Statements of other roles, of other databases and of Stas itself."""
    since: int | None = None
    """UTC milliseconds; None if nobody says."""
    last: int | None = None
    """When it was written last, UTC milliseconds."""
    cut: bool = False
    """Whether there were more shapes than are kept."""


def shape(sql: str) -> str:
    """A statement without values, with every list of values as one: what runs with other values is the same."""
    return _LISTS.sub("(?)", masked(sql))


def read_log(path: Path, *, role: str = "", database: str = "") -> Window:
    """What a log says. `role` and `database` leave out others where the log names them. Raises `LogUnreadable`."""
    try:
        with path.open("rb") as file:
            info = os.fstat(file.fileno())
            if not stat.S_ISREG(info.st_mode):
                raise LogUnreadable(f"{path} is no file")
            if info.st_size > MOST_BYTES:
                file.seek(info.st_size - MOST_BYTES)
                file.readline()
            text = file.read(MOST_BYTES).decode("utf-8", "replace")
    except OSError as error:
        raise LogUnreadable(f"{path} cannot be read: {error.strerror}") from None
    window = Window(source=f"statement log {path.name}", last=info.st_mtime_ns // 1_000_000)
    shapes: dict[tuple[str, str], Ran] = {}
    for user, where, application, sql in _entries(text):
        if (role and user and user != role) or (database and where and where != database) or application == "stas":
            window.left_out += 1
            continue
        if not touches_rows(sql):
            continue
        key = (shape(sql), user)
        if key not in shapes:
            if len(shapes) >= MOST_SHAPES:
                window.cut = True
                continue
            shapes[key] = Ran(sql, user=user)
        shapes[key].calls += 1
    window.statements = list(shapes.values())
    return window


def _entries(text: str) -> Iterator[tuple[str, str, str, str]]:
    """(user, database, application, statement) of every statement that ran."""
    entries = _csv(text) if _is_csv(text) else _stderr(text)
    for user, where, application, message in entries:
        if found := _MESSAGE.match(message):
            yield user, where, application, found["sql"]


def _is_csv(text: str) -> bool:
    first = text.split("\n", 1)[0]
    return first.count(",") >= _TEXT and re.match(r"\d{4}-\d\d-\d\d ", first) is not None


def _csv(text: str) -> Iterator[tuple[str, str, str, str]]:
    try:
        for row in csv.reader(io.StringIO(text)):
            if len(row) > _TEXT and row[_LEVEL] == "LOG":
                application = row[_APPLICATION] if len(row) > _APPLICATION else ""
                yield row[_USER], row[_DATABASE], application, row[_TEXT]
    except csv.Error as error:
        raise LogUnreadable(f"the log is no csv as PostgreSQL writes it ({error})") from None


def _stderr(text: str) -> Iterator[tuple[str, str, str, str]]:
    """Lines that begin with a tab go on with the line before. Who ran it stands in no fixed place."""
    message: list[str] = []
    for line in text.split("\n"):
        if line.startswith("\t") and message:
            message.append(line[1:])
            continue
        if message:
            yield "", "", "", "\n".join(message)
            message = []
        found = _LINE.match(line)
        if found and found["level"] == "LOG":
            message = [line[found.end() :]]
    if message:
        yield "", "", "", "\n".join(message)
