"""The eleven steps from top to bottom, for wide screens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.message import Message

from widgets.paint import Line, Painted, Palette, Span, content, palette_of, spread
from widgets.printable import cell_width, flat
from widgets.steps import StepView, Tally
from widgets.tokens import GLYPHS, Mark


class Stepper(Painted):
    """The steps with their notes and durations, and what was decided today below them."""

    DEFAULT_CSS = """
    Stepper { width: 28; border: round $rule; background: $base; padding: 0 1; height: 1fr; }
    App.-ascii Stepper { border: ascii $rule; }
    """

    SCOPED_CSS: ClassVar[bool] = False

    @dataclass
    class StepChosen(Message):
        """A person clicked a step."""

        n: int

    def __init__(
        self,
        steps: Sequence[StepView] = (),
        today: Sequence[Tally] = (),
        *,
        title: str = "Pulse",
        id: str | None = None,
    ) -> None:
        super().__init__(id=id)
        self._steps = tuple(steps)
        self._today = tuple(today)
        self._title = title
        self._places: list[int] = []

    def show(self, steps: Sequence[StepView], today: Sequence[Tally] = ()) -> None:
        """Show these steps."""
        self._steps, self._today = tuple(steps), tuple(today)
        self.repaint()

    def on_mount(self) -> None:
        """Write the title into the border."""
        self.app.theme_changed_signal.subscribe(self, lambda _: self._border())
        self._border()

    def _border(self) -> None:
        self.border_title = content([Span(flat(self._title), "ink-2")], palette_of(self))

    def rows(self, width: int, height: int, palette: Palette) -> Sequence[Line]:
        """Two rows a step where there is room, else one; today's tally if it fits below."""
        roomy = height >= 2 * len(self._steps)
        lines: list[Line] = []
        self._places = []
        for step in self._steps:
            lines.append(_step_row(step, width, palette))
            self._places.append(step.n)
            if roomy or step.current:
                last = step is self._steps[-1]
                lines.append(_note_row(step, width, palette, last=last))
                self._places.append(step.n)
        tally = len(self._today) + 1
        if self._today and len(lines) + tally <= height:
            lines += [()] * min(height - len(lines) - tally, 1)
            lines.append([Span("Today", "ink-3")])
            for entry in self._today:
                lines.append([palette.mark(entry.mark), Span(" " + flat(entry.text), "ink-2")])
        return lines

    def on_click(self, event: events.Click) -> None:
        """A click on a step chooses it."""
        offset = event.get_content_offset(self)
        if offset is not None and 0 <= offset.y < len(self._places):
            self.post_message(self.StepChosen(self._places[offset.y]))


def _inks(step: StepView) -> tuple[str, str]:
    """The ink of the name and of the note."""
    if step.current or step.mark in {Mark.FAIL, Mark.WARN}:
        ink = GLYPHS[step.mark].ink if step.mark is not Mark.HELD else "warn"
        return ink, ink
    return ("ink", "ink-2") if step.mark is Mark.DONE else ("ink-3", "ink-3")


def _step_row(step: StepView, width: int, palette: Palette) -> Line:
    name_ink, _ = _inks(step)
    glyph = palette.mark(step.mark)
    if step.mark is Mark.DONE:
        glyph = Span(glyph.text, "ink-2")
    number_ink = name_ink if step.current else ("ink-2" if step.mark is Mark.DONE else "ink-3")
    left = [
        glyph,
        Span(f" {step.n:>2}  ", number_ink, bold=step.current),
        Span(flat(step.name), name_ink, bold=step.current),
    ]
    right = [] if step.current else [Span(flat(step.right), "ink-3")]
    return spread(left, right, width)


def _note_row(step: StepView, width: int, palette: Palette, *, last: bool) -> Line:
    _, note_ink = _inks(step)
    rail = palette.own("rail-human", note_ink) if step.current else palette.own("rail", "rule")
    if last and not step.current:
        rail = Span(" ")
    right = [Span(flat(step.right), note_ink, bold=True)] if step.current else []
    room = width - 7 - (cell_width(flat(step.right)) + 1 if right else 0)
    note = Span(palette.cut(step.note, room), note_ink if step.current else "ink-3")
    return spread([rail, Span("     "), note], right, width)
