"""Writes a lesson's tables as TOML: texts, numbers, truths, times, lists, and tables inside one another. Pure.

Long texts stand in `'''`, as people write them; what such a text cannot hold, and what nobody could see, is escaped.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r", "\b": "\\b", "\f": "\\f"}


def tables(document: Mapping[str, Any]) -> str:
    """The document, its plain values first. Raises `TypeError` for a value that is none of TOML's."""
    return "\n".join(_table((), document)).strip("\n") + "\n"


def _table(path: tuple[str, ...], table: Mapping[str, Any]) -> Iterator[str]:
    plain = {name: value for name, value in table.items() if not _is_table(value) and not _is_array(value)}
    for name, value in plain.items():
        yield f"{key(name)} = {inline(value, alone=True)}"
    for name, value in table.items():
        below = (*path, name)
        header = ".".join(map(key, below))
        if _is_table(value):
            yield f"\n[{header}]"
            yield from _table(below, value)
        elif _is_array(value):
            for item in value:
                yield f"\n[[{header}]]"
                yield from _table(below, item)


def _is_table(value: object) -> bool:
    return isinstance(value, Mapping)


def _is_array(value: object) -> bool:
    """A list of tables gets headers of its own; an empty list is a plain value."""
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(item, Mapping) for item in value)


def key(name: str) -> str:
    """A key, in quotation marks if it needs them."""
    return name if _BARE.fullmatch(name) else _quoted(name)


def inline(value: object, *, alone: bool = False) -> str:
    """One value on the right of an equals sign; `alone` allows a long text its own lines."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else _quoted(str(value))
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, str):
        return text(value) if alone else _quoted(value)
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key(str(n))} = {inline(v)}" for n, v in value.items()) + " }" if value else "{}"
    if isinstance(value, Sequence):
        return "[" + ", ".join(inline(item) for item in value) + "]"
    raise TypeError(f"{type(value).__name__} is no value of TOML")


def text(value: str) -> str:
    """A text: long ones on lines of their own."""
    if "\n" not in value:
        return _quoted(value)
    if "'''" not in value and not value.endswith("'") and value.replace("\n", "").replace("\t", "").isprintable():
        return f"'''\n{value}'''"
    return _quoted(value)


def _quoted(value: str) -> str:
    return '"' + "".join(_ESCAPES.get(char) or _escaped(char) for char in value) + '"'


def _escaped(char: str) -> str:
    """What a terminal would act on, or nobody would see, is written with its number."""
    code = ord(char)
    if 0xD800 <= code < 0xE000:
        return "\ufffd"
    return char if char.isprintable() else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
