"""Where in a TOML text something stands: line and column, both from 1."""

from __future__ import annotations

import re
from dataclasses import dataclass

from stas_tui.config_errors import Loc, line_of, lines_of


@dataclass(frozen=True, slots=True, order=True)
class Spot:
    """A line and a column, both from 1."""

    line: int
    column: int


class Places:
    """The places of one text that was parsed without error."""

    def __init__(self, text: str) -> None:
        self._lines = lines_of(text)
        self._text = text.split("\n")

    def of(self, loc: Loc) -> Spot:
        """Where a key or table stands; what has no line of its own is found in the line of what is around it."""
        line = line_of(self._lines, loc) or 1
        text = self._text[line - 1]
        start = len(text) - len(text.lstrip())
        if tuple(loc) not in self._lines and loc and isinstance(loc[-1], str):
            inside = re.search(rf"[{{,]\s*(?P<key>[\"']?{re.escape(loc[-1])}[\"']?)\s*[.=]", text)
            start = inside.start("key") if inside else start
        return Spot(line, start + 1)
