"""`stas version`."""

from __future__ import annotations

import sys
from argparse import Namespace

from stas_tui import exit_codes
from stas_tui.commands.common import print_json
from stas_tui.version import __version__


def run(args: Namespace) -> int:
    """Print the version of Stas."""
    if args.json:
        print_json({"version": __version__})
    else:
        sys.stdout.write(f"stas {__version__}\n")
    return exit_codes.OK
