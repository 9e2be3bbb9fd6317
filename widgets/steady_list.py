"""A list for a person in a hurry: what is new never moves the cursor's row, and an empty list says what that means."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.strip import Strip

from widgets.paint import Span, draw, palette_of
from widgets.printable import safe_text, wrap
from widgets.rows import Column
from widgets.virtual_list import VirtualList


class SteadyList(VirtualList):
    """What comes above the cursor stays above the window until the person goes there."""

    STEADY: ClassVar[bool] = True
    _empty: tuple[str, ...] = ()

    def restart(self) -> None:
        """Put the cursor on the first row of whatever the source has next: the list is another one now."""
        self._key, self._gone, self._cursor = None, False, 0

    def settle(self) -> None:
        """The person's own act took the item away: the cursor is on what stands in its place now."""
        count = len(self.source)
        if count and self._key is not None and self.source.index_of(self._key) is None:
            self._window.clear()
            self._cursor = min(self._cursor, count - 1)
            self._key, self._gone = self._fetch(self._cursor).key, False
            self.post_message(self.Highlighted(self, self._key))
            self.refresh_bindings()
            self.changed()

    def show_filter(self, text: str) -> None:
        """Say that this filter is in force; whoever calls has narrowed the source."""
        self.filter_text = text
        self.refresh()
        self.refresh_bindings()

    def say_empty(self, sentence: str) -> None:
        """What stands below the header while there are no rows; the list keeps the keyboard and its filter line."""
        told = tuple(wrap(safe_text(sentence), max(self.row_width - 2, 20))) if sentence else ()
        if told != self._empty:
            self._empty = told
            if not len(self.source):
                self.refresh()

    def show_columns(self, columns: Sequence[Column]) -> None:
        """Lay the rows out in other columns."""
        self.columns = tuple(columns)
        self._plan = (-1, [])
        self._strips.clear()
        self._drawn.clear()
        self._window.clear()
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """A row, or a row of the sentence of an empty list."""
        if 1 <= y <= len(self._empty) and not len(self.source):
            self.lines_drawn += 1
            return draw((Span(f" {self._empty[y - 1]}", "ink-2"),), self.row_width, palette_of(self))
        return super().render_line(y)
