"""The dashboard: it composes screens, themes and keys, and knows no domain."""

from __future__ import annotations

import gc
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, ClassVar

from rich.segment import Segments
from textual import events
from textual.app import App
from textual.binding import Binding, BindingType
from textual.command import CommandPalette
from textual.screen import Screen

from stas_tui.application import Application
from stas_tui.notify.terminal import Kind
from stas_tui.screens.commands import Palette, PulseCommands
from stas_tui.screens.common import Told
from stas_tui.screens.ending import Ending
from stas_tui.screens.evidence import evidence_text
from stas_tui.screens.hand import Hand
from stas_tui.screens.hangup import end_with_terminal
from stas_tui.screens.keymapped import keymap_of
from stas_tui.screens.main import MainScreen
from stas_tui.screens.outside import Calls
from stas_tui.screens.small import TooSmall, too_small
from widgets import themes
from widgets.paint import ASCII_CLASS
from widgets.printable import flat, safe_text
from widgets.tokens import wants_ascii

NOTICE_S = 6.0
LASTING_S = 60.0
FIRST_LIGHT_BACKGROUND = 7
"""In `COLORFGBG`, background colours from this number on (but not 8, dark grey) are light."""


class StasApp(App[None], inherit_bindings=False):
    """One dashboard on one profile."""

    CSS_PATH = Path(__file__).parent / "screens" / "main.tcss"
    CSS = """
    Screen { background: $base; color: $ink; }
    Toast { background: $bar; color: $ink; width: auto; max-width: 76; padding: 0 2; margin: 0; }
    Toast.-information { border-left: outer $focus; }
    Toast.-warning { border-left: outer $warn; }
    Toast.-error { border-left: outer $crit; }
    CommandPalette > Vertical { background: $dialog; }
    """
    TITLE = "stas"
    ENABLE_COMMAND_PALETTE = False
    """Textual would bind its key with priority, over an open gate; ours is a key of the main screen."""
    COMMANDS = {PulseCommands}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "f2", "pause", "pause", id="app.pause_now", priority=True, show=False, tooltip="Pause, also as one types."
        ),
        Binding("ctrl+q", "quit", "quit now", id="app.quit_now", priority=True, show=False, tooltip="Leave at once."),
    ]

    def __init__(
        self,
        application: Application,
        *,
        environ: Mapping[str, str] | None = None,
        on_call: bool = False,
        ending: Ending | None = None,
    ) -> None:
        """`environ` says what the terminal can show; the process's own by default. `on_call` opens on that list.

        `ending` ends the program when it is told to from outside.
        """
        super().__init__()
        self._ending = ending
        environ = os.environ if environ is None else environ
        self.application = application
        self.hand = Hand(application)
        self.main = MainScreen()
        settings = application.settings
        self.animation_level = "full" if settings.animation else "none"
        themes.register(self)  # type: ignore[arg-type]
        if settings.theme == "day" or (settings.theme == "auto" and light_terminal(environ)):
            self.theme = themes.DAY
        self.set_class(settings.ascii or wants_ascii(environ), ASCII_CLASS)
        self.set_keymap(keymap_of(settings.keys, settings.keymap))
        self.calls = Calls(self, settings, environ)
        self._on_call = on_call

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
        self.screen_change_signal.subscribe(self, self._fit)
        self.call_after_refresh(self._first_paint)
        end_with_terminal(self)
        if self._ending is not None:
            self._ending.ends(self)
        if self._on_call:
            self.show_on_call()

    def _first_paint(self) -> None:
        gc.freeze()
        gc.enable()

    async def on_unmount(self) -> None:
        """Take nothing new. Whoever started the application waits for what is under way, with a plain terminal."""
        self.hand.stop()

    # the size -------------------------------------------------------------------------------------

    def on_resize(self, event: events.Resize) -> None:
        """A window that is too small says so; what is below stays as it is."""
        self.call_later(self._fit, None)

    def _fit(self, screen: object) -> None:
        if isinstance(screen, Told):
            self.clear_notifications()
        if too_small(self.size) and not isinstance(self.screen, TooSmall):
            self.push_screen(TooSmall())

    # saying ---------------------------------------------------------------------------------------

    def say(self, sentence: str, *, error: bool = False, lasting: bool = False) -> None:
        """One sentence for the person, in place of the last; text from outside is made harmless."""
        if not sentence:
            return
        if isinstance(self.screen, Told):
            self.screen.tell(sentence, error=error)
            return
        self.clear_notifications()
        self.notify(
            safe_text(sentence),
            severity="error" if error else "information",
            timeout=LASTING_S if lasting else NOTICE_S,
            markup=False,
        )

    def retitle(self, waiting: int, *, gates: Collection[str] | None = None) -> None:
        """Tell title and bell what waits: the ids of the gates if they are known, and how many things it is in all."""
        ids = [f"{n}" for n in range(waiting)] if gates is None else list(gates)
        self.calls.waits({Kind.GATE: ids, Kind.STEP: ["step"] if waiting > len(ids) else []})

    def alarm(self, p0: Collection[str], *, owned: Collection[str] = (), once: Collection[Kind] = ()) -> None:
        """Tell title and bell which P0 there are, by their keys; one that somebody owns counts and does not ring.

        `once` are the kinds of what only happened, such as a lease that ran out.
        """
        self.calls.waits({Kind.P0: p0}, owned=owned, once=once)

    def watch_app_focus(self, focused: bool) -> None:
        """A desktop notice is for somebody who looks elsewhere."""
        self.calls.focus(focused)

    # what is looked at ----------------------------------------------------------------------------

    def opened(self, kind: str, key: str) -> None:
        """Something stands on the screen; nobody listens in real life."""
        self.application.attention.opened(kind, key)

    def closed(self, kind: str, key: str) -> None:
        """It left the screen."""
        self.application.attention.closed(kind, key)

    def glanced(self, kind: str, key: str) -> None:
        """The detail of a row is drawn; in a lesson it counts as opened once it stood there for a second."""

    def review_screen(self, project_id: str, number: int, *, asked_by: str = "", message_id: str = "") -> Screen[None]:
        """The screen on which a pull request is reviewed."""
        from stas_tui.screens.change_review import ChangeReviewScreen

        return ChangeReviewScreen(project_id, number, asked_by=asked_by, message_id=message_id)

    def stamped(self, text: str) -> str:
        """A text as it leaves Stas; in a lesson it says so itself."""
        return self.application.stamped(text)

    GOES_ON: ClassVar[str] = "goes on with space"
    """What is said of a pulse that waits for nobody."""
    LEFT_OUT: ClassVar[frozenset[str]] = frozenset()
    """Acts of the dashboard that mean nothing here; their keys are neither heard nor shown."""

    def leave(self) -> None:
        """Leave the dashboard; asks while something waits."""
        self.main.flow.leave()

    # things several screens ask for ---------------------------------------------------------------

    def evidence_text(self, key: str) -> str:
        """A piece of evidence as text; on a thread beside the interface."""
        return evidence_text(self.application, key)

    def export_summary(self, text: str) -> Path:
        """Write the summary into the profile's exports; returns the path."""
        from stas_tui.locations import write_private

        pulse = self.application.machine.current()
        number = pulse.number if pulse else 0
        path = self.application.profile.exports / f"pulse-{number}.md"
        write_private(path, self.stamped(text))
        return path

    def close_covered(self, screen: Screen[Any], result: object, sentence: str = "") -> None:
        """Close a screen that others may cover: what is above it goes first, undecided. Then say the sentence.

        A screen below a dialog is «current» for Textual too, and dismissing it there would pop the dialog instead.
        """

        async def close() -> None:
            while screen in self.screen_stack and self.screen is not screen:
                await self.pop_screen()
            if self.screen is screen:
                await screen.dismiss(result)
            self.say(sentence, lasting=True)

        self.run_worker(close(), group="close", exclusive=True)

    def show_on_call(self) -> None:
        """Everything that needs a person, above the dashboard; nothing happens if it is open already."""
        from stas_tui.screens.triage import OnCallScreen

        if not any(isinstance(screen, OnCallScreen) for screen in self.screen_stack):
            self.push_screen(OnCallScreen())

    def action_help(self) -> None:
        """Every key that works here."""
        from stas_tui.screens.help import HelpScreen

        if not isinstance(self.screen, HelpScreen | CommandPalette | TooSmall):
            self.push_screen(HelpScreen(self.screen))

    def action_pause(self) -> None:
        """Pause at once from anywhere; on the main screen the same key resumes, with a reason."""
        self.main.flow.pause_or_resume(may_resume=self.screen is self.main)

    def action_palette(self) -> None:
        """Every act by its name."""
        if not CommandPalette.is_open(self):  # type: ignore[arg-type]
            self.push_screen(Palette(id="--command-palette"))

    def _fatal_error(self) -> None:
        """Crash reports never print local variables: they may hold what must not be shown."""
        from rich.traceback import Traceback

        self.bell()
        trace = Traceback(show_locals=False, width=None)
        self._exit_renderables.append(Segments(self.console.render(trace, self.console.options)))
        self._close_messages_no_wait()

    @staticmethod
    def flat(text: object) -> str:
        """One printable line."""
        return flat(text)


def light_terminal(environ: Mapping[str, str]) -> bool:
    """Whether the terminal says that its background is light (`COLORFGBG`); dark when it says nothing."""
    background = environ.get("COLORFGBG", "").rpartition(";")[2]
    return background.isdigit() and int(background) >= FIRST_LIGHT_BACKGROUND and int(background) != 8
