"""Counts, in one part of a log file, which lines name their tenant. Exact: every line is decoded, none is guessed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from io import BytesIO
from itertools import compress, islice
from operator import countOf
from pathlib import Path
from typing import Any

from stas_tui.isolation.logs.lines import JsonLines, Lines, logfmt_lines, pattern_lines

BLOCK = 64 * 1024
"""Bytes that are worked on at a time: few enough to stay in the processor's cache until they are counted."""
PASSED = 8 * BLOCK
"""Bytes after which the lines without a tenant in them are looked at together."""
MOST_REQUESTS = 100_000
MOST_PLACES = 5
MOST_NAMES = 1_000
_BAD_LEVELS = frozenset({"error", "critical", "fatal", "crit", "alert", "emergency", "err", "panic"})
NO_TENANTS = frozenset({"", "null", "none", "-", "n/a", "unknown", None, 0})
"""What names no tenant; 0 is equal to `false` and 0.0 too."""
Kind = tuple[Any, Any, bool]
"""(level, logger, whether there is a request)."""
_names_none = NO_TENANTS.__contains__


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
        for request in self.seen.keys() & other.seen.keys():
            known, tenant = self.seen[request], other.seen[request]
            if known != tenant and len(self.mixed) < MOST_PLACES:
                self.mixed.append((request, min(known, tenant), max(known, tenant), 0))
        self.forgot |= other.forgot or len(self.seen) + len(other.seen) > MOST_REQUESTS
        self.seen.update(other.seen)
        _forget(self.seen)


def _forget(seen: dict[str, str]) -> None:
    """Forget the requests that were seen first, if there are more than are kept."""
    for request in list(islice(seen, max(len(seen) - MOST_REQUESTS, 0))):
        del seen[request]


def count(path: Path, start: int, end: int, form: Form, *, join: bool = True) -> Counted:
    """Count the lines that begin in `[start, end)`; a line that is still being written is left out.

    `join` tells whether requests are joined with their tenants, which needs memory. Raises `OSError`.
    """
    counting = _Counting(form, join=join)
    with path.open("rb", buffering=0) as file:
        for at, block in _blocks(file, _first_line(file, start), end):
            counting.block(block, at)
    return counting.ended()


def _blocks(file: Any, at: int, end: int) -> Iterator[tuple[int, bytes]]:
    """(offset, whole lines) from an offset on, for lines that begin before the end."""
    file.seek(at)
    pieces: list[bytes | memoryview] = []
    while at < end and (data := file.read(BLOCK)):
        cut = data.rfind(b"\n") + 1
        if not cut:
            pieces.append(data)
            continue
        pieces.append(memoryview(data)[:cut])
        block = b"".join(pieces)
        if at + len(block) > end:
            block = block[: block.index(b"\n", max(end - at - 1, 0)) + 1]
        yield at, block
        at += len(block)
        pieces = [data[cut:]]


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


@lru_cache(maxsize=8)
def _lines(form: Form) -> Lines:
    roles = (form.tenant, form.request, form.level, form.logger)
    if form.kind == "json":
        return JsonLines(*roles)
    return logfmt_lines(*roles) if form.kind == "logfmt" else pattern_lines(form.pattern)


class _Counting:
    """Works on whole columns of lines, because a step of the interpreter for each line costs more than its JSON."""

    def __init__(self, form: Form, *, join: bool) -> None:
        self._counted = Counted()
        self._join = join
        self._background = frozenset(form.background)
        self._markers = [(key, marker.encode()) for key, marker in form.markers if marker]
        self._lines = _lines(form)
        self._nameless: list[bytes] = []
        self._nameless_rows: list[Any] = []
        """Lines without a tenant that were not looked at yet, and what was read of them."""
        self._passed = 0
        """Bytes since they were looked at last."""
        self._kinds: Counter[Kind] = Counter()
        self._names: dict[str, str] = {}
        """Each tenant once, because a text of its own for each request would take a third of the memory."""

    def block(self, block: bytes, at: int) -> None:
        """Count a block of whole lines that begins at an offset."""
        counted = self._counted
        self._passed += len(block)
        lines, rows = self._lines.read(block)
        columns = self._lines.tenants(rows), self._lines.requests(rows)
        kept = (list(columns[0]), list(columns[1])) if self._join else None
        tenants, requests = kept or columns
        lack = list(compress(range(len(rows)), map(_names_none, tenants)))
        bare = 0 if all(requests) else countOf(self._lines.requests(rows), None)
        counted.lines += len(rows)
        counted.requests += len(rows) - bare
        if lack:
            self._nameless += map(lines.__getitem__, lack)
            self._nameless_rows += map(rows.__getitem__, lack)
            if len(counted.places) < MOST_PLACES:
                telling = [n for n, kind in zip(lack, self._sorted(), strict=True) if self._is_telling(kind)]
                counted.places += _offsets(block, telling[: MOST_PLACES - len(counted.places)], at)
            elif self._passed > PASSED:
                self._sorted()
        if kept:
            self._joined(*kept, at, lack if not bare else None)
        if self._markers:
            self._bleeding(block, at)

    def ended(self) -> Counted:
        """What was counted."""
        self._sorted()
        self._add_kinds()
        _forget(self._counted.seen)
        return self._counted

    def _sorted(self) -> list[Kind | None]:
        """Sort the lines that name no tenant by what wrote them; None for one that is not readable."""
        unreadable = self._lines.unreadable
        lines, rows = self._nameless, self._nameless_rows
        self._nameless, self._nameless_rows, self._passed = [], [], 0
        broken = [n for n, row in enumerate(rows) if row is unreadable]
        for n in reversed(broken):
            del lines[n], rows[n]
        self._counted.unreadable += len(broken)
        has_request = [request is not None for request in self._lines.requests(rows)]
        kinds: list[Kind] = list(zip(*self._lines.said(lines, rows), has_request, strict=True))
        self._kinds.update(kinds)
        if len(self._kinds) > MOST_NAMES:
            self._add_kinds()
        each: list[Kind | None] = [*kinds]
        for n in broken:
            each.insert(n, None)
        return each

    def _is_telling(self, kind: Kind | None) -> bool:
        if kind is None:
            return False
        level, logger, has_request = kind
        return logger not in self._background and (has_request or _said(level) in _BAD_LEVELS)

    def _add_kinds(self) -> None:
        """Add up the lines that name no tenant."""
        counted = self._counted
        for (level, logger, has_request), number in self._kinds.items():
            if logger in self._background:
                counted.background += number
                counted.requests -= number * has_request
                continue
            said = _said(level)
            counted.without += number
            counted.errors_without += number * (said in _BAD_LEVELS)
            counted.requests_without += number * has_request
            name = f"{said} {logger or ''}".strip() or "no level, no logger"
            if name in counted.where or len(counted.where) < MOST_NAMES:
                counted.where[name] += number
        self._kinds.clear()

    def _joined(self, tenants: list[Any], requests: list[Any], at: int, lack: list[int] | None) -> None:
        """Whether one request has two tenants. `lack` are the lines that miss either, if they are known."""
        if lack is None:
            lack = [n for n, request in enumerate(requests) if request is None or tenants[n] in NO_TENANTS]
        for n in reversed(lack):
            del requests[n], tenants[n]
        counted, names = self._counted, self._names
        try:
            "".join(requests), "".join(tenants)
        except TypeError:
            requests, tenants = list(map(str, requests)), list(map(str, tenants))
        if len(names) > MOST_NAMES:
            names.clear()
        tenants = list(map(names.setdefault, tenants, tenants))
        before = len(counted.seen)
        known = list(map(counted.seen.setdefault, requests, tenants))
        counted.joined += len(counted.seen) - before
        if known != tenants:
            for request, one, other in zip(requests, known, tenants, strict=True):
                found = (request, min(one, other), max(one, other), at)
                if one != other and found not in counted.mixed and len(counted.mixed) < MOST_PLACES:
                    counted.mixed.append(found)
        if len(counted.seen) > MOST_REQUESTS:
            counted.forgot = True
            if len(counted.seen) > MOST_REQUESTS * 9 // 8:
                _forget(counted.seen)

    def _bleeding(self, block: bytes, at: int) -> None:
        for key, marker in self._markers:
            found = block.find(marker)
            while found >= 0 and len(self._counted.bled) < MOST_PLACES:
                start = block.rfind(b"\n", 0, found) + 1
                end = block.find(b"\n", found) + 1
                for tenant in self._lines.tenants(self._lines.read(block[start:end])[1]):
                    if tenant is not None and str(tenant) != key:
                        self._counted.bled.append((key, str(tenant), at + start))
                found = block.find(marker, end)


def _said(level: Any) -> str:
    return "" if level is None else str(level).lower()


def _offsets(block: bytes, numbers: list[int], at: int) -> list[int]:
    """Byte offsets of some lines of a block, in order, blank ones not counted."""
    found: list[int] = []
    offset, number = at, 0
    for line in BytesIO(block):
        if len(found) == len(numbers):
            break
        if line.strip():
            if number == numbers[len(found)]:
                found.append(offset)
            number += 1
        offset += len(line)
    return found
