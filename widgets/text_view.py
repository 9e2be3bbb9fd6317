"""Long texts, wrapped and scrolled; knows whether a person has seen the last line, and finds words."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip

from widgets.line_scroll import LineScroll
from widgets.paint import Line, Palette, Span, draw, palette_of
from widgets.printable import flat, safe_text, wrap

MOST_MATCHES = 10_000


class BuiltScroll(LineScroll):
    """A scroll whose rows depend on its width: built once per width, theme and content.

    Posts `ReadToEnd` once per content, when its last row has been on screen.
    """

    DEFAULT_CSS = """
    BuiltScroll { scrollbar-gutter: stable; }
    """

    @dataclass
    class ReadToEnd(Message):
        """The last row of the present content was on screen."""

        view: BuiltScroll

        @property
        def control(self) -> BuiltScroll:
            """The view that posted this."""
            return self.view

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._built: tuple[tuple[int, int], int] | None = None
        self._read = False

    @property
    def last_line_seen(self) -> bool:
        """Whether the last row of the present content was on screen."""
        return self._read

    @property
    def rows_below(self) -> int:
        """How many rows are below the screen."""
        return max(self.total - self.top - self.visible_rows, 0)

    def build(self, width: int, palette: Palette) -> int:
        """Prepare the rows for `width` cells and say how many there are."""
        raise NotImplementedError

    def rebuild(self, *, new_content: bool = True) -> None:
        """Draw again; with new content the end counts as unread and the view starts at the top."""
        self._built = None
        if new_content:
            self._read = False
            if self.is_mounted:
                self.jump(0)
        if self.is_mounted:
            self._ensure()
            self.refresh()
            self.call_after_refresh(self._look)

    def _ensure(self) -> None:
        width = self.row_width
        palette = palette_of(self)
        key = (width, id(palette))
        if width > 0 and (self._built is None or self._built[0] != key):
            total = self.build(width, palette)
            self._built = (key, total)
            if total != self.total:
                self.set_total(total)

    def on_resize(self) -> None:
        """Wrap again; the last row may now be on screen."""
        self._ensure()
        self.call_after_refresh(self._look)

    def on_mount(self) -> None:
        """Look once everything was laid out."""
        self.call_after_refresh(self._look)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Look again after each move."""
        super().watch_scroll_y(old_value, new_value)
        self._look()

    def _look(self) -> None:
        if self._read or self._built is None or not self.is_attached or self.size.height == 0:
            return
        if self._built[0][0] == self.row_width and self.total == self._built[1] and self.rows_below == 0:
            self._read = True
            self.post_message(self.ReadToEnd(self))

    def render_line(self, y: int) -> Strip:
        """Draw one row of the content built for this width."""
        width = self.row_width
        if self._built is None or self._built[0] != (width, id(palette_of(self))):
            self.call_later(self._ensure_and_refresh)
            return draw((), width, palette_of(self), self.ground)
        return super().render_line(y)

    def _ensure_and_refresh(self) -> None:
        self._ensure()
        self.refresh()
        self.call_after_refresh(self._look)

    def notify_style_update(self) -> None:
        """Build again when the theme or the glyph set may have changed."""
        self._built = None
        super().notify_style_update()


class TextView(BuiltScroll):
    """A text of any length as plain wrapped lines; `/` searches, `n` and `N` go to the next and previous match."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "search", "search", id="text.search", show=False),
        Binding("n", "match(1)", "next match", id="text.next", show=False),
        Binding("N", "match(-1)", "previous match", id="text.previous", show=False),
    ]

    def __init__(self, text: object = "", *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._text = safe_text(text)
        self._rows: list[str] = []
        self._starts: list[int] = []
        self._term = ""
        self._typing = False
        self._roomed = False
        self._matches: list[tuple[int, int]] = []
        self._match = -1

    @property
    def text(self) -> str:
        """The text as it is shown."""
        return self._text

    def show(self, text: object) -> None:
        """Show another text from its beginning; its end counts as unread."""
        self._text = safe_text(text)
        self._find("")
        self.rebuild()

    def build(self, width: int, palette: Palette) -> int:
        """Wrap the text; remember where each row starts in it."""
        self._rows, self._starts = [], []
        offset = 0
        for line in self._text.split("\n"):
            start = offset
            for row in wrap(line, width - 1):
                self._rows.append(row)
                self._starts.append(start)
                start += len(row)
            offset += len(line) + 1
        self._roomed = self._searching
        return len(self._rows) + self._roomed

    @property
    def _searching(self) -> bool:
        return bool(self._term) or self._typing

    def _make_room(self) -> None:
        """While the search line covers the last row, one empty row more lets every line be seen."""
        if self._searching != self._roomed:
            self.rebuild(new_content=False)

    def line(self, index: int, width: int, palette: Palette) -> Line:
        """One row, with matches marked."""
        if index >= len(self._rows):
            return ()
        row, start = self._rows[index], self._starts[index]
        spans: list[Span] = [Span(" ")]
        place = 0
        for first, last in self._overlapping(start, start + len(row)):
            begin, end = max(first - start, 0), min(last - start, len(row))
            spans.append(Span(row[place:begin]))
            current = self._match >= 0 and self._matches[self._match] == (first, last)
            spans.append(Span(row[begin:end], "focus" if current else "ink", bold=True, underline=True, fill="cursor"))
            place = end
        return [*spans, Span(row[place:])]

    def _overlapping(self, start: int, end: int) -> Sequence[tuple[int, int]]:
        first = max(bisect_right(self._matches, (start, 0)) - 1, 0)
        found = []
        for match in self._matches[first:]:
            if match[0] >= end:
                break
            if match[1] > start:
                found.append(match)
        return found

    def render_line(self, y: int) -> Strip:
        """The last line shows the search while there is one."""
        if self._searching:
            height = self.size.height
            if y == height - 1:
                return draw(self._search_line(), self.row_width, palette_of(self), "bar")
        return super().render_line(y)

    def _search_line(self) -> Line:
        caret = palette_of(self).own("caret", "focus") if self._typing else Span("")
        found = f"{self._match + 1} of {len(self._matches)}" if self._matches else "not found" if self._term else ""
        hint = "enter finds, esc ends" if self._typing else "n N next, previous   esc ends"
        return [Span(" / ", "focus", bold=True), Span(self._term), caret, Span(f"   {found}   {hint}", "ink-3")]

    def search(self, term: str) -> int:
        """Mark every match of a word, whatever its case, and show the first; how many there are."""
        self._find(flat(term, 200))
        self._make_room()
        self.action_match(1)
        self.refresh()
        return len(self._matches)

    def mark_line(self, number: int) -> None:
        """Mark one line of the text, from 0, and bring it into view; one that is not there is passed over."""
        lines = self._text.split("\n")
        if not 0 <= number < len(lines):
            return
        start = sum(len(line) + 1 for line in lines[:number])
        self._find("")
        self._matches = [(start, start + len(lines[number]))]
        self._make_room()
        self.action_match(1)

    def _find(self, term: str) -> None:
        self._term, self._match, self._matches = term, -1, []
        if term:
            for match in re.finditer(re.escape(term), self._text, re.IGNORECASE):
                self._matches.append(match.span())
                if len(self._matches) >= MOST_MATCHES:
                    break

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Matches can be walked only while there are some."""
        return bool(self._matches) if action == "match" else True

    def action_search(self) -> None:
        """Type a word to find."""
        self._typing = True
        self._make_room()
        self.refresh()

    def action_match(self, step: int) -> None:
        """Go to the next or previous match, around the ends."""
        if not self._matches:
            return
        self._match = (self._match + step) % len(self._matches) if self._match >= 0 else 0
        row = bisect_right(self._starts, self._matches[self._match][0]) - 1
        if not self.top <= row < self.top + self.visible_rows - 1:
            self.jump(row - self.visible_rows // 3)
        self.refresh()

    def on_key(self, event: events.Key) -> None:
        """While a word is typed, its keys go nowhere else; escape ends the search."""
        if event.key == "escape" and (self._typing or self._term):
            self._typing = False
            self._find("")
        elif not self._typing:
            return
        elif event.key == "enter":
            self._typing = False
            self.action_match(1)
        elif event.key == "backspace":
            self._find(self._term[:-1])
        elif event.is_printable and event.character is not None:
            self._find(self._term + event.character)
        else:
            return
        event.stop()
        event.prevent_default()
        self._make_room()
        self.refresh()
        self.refresh_bindings()

    def on_blur(self) -> None:
        """Typing ends when the focus leaves."""
        self._typing = False
        self._make_room()
        self.refresh()
