"""`stas pulse`: one pulse as lines of text."""

from __future__ import annotations

import sys
from argparse import Namespace

from stas_tui.commands import common


def run(args: Namespace) -> int:
    """Walk a pulse on standard input and output. Raises `StasError`."""
    from stas_tui.config import load

    profile = common.profile(args)
    settings = load(profile, common.overrides(args))
    with common.application(profile, settings) as app:
        return walk(app)


def walk(app: object) -> int:
    """Run the plain pulse of an application on this process' streams."""
    from stas_tui.editor import edit_text
    from stas_tui.plain import Plain
    from stas_tui.wiring import Application

    assert isinstance(app, Application)
    terminal = sys.stdin.isatty() and sys.stdout.isatty()

    def write(text: str) -> None:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    def read() -> str:
        if terminal:
            sys.stdout.write("> ")
            sys.stdout.flush()
        line = sys.stdin.readline()
        if not line:
            raise EOFError
        return line.rstrip("\n")

    return Plain(
        app=app, write=write, read=read, edit=edit_text if terminal else None, walk_past=not sys.stdin.isatty()
    ).run()
