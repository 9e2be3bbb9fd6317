"""`stas oncall`: the dashboard, open on the list of everything that needs a person."""

from __future__ import annotations

from argparse import Namespace

from stas_tui import exit_codes
from stas_tui.commands import common


def run(args: Namespace) -> int:
    """Open the dashboard on the list; `stas triage` is the same list as lines. Raises `StasError`."""
    from stas_tui.config import load

    profile = common.profile(args)
    settings = load(profile, common.overrides(args))
    if args.json or not common.is_terminal():
        common.say("No terminal: use `stas triage`, or open a terminal.")
        return exit_codes.USAGE
    from stas_tui.commands.dashboard import open_dashboard

    return open_dashboard(profile, settings, on_call=True)
