"""The thin line of a lesson: its banner, the time that is left, how fast it runs, its keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from storage.clock import countdown
from widgets.paint import Line, Painted, Palette, Span, spread, width_of
from widgets.printable import flat
from widgets.tokens import Mark


@dataclass(frozen=True, slots=True)
class LessonModel:
    """What the line says."""

    banner: str = ""
    left_ms: int = 0
    speed: float = 1.0
    playing: bool = True
    over: bool = False
    keys: str = ""


class LessonLine(Painted):
    """One line below the first. Set `model` to change it."""

    ground = "bar"
    DEFAULT_CSS = """
    LessonLine { height: 1; background: $bar; }
    """

    def __init__(self, model: LessonModel) -> None:
        super().__init__()
        self._model = model

    @property
    def model(self) -> LessonModel:
        """What it says."""
        return self._model

    @model.setter
    def model(self, model: LessonModel) -> None:
        if model != self._model:
            self._model = model
            self.repaint()

    def rows(self, width: int, height: int, palette: Palette) -> Sequence[Line]:
        """Time first: it is never left out."""
        model = self._model
        pace = "over" if model.over else f"{countdown(model.left_ms)} left"
        if not model.over:
            pace += "" if model.playing else ", paused"
            pace += "" if model.speed == 1 else f", speed {model.speed:g}"
        spans = [Span(" "), palette.mark(Mark.WARN), Span(" TRAINING ", "warn", bold=True), Span(pace, "ink-2")]
        used = width_of(spans)
        keys = model.keys if used + len(model.keys) + 4 <= width else ""
        room = width - used - len(keys) - 5
        banner = flat(model.banner, 120)
        banner = banner if len(banner) <= room else banner[: max(room - 1, 0)] + "…" if room > 1 else ""
        if banner:
            spans += [Span("   "), Span(banner, "ink", bold=True)]
        return [spread(spans, [Span(keys, "ink-3"), Span(" ")], width)]
