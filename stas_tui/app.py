"""The dashboard: it composes screens, themes and keys, and knows no domain."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from rich.segment import Segments
from rich.traceback import Traceback
from textual.app import App
from textual.binding import BindingType
from textual.command import CommandPalette
from textual.screen import Screen

from stas_tui.screens.evidence import evidence_text
from stas_tui.screens.hand import Hand
from stas_tui.screens.main import MainScreen
from stas_tui.wiring import Application
from widgets import themes
from widgets.paint import ASCII_CLASS
from widgets.printable import flat, safe_text

NOTICE_S = 5.0


class StasApp(App[None]):
    """One dashboard on one profile."""

    CSS_PATH = Path(__file__).parent / "screens" / "main.tcss"
    CSS = "Screen { background: $base; color: $ink; } Toast { background: $bar; color: $ink; }"
    TITLE = "stas"
    BINDINGS: ClassVar[list[BindingType]] = []
    COMMAND_PALETTE_BINDING = "ctrl+p"

    def __init__(self, application: Application) -> None:
        super().__init__()
        self.application = application
        self.hand = Hand(application)
        self.main = MainScreen()
        settings = application.settings
        self.animation_level = "full" if settings.animation else "none"
        themes.register(self)  # type: ignore[arg-type]
        if settings.theme == "day":
            self.theme = themes.DAY
        self.set_class(settings.ascii, ASCII_CLASS)
        self.set_keymap({name: ",".join(keys) for name, keys in settings.keys.items() if name in settings.keymap})

    @property
    def environment(self) -> str:
        """The supervised environment's name."""
        return self.application.settings.environment

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Our tokens for themes that do not know them."""
        return themes.variable_defaults(self.current_theme.dark)

    def get_default_screen(self) -> Screen[Any]:
        """The main screen."""
        return self.main

    def on_mount(self) -> None:
        """Free the garbage collector once everything needed for the first paint is there."""
        self.call_after_refresh(self._first_paint)

    def _first_paint(self) -> None:
        gc.freeze()
        gc.enable()

    async def on_unmount(self) -> None:
        """Let what is under way finish."""
        self.hand.close()

    # saying ---------------------------------------------------------------------------------------

    def say(self, sentence: str, *, error: bool = False, lasting: bool = False) -> None:
        """One sentence for the person; text from outside is made harmless."""
        if sentence:
            self.notify(
                safe_text(sentence),
                severity="error" if error else "information",
                timeout=60.0 if lasting else NOTICE_S,
                markup=False,
            )

    def retitle(self, waiting: int) -> None:
        """The window's title: fixed words and a count, never text from outside."""
        demo = " DEMO" if self.application.settings.demo.enabled else ""
        self.title = f"stas{demo}" + (f" ({waiting} wait)" if waiting else "")

    # things several screens ask for ---------------------------------------------------------------

    def evidence_text(self, key: str) -> str:
        """A piece of evidence as text; on a thread beside the interface."""
        return evidence_text(self.application, key)

    def summary_form(self) -> Sequence[Sequence[Any]]:
        """The summary of the open pulse as a form."""
        from stas_tui.pulse import summary_facts
        from stas_tui.pulse.summary import summary_form

        pulse = self.application.machine.current()
        if pulse is None:
            return []
        return [list(row) for row in summary_form(summary_facts.facts(self.application.context, pulse))]

    def export_summary(self, text: str) -> Path:
        """Write the summary into the profile's exports; returns the path."""
        from stas_tui.locations import write_private

        pulse = self.application.machine.current()
        number = pulse.number if pulse else 0
        path = self.application.profile.exports / f"pulse-{number}.md"
        write_private(path, text)
        return path

    def close_covered(self, screen: Screen[Any], result: object) -> None:
        """Close a screen that another one covers: everything above it goes first, undecided."""

        async def close() -> None:
            while screen in self.screen_stack and self.screen is not screen:
                await self.pop_screen()
            if self.screen is screen:
                screen.dismiss(result)

        self.run_worker(close(), group="close", exclusive=True)

    def action_help(self) -> None:
        """Every key that works here."""
        from stas_tui.screens.help import HelpScreen

        if not isinstance(self.screen, HelpScreen | CommandPalette):
            self.push_screen(HelpScreen(self.screen))

    def _fatal_error(self) -> None:
        """Crash reports never print local variables: they may hold what must not be shown."""
        self.bell()
        trace = Traceback(show_locals=False, width=None)
        self._exit_renderables.append(Segments(self.console.render(trace, self.console.options)))
        self._close_messages_no_wait()

    @staticmethod
    def flat(text: object) -> str:
        """One printable line."""
        return flat(text)
