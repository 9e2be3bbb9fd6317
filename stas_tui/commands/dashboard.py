"""`stas`: the dashboard."""

from __future__ import annotations

import contextlib
import gc
from argparse import Namespace
from typing import TYPE_CHECKING

from stas_tui.commands import common
from stas_tui.health.process import WatcherChild
from stas_tui.watching import names_any

if TYPE_CHECKING:
    from stas_tui.config import Settings
    from stas_tui.locations import Profile


def run(args: Namespace) -> int:
    """Open the dashboard on a profile. Raises `StasError`."""
    import sys

    from stas_tui.config import load

    profile = common.profile(args)
    settings = load(profile, common.overrides(args))
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        common.say("No terminal: use `stas pulse --plain`, or open a terminal.")
        return 2
    return open_dashboard(profile, settings)


def open_dashboard(profile: Profile, settings: Settings, *, on_call: bool = False) -> int:
    """Run the dashboard until the person leaves, and a watcher beside it if there is any source to ask.

    `on_call` opens it on the list of everything that needs a person. Told to end from outside, it gives the terminal
    back and finishes the step that is under way; told once more, it ends at once.
    """
    gc.disable()
    from stas_tui.app import StasApp
    from stas_tui.screens.ending import Ending

    with common.application(profile, settings) as application, watcher_beside(profile, settings):
        ending = Ending()
        app = StasApp(application, on_call=on_call, ending=ending)
        try:
            with ending:
                app.run(mouse=settings.mouse)
        finally:
            if app.hand.busy:
                common.say("Finishing the step that is under way; a second ctrl+c leaves it to the next start.")
            app.hand.close()
        return ending.status or app.return_code or 0


def watcher_beside(profile: Profile, settings: Settings) -> contextlib.AbstractContextManager[object]:
    """The process that asks the sources, for as long as the block lasts; nothing if there is nothing to ask."""
    return WatcherChild(profile) if names_any(settings) else contextlib.nullcontext()
