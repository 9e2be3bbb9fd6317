"""For narrow screens: the steps folded into one line, and the panels as tabs with their counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual import events
from textual.message import Message

from widgets.paint import Line, Painted, Palette, Span, width_of
from widgets.panel import Count, count_spans
from widgets.printable import flat
from widgets.steps import StepView
from widgets.tokens import GLYPHS, Mark


class StepLine(Painted):
    """All steps as glyphs, the current one with its name and time."""

    DEFAULT_CSS = """
    StepLine { height: 1; background: $base; }
    """

    def __init__(self, steps: Sequence[StepView] = (), *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._steps = tuple(steps)

    def show(self, steps: Sequence[StepView]) -> None:
        """Show these steps."""
        self._steps = tuple(steps)
        self.repaint()

    def rows(self, width: int, height: int, palette: Palette) -> Sequence[Line]:
        """One line."""
        spans: list[Span] = []
        current = next((step for step in self._steps if step.current), None)
        for step in self._steps:
            if step is current:
                text = f" {palette.mark(step.mark).text} {step.n} {flat(step.name)}"
                text += f" {flat(step.right)} " if step.right else " "
                filled = step.mark is Mark.HUMAN
                ink = "on-fill" if filled else GLYPHS[step.mark].ink
                spans += [Span(" "), Span(text, ink, bold=True, fill="human" if filled else ""), Span(" ")]
            else:
                glyph = palette.mark(step.mark)
                quiet = step.mark in {Mark.DONE, Mark.TODO}
                spans += [Span(" "), Span(glyph.text, "ink-2") if quiet else glyph]
        done = current.n if current is not None else sum(step.mark is not Mark.TODO for step in self._steps)
        tail = Span(f"  {done} of {len(self._steps)}", "ink-3") if self._steps else Span("  no pulse", "ink-3")
        if width_of(spans) + width_of([tail]) <= width:
            spans.append(tail)
        return [spans]


@dataclass(frozen=True, slots=True)
class Tab:
    """One panel as a tab."""

    key: str
    title: str
    counts: tuple[Count, ...] = ()


class PanelTabs(Painted):
    """The panels as tabs with their counts; `active` is the key of the open one."""

    DEFAULT_CSS = """
    PanelTabs { height: 1; background: $base; }
    """

    @dataclass
    class TabChosen(Message):
        """A person clicked a tab."""

        key: str

    def __init__(self, tabs: Sequence[Tab] = (), active: str = "", *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._tabs = tuple(tabs)
        self._active = active
        self._places: list[tuple[int, int, str]] = []

    def show(self, tabs: Sequence[Tab], active: str) -> None:
        """Show these tabs."""
        self._tabs, self._active = tuple(tabs), active
        self.repaint()

    def rows(self, width: int, height: int, palette: Palette) -> Sequence[Line]:
        """One line; counts are left out, worst last, until it fits."""
        for most in (3, 2, 1, 0):
            line = self._line(palette, most)
            if width_of(line) <= width:
                break
        return [line]

    def _line(self, palette: Palette, most: int) -> Line:
        spans: list[Span] = [Span(" ")]
        self._places = []
        for number, tab in enumerate(self._tabs):
            if number:
                spans.append(palette.own("bar", "ink-3"))
            active = tab.key == self._active
            fill = "cursor" if active else ""
            start = width_of(spans)
            label = f" {flat(tab.key)} {flat(tab.title)}"
            spans.append(Span(label, "ink" if active else "ink-2", bold=active, fill=fill))
            for count in tab.counts[:most]:
                spans.append(Span(" ", fill=fill))
                for piece in count_spans(count, palette, gap=""):
                    ink = "ink-2" if active and piece.ink == "ink-3" else piece.ink
                    spans.append(Span(piece.text, ink, active or piece.bold, fill=fill))
            spans.append(Span(" ", fill=fill))
            self._places.append((start, width_of(spans), tab.key))
        return spans

    def on_click(self, event: events.Click) -> None:
        """A click opens the panel."""
        for start, end, key in self._places:
            if start <= event.x < end:
                self.post_message(self.TabChosen(key))
