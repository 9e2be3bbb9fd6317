"""A page of short sections that scrolls: headings, labelled facts, and lines of a timeline. Text of any origin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from widgets.detail import Field, Moment, field_rows, timeline_rows
from widgets.paint import Line, Palette, Span
from widgets.printable import flat
from widgets.text_view import BuiltScroll


@dataclass(frozen=True, slots=True)
class Heading:
    """The name of a section, with how much is in it."""

    text: str
    note: str = ""


Block = Heading | Field | Moment


class Paper(BuiltScroll):
    """Blocks below each other. A reader at the end stays at the end when something is added."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._blocks: tuple[Block, ...] = ()
        self._rows: list[Line] = []

    @property
    def blocks(self) -> Sequence[Block]:
        """What the page shows."""
        return self._blocks

    def show(self, blocks: Sequence[Block], *, another: bool = False) -> None:
        """Show these blocks; the place on the page stays, unless it is `another` page."""
        if tuple(blocks) == self._blocks:
            return
        at_end = self.rows_below == 0 and bool(self._blocks) and not another
        self._blocks = tuple(blocks)
        self.rebuild(new_content=another)
        if at_end:
            self.call_after_refresh(self.action_last)

    def build(self, width: int, palette: Palette) -> int:
        """Every block as rows."""
        self._rows = []
        inner = max(width - 2, 8)
        for block in self._blocks:
            if isinstance(block, Heading):
                if self._rows:
                    self._rows.append([])
                self._rows.append(
                    [Span(" "), Span(flat(block.text), "ink", bold=True), Span("  " + flat(block.note), "ink-3")]
                )
            else:
                built = (
                    field_rows(block, inner, palette)
                    if isinstance(block, Field)
                    else timeline_rows([block], inner, palette)
                )
                self._rows += [[Span(" "), *row] for row in built]
        return len(self._rows)

    def line(self, index: int, width: int, palette: Palette) -> Line:
        """One built row."""
        return self._rows[index]
