"""Counts, in one part of a log file, which lines name their tenant. Exact: every line is decoded, none is guessed.

Lines of JSON are decoded in blocks by msgspec into a struct of the few fields that count, which costs about a tenth of
`json` line by line; a block with a line that is no JSON is read again line by line.
"""

from __future__ import annotations

import operator
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

BLOCK = 1024 * 1024
MOST_REQUESTS = 100_000
MOST_PLACES = 5
MOST_NAMES = 1_000
_BAD_LEVELS = frozenset({"error", "critical", "fatal", "crit", "alert", "emergency", "err", "panic"})
_LOGFMT = re.compile(r'([A-Za-z_][\w.\-]*)=("(?:\\.|[^"\\])*"|\S*)')
NO_TENANTS = frozenset({"", "null", "none", "-", "n/a", "unknown"})


@dataclass(frozen=True, slots=True)
class Form:
    """How a line is read; plain values, so that it can go to another process."""

    kind: str
    """`json`, `logfmt` or `pattern`."""
    pattern: str = ""
    tenant: tuple[str, ...] = ("tenant",)
    request: tuple[str, ...] = ("request_id",)
    level: tuple[str, ...] = ("level",)
    logger: tuple[str, ...] = ("logger",)
    background: tuple[str, ...] = ()
    markers: tuple[tuple[str, str], ...] = ()
    """(tenant's key, text that stands in its objects only)."""


@dataclass(slots=True)
class Counted:
    """What was counted in a part of a file."""

    lines: int = 0
    unreadable: int = 0
    background: int = 0
    requests: int = 0
    """Lines that carry a request or trace id."""
    requests_without: int = 0
    without: int = 0
    errors_without: int = 0
    where: Counter[str] = field(default_factory=Counter)
    """`level logger` of lines without a tenant."""
    places: list[int] = field(default_factory=list)
    """Byte offsets of the first error or request lines without a tenant."""
    mixed: list[tuple[str, str, str, int]] = field(default_factory=list)
    """(request, one tenant, another, offset)."""
    bled: list[tuple[str, str, int]] = field(default_factory=list)
    """(tenant whose marker it is, tenant of the line, offset)."""
    seen: dict[str, str] = field(default_factory=dict)
    """Request to tenant, for joining parts; bounded."""
    joined: int = 0
    """Requests that were joined with a tenant."""
    forgot: bool = False
    """More requests than are kept in mind, so two lines of one that are far apart were not compared."""

    def add(self, other: Counted) -> None:
        """Join the next part of the same file, or another file."""
        for name in (
            "lines",
            "unreadable",
            "background",
            "requests",
            "requests_without",
            "without",
            "errors_without",
            "joined",
        ):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.where.update(other.where)
        self.places = (self.places + other.places)[:MOST_PLACES]
        self.mixed = (self.mixed + other.mixed)[:MOST_PLACES]
        self.bled = (self.bled + other.bled)[:MOST_PLACES]
        for request, tenant in other.seen.items():
            known = self.seen.get(request)
            if known is not None and known != tenant and len(self.mixed) < MOST_PLACES:
                self.mixed.append((request, known, tenant, 0))
        self.forgot |= other.forgot or len(self.seen) + len(other.seen) > MOST_REQUESTS
        self.seen = dict(list((self.seen | other.seen).items())[-MOST_REQUESTS:])


def count(path: Path, start: int, end: int, form: Form, *, join: bool = True) -> Counted:
    """Count the lines that begin in `[start, end)`; a line that is still being written is left out.

    `join` tells whether requests are joined with their tenants, which needs memory. Raises `OSError`.
    """
    counted = Counted()
    reader = _Reader(form, counted, join=join)
    with path.open("rb", buffering=0) as file:
        at = _first_line(file, start)
        file.seek(at)
        rest = b""
        while at < end:
            data = file.read(BLOCK)
            if not data:
                break
            block = rest + data
            cut = block.rfind(b"\n") + 1
            if not cut:
                rest = block
                continue
            if at + cut > end:
                cut = block.find(b"\n", max(end - at - 1, 0)) + 1 or cut
            reader.block(block[:cut], at)
            at, rest = at + cut, block[cut:]
            if at >= end:
                break
    return counted


def _first_line(file: Any, start: int) -> int:
    """Where the first line begins that starts at or after an offset."""
    if start == 0:
        return 0
    at = start - 1
    file.seek(at)
    while data := file.read(64 * 1024):
        found = data.find(b"\n")
        if found >= 0:
            return int(at + found + 1)
        at += len(data)
    return int(at)


class _Reader:
    """Works on whole columns of a block, because a step of the interpreter for each line costs more than its JSON."""

    def __init__(self, form: Form, counted: Counted, *, join: bool) -> None:
        self._form = form
        self._counted = counted
        self._join = join
        self._background = frozenset(form.background)
        self._markers = [(key, marker.encode()) for key, marker in form.markers if marker]
        self._rows: Callable[[bytes], list[Any]] = {
            "json": self._json, "logfmt": self._by_line(self._logfmt), "pattern": self._by_line(self._pattern),
        }[form.kind]  # fmt: skip
        self._expression = re.compile(form.pattern) if form.pattern else None
        self._columns = _columns_of(form) if form.kind == "json" else _row_columns

    def block(self, block: bytes, at: int) -> None:
        """Count a block of whole lines that begins at an offset."""
        counted = self._counted
        rows = self._rows(block)
        tenants, requests = self._columns[0](rows), self._columns[1](rows)
        counted.lines += len(rows)
        counted.requests += len(requests) - requests.count(None)
        lack = [n for n, tenant in enumerate(tenants) if not tenant or tenant in NO_TENANTS]
        if lack:
            self._lacking(block, at, rows, requests, lack)
        if self._join:
            self._joined(tenants, requests, at)
        if self._markers:
            self._bleeding(block, at)

    def _lacking(self, block: bytes, at: int, rows: list[Any], requests: list[Any], lack: list[int]) -> None:
        """Count the lines that name no tenant."""
        counted = self._counted
        few = [rows[n] for n in lack]
        levels, loggers = self._columns[2](few), self._columns[3](few)
        places: list[int] = []
        for n, level, logger in zip(lack, levels, loggers, strict=True):
            if rows[n] is None:
                continue
            if logger in self._background:
                counted.background += 1
                counted.requests -= requests[n] is not None
                continue
            said = str(level).lower() if level is not None else ""
            bad = said in _BAD_LEVELS
            counted.without += 1
            counted.errors_without += bad
            counted.requests_without += requests[n] is not None
            name = f"{said} {logger or ''}".strip() or "no level, no logger"
            if name in counted.where or len(counted.where) < MOST_NAMES:
                counted.where[name] += 1
            if (bad or requests[n] is not None) and len(counted.places) + len(places) < MOST_PLACES:
                places.append(n)
        if places:
            counted.places += _offsets(block, places, at)

    def _joined(self, tenants: list[Any], requests: list[Any], at: int) -> None:
        """Whether one request has two tenants."""
        counted = self._counted
        pairs = {
            (request, tenant)
            for request, tenant in zip(requests, tenants, strict=True)
            if request is not None and tenant and tenant not in NO_TENANTS
        }
        before = len(counted.seen)
        for request, tenant in pairs:
            known = counted.seen.setdefault(str(request), str(tenant))
            if known != str(tenant) and len(counted.mixed) < MOST_PLACES:
                counted.mixed.append((str(request), *sorted((known, str(tenant))), at))  # type: ignore[arg-type]
        counted.joined += len(counted.seen) - before
        if len(counted.seen) > MOST_REQUESTS:
            counted.forgot = True
            for request in list(counted.seen)[: len(counted.seen) - MOST_REQUESTS]:
                del counted.seen[request]

    def _bleeding(self, block: bytes, at: int) -> None:
        for key, marker in self._markers:
            found = block.find(marker)
            while found >= 0 and len(self._counted.bled) < MOST_PLACES:
                start = block.rfind(b"\n", 0, found) + 1
                end = block.find(b"\n", found)
                rows = [row for row in self._rows(block[start : end + 1]) if row is not None]
                tenant = self._columns[0](rows)[0] if rows else None
                if tenant is not None and str(tenant) != key:
                    self._counted.bled.append((key, str(tenant), at + start))
                found = block.find(marker, end if end >= 0 else len(block))

    # forms -----------------------------------------------------------------------------------------

    def _json(self, block: bytes) -> list[Any]:
        import msgspec

        decoder = _decoder(self._form)
        try:
            return decoder.decode_lines(block)  # type: ignore[no-any-return]
        except (msgspec.DecodeError, UnicodeDecodeError):
            return [self._careful(decoder, line) for line in block.splitlines() if line.strip()]

    def _careful(self, decoder: Any, line: bytes) -> Any:
        import msgspec

        try:
            return decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError):
            self._counted.unreadable += 1
            return None

    def _by_line(self, read: Callable[[str], Any]) -> Callable[[bytes], list[Any]]:
        return lambda block: [read(line) for line in block.decode("utf-8", "replace").split("\n") if line.strip()]

    def _logfmt(self, line: str) -> Any:
        pairs = {name: value.strip('"') for name, value in _LOGFMT.findall(line)}
        if not pairs:
            self._counted.unreadable += 1
            return None
        form = self._form
        return Row(*(_first(pairs, names) for names in (form.tenant, form.request, form.level, form.logger)))

    def _pattern(self, line: str) -> Any:
        match = self._expression.search(line) if self._expression else None
        if match is None:
            self._counted.unreadable += 1
            return None
        groups = match.groupdict()
        return Row(groups.get("tenant"), groups.get("request"), groups.get("level"), groups.get("logger"))


@dataclass(slots=True)
class Row:
    """The fields of a line that count; None for one that is not there."""

    tenant: Any
    request: Any
    level: Any
    logger: Any


def _first(pairs: dict[str, str], names: tuple[str, ...]) -> str | None:
    return next((pairs[name] for name in names if name in pairs), None)


@lru_cache(maxsize=8)
def _decoder(form: Form) -> Any:
    import msgspec

    value = str | int | float | bool | None
    names = [*form.tenant, *form.request, *form.level, *form.logger]
    fields = [(f"f{n}", value, msgspec.field(default=None, name=name)) for n, name in enumerate(dict.fromkeys(names))]
    return msgspec.json.Decoder(msgspec.defstruct("Line", fields, gc=False))


Column = Callable[[list[Any]], list[Any]]


@lru_cache(maxsize=8)
def _columns_of(form: Form) -> tuple[Column, Column, Column, Column]:
    """From decoded lines to one role's values; a line that could not be read has None."""
    names = list(dict.fromkeys([*form.tenant, *form.request, *form.level, *form.logger]))
    roles = (
        [f"f{names.index(name)}" for name in role] for role in (form.tenant, form.request, form.level, form.logger)
    )
    tenant, request, level, logger = (_column(fields) for fields in roles)
    return tenant, request, level, logger


def _column(fields: list[str]) -> Column:
    getters = [operator.attrgetter(name) for name in fields]
    only = getters[0]

    def first(line: Any) -> Any:
        return next((value for get in getters if (value := get(line)) is not None), None)

    read = only if len(getters) == 1 else first

    def column(lines: list[Any]) -> list[Any]:
        try:
            return list(map(read, lines))
        except AttributeError:
            return [None if line is None else read(line) for line in lines]

    return column


_row_columns = tuple(_column([name]) for name in ("tenant", "request", "level", "logger"))


def _offsets(block: bytes, numbers: list[int], at: int) -> list[int]:
    """Byte offsets of some lines of a block, blank ones not counted."""
    found, wanted, offset, number = [], set(numbers), 0, 0
    for line in block.splitlines(keepends=True):
        if line.strip():
            if number in wanted:
                found.append(at + offset)
            number += 1
        offset += len(line)
    return found
