"""The base of everything that scrolls: rows drawn one by one on demand, jumps instead of animations."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from widgets.paint import Line, Palette, draw, palette_of

WHEEL_ROWS = 3


class LineScroll(ScrollView, can_focus=True):
    """A scrolling widget that asks for a row only when it is on screen."""

    DEFAULT_CSS = """
    LineScroll {
        scrollbar-size-vertical: 1;
        scrollbar-size-horizontal: 0;
        overflow-x: hidden;
        overflow-y: auto;
        background: $base;
        scrollbar-color: $rule;
        scrollbar-color-hover: $ink-3;
        scrollbar-color-active: $focus;
        scrollbar-background: $base;
        scrollbar-background-hover: $base;
        scrollbar-background-active: $base;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "line_up", "up", id="scroll.up", show=False),
        Binding("down,j", "line_down", "down", id="scroll.down", show=False),
        Binding("pageup", "page_up", "page up", id="scroll.page_up", show=False),
        Binding("pagedown", "page_down", "page down", id="scroll.page_down", show=False),
        Binding("home", "first", "first", id="scroll.first", show=False),
        Binding("end", "last", "last", id="scroll.last", show=False),
    ]

    ground: ClassVar[str] = "base"

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.lines_drawn = 0
        """How many rows were asked for since the start; tests of cost read it."""

    @property
    def total(self) -> int:
        """How many rows there are."""
        return self.virtual_size.height

    @property
    def visible_rows(self) -> int:
        """How many rows fit on the screen."""
        return max(self.scrollable_content_region.height, 1)

    @property
    def row_width(self) -> int:
        """Cells per row, without the scroll bar."""
        return self.scrollable_content_region.width

    @property
    def top(self) -> int:
        """The index of the first visible row."""
        return int(self.scroll_offset.y)

    def line(self, index: int, width: int, palette: Palette) -> Line:
        """The spans of one row; `index` is in range."""
        raise NotImplementedError

    def ground_of(self, index: int) -> str:
        """The token behind one row."""
        return self.ground

    def set_total(self, total: int) -> None:
        """Say how many rows there are now. The screen is laid out anew only if that can move something."""
        size = Size(1, total)
        if size == self.virtual_size:
            return
        if not self.size or self.styles.is_auto_height:
            self.virtual_size = size
            return
        self.set_reactive(LineScroll.virtual_size, size)
        self._scroll_update(size)

    def render_line(self, y: int) -> Strip:
        """Draw one visible row."""
        self.lines_drawn += 1
        width = self.row_width
        palette = palette_of(self)
        index = y + self.top
        if index >= self.total:
            return draw((), width, palette, self.ground)
        ground = self.ground_of(index)
        return draw(self.line(index, width, palette), width, palette, ground, lift=ground == "cursor")

    def jump(self, row: float) -> None:
        """Show `row` at the top, at once."""
        self.scroll_to(y=max(0, min(row, self.max_scroll_y)), animate=False, force=True, immediate=True)

    def action_line_up(self) -> None:
        """One row up."""
        self.jump(self.top - 1)

    def action_line_down(self) -> None:
        """One row down."""
        self.jump(self.top + 1)

    def action_page_up(self) -> None:
        """One screen up, keeping one row for the eye."""
        self.jump(self.top - max(self.visible_rows - 1, 1))

    def action_page_down(self) -> None:
        """One screen down, keeping one row for the eye."""
        self.jump(self.top + max(self.visible_rows - 1, 1))

    def action_first(self) -> None:
        """To the first row."""
        self.jump(0)

    def action_last(self) -> None:
        """To the last row."""
        self.jump(self.max_scroll_y)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """The wheel moves three rows, without animation."""
        event.prevent_default()
        event.stop()
        self.jump(self.top + WHEEL_ROWS)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """The wheel moves three rows, without animation."""
        event.prevent_default()
        event.stop()
        self.jump(self.top - WHEEL_ROWS)
