"""The two lines that frame the on-call list: what needs a person, in counts, and what the agent does this second."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from widgets.paint import Line, Painted, Palette, Span, spread, width_of
from widgets.panel import Count, count_spans
from widgets.printable import flat
from widgets.tokens import Mark

ALERT_RANK = 3


@dataclass(frozen=True, slots=True)
class BarModel:
    """The line of counts."""

    counts: tuple[Count, ...] = ()
    """`P0 1 (unowned 3m)`, `gates 2 (due 4m)`, …"""
    ranks: tuple[int, ...] = ()
    """One for each count: on a narrow screen the highest leave first; the alert leaves before those of rank 3."""
    alert: str = ""
    """Something that must not be missed: `2 sources do not answer`."""


class OnCallBar(Painted):
    """One line of counts. Set `model` to change it."""

    DEFAULT_CSS = """
    OnCallBar { height: 1; background: $base; }
    """

    def __init__(self, model: BarModel | None = None, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._model = model or BarModel()

    @property
    def model(self) -> BarModel:
        """What the line says."""
        return self._model

    @model.setter
    def model(self, model: BarModel) -> None:
        if model != self._model:
            self._model = model
            self.repaint()

    def rows(self, width: int, height: int, palette: Palette) -> Sequence[Line]:
        """The counts that fit beside the alert."""
        model = self._model
        alert: list[Span] = []
        if model.alert:
            alert = [palette.mark(Mark.FAIL), Span(f" {flat(model.alert)} ", "crit")]
        shown = list(model.counts)
        ranks = list(model.ranks) + [0] * (len(shown) - len(model.ranks))
        while shown and width_of(_counts(shown, palette)) + width_of(alert) + 1 > width:
            worst = max(range(len(shown)), key=lambda place: (ranks[place], place))
            if alert and ranks[worst] <= ALERT_RANK:
                alert = []
                continue
            del shown[worst], ranks[worst]
        return [spread(_counts(shown, palette), alert, width)]


def _counts(counts: Sequence[Count], palette: Palette) -> list[Span]:
    spans: list[Span] = [Span(" ")]
    for number, count in enumerate(counts):
        if number:
            spans.append(Span("  "))
        spans += count_spans(count, palette)
    return spans


@dataclass(frozen=True, slots=True)
class AgentModel:
    """What the agent does, and the key that stops it."""

    text: str = ""
    mark: Mark = Mark.NOTE
    hint: str = ""
    """`p pauses it`."""


class AgentLine(Painted):
    """One line about the agent. Set `model` to change it."""

    DEFAULT_CSS = """
    AgentLine { height: 1; background: $base; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._model = AgentModel("Reading…")

    @property
    def model(self) -> AgentModel:
        """What the line says."""
        return self._model

    @model.setter
    def model(self, model: AgentModel) -> None:
        if model != self._model:
            self._model = model
            self.repaint()

    def rows(self, width: int, height: int, palette: Palette) -> Sequence[Line]:
        """Label, mark, words, and the key at the right."""
        model = self._model
        hint = [Span(flat(model.hint) + " ", "ink-3")] if model.hint else []
        room = max(width - width_of(hint) - 12, 8)
        left = [Span(" AGENT  ", "ink-3"), palette.mark(model.mark), Span(" " + palette.cut(model.text, room), "ink-2")]
        return [spread(left, hint, width)]
