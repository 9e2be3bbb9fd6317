"""Tenants against checks: one glyph per verdict, a filled cell only where data leaks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip

from widgets.line_scroll import LineScroll
from widgets.paint import Line, Palette, Span, draw, palette_of
from widgets.printable import cell_width, flat
from widgets.tokens import Mark

NAME_MIN = 8
PADS = (4, 3, 2, 1)
"""Blank cells beside each label, as many as fit."""
NARROW = 2
"""With so few blanks names are cut before checks are hidden."""
MORE = 3
"""Cells of the sign that says how many checks are hidden."""


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """One tenant: a mark per check, in the order of the columns. `leaks` are the columns drawn as filled cells."""

    name: str
    marks: tuple[Mark, ...]
    leaks: frozenset[int] = frozenset()
    key: str = ""
    """What the row is known by, if its name is not enough."""
    short: str = ""
    """Its name where there is little room; empty for the name itself, cut."""
    notes: tuple[str, ...] = ()
    """One character behind the glyph of each check, empty for none."""

    @property
    def id(self) -> str:
        """What tells it from other rows."""
        return self.key or self.name


@dataclass(frozen=True, slots=True)
class MatrixModel:
    """What the matrix shows."""

    checks: tuple[str, ...] = ()
    rows: tuple[MatrixRow, ...] = ()
    label: str = "tenant"


class Matrix(LineScroll):
    """A grid with a cell cursor that stays on its tenant and check when rows change."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "cell(-1)", "left", id="matrix.left", show=False),
        Binding("right,l", "cell(1)", "right", id="matrix.right", show=False),
        Binding("enter", "open", "details", id="matrix.open", show=False),
    ]

    @dataclass
    class CellHighlighted(Message):
        """The cursor is on another cell."""

        tenant: str
        check: str

    @dataclass
    class CellOpened(Message):
        """A person asked for the evidence of a cell."""

        tenant: str
        check: str

    def __init__(self, model: MatrixModel | None = None, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._model = model or MatrixModel()
        self._row = 0
        self._column = 0
        self._first = 0

    @property
    def model(self) -> MatrixModel:
        """What the matrix shows."""
        return self._model

    @model.setter
    def model(self, model: MatrixModel) -> None:
        if model == self._model:
            return
        here = self.selected
        self._model = model
        if here is not None:
            names = [row.id for row in model.rows]
            self._row = names.index(here[0]) if here[0] in names else min(self._row, max(len(names) - 1, 0))
            self._column = model.checks.index(here[1]) if here[1] in model.checks else 0
        self.set_total(len(model.rows) + 1)
        self.refresh()

    @property
    def selected(self) -> tuple[str, str] | None:
        """(tenant, check) under the cursor, or None if there is none."""
        model = self._model
        if self._row < len(model.rows) and self._column < len(model.checks):
            return model.rows[self._row].id, model.checks[self._column]
        return None

    def select(self, row: str, check: str) -> None:
        """Put the cursor on a cell; where there is none it stays."""
        ids = [each.id for each in self._model.rows]
        if row in ids and check in self._model.checks:
            self._move(ids.index(row), self._model.checks.index(check))

    def on_mount(self) -> None:
        """Take the size of the first model."""
        self.set_total(len(self._model.rows) + 1)

    def _plan(self, width: int) -> tuple[int, list[tuple[int, int]]]:
        """Cells of the name column, and (check, cells) for the checks that are on screen."""
        longest = max((cell_width(flat(row.name)) for row in self._model.rows), default=0)
        least = max(NAME_MIN, cell_width(self._model.label))
        wanted = max(least, min(longest, width // 2))
        labels = [max(cell_width(flat(check)), 1) for check in self._model.checks]
        name, pad = least + 1, PADS[-1]
        for pad in PADS:
            spare = width - 1 - sum(label + pad for label in labels)
            if spare > wanted + 2:
                name = wanted + 2
                break
            if pad <= NARROW and spare > least - (pad == 1):
                name = min(spare, wanted + 2)
                break
        cells = [label + pad for label in labels]
        whole = width - 1 - name
        room = whole if sum(cells) <= whole else whole - MORE
        while self._first < self._column and sum(cells[self._first : self._column + 1]) > room:
            self._first += 1
        self._first = min(self._first, self._column) if sum(cells) > whole else 0
        shown = []
        for index in range(self._first, len(cells)):
            if cells[index] > room:
                break
            shown.append((index, cells[index]))
            room -= cells[index]
        return name, shown

    def _place(self, column: int, wide: int) -> tuple[int, int]:
        """Where in its cells a label begins, and where the glyph stands under it."""
        label = max(cell_width(flat(self._model.checks[column])), 1)
        start = (wide - label + 1) // 2
        return start, start + (label - 1) // 2

    def render_line(self, y: int) -> Strip:
        """The checks on the first line, tenants below."""
        self.lines_drawn += 1
        width, palette = self.row_width, palette_of(self)
        name, shown = self._plan(width)
        if y == 0:
            label = palette.cut(self._model.label, name - 2)
            spans = [Span(" " + label + " " * (name - cell_width(label)), "ink-3")]
            for index, wide in shown:
                start, _ = self._place(index, wide)
                check = flat(self._model.checks[index])
                spans.append(Span(" " * start + check + " " * (wide - start - cell_width(check)), "ink-3"))
            hidden = len(self._model.checks) - len(shown)
            if hidden:
                spans.append(Span(f"+{hidden}", "ink-3"))
            return draw(spans, width, palette)
        index = y - 1 + self.top
        if index >= len(self._model.rows):
            return draw((), width, palette)
        return draw(self._tenant(index, name, shown, palette), width, palette)

    def _tenant(self, index: int, name: int, shown: Sequence[tuple[int, int]], palette: Palette) -> Line:
        row = self._model.rows[index]
        here = index == self._row
        ground = ("cursor" if self.has_focus else "bar") if here else ""
        whole = cell_width(flat(row.name)) <= name
        text = palette.cut(row.name if whole or not row.short else row.short, name)
        label = f" {text}" + " " * (name - cell_width(text))
        spans = [Span(label, "ink", bold=here and self.has_focus, fill=ground)]
        for column, wide in shown:
            mark = row.marks[column] if column < len(row.marks) else Mark.UNKNOWN
            glyph = palette.mark(mark)
            note = row.notes[column] if column < len(row.notes) else ""
            chosen = here and self.has_focus and column == self._column
            _, left = self._place(column, wide)
            if column in row.leaks:
                text = f"[{glyph.text}]" if chosen else f" {glyph.text}{note or ' '}"
                spans += [
                    Span(" " * (left - 1)),
                    Span(text, "on-fill", bold=True, fill="crit"),
                    Span(" " * (wide - left - 2)),
                ]
                continue
            text = " " * left + glyph.text + note
            spans.append(Span(text.ljust(wide)[:wide], glyph.ink, glyph.bold, fill="cursor" if chosen else ""))
        return spans

    def _move(self, row: int, column: int) -> None:
        model = self._model
        if not model.rows or not model.checks:
            return
        row, column = max(0, min(row, len(model.rows) - 1)), max(0, min(column, len(model.checks) - 1))
        if (row, column) == (self._row, self._column):
            return
        old, self._row = self._row, row
        moved_sideways, self._column = column != self._column, column
        room = max(self.visible_rows - 1, 1)
        if row < self.top:
            self.jump(row)
        elif row >= self.top + room:
            self.jump(row - room + 1)
        first = self._first
        self._plan(self.row_width)
        if moved_sideways and first != self._first:
            self.refresh()
        self.refresh_line(old + 1)
        self.refresh_line(row + 1)
        self.post_message(self.CellHighlighted(model.rows[row].id, model.checks[column]))

    def on_focus(self) -> None:
        """The cursor is brighter in the focused matrix."""
        self.refresh_line(self._row + 1)

    def on_blur(self) -> None:
        """The cursor stays visible, fainter."""
        self.refresh_line(self._row + 1)

    def action_line_up(self) -> None:
        """One tenant up."""
        self._move(self._row - 1, self._column)

    def action_line_down(self) -> None:
        """One tenant down."""
        self._move(self._row + 1, self._column)

    def action_page_up(self) -> None:
        """One screen up."""
        self._move(self._row - max(self.visible_rows - 2, 1), self._column)

    def action_page_down(self) -> None:
        """One screen down."""
        self._move(self._row + max(self.visible_rows - 2, 1), self._column)

    def action_first(self) -> None:
        """To the first tenant."""
        self._move(0, self._column)

    def action_last(self) -> None:
        """To the last tenant."""
        self._move(len(self._model.rows) - 1, self._column)

    def action_cell(self, step: int) -> None:
        """Sideways by `step` checks."""
        self._move(self._row, self._column + step)

    def action_open(self) -> None:
        """Ask for the evidence of the cell."""
        if (here := self.selected) is not None:
            self.post_message(self.CellOpened(*here))

    def on_click(self, event: events.Click) -> None:
        """One click selects a cell, two open it."""
        row = int(event.y) - 1 + self.top
        if event.y < 1 or row >= len(self._model.rows):
            return
        name, shown = self._plan(self.row_width)
        edge, column = 1 + name, self._column
        for index, wide in shown:
            if edge <= event.x < edge + wide:
                column = index
            edge += wide
        self._move(row, column)
        if event.chain == 2:
            self.action_open()
