"""A generated Markdown text as a page: its tables in columns, its marks gone, its words as they are. Pure.

For a screen that draws no Markdown; what is kept, copied or sent stays as it was.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from stas_tui.texts.lines import unquoted
from widgets.printable import cell_width

_CELL = re.compile(r"(?<!\\)\|")
_RULE = re.compile(r"\|?[\s:|-]+\|?")
_BOLD = re.compile(r"(?<!\\)\*\*(?=\S)(.+?)(?<=\S)(?<!\\)\*\*")
_FENCE = "```"
GAP = "  "


def page(markdown: str) -> str:
    """The text as a person reads it: tables are padded, fences and bold marks are gone, escapes are taken out.

    What stands between fences is not touched. Headings and lists keep their marks.
    """
    return "\n".join(_lines(markdown.split("\n")))


def _lines(lines: Sequence[str]) -> Iterator[str]:
    table: list[str] = []
    fenced = False
    for line in lines:
        if not fenced and line.startswith("|"):
            table.append(line)
            continue
        yield from _table(table)
        table = []
        if line.startswith(_FENCE):
            fenced = not fenced
        else:
            yield line if fenced else _plain(line)
    yield from _table(table)


def _table(lines: Sequence[str]) -> Iterator[str]:
    rows = [_cells(line) for line in lines if not _RULE.fullmatch(line)]
    count = max(map(len, rows), default=0)
    widths = [max((cell_width(row[n]) for row in rows if n < len(row)), default=0) for n in range(count)]
    for row in rows:
        padded = (cell + " " * (width - cell_width(cell)) for cell, width in zip(row, widths, strict=False))
        yield GAP.join(padded).rstrip()


def _cells(line: str) -> list[str]:
    return [_plain(cell.strip()) for cell in _CELL.split(line.strip())[1:-1]]


def _plain(text: str) -> str:
    return unquoted(_BOLD.sub(r"\1", text))
