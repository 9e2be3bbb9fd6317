"""What every screen shares: keys that mean the same everywhere, and where sentences for the person go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.binding import Binding

from widgets.keybar import KeyBar

if TYPE_CHECKING:
    from textual.screen import Screen

HELP_KEY = Binding(
    "question_mark", "app.help", "help", id="app.help", show=False, tooltip="Show every key that works here."
)
PAUSE_KEY = Binding(
    "p",
    "app.pause",
    "pause",
    id="app.pause",
    show=False,
    tooltip="Stop new effects at once; a running executor goes on.",
)
"""For screens on which nobody types; f2 pauses everywhere, also while one types."""


class Told:
    """A screen with a place of its own for sentences, so that nothing is laid over what has to be read."""

    def tell(self, sentence: str, *, error: bool = False) -> None:
        """Show one sentence until the next."""
        raise NotImplementedError


class ClickedKeys:
    """For screens with a key bar: a click on a key is the key, a click on a greyed key tells why it is."""

    def on_key_bar_pressed(self: Screen[object], message: KeyBar.Pressed) -> None:  # type: ignore[misc]
        """A clicked key."""
        self.call_later(self.run_action, message.hint.action)

    def on_key_bar_refused(self: Screen[object], message: KeyBar.Refused) -> None:  # type: ignore[misc]
        """A greyed key says why."""
        self.app.say(message.hint.reason)  # type: ignore[attr-defined]
