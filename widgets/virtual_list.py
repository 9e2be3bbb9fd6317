"""A list of any length: asks its source for visible rows only, and keeps the cursor on the item, not on the place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip

from widgets.line_scroll import LineScroll
from widgets.paint import draw, palette_of
from widgets.printable import flat
from widgets.rows import Column, FilterSource, ListRow, RowSource, filter_line, header_line, layout, row_line, stamp

FLUSH_SECONDS = 0.05
KEPT_STRIPS = 1_024


@dataclass
class FromList(Message):
    """A message of one list."""

    list: VirtualList

    @property
    def control(self) -> VirtualList:
        """The list that posted this."""
        return self.list


class VirtualList(LineScroll):
    """Rows of a `RowSource` under a header, with a cursor that follows its item by key.

    Call `changed()` after the source changed, as often as one likes: the screen follows at most 20 times a second.
    `selected` is the key to act on; it is None while the list is empty or the item under the cursor is gone.
    """

    STEADY: ClassVar[bool] = False
    """Keep the cursor's row where it is on the screen also at the top of the list."""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "details", id="list.details", show=False),
        Binding("slash", "filter", "filter", id="list.filter"),
        Binding("escape", "clear_filter", "clear filter", id="list.clear_filter", show=False),
    ]

    @dataclass
    class Highlighted(FromList):
        """The cursor is on another item now."""

        key: str

        def can_replace(self, message: Message) -> bool:
            """A held key needs only its last item."""
            return isinstance(message, VirtualList.Highlighted) and message.list is self.list

    @dataclass
    class Opened(FromList):
        """A person asked for an item's details."""

        key: str

    @dataclass
    class EntityGone(FromList):
        """The item under the cursor left the list; `selected` is None until the person moves."""

        key: str

    @dataclass
    class Filtered(FromList):
        """The filter text changed."""

        text: str

    def __init__(
        self,
        source: RowSource,
        columns: Sequence[Column],
        *,
        now: Callable[[], int] | None = None,
        marks: bool = True,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        """`now` gives UTC ms for cells with an age; `marks` draws each row's state glyph in front."""
        super().__init__(id=id, classes=classes)
        self.source = source
        self.columns = tuple(columns)
        self.marks = marks
        self.filter_text = ""
        self.filtering = False
        self._now = now
        self._hollow = False
        self._cursor = 0
        self._key: str | None = None
        self._gone = False
        self._window: dict[int, ListRow] = {}
        self._strips: dict[tuple[object, ...], Strip] = {}
        self._drawn: dict[int, tuple[object, ...]] = {}
        self._plan: tuple[int, list[tuple[int, int]]] = (-1, [])
        self._cooling = False
        self._dirty = False

    # what a person acts on ------------------------------------------------------------------------

    @property
    def selected(self) -> str | None:
        """The key of the item under the cursor; None if there is none or it is gone."""
        return None if self._gone else self._key

    @property
    def gone(self) -> str | None:
        """The key of the item that left the list under the cursor, until the person moves."""
        return self._key if self._gone else None

    @property
    def cursor(self) -> int:
        """The index of the cursor row."""
        return self._cursor

    @property
    def hollow(self) -> bool:
        """Whether states are drawn as no longer known (the source is lost)."""
        return self._hollow

    @hollow.setter
    def hollow(self, value: bool) -> None:
        if value != self._hollow:
            self._hollow = value
            self._strips.clear()
            self.refresh()

    def select(self, key: str) -> bool:
        """Put the cursor on an item; False if it is not in the list."""
        index = self.source.index_of(key)
        if index is None:
            return False
        self._move(index)
        return True

    def changed(self) -> None:
        """The source has other rows now. Cheap; the screen follows at once, then at most every 50 ms."""
        if self._cooling:
            self._dirty = True
            return
        self._cooling = True
        self.call_later(self._flush)
        self.set_timer(FLUSH_SECONDS, self._cooled)

    def replace_source(self, source: RowSource) -> None:
        """Show another source; the cursor stays on its item if the new source has it."""
        self.source = source
        self._strips.clear()
        self.changed()

    # following the source -------------------------------------------------------------------------

    def on_mount(self) -> None:
        """Take the first look at the source."""
        self._flush()

    def _cooled(self) -> None:
        self._cooling = False
        if self._dirty:
            self._dirty = False
            self.changed()

    def _flush(self) -> None:
        drawn, self._drawn = self._drawn, {}
        old_total, old_top, old_cursor, was_gone = self.total, self.top, self._cursor, self._gone
        self._window.clear()
        count = len(self.source)
        self.set_total(count + 1)
        self._follow(count)
        shift = self._cursor - old_cursor
        if (old_top > 0 or self.STEADY) and shift and not self._gone:
            self.jump(old_top + shift)
        elif old_top > self.max_scroll_y:
            self.jump(self.max_scroll_y)
        if self.top != old_top or self.total < old_total or self._gone != was_gone:
            self.refresh()
            return
        if self._cursor != old_cursor:
            self.refresh_line(old_cursor + 1)
            self.refresh_line(self._cursor + 1)
        for index in range(self.top, min(self.top + self.visible_rows - 1, max(count, old_total - 1))):
            if index >= count or drawn.get(index) != stamp(self._fetch(index), self._now):
                self.refresh_line(index + 1)
            else:
                self._drawn[index] = drawn[index]

    def _follow(self, count: int) -> None:
        if self._key is None:
            self._cursor = 0
            if count:
                self._key = self._fetch(0).key
                self._gone = False
                self.post_message(self.Highlighted(self, self._key))
            return
        index = self.source.index_of(self._key)
        if index is not None:
            self._cursor = index
            self._gone = False
            return
        self._cursor = min(self._cursor, max(count - 1, 0))
        if not self._gone:
            self._gone = True
            self.post_message(self.EntityGone(self, self._key))
            self.refresh_bindings()

    def _fetch(self, index: int) -> ListRow:
        row = self._window.get(index)
        if row is None:
            if len(self._window) > 4 * self.visible_rows + 64:
                self._window.clear()
                self._drawn.clear()
            row = self.source.row(index)
            self._window[index] = row
        return row

    # drawing --------------------------------------------------------------------------------------

    def _layout(self, width: int) -> list[tuple[int, int]]:
        if self._plan[0] != width:
            self._plan = (width, layout(self.columns, width, self.marks))
        return self._plan[1]

    def render_line(self, y: int) -> Strip:
        """The header on the first line, rows below it."""
        self.lines_drawn += 1
        width = self.row_width
        palette = palette_of(self)
        if y == 0:
            if self.filtering or self.filter_text:
                return draw(filter_line(self.filter_text, len(self.source), palette, self.filtering), width, palette)
            return draw(header_line(self.columns, self._layout(width), self.marks), width, palette)
        index = y - 1 + self.top
        if index >= self.total - 1 or index >= len(self.source):
            return draw((), width, palette)
        row = self._fetch(index)
        here = index == self._cursor and not self._gone
        ground = ("cursor" if self.has_focus else "bar") if here else "base"
        self._drawn[index] = stamp(row, self._now)
        key = (*self._drawn[index], width, ground)
        strip = self._strips.get(key)
        if strip is None:
            if len(self._strips) > KEPT_STRIPS:
                self._strips.clear()
            spans = row_line(
                row,
                self.columns,
                self._layout(width),
                palette,
                marks=self.marks,
                selected=here,
                hollow=self._hollow,
                now=self._now,
            )
            strip = draw(spans, width, palette, ground, lift=here)
            self._strips[key] = strip
        return strip

    def notify_style_update(self) -> None:
        """Forget drawn rows when the theme or the glyph set may have changed."""
        self._strips.clear()
        super().notify_style_update()

    def on_focus(self) -> None:
        """The cursor row is brighter in the focused list."""
        self.refresh_line(self._cursor + 1)

    def on_blur(self) -> None:
        """The cursor row stays visible, fainter."""
        self.filtering = False
        self.refresh_line(self._cursor + 1)
        self.refresh_line(self.top)

    # moving ---------------------------------------------------------------------------------------

    def _move(self, index: int) -> None:
        count = len(self.source)
        if not count:
            return
        index = max(0, min(index, count - 1))
        row = self._fetch(index)
        if row.key == self._key and index == self._cursor and not self._gone:
            return
        old, self._cursor, self._key = self._cursor, index, row.key
        was_gone, self._gone = self._gone, False
        room = max(self.visible_rows - 1, 1)
        if index < self.top:
            self.jump(index)
        elif index >= self.top + room:
            self.jump(index - room + 1)
        self.refresh_line(old + 1)
        self.refresh_line(index + 1)
        self.post_message(self.Highlighted(self, row.key))
        if was_gone:
            self.refresh_bindings()

    def action_line_up(self) -> None:
        """The cursor one row up."""
        self._move(self._cursor - 1)

    def action_line_down(self) -> None:
        """The cursor one row down."""
        self._move(self._cursor + 1)

    def action_page_up(self) -> None:
        """The cursor one screen up."""
        self._move(self._cursor - max(self.visible_rows - 2, 1))

    def action_page_down(self) -> None:
        """The cursor one screen down."""
        self._move(self._cursor + max(self.visible_rows - 2, 1))

    def action_first(self) -> None:
        """The cursor to the first row."""
        self._move(0)

    def action_last(self) -> None:
        """The cursor to the last row."""
        self._move(len(self.source) - 1)

    def action_open(self) -> None:
        """Ask for the details of the item under the cursor."""
        if self.selected is not None:
            self.post_message(self.Opened(self, self.selected))

    def on_click(self, event: events.Click) -> None:
        """One click selects, two open."""
        index = int(event.y) - 1 + self.top
        if event.y >= 1 and index < len(self.source):
            self._move(index)
            if event.chain == 2:
                self.action_open()

    # filtering ------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hide the filter keys where they do nothing."""
        if action == "filter":
            return isinstance(self.source, FilterSource)
        if action == "clear_filter":
            return self.filtering or bool(self.filter_text)
        return True

    def action_filter(self) -> None:
        """Type a filter into the header line."""
        self.filtering = True
        self.refresh_line(self.top)
        self.refresh_bindings()

    def action_clear_filter(self) -> None:
        """Show all rows again."""
        self.filtering = False
        self._apply_filter("")
        self.refresh_bindings()

    def on_key(self, event: events.Key) -> None:
        """While a filter is typed, its keys go nowhere else."""
        if not self.filtering:
            return
        if event.key == "escape":
            self.action_clear_filter()
        elif event.key == "enter":
            self.filtering = False
            self.refresh_line(self.top)
        elif event.key == "backspace":
            self._apply_filter(self.filter_text[:-1])
        elif event.key == "ctrl+u":
            self._apply_filter("")
        elif event.is_printable and event.character is not None:
            self._apply_filter(self.filter_text + event.character)
        else:
            return
        event.stop()
        event.prevent_default()

    def on_paste(self, event: events.Paste) -> None:
        """Pasted text goes into an open filter, as one line."""
        if self.filtering:
            event.stop()
            self._apply_filter(self.filter_text + flat(event.text, 80))

    def _apply_filter(self, text: str) -> None:
        if isinstance(self.source, FilterSource):
            self.filter_text = text
            self.source.set_filter(text)
            if self._key is not None and self.source.index_of(self._key) is None:
                self._key, self._gone = None, False
                self._cursor = 0
            self.refresh_line(self.top)
            self.changed()
            self.post_message(self.Filtered(self, text))
