"""The top line: where this is, whether a person is needed, how fresh the data is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from textual import events
from textual.message import Message

from widgets.paint import Line, Painted, Palette, Span, width_of
from widgets.printable import flat
from widgets.tokens import Mark


@dataclass(frozen=True, slots=True)
class TopBarModel:
    """What the top line says. Environment and mode are drawn at every width."""

    environment: str = ""
    pulse: str = ""
    """`pulse 482`."""
    waiting: int = 0
    """How many gates wait for a person; draws the badge."""
    mode: str = ""
    """`SUPERVISED`."""
    pace: str = ""
    """`step mode`, `paused`."""
    alert: str = ""
    """Something that must not be missed, such as a read-only store."""
    live: Mark = Mark.UNKNOWN
    live_word: str = "never asked"
    live_age: str = ""
    clock: str = ""
    """`14:07Z`."""
    quiet: str = "nothing waits for you"
    """Said while `waiting` is 0; something else while nobody has looked yet."""
    name: str = field(default="stas")


class TopBar(Painted):
    """One line. Set `model` to change it."""

    ground = "bar"
    DEFAULT_CSS = """
    TopBar { height: 1; dock: top; background: $bar; }
    """

    class GateAsked(Message):
        """A person clicked the badge."""

    def __init__(self, model: TopBarModel | None = None, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._model = model or TopBarModel()
        self._badge = (0, 0)

    @property
    def model(self) -> TopBarModel:
        """What the line says."""
        return self._model

    @model.setter
    def model(self, model: TopBarModel) -> None:
        if model != self._model:
            self._model = model
            self.repaint()

    def rows(self, width: int, height: int, palette: Palette) -> Sequence[Line]:
        """The line, with less important parts left out until it fits."""
        for missing in (
            (),
            ("quiet",),
            ("quiet", "pace"),
            ("quiet", "pace", "pulse"),
            ("quiet", "pace", "pulse", "age"),
        ):
            left, right = self._left(palette, missing), self._right(palette, missing)
            if width_of(left) + width_of(right) + 2 <= width:
                break
        room = width - width_of(left) - width_of(right)
        return [[*left, Span(" " * max(room, 1)), *right]]

    def _left(self, palette: Palette, missing: Sequence[str]) -> list[Span]:
        model = self._model
        where: list[Span] = [Span(flat(model.environment), "ink-2")]
        if model.pulse and "pulse" not in missing:
            where += [Span(" "), palette.own("dot"), Span(" " + flat(model.pulse), "ink-2")]
        spans = [Span(" " + flat(model.name), "ink", bold=True), Span("  "), *where, Span("   ")]
        start = width_of(spans) - 1
        if model.waiting:
            word = "WAITS" if model.waiting == 1 else "WAIT"
            mark = palette.mark(Mark.HUMAN).text
            badge = Span(f" {mark} {model.waiting} {word} FOR YOU ", "on-fill", bold=True, fill="human")
            spans = [*spans[:-1], Span("  "), badge, Span("  ")]
            self._badge = (start + 1, start + 1 + width_of([badge]))
        else:
            self._badge = (0, 0)
            if "quiet" not in missing:
                spans += [Span(flat(model.quiet), "ink-3"), Span("   ")]
        if model.alert:
            spans += [palette.mark(Mark.WARN), Span(f" {flat(model.alert)}  ", "warn", bold=True)]
        if model.mode:
            spans.append(Span(flat(model.mode), "ink-2"))
        if model.pace and "pace" not in missing:
            spans.append(Span("  " + flat(model.pace), "ink-3"))
        return spans

    def _right(self, palette: Palette, missing: Sequence[str]) -> list[Span]:
        model = self._model
        spans = [palette.mark(model.live), Span(" " + flat(model.live_word), "ink-2")]
        if model.live_age and "age" not in missing:
            spans.append(Span(" " + flat(model.live_age), "ink-3"))
        return [*spans, Span("   "), Span(flat(model.clock), "ink-2"), Span(" ")]

    def on_click(self, event: events.Click) -> None:
        """The badge opens the gate, as its key does; it never answers."""
        if self._badge[0] <= event.x < self._badge[1]:
            self.post_message(self.GateAsked())
