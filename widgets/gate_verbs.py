"""The four verbs of a gate in their fixed order, and why approving is still locked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual import events
from textual.message import Message

from widgets.gate_model import GATE_GROUND
from widgets.paint import Line, Painted, Palette, Span, width_of
from widgets.printable import flat
from widgets.tokens import Mark

VERBS: tuple[tuple[str, str, str, str], ...] = (
    ("approve", "A", "Approve once", "human"),
    ("edit", "E", "Edit", "ink"),
    ("reject", "R", "Reject", "crit"),
    ("defer", "esc", "Defer", "ink"),
)
"""(verb, key, label, ink), in the order in which every gate shows them."""


class GateVerbs(Painted):
    """The four verbs, and at the right why approving is still locked or that the end was read."""

    ground = GATE_GROUND
    DEFAULT_CSS = """
    GateVerbs { height: 2; background: $dialog; }
    GateVerbs.-roomy { height: 3; }
    """

    @dataclass
    class Clicked(Message):
        """A person clicked a verb."""

        verb: str

    def __init__(self) -> None:
        super().__init__()
        self._locked: str | None = "the gate is not drawn yet"
        self._below = 0
        self._observe = False
        self._places: list[tuple[int, int, str]] = []

    def show(self, locked: str | None, below: int, observe: bool) -> None:
        """Draw the verbs in this state; `below` rows are still to read."""
        self._locked, self._below, self._observe = locked, below, observe
        self.repaint()

    def rows(self, width: int, height: int, palette: Palette) -> Sequence[Line]:
        """A rule and one row on small screens, three rows of buttons on large ones."""
        roomy = height >= 3
        pad = "  " if roomy else " "
        buttons: list[Span] = []
        blank: list[Span] = []
        self._places = []
        for verb, key, label, ink in VERBS:
            if verb == "approve" and self._observe:
                continue
            if buttons:
                buttons.append(Span(" "))
                blank.append(Span(" "))
            start = width_of(buttons)
            grey = verb == "approve" and self._locked is not None
            text = [Span(pad + key, "ink-3" if grey else ink, bold=not grey, fill="bar")]
            text.append(Span(f" {label}{pad}", "ink-3" if grey else ("ink" if ink == "ink" else ink), fill="bar"))
            buttons += text
            blank.append(Span(" " * width_of(text), fill="bar"))
            self._places.append((start, width_of(buttons), verb))
        status = self._status(palette)
        room = width - width_of(buttons) - width_of(status)
        if room >= 1:
            line = [*buttons, Span(" " * room), *status]
            return [blank, line, blank] if roomy else [[_rule(palette, width)], line]
        return [blank, buttons, status] if roomy else [status, buttons]

    def _status(self, palette: Palette) -> list[Span]:
        if self._below and not self._observe:
            noun = "line" if self._below == 1 else "lines"
            return [Span(palette.own("more").text, "warn"), Span(f" {self._below} {noun} more to read", "ink-2")]
        if self._locked is not None:
            return [palette.mark(Mark.HELD), Span(" " + flat(self._locked), "ink-2")]
        return [palette.mark(Mark.DONE), Span(" read to the end", "ink-2")]

    def on_click(self, event: events.Click) -> None:
        """A click is the key; the lock holds for both."""
        for start, end, verb in self._places:
            if start <= event.x < end:
                self.post_message(self.Clicked(verb))


def _rule(palette: Palette, width: int) -> Span:
    return Span(palette.own("line").text * width, "rule")
