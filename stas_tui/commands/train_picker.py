"""`stas train` without a word, and the door of `stas demo --choose`: choose, run it beside this process, come back."""

from __future__ import annotations

import subprocess
import sys
import threading
from argparse import Namespace
from collections.abc import Sequence
from typing import TYPE_CHECKING

from stas_tui import exit_codes
from stas_tui.commands import common

if TYPE_CHECKING:
    from stas_tui.screens.ending import Ending
    from stas_tui.screens.lesson_picker_rows import Choice
    from storage.records import Json

PATIENCE_S = 10.0
"""Seconds that a lesson has to end when it is told to."""


def run(args: Namespace) -> int:
    """The list of lessons; without a terminal it is printed. Raises `StasError`."""
    from stas_tui.commands.train import list_lessons

    if args.json or not common.is_terminal():
        status = list_lessons(args)
        if not args.json:
            common.say("Run one in a terminal: stas train run ID, to begin with: stas train run s00-first-shift")
        return status
    _, status = choose(args, at_door=False)
    return status


def choose(args: Namespace, *, at_door: bool) -> tuple[bool, int]:
    """Let somebody choose and run lessons until they leave: (whether they chose the demo, the exit status).

    Each lesson is a process of its own: it gives up network and programs for good. Raises `StasError`.
    """
    from stas_tui.commands.train import look
    from stas_tui.screens.ending import Ending

    with Ending() as ending:
        return _choose(args, look(args), ending, at_door=at_door)


def _choose(args: Namespace, looks: Json, ending: Ending, *, at_door: bool) -> tuple[bool, int]:
    choice: Choice | None = None
    told = ""
    while True:
        choice = _choice(args, looks, ending, at_door=at_door, last=choice, told=told)
        if choice is None:
            return False, ending.status
        if choice.kind == "demo":
            return True, exit_codes.OK
        status = run_lesson(command(args, choice.file), ending)
        if ending.number:
            return False, ending.status
        if status:
            common.say(f"The lesson ended with the status {status}.")
            return False, status if status > 0 else exit_codes.FAILED
        at_door = at_door and not choice.whole
        told = f"«{choice.title}» is over. {_key(looks, 'lessons.debrief')} shows its debrief."


def run_lesson(argv: Sequence[str], ending: Ending) -> int:
    """Run a lesson on this terminal; its exit status, negative if a signal ended it.

    Whoever ends this process ends the lesson, which has `PATIENCE_S` to keep what was done. However it ended, the
    terminal is as it was.
    """
    from stas_tui.screens.given_back import give_back, modes

    before = modes()
    with subprocess.Popen(argv) as child:
        late = threading.Timer(PATIENCE_S, child.kill)
        late.daemon = True

        def end(_: int) -> None:
            if not late.is_alive() and not late.finished.is_set():
                late.start()
                child.terminate()

        ending.hand_on = end
        try:
            if ending.number:
                end(ending.number)
            status = child.wait()
        finally:
            ending.hand_on = None
            late.cancel()
            child.kill()
    if status < 0:
        give_back(before)
    return status


def command(args: Namespace, file: str) -> list[str]:
    """The command that runs a lesson with the same flags."""
    flags: list[str] = []
    for name, value in (("--home", args.home), ("--profile", args.profile), ("--theme", args.theme)):
        flags += [name, str(value)] if value else []
    flags += ["--ascii"] if args.ascii else []
    flags += ["--read-only"] if args.read_only else []
    flags += [] if args.mouse else ["--no-mouse"]
    return [sys.executable, "-m", "stas_tui", *flags, "train", "run", "--", file]


def _choice(
    args: Namespace, looks: Json, ending: Ending, *, at_door: bool, last: Choice | None, told: str
) -> Choice | None:
    from stas_tui.commands.train import lessons, little_look
    from stas_tui.screens.lesson_picker import PickerApp
    from stas_tui.training.runs import training_dir
    from stas_tui.training.shelf import shelf

    home = training_dir(common.locations(args))
    app = PickerApp(
        shelf(lessons(args), home),
        home,
        at_door=at_door,
        key=last.key if last else "",
        told=told,
        ending=ending,
        **little_look(looks),
    )
    try:
        app.run(mouse=bool(looks.get("mouse", True)))
    finally:
        ending.hand_on = None
    if ending.number:
        return None
    if app.return_code:
        raise common.CommandRefused("The list could not be shown.")
    return app.choice


def _key(looks: Json, action: str) -> str:
    from stas_tui.keys import resolve

    return resolve(looks.get("keymap"))[action][0]
