"""A lesson on the real dashboard: guarded from its first moment, in a profile of its own, with a debrief at the end."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from stas_tui import exit_codes
from stas_tui.training import guard

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stas_tui.locations import Locations
    from stas_tui.screens.ending import Ending
    from stas_tui.training.control import Control
    from stas_tui.training.director import Director
    from stas_tui.training.reading import Lesson

LOOKS = ("theme", "ascii", "mouse", "animation", "keymap")
"""Settings of the trainee's own that a lesson keeps."""


def run_live(
    lesson: Lesson,
    *,
    places: Locations,
    seed: int | None = None,
    mode: str = "instructor",
    control: bool = True,
    look: Mapping[str, object] | None = None,
) -> int:
    """Run a lesson on this terminal until it is left; returns the exit status. A signal that ends it is a way to leave.

    From here to its end this process opens no connection and starts no program. In the mode `instructor` a second
    terminal may order what happens, in `alone` there is no control socket. `look` are settings that only change how
    it looks. Raises `StasError`.
    """
    guard.install()
    from stas_tui.locations import Profile
    from stas_tui.screens.ending import Ending
    from stas_tui.training.director import Director, Ticker
    from stas_tui.training.engine import ENDED_BY_LEAVING
    from stas_tui.training.leftovers import PROFILE, sweep, tidy
    from stas_tui.training.runs import INPUTS, RunFolder, training_dir
    from storage.clock import SystemClock

    with Ending() as ending:
        began = SystemClock().now()
        sweep(training_dir(places) / "runs", INPUTS)
        folder = RunFolder.create(
            training_dir(places), lesson, seed=lesson.scenario.seed if seed is None else seed, began=began
        )
        profile = Profile("training", folder.path / PROFILE, folder.path / PROFILE / "run")
        kept = {name: value for name, value in (look or {}).items() if name in LOOKS}
        director = Director(lesson, profile, folder=folder, seed=seed, look=kept)
        ticker = Ticker(director)
        server = _control(director, places, folder.name) if control and mode == "instructor" else None
        try:
            ticker.start()
            _show(director, ending)
            director.end(ENDED_BY_LEAVING)
            ticker.stop()
            director.debrief()
            if ticker.failed is not None:
                raise ticker.failed
        finally:
            ticker.stop()
            if server is not None:
                server.stop()
            director.close()
            folder.close()
            tidy(folder.path)
        _say(f"The debrief: {folder.path / 'debrief.md'}")
    return ending.status or exit_codes.OK


def _show(director: Director, ending: Ending) -> None:
    """The dashboard, anew after each time that the lesson went back, until it is left or told to end."""
    from stas_tui.screens.lesson import LessonApp

    brief = True
    while True:
        app = LessonApp(director, brief=brief, ending=ending)
        try:
            app.run(mouse=director.application.settings.mouse)
        finally:
            ending.hand_on = None
            app.hand.close()
        if not director.leaving or ending.number:
            return
        director.rebuild()
        brief = False


def _control(director: Director, places: Locations, name: str) -> Control | None:
    """The instructor's socket; a lesson goes on without one."""
    from stas_tui.training.control import Control, ControlError
    from stas_tui.training.control_client import path_for

    server = Control(director, path_for(places, name))
    try:
        server.start()
    except ControlError as error:
        _say(str(error))
        return None
    return server


def _say(sentence: str) -> None:
    from widgets.printable import safe_text

    sys.stderr.write(f"{safe_text(sentence)}\n")
