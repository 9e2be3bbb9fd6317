"""What a list shows: plain rows from a source that is asked for visible rows only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from storage.clock import age
from widgets.paint import Line, Palette, Span
from widgets.printable import cell_width, flat, shorten
from widgets.tokens import GLYPHS, STATE_TOKENS, Mark, spark

GAP = 2
MIN_FLEXIBLE = 12


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: a text, an age (`at`, UTC ms), a deadline, a mark or a spark line; the last that is set is drawn."""

    text: str = ""
    ink: str = ""
    """A colour token; empty takes the column's."""
    bold: bool = False
    at: int | None = None
    due: int | None = None
    """UTC ms of a deadline: `due 4m`, and `late 3m` once it is over."""
    mark: Mark | None = None
    sparks: tuple[float | None, ...] | None = None
    top: float | None = None
    """The value at which a spark line is full; None takes the highest of its own."""


@dataclass(frozen=True, slots=True)
class ListRow:
    """One row. Equal `key` and `version` promise equal cells: drawn rows are kept by them."""

    key: str
    version: int | str
    cells: tuple[Cell, ...]
    state: Mark = Mark.NONE
    """Drawn as the glyph in front of the row."""


@dataclass(frozen=True, slots=True)
class Column:
    """How one column is laid out. One column may be flexible; it is the row's title and bold under the cursor."""

    label: str
    width: int | None = None
    """Cells; None takes the room that is left."""
    right: bool = False
    ink: str = "ink"
    rank: int = 0
    """When the list is narrow, columns with the highest rank above 0 are left out first."""


class RowSource(Protocol):
    """Where a list gets its rows; called on the interface's thread, so it answers from memory or one page."""

    def __len__(self) -> int:
        """How many rows there are (after filtering)."""
        ...

    def row(self, index: int) -> ListRow:
        """One row; IndexError if there is none."""
        ...

    def index_of(self, key: str) -> int | None:
        """Where the row with this key is now, or None if it is gone."""
        ...


@runtime_checkable
class FilterSource(Protocol):
    """A source that can be narrowed by the text a person types after `/`."""

    def set_filter(self, text: str) -> None:
        """Show only rows that match; an empty text shows all."""
        ...


class StaticRows:
    """Rows held in memory, filtered by plain text: for short lists and tests."""

    def __init__(self, rows: Sequence[ListRow] = ()) -> None:
        self._all = list(rows)
        self._shown = self._all
        self._filter = ""
        self._index: dict[str, int] | None = None

    def replace(self, rows: Sequence[ListRow]) -> None:
        """Take these rows instead; tell the list with `changed()`."""
        self._all = list(rows)
        self.set_filter(self._filter)

    def set_filter(self, text: str) -> None:
        """Show only rows of which a cell contains the text, whatever its case."""
        self._filter = text
        wanted = text.casefold()
        self._shown = (
            [row for row in self._all if any(wanted in cell.text.casefold() for cell in row.cells)]
            if wanted
            else self._all
        )
        self._index = None

    def __len__(self) -> int:
        """How many rows are shown."""
        return len(self._shown)

    def row(self, index: int) -> ListRow:
        """One shown row; IndexError if there is none."""
        return self._shown[index]

    def index_of(self, key: str) -> int | None:
        """Where the row with this key is shown, or None."""
        if self._index is None:
            self._index = {row.key: index for index, row in enumerate(self._shown)}
        return self._index.get(key)


def stamp(row: ListRow, now: Callable[[], int] | None) -> tuple[object, ...]:
    """What a drawn row depends on: key, version and the ages it shows."""
    ages = tuple(_age(cell, now) for cell in row.cells if cell.at is not None or cell.due is not None)
    return (row.key, row.version, *ages) if ages else (row.key, row.version)


def _age(cell: Cell, now: Callable[[], int] | None) -> str:
    if now is None:
        return ""
    if cell.due is not None:
        left = cell.due - now()
        return f"due {age(left)}" if left > 0 else f"late {age(-left)}"
    return age(now() - cell.at) if cell.at is not None else ""


def layout(columns: Sequence[Column], width: int, marks: bool) -> list[tuple[int, int]]:
    """Which columns are drawn and how wide: (index, cells), for a row of `width` cells."""
    shown = list(range(len(columns)))
    while True:
        fixed = sum(columns[i].width or 0 for i in shown)
        room = width - (2 if not marks else 5) - fixed - GAP * (len(shown) - 1)
        optional = [i for i in shown if columns[i].rank > 0]
        if room >= MIN_FLEXIBLE or not optional:
            break
        shown.remove(max(optional, key=lambda i: (columns[i].rank, i)))
    return [(i, max(room, 0) if columns[i].width is None else columns[i].width or 0) for i in shown]


def header_line(columns: Sequence[Column], plan: Sequence[tuple[int, int]], marks: bool) -> Line:
    """The row of column names."""
    spans = [Span(" " * (4 if marks else 1))]
    for place, (index, width) in enumerate(plan):
        column = columns[index]
        spans.append(Span(" " * GAP if place else ""))
        spans.append(Span(_aligned(flat(column.label, width), width, column.right), "ink-3"))
    return spans


def filter_line(text: str, shown: int, palette: Palette, typing: bool) -> Line:
    """The header while a filter is typed or in force."""
    caret = palette.own("caret", "focus") if typing else Span("")
    hint = "enter keeps, esc clears" if typing else "esc clears"
    return [Span(" / ", "focus", bold=True), Span(text), caret, Span(f"  {shown} shown   {hint}", "ink-3")]


def row_line(
    row: ListRow,
    columns: Sequence[Column],
    plan: Sequence[tuple[int, int]],
    palette: Palette,
    *,
    marks: bool,
    selected: bool,
    hollow: bool,
    now: Callable[[], int] | None,
) -> Line:
    """One row of a list; `hollow` draws states as no longer believed: hollow glyphs, no colours of state."""
    spans = [Span(" ")]
    if marks:
        spans += [palette.mark(row.state, hollow=hollow), Span("  ")]
    for place, (index, width) in enumerate(plan):
        spans.append(Span(" " * GAP if place else ""))
        cell = row.cells[index] if index < len(row.cells) else Cell()
        column = columns[index]
        bold = cell.bold or (selected and column.width is None)
        spans.append(_cell_span(cell, column, width, palette, bold=bold, now=now, hollow=hollow))
    return spans


def _cell_span(
    cell: Cell,
    column: Column,
    width: int,
    palette: Palette,
    *,
    bold: bool,
    now: Callable[[], int] | None,
    hollow: bool,
) -> Span:
    chosen = "ink-2" if hollow and cell.ink in STATE_TOKENS else cell.ink
    if cell.mark is not None:
        drawn = palette.mark(cell.mark, hollow=hollow)
        return Span(_aligned(drawn.text, width, column.right), chosen or drawn.ink, drawn.bold)
    if cell.sparks is not None:
        known = any(value is not None for value in cell.sparks)
        ink = (chosen or "ink-2") if known else "ink-3"
        return Span(spark(cell.sparks, width, palette.ascii_only, cell.top), ink)
    ticks = cell.at is not None or cell.due is not None
    text = _age(cell, now) if ticks else palette.cut(cell.text, width)
    return Span(_aligned(shorten(text, width), width, column.right), chosen or column.ink, bold)


def _aligned(text: str, width: int, right: bool) -> str:
    room = " " * max(width - cell_width(text), 0)
    return room + text if right else text + room


def mark_of(state: str) -> Mark:
    """The mark for a state's name; `unknown` for a name that is none of ours."""
    return Mark(state) if state in GLYPHS else Mark.UNKNOWN
