"""`stas pulse`: one pulse, in the dashboard or as lines of text."""

from __future__ import annotations

import sys
from argparse import Namespace
from typing import TYPE_CHECKING

from stas_tui.commands import common

if TYPE_CHECKING:
    from stas_tui.wiring import Application

LONGEST_LINE = 1024 * 1024
"""Characters of one line of input; what is longer is read as several lines."""


def run(args: Namespace) -> int:
    """Walk a pulse; without a terminal as lines of text, as with `--plain`. Raises `StasError`."""
    from stas_tui.config import load

    profile = common.profile(args)
    settings = load(profile, common.overrides(args))
    if args.plain or not common.is_terminal():
        with common.application(profile, settings) as app:
            if args.read_only:
                app.person = ""
            return walk(app)
    from stas_tui.commands.dashboard import open_dashboard

    return open_dashboard(profile, settings)


def walk(app: Application) -> int:
    """Run the plain pulse of an application on this process' streams."""
    from stas_tui.editor import edit_text
    from stas_tui.plain import Plain

    terminal = common.is_terminal()
    if sys.stdin is not None and hasattr(sys.stdin, "reconfigure"):
        sys.stdin.reconfigure(errors="replace")

    def write(text: str) -> None:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    def read() -> str:
        if sys.stdin is None:
            raise EOFError
        if terminal:
            sys.stdout.write("> ")
            sys.stdout.flush()
        line = sys.stdin.readline(LONGEST_LINE)
        if not line:
            raise EOFError
        return line.rstrip("\n")

    return Plain(app=app, write=write, read=read, edit=edit_text if terminal else None, walk_past=not terminal).run()
