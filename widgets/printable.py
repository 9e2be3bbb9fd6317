"""Makes outside text printable: it can neither act on the terminal nor hide what it says.

Standard library only at import, plus the cell table of `rich`, which is loaded on the first text that is not ASCII;
plain mode uses this module without a terminal interface.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

REPLACEMENT = "\ufffd"
TAB_STOP = 4

CONTROLS = "control characters"
DIRECTIONS = "direction marks"
INVISIBLE = "invisible characters"
BROKEN = "broken characters"

_DIRECTION_CODES = (0x061C, 0x200E, 0x200F, 0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_INVISIBLE_RANGES = (
    (0x00AD, 0x00AD),
    (0x034F, 0x034F),
    (0x115F, 0x1160),
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x200B, 0x200D),
    (0x2060, 0x2065),
    (0x206A, 0x206F),
    (0x3164, 0x3164),
    (0xFE00, 0xFE0F),
    (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0),
    (0xFFF0, 0xFFFB),
    (0x1D173, 0x1D17A),
    (0xE0000, 0xE0FFF),
)
_INVISIBLE_CODES = [code for first, last in _INVISIBLE_RANGES for code in range(first, last + 1)]

_TABLE: dict[int, str] = {code: chr(0x2400 + code) for code in range(0x20) if chr(code) not in "\n\t"}
_TABLE |= {0x7F: "\u2421"} | dict.fromkeys(range(0x80, 0xA0), REPLACEMENT)
_TABLE |= dict.fromkeys(_DIRECTION_CODES, REPLACEMENT)
_TABLE |= dict.fromkeys(_INVISIBLE_CODES, "")
_TABLE |= dict.fromkeys(range(0xD800, 0xE000), REPLACEMENT)


def _class_of(codes: Iterable[int]) -> str:
    """A character class of ranges: the matcher walks the entries of a class for every character it looks at."""
    ranges: list[list[int]] = []
    for code in sorted(codes):
        if ranges and code == ranges[-1][1] + 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    return "[" + "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in ranges) + "]"


_UNSAFE = re.compile(_class_of(_TABLE))
_CONTROL_CODES = frozenset([*range(0x20), 0x7F, *range(0x80, 0xA0)])
_DIRECTION_SET = frozenset(_DIRECTION_CODES)
_BLANKS = re.compile(r"\s+")


def safe_text(raw: object) -> str:
    """Any value as text that a terminal can show as it is.

    Control characters become visible symbols, direction marks, 8-bit controls and lone surrogates become U+FFFD,
    characters without a picture (zero width, tags, variation selectors) vanish, tabs become spaces. Line feeds stay.
    """
    text = raw if isinstance(raw, str) else str(raw)
    if text.isascii() and text.isprintable():
        return text
    if "\r" in text:
        text = text.replace("\r\n", "\n")
    if _UNSAFE.search(text) is not None:
        text = text.translate(_TABLE)
    return text.expandtabs(TAB_STOP) if "\t" in text else text


def replaced(raw: object) -> dict[str, int]:
    """What `safe_text` would change: kind in words -> how many. Tabs and CR LF line ends are not counted."""
    text = (raw if isinstance(raw, str) else str(raw)).replace("\r\n", "\n")
    found: Counter[str] = Counter()
    for match in _UNSAFE.finditer(text):
        code = ord(match.group())
        if code in _CONTROL_CODES:
            found[CONTROLS] += 1
        elif code in _DIRECTION_SET:
            found[DIRECTIONS] += 1
        elif 0xD800 <= code < 0xE000:
            found[BROKEN] += 1
        else:
            found[INVISIBLE] += 1
    return dict(found)


def replaced_sentence(counts: dict[str, int]) -> str:
    """The gate's sentence for `replaced`: `2 control characters shown as symbols`; empty if nothing was replaced."""
    parts = []
    for kind, verb in (
        (CONTROLS, "shown as symbols"),
        (DIRECTIONS, f"shown as {REPLACEMENT}"),
        (BROKEN, f"shown as {REPLACEMENT}"),
        (INVISIBLE, "left out"),
    ):
        if number := counts.get(kind, 0):
            parts.append(f"{number} {kind if number > 1 else kind[:-1]} {verb}")
    return "; ".join(parts)


def flat(raw: object, limit: int | None = None) -> str:
    """Any value as one printable line: runs of white space become one space; cut to `limit` cells if given."""
    text = raw if isinstance(raw, str) else str(raw)
    if limit is None:
        return _BLANKS.sub(" ", safe_text(text)).strip(" ")
    enough = limit * 8 + 256
    line = _BLANKS.sub(" ", safe_text(text[:enough])).strip(" ")
    return shorten(line + "…" if len(text) > enough else line, limit)


def cell_width(text: str) -> int:
    """How many terminal cells a printable line takes."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def shorten(text: str, width: int) -> str:
    """A line cut to `width` cells, with an ellipsis if something is missing. For titles in lists only."""
    if width <= 0:
        return ""
    if len(text) <= width and cell_width(text) <= width:
        return text
    return fit(text, width - 1) + "…"


def fit(text: str, width: int) -> str:
    """The longest beginning of a line that takes at most `width` cells."""
    if text.isascii():
        return text[: max(width, 0)]
    used = 0
    for index, char in enumerate(text):
        used += cell_width(char)
        if used > width:
            return text[:index]
    return text


def wrap(text: str, width: int) -> list[str]:
    """Printable text broken into rows of at most `width` cells; nothing is dropped.

    Line feeds end a row; within a line the rows joined give the line again. Words are kept whole where they fit; the
    blank at a break ends its row, if need be one cell beyond the width, so that no row begins with it.
    """
    rows: list[str] = []
    for line in text.split("\n"):
        rows.extend(_wrap_line(line, max(width, 2)))
    return rows


def _wrap_line(line: str, width: int) -> list[str]:
    if len(line) <= width and cell_width(line) <= width:
        return [line]
    rows: list[str] = []
    start, end = 0, len(line)
    ascii_only = line.isascii()
    while start < end:
        stop = start + width if ascii_only else start + max(len(fit(line[start : start + width * 8], width)), 1)
        stop = min(stop, end)
        if stop < end:
            space = stop if line[stop] == " " else line.rfind(" ", start, stop)
            if space > start:
                stop = space + 1
        rows.append(line[start:stop])
        start = stop
    return rows
