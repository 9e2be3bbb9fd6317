"""A small program of one screen: our themes, a place for sentences, and one sentence if the window is too small."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import ClassVar

from textual import events
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen
from textual.widgets import Static

from stas_tui.keys import resolve
from stas_tui.screens.common import Told
from stas_tui.screens.ending import Ending
from stas_tui.screens.hangup import end_with_terminal
from stas_tui.screens.keymapped import keymap_of
from stas_tui.screens.small import NEEDED, too_small
from widgets import themes
from widgets.content import safe
from widgets.paint import ASCII_CLASS
from widgets.tokens import wants_ascii


class LittleTooSmall(ModalScreen[None]):
    """Lies over everything until the window is large enough."""

    CSS = """
    LittleTooSmall { background: $base; }
    LittleTooSmall > Static { width: 100%; height: 100%; color: $ink; background: $base; }
    """

    def compose(self) -> ComposeResult:
        """One sentence."""
        yield Static(safe(self._sentence))

    @property
    def _sentence(self) -> str:
        size = self.app.size
        return f"This window is {size.width}x{size.height}; Stas needs {NEEDED.width}x{NEEDED.height}."

    def on_resize(self, event: events.Resize) -> None:
        """Go as soon as there is room."""
        if not too_small(event.size) and self.app.screen is self:
            self.dismiss(None)
        else:
            self.query_one(Static).update(safe(self._sentence))


class LittleApp(App[None], inherit_bindings=False):
    """Themes, glyphs and sentences as everywhere; no profile, no journal, no command palette."""

    CSS = """
    Screen { background: $base; color: $ink; }
    """
    TITLE = "stas TRAINING"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+q", "quit", "quit now", id="app.quit_now", priority=True, show=False, tooltip="Leave at once."),
    ]

    def __init__(
        self,
        *,
        theme: str = "night",
        ascii_only: bool = False,
        environ: Mapping[str, str] | None = None,
        keymap: Mapping[str, str] | None = None,
        ending: Ending | None = None,
    ) -> None:
        """`theme` is `night` or `day`; `environ` says what the terminal can show.

        `keymap` is `[keymap]` of the settings, and `ending` ends the program when it is told to from outside.
        Raises `KeymapError`.
        """
        super().__init__()
        self._ending = ending
        self.keys = resolve(keymap)
        """The keys of every action, as people write them."""
        self.set_keymap(keymap_of(self.keys, keymap or {}))
        self.animation_level = "none"
        themes.register(self)  # type: ignore[arg-type]
        if theme == "day":
            self.theme = themes.DAY
        self.set_class(ascii_only or wants_ascii(os.environ if environ is None else environ), ASCII_CLASS)

    def on_mount(self) -> None:
        """Watch the terminal, and hear who wants it back."""
        end_with_terminal(self)
        if self._ending is not None:
            self._ending.ends(self)

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Our tokens for themes that do not know them."""
        return themes.variable_defaults(self.current_theme.dark)

    def say(self, sentence: str, *, error: bool = False) -> None:
        """One sentence for the person, on the screen that has a place for it."""
        for screen in reversed(self.screen_stack):
            if isinstance(screen, Told):
                screen.tell(sentence, error=error)
                return

    def action_help(self) -> None:
        """Every key that works here."""
        from stas_tui.screens.help import HelpScreen

        if not isinstance(self.screen, HelpScreen | LittleTooSmall):
            self.push_screen(HelpScreen(self.screen))

    def on_resize(self, event: events.Resize) -> None:
        """A window that is too small says so."""
        if too_small(event.size) and not isinstance(self.screen, LittleTooSmall):
            self.push_screen(LittleTooSmall())
