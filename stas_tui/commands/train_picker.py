"""`stas train` without a word, and the door of `stas demo --choose`: choose, run it beside this process, come back."""

from __future__ import annotations

import subprocess
import sys
from argparse import Namespace
from typing import TYPE_CHECKING

from stas_tui import exit_codes
from stas_tui.commands import common

if TYPE_CHECKING:
    from stas_tui.screens.lesson_picker_rows import Choice


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
    choice: Choice | None = None
    told = ""
    while True:
        choice = _choice(args, at_door=at_door, last=choice, told=told)
        if choice is None:
            return False, exit_codes.OK
        if choice.kind == "demo":
            return True, exit_codes.OK
        status = subprocess.run(command(args, choice.file), check=False).returncode
        if status:
            common.say(f"The lesson ended with the status {status}.")
            return False, status if status > 0 else exit_codes.FAILED
        at_door = at_door and not choice.whole
        told = f"«{choice.title}» is over. d shows its debrief."


def command(args: Namespace, file: str) -> list[str]:
    """The command that runs a lesson with the same flags."""
    flags: list[str] = []
    for name, value in (("--home", args.home), ("--profile", args.profile), ("--theme", args.theme)):
        flags += [name, str(value)] if value else []
    flags += ["--ascii"] if args.ascii else []
    flags += ["--read-only"] if args.read_only else []
    flags += [] if args.mouse else ["--no-mouse"]
    return [sys.executable, "-m", "stas_tui", *flags, "train", "run", "--", file]


def _choice(args: Namespace, *, at_door: bool, last: Choice | None, told: str) -> Choice | None:
    from stas_tui.commands.train import lessons, look
    from stas_tui.screens.lesson_picker import PickerApp
    from stas_tui.training.runs import training_dir
    from stas_tui.training.shelf import shelf

    home = training_dir(common.locations(args))
    looks = look(args)
    app = PickerApp(
        shelf(lessons(args), home),
        home,
        at_door=at_door,
        key=last.key if last else "",
        told=told,
        theme=_theme(str(looks.get("theme", "night"))),
        ascii_only=bool(looks.get("ascii")),
    )
    app.run(mouse=bool(looks.get("mouse", True)))
    if app.return_code:
        raise common.CommandRefused("The list could not be shown.")
    return app.choice


def _theme(name: str) -> str:
    if name != "auto":
        return name
    import os

    from stas_tui.app import light_terminal

    return "day" if light_terminal(os.environ) else "night"
