"""Reads lines of a log into the few fields that count.

A line of JSON gets the same answer as from `json` line by line. It is decoded by msgspec, in less than a tenth of the
time; a line that msgspec refuses, or about which it is known to be less strict, is decoded by `json` instead.
"""

from __future__ import annotations

import operator
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from io import BytesIO
from itertools import filterfalse
from typing import Any, Protocol

Values = Iterable[Any]
"""One value for each line: text, a number, a truth value, or None where the field is not there."""
_LOGFMT = re.compile(r'([A-Za-z_][\w.\-]*)=("(?:\\.|[^"\\])*"|\S*)')
_is_ascii: Callable[[Any], bool] = bytes.isascii
_SAMPLES = 7
_DIGITS = re.compile(b"[0-9]{%d}" % _SAMPLES)


class Lines(Protocol):
    """Reads blocks of whole lines. Blank lines count as no lines."""

    unreadable: Any
    """Stands for a line that is not in the declared form."""

    def read(self, block: bytes) -> tuple[list[bytes], list[Any]]:
        """The lines of a block, and what was read of each."""
        ...

    def tenants(self, rows: list[Any]) -> Values:
        """Of each line that was read, what it names as its tenant."""
        ...

    def requests(self, rows: list[Any]) -> Values:
        """Of each line that was read, its request or trace id."""
        ...

    def said(self, lines: Sequence[bytes], rows: Sequence[Any]) -> tuple[Values, Values]:
        """Level and logger of readable lines."""
        ...


class JsonLines:
    """Lines that hold a JSON object each. An object or a list in place of a tenant or request is not readable."""

    def __init__(
        self, tenant: Sequence[str], request: Sequence[str], level: Sequence[str], logger: Sequence[str]
    ) -> None:
        self._who, self._how = _Fields((*tenant, *request)), _Fields((*level, *logger), plain_only=False)
        self.unreadable = self._who.unreadable
        self.tenants, self.requests = self._who.column(tenant), self._who.column(request)
        self._levels, self._loggers = self._how.column(level), self._how.column(logger)

    def read(self, block: bytes) -> tuple[list[bytes], list[Any]]:
        """The lines of a block, and the struct of each."""
        lines = BytesIO(block).readlines()
        rows = self._who.read_all(lines, block)
        if rows is None:
            lines = [line for line in lines if line.strip()]
            rows = list(map(self._who.read, lines))
        return lines, rows

    def said(self, lines: Sequence[bytes], rows: Sequence[Any]) -> tuple[Values, Values]:
        """Level and logger, decoded only for the lines that are asked for."""
        said = self._how.read_all(lines, b"".join(lines)) or list(map(self._how.read, lines))
        return self._levels(said), self._loggers(said)


class _Fields:
    """Decodes some fields of a line and passes over the others."""

    def __init__(self, names: Sequence[str], *, plain_only: bool = True) -> None:
        import msgspec

        self._names, self._plain_only = list(dict.fromkeys(names)), plain_only
        value = str | int | float | bool | None
        fields = [(f"f{n}", value, msgspec.field(default=None, name=name)) for n, name in enumerate(self._names)]
        self._decode: Callable[[bytes], Any] = _refuse
        try:
            struct = msgspec.defstruct("Line", fields, gc=False)
            self._decode = msgspec.json.Decoder(struct).decode
        except ValueError:  # a name with a quote or the like, which msgspec does not take: all lines are for `json`
            struct = msgspec.defstruct("Line", [(name, value, None) for name, *_ in fields], gc=False)
        self._struct: Callable[..., Any] = struct
        self.unreadable = struct()
        self._refused = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
        self._digits = sys.get_int_max_str_digits()

    def read_all(self, lines: Sequence[bytes], block: bytes) -> list[Any] | None:
        """All lines of a block; None if one of them has to be looked at by itself."""
        try:
            rows = list(map(self._decode, lines))
        except self._refused:
            return None
        return rows if self._is_plain(lines, block) else None

    def read(self, line: bytes) -> Any:
        """One line, which is not blank."""
        if self._is_plain((line,), line):
            try:
                return self._decode(line)
            except self._refused:
                pass
        return self._by_json(line)

    def _is_plain(self, lines: Sequence[bytes], block: bytes) -> bool:
        """Whether `json` takes all that msgspec takes here: text is UTF-8, and no number has more digits than allowed.

        msgspec does not look for either in fields that it passes over. A number that is too long has a digit in so
        many places at the same distance that seven in a row are looked for, and `json` decides.
        """
        if not block.isascii():
            try:
                b"".join(filterfalse(_is_ascii, lines)).decode("utf-8", "surrogatepass")
            except UnicodeDecodeError:
                return False
        most = self._digits
        return not 0 < most < len(block) or _DIGITS.search(block[:: most // _SAMPLES]) is None

    def _by_json(self, line: bytes) -> Any:
        import json

        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            return self.unreadable
        if not isinstance(found, dict):
            return self.unreadable
        values = [found.get(name) for name in self._names]
        if self._plain_only and any(isinstance(value, dict | list) for value in values):
            return self.unreadable
        return self._struct(*map(_value, values))

    def column(self, names: Sequence[str]) -> Callable[[list[Any]], Values]:
        """From decoded lines to one value of each: the first of the fields that is there."""
        first, *others = (operator.attrgetter(f"f{self._names.index(name)}") for name in names)

        def column(rows: list[Any]) -> list[Any]:
            values = list(map(first, rows))
            for other in others:
                missing = values.count(None)
                if missing == len(values):
                    values = list(map(other, rows))
                elif missing:
                    for n, row in enumerate(rows):
                        if values[n] is None:
                            values[n] = other(row)
            return values

        return column if others else partial(map, first)


def _refuse(line: bytes) -> Any:
    import msgspec

    raise msgspec.DecodeError


def _value(value: Any) -> Any:
    """A value as it can be kept: half a surrogate pair is no text that could be written anywhere."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    return None if isinstance(value, dict | list) else value


class TextLines:
    """Lines of text, `name=value` or matched by an expression."""

    unreadable = (None, None, None, None)

    def __init__(self, read: Callable[[str], tuple[Any, ...] | None]) -> None:
        self._read = read

    def read(self, block: bytes) -> tuple[list[bytes], list[Any]]:
        """The lines of a block, and (tenant, request, level, logger) of each."""
        lines = [line for line in BytesIO(block) if line.strip()]
        unreadable = TextLines.unreadable
        return lines, [self._read(line.decode("utf-8", "replace").rstrip("\n")) or unreadable for line in lines]

    def tenants(self, rows: list[Any]) -> Values:
        """The first of each."""
        return [row[0] for row in rows]

    def requests(self, rows: list[Any]) -> Values:
        """The second of each."""
        return [row[1] for row in rows]

    def said(self, lines: Sequence[bytes], rows: Sequence[Any]) -> tuple[Values, Values]:
        """The third and the fourth of each."""
        return [row[2] for row in rows], [row[3] for row in rows]


def logfmt_lines(*roles: Sequence[str]) -> TextLines:
    """Lines of `name=value`; `roles` are the names of tenant, request, level and logger, the first that is there."""

    def read(line: str) -> tuple[Any, ...] | None:
        pairs = {name: value.strip('"') for name, value in _LOGFMT.findall(line)}
        if not pairs:
            return None
        return tuple(next((pairs[name] for name in names if name in pairs), None) for names in roles)

    return TextLines(read)


def pattern_lines(pattern: str) -> TextLines:
    """Lines in which an expression is found; its groups are named `tenant`, `request`, `level` and `logger`."""
    search = re.compile(pattern).search
    groups = ("tenant", "request", "level", "logger")

    def read(line: str) -> tuple[Any, ...] | None:
        match = search(line)
        if match is None:
            return None
        found = match.groupdict()
        return tuple(found.get(name) for name in groups)

    return TextLines(read)
