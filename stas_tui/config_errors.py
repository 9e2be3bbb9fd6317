"""Why a configuration was refused, in sentences with file and line, and never with a value that could be secret."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from stas_tui import exit_codes
from storage.errors import StasError

Loc = tuple[str | int, ...]
"""Where a setting stands: keys, and positions in arrays of tables."""


class ConfigError(StasError):
    """The configuration is missing or wrong; nothing was started."""

    exit_code = exit_codes.CONFIG


class ConfigMissing(ConfigError):
    """The profile was never set up."""


def shown(text: object, limit: int = 60) -> str:
    """A piece of the file as it may stand in a sentence: printable and short."""
    raw = str(text)
    raw = raw if len(raw) <= limit else raw[: limit - 1] + "…"
    return raw if raw.isprintable() else ascii(raw)[1:-1]


def dotted(loc: Iterable[str | int]) -> str:
    """A place as people write it: `project[2].base_branch`, counting from 1."""
    out = ""
    for part in loc:
        if isinstance(part, int):
            out += f"[{part + 1}]"
        else:
            out += f".{shown(part)}" if out else shown(part)
    return out


def broken_toml(text: str, file: object, reason: str) -> tuple[str, str]:
    """What is wrong and what to do, from the reason that `tomllib` gave; `file` is what the sentence calls it."""
    match = re.fullmatch(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", reason, re.DOTALL)
    what, line, column = (match[1], match[2], match[3]) if match else (reason, None, None)
    where = f"line {line}, column {column}" if line else f"line {max(len(text.splitlines()), 1)}, at the end"
    return (
        f"{file}, {where}: this is not TOML: {shown(what, 200)}.",
        'Texts stand in quotation marks (name = "Ada"), lists in brackets, one setting on a line.',
    )


_HEADER = re.compile(r"\s*(\[\[?)\s*([^\]]+?)\s*\]\]?\s*(?:#.*)?$")
_ONE_KEY = r"""(?:"(?:\\.|[^"\\])*"|'[^']*'|[A-Za-z0-9_-]+)"""
_KEY = re.compile(rf"\s*({_ONE_KEY}(?:\s*\.\s*{_ONE_KEY})*)\s*=")


def lines_of(text: str) -> dict[Loc, int]:
    """The line, from 1, of every table and key of a TOML text that was parsed without error.

    Keys inside inline tables and arrays have no entry of their own; `line_of` answers with their parent.
    """
    found: dict[Loc, int] = {}
    counts: dict[Loc, int] = {}
    table: Loc = ()
    for number, line in _outer_lines(text):
        header = _HEADER.match(line)
        if header and not _KEY.match(line):
            path = _with_positions(_parts(header[2]), counts)
            if header[1] == "[[":
                counts[path] = counts.get(path, 0) + 1
                path = (*path, counts[path] - 1)
            table = path
            for end in range(1, len(table) + 1):
                found.setdefault(table[:end], number)
        elif key := _KEY.match(line):
            found.setdefault((*table, *_parts(key[1])), number)
    return found


def line_of(lines: dict[Loc, int], loc: Sequence[str | int]) -> int | None:
    """The line of a place, or of the nearest thing around it."""
    for end in range(len(loc), 0, -1):
        if (line := lines.get(tuple(loc[:end]))) is not None:
            return line
    return None


def _parts(dotted_key: str) -> Loc:
    """The keys of `a."b.c".d`, unquoted; none if it only looks like a key."""
    try:
        here: Any = tomllib.loads(f"{dotted_key} = 0")
    except tomllib.TOMLDecodeError:
        return ()
    parts: Loc = ()
    while isinstance(here, dict):
        ((key, here),) = here.items()
        parts = (*parts, key)
    return parts


def _with_positions(parts: Loc, counts: dict[Loc, int]) -> Loc:
    path: Loc = ()
    for index, part in enumerate(parts):
        path = (*path, part)
        if index < len(parts) - 1 and path in counts:
            path = (*path, counts[path] - 1)
    return path


def _outer_lines(text: str) -> Iterator[tuple[int, str]]:
    """The lines that do not begin inside a multi-line string or an array."""
    quote = ""
    depth = 0
    for number, line in enumerate(text.split("\n"), 1):
        if not quote and depth == 0:
            yield number, line.rstrip("\r")
        header = not quote and depth == 0 and _HEADER.match(line)
        quote, depth = (quote, depth) if header else _scan(line, quote, depth)


def _scan(line: str, quote: str, depth: int) -> tuple[str, int]:
    """What is open at the end of a line: a multi-line quote, and how many brackets."""
    i = 0
    while i < len(line):
        if quote:
            if quote in {'"', '"""'} and line[i] == "\\":
                i += 2
            elif line.startswith(quote, i):
                i += len(quote)
                quote = ""
            else:
                i += 1
            continue
        char = line[i]
        if char == "#":
            break
        if char in "\"'":
            quote = char * 3 if line.startswith(char * 3, i) else char
            i += len(quote)
            continue
        depth += (char in "[{") - (char in "]}")
        i += 1
    return (quote if len(quote) == 3 else ""), max(depth, 0)
