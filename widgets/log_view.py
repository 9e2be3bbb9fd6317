"""Output of a running program: a ring of lines, taken in batches, drawn one by one on demand."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip

from widgets.line_scroll import LineScroll
from widgets.paint import Line, Palette, Span, draw, palette_of
from widgets.printable import safe_text

MAX_LINES = 10_000
MAX_LINE = 4_096
FLUSH_SECONDS = 0.05
SIDE_STEP = 16

_COLOURS = re.compile(r"\x1b\[[0-9;:]*m")


class LogView(LineScroll):
    """The last `max_lines` lines of a stream. Follows the end until a person scrolls up; `end` follows again.

    Colour codes are dropped; every other control character is shown as a symbol. Lines are cut at 4,096 characters and
    say so.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "sideways(-1)", "left", id="log.left", show=False),
        Binding("right", "sideways(1)", "right", id="log.right", show=False),
    ]

    @dataclass
    class Arrived(Message):
        """Lines from another thread: `view.post_message(LogView.Arrived(lines))`."""

        lines: tuple[str, ...]

    def __init__(self, *, max_lines: int = MAX_LINES, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._lines: deque[str] = deque(maxlen=max_lines)
        self._pending: list[str] = []
        self._cooling = False
        self._following = True
        self._unseen = 0
        self._left = 0

    @property
    def following(self) -> bool:
        """Whether the end is kept in view."""
        return self._following

    @property
    def unseen(self) -> int:
        """How many lines arrived since the person scrolled up."""
        return self._unseen

    @property
    def line_count(self) -> int:
        """How many lines are kept."""
        return len(self._lines)

    def write_lines(self, lines: Iterable[str]) -> None:
        """Append lines; the screen follows at once, then at most every 50 ms. On the interface's thread only."""
        self._pending.extend(lines)
        if self._pending and not self._cooling:
            self._cooling = True
            self.call_later(self._flush)
            self.set_timer(FLUSH_SECONDS, self._cooled)

    def clear(self) -> None:
        """Forget all lines."""
        self._lines.clear()
        self._pending.clear()
        self._unseen, self._following = 0, True
        self.set_total(0)
        self.jump(0)
        self.refresh()

    def on_log_view_arrived(self, message: Arrived) -> None:
        """Take lines that another thread posted."""
        message.stop()
        self.write_lines(message.lines)

    def _cooled(self) -> None:
        self._cooling = False
        if self._pending:
            self.write_lines(())

    def _flush(self) -> None:
        batch, self._pending = self._pending, []
        if not batch:
            return
        kept, top = len(self._lines), self.top
        self._lines.extend(batch)
        dropped = kept + len(batch) - len(self._lines)
        self.set_total(len(self._lines))
        if self._following:
            self.jump(self.max_scroll_y)
            self.refresh()
            return
        self._unseen += len(batch)
        if dropped:
            self.jump(top - dropped)
            self.refresh()
        else:
            self.refresh_line(top + self.visible_rows - 1)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Scrolling up stops following; reaching the end starts it again."""
        super().watch_scroll_y(old_value, new_value)
        at_end = new_value >= self.max_scroll_y
        if at_end and not self._following:
            self._unseen = 0
            self.refresh()
        self._following = at_end

    def action_last(self) -> None:
        """To the end, and follow it."""
        self._following, self._unseen = True, 0
        super().action_last()
        self.refresh()

    def action_sideways(self, step: int) -> None:
        """Sideways, for lines wider than the screen."""
        self._left = max(self._left + step * SIDE_STEP, 0)
        self.refresh()

    def line(self, index: int, width: int, palette: Palette) -> Line:
        """One line of output."""
        raw = self._lines[index]
        cut = len(raw) > MAX_LINE
        text = safe_text(_COLOURS.sub("", raw[:MAX_LINE])).replace("\n", " ")
        if cut:
            text += f" … {len(raw) - MAX_LINE} more characters"
        return [Span(" "), Span(text[self._left :])]

    def render_line(self, y: int) -> Strip:
        """The last visible line says how much is new while not following."""
        if self._unseen and y == self.visible_rows - 1:
            noun = "line" if self._unseen == 1 else "lines"
            palette = palette_of(self)
            notice = [
                Span(" "),
                palette.own("more", "focus"),
                Span(f" {self._unseen} new {noun}, "),
                Span("end", "focus"),
            ]
            return draw([*notice, Span(" to follow", "ink-2")], self.row_width, palette, "bar")
        return super().render_line(y)
