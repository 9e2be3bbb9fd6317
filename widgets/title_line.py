"""The first line of a page: what it is about, and what the clock says, to compare its times with."""

from __future__ import annotations

from collections.abc import Sequence

from widgets.paint import Line, Painted, Palette, Span, width_of
from widgets.printable import flat


class TitleLine(Painted):
    """A title of any origin; `clock` at the right."""

    ground = "bar"
    DEFAULT_CSS = """
    TitleLine { height: 1; background: $bar; }
    """

    def __init__(self, title: str, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._title = title
        self._clock = ""

    def rename(self, title: str) -> None:
        """Show another title."""
        self._title = title
        self.repaint()

    def tick(self, clock: str) -> None:
        """Show another time; the same one draws nothing."""
        if clock != self._clock:
            self._clock = clock
            self.repaint()

    def rows(self, width: int, height: int, palette: Palette) -> Sequence[Line]:
        """Title, then the clock."""
        right = [Span(flat(self._clock), "ink-2"), Span(" ")] if self._clock else [Span(" ")]
        room = max(width - 1 - width_of(right) - 1, 4)
        title = Span(palette.cut(self._title, room), "ink", bold=True)
        gap = max(width - 1 - width_of([title]) - width_of(right), 0)
        return [[Span(" "), title, Span(" " * gap), *right]]
