"""`stas keys`: every key, what it does, and the id by which a keymap changes it."""

from __future__ import annotations

import sys
from argparse import Namespace

from stas_tui import exit_codes
from stas_tui.commands.common import print_json, profile, say, settings
from stas_tui.config_errors import ConfigError
from stas_tui.keys import ACTIONS, SCOPES, resolve


def run(args: Namespace) -> int:
    """Print the keys of the profile, or the defaults if there is no profile that can be read."""
    keys = resolve()
    if profile(args).exists():
        try:
            keys = settings(args).keys
        except ConfigError as error:
            say(f"{error}\nThese are the default keys.")
    if args.json:
        print_json(
            [
                {
                    "id": action.id,
                    "keys": list(keys[action.id]),
                    "scope": action.scope,
                    "label": action.label,
                    "tooltip": action.tooltip,
                    "danger": action.danger,
                    "fixed": action.fixed,
                }
                for action in ACTIONS
            ]
        )
        return exit_codes.OK
    for scope, title in SCOPES.items():
        sys.stdout.write(f"{title}\n")
        for action in (a for a in ACTIONS if a.scope == scope):
            sys.stdout.write(f"  {' '.join(keys[action.id]):<12} {action.id:<20} {action.tooltip}\n")
    return exit_codes.OK
