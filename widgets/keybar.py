"""The bottom line: the keys that work here and now, from the live bindings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from textual import events
from textual.binding import Binding
from textual.message import Message
from textual.screen import Screen

from widgets.paint import Line, Painted, Palette, Span, width_of
from widgets.printable import flat
from widgets.tokens import Mark

GAP = "   "
_KEY_WORDS = {
    "question_mark": "?",
    "slash": "/",
    "escape": "esc",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "full_stop": ".",
    "comma": ",",
    "pageup": "pgup",
    "pagedown": "pgdn",
}


@dataclass(frozen=True, slots=True)
class KeyHint:
    """One key on the bottom line."""

    key: str
    """As it is written for people: `space`, `^p`, `1-4`."""
    label: str
    enabled: bool = True
    reason: str = ""
    """Why it is greyed; told when a person clicks it."""
    action: str = ""
    """Run when a person clicks it, if enabled."""
    human: bool = False
    """The key that answers the badge: drawn with the diamond, in its colour."""
    rank: int = 0
    """On a narrow screen hints of the highest rank leave first; within a rank the rightmost."""


@runtime_checkable
class ExplainsDisabled(Protocol):
    """A screen or widget that can say why one of its actions is greyed."""

    def disabled_reason(self, action: str) -> str | None:
        """One sentence, or None if it is not disabled."""
        ...


def key_words(key: str) -> str:
    """A binding's key as people write it: `ctrl+p` -> `^p`, `question_mark` -> `?`."""
    if key in _KEY_WORDS:
        return _KEY_WORDS[key]
    if key.startswith("ctrl+"):
        return "^" + key_words(key[5:])
    return key


def hints_from(screen: Screen[object], ranks: Mapping[str, int] | None = None, human: str = "") -> list[KeyHint]:
    """The hints of a screen's live bindings that ask to be shown, in the order in which the screen declares them.

    `ranks` maps binding ids to `KeyHint.rank`; `human` is the id of the binding that opens a gate.
    """
    hints: dict[str, KeyHint] = {}
    for active in screen.active_bindings.values():
        binding = active.binding
        if not binding.show or binding.action in hints:
            continue
        reason = ""
        if not active.enabled and isinstance(active.node, ExplainsDisabled):
            reason = active.node.disabled_reason(binding.action) or ""
        hints[binding.action] = KeyHint(
            key=binding.key_display or key_words(binding.key.split(",", maxsplit=1)[0]),
            label=binding.description,
            enabled=active.enabled,
            reason=reason,
            action=binding.action,
            human=bool(human) and binding.id == human,
            rank=(ranks or {}).get(binding.id or "", 0),
        )
    declared = [binding.action for binding in type(screen).BINDINGS if isinstance(binding, Binding)]
    places = {action: place for place, action in enumerate(declared)}
    return sorted(hints.values(), key=lambda hint: (not hint.human, places.get(hint.action, len(places))))


class KeyBar(Painted):
    """One line of keys, never wider than the screen."""

    ground = "bar"
    DEFAULT_CSS = """
    KeyBar { height: 1; dock: bottom; background: $bar; }
    """

    @dataclass
    class Pressed(Message):
        """A person clicked an enabled key."""

        hint: KeyHint

    @dataclass
    class Refused(Message):
        """A person clicked a greyed key; tell the reason."""

        hint: KeyHint

    def __init__(
        self,
        hints: Sequence[KeyHint] | None = None,
        *,
        ranks: Mapping[str, int] | None = None,
        human: str = "",
        id: str | None = None,
    ) -> None:
        """With `hints` the line shows these; without, it follows the screen's bindings."""
        super().__init__(id=id)
        self._live = hints is None
        self._hints = list(hints or ())
        self._ranks = dict(ranks or {})
        self._human = human
        self._places: list[tuple[int, int, KeyHint]] = []

    @property
    def hints(self) -> Sequence[KeyHint]:
        """What the line shows, before it is fitted to the width."""
        return tuple(self._hints)

    def set_hints(self, hints: Sequence[KeyHint]) -> None:
        """Show these keys."""
        self._hints = list(hints)
        self.repaint()

    def on_mount(self) -> None:
        """Follow the bindings of the screen."""
        if self._live:
            self.screen.bindings_updated_signal.subscribe(self, self._follow)
            self.call_after_refresh(self._follow, self.screen)

    def _follow(self, screen: Screen[object]) -> None:
        if self.is_attached and screen is self.screen:
            self.set_hints(hints_from(screen, self._ranks, self._human))

    def rows(self, width: int, height: int, palette: Palette) -> Sequence[Line]:
        """The keys that fit."""
        shown = fit_hints(self._hints, width, palette)
        line: list[Span] = [Span(" ")]
        self._places = []
        for number, hint in enumerate(shown):
            if number:
                line.append(Span(GAP))
            start = width_of(line)
            line += hint_spans(hint, palette)
            self._places.append((start, width_of(line), hint))
        return [line]

    def on_click(self, event: events.Click) -> None:
        """A click is the key; a greyed key answers with its reason."""
        for start, end, hint in self._places:
            if start <= event.x < end:
                self.post_message(self.Pressed(hint) if hint.enabled else self.Refused(hint))


def hint_spans(hint: KeyHint, palette: Palette) -> list[Span]:
    """One key and its word."""
    if not hint.enabled:
        return [Span(f"{flat(hint.key)} {flat(hint.label)}", "ink-3")]
    spans = [palette.mark(Mark.HUMAN), Span(" ")] if hint.human else []
    return [
        *spans,
        Span(flat(hint.key), "human" if hint.human else "focus", bold=True),
        Span(" " + flat(hint.label), "ink-2"),
    ]


def fit_hints(hints: Sequence[KeyHint], width: int, palette: Palette) -> list[KeyHint]:
    """The hints that fit into `width` cells, in their order."""
    shown = list(hints)
    while shown:
        cells = 1 + sum(width_of(hint_spans(hint, palette)) for hint in shown) + len(GAP) * (len(shown) - 1)
        if cells <= width:
            break
        worst = max(range(len(shown)), key=lambda index: (shown[index].rank, index))
        shown.pop(worst)
    return shown
