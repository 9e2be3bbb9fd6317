"""`stas config`: where the configuration is, whether it is right, and what is in force."""

from __future__ import annotations

import sys
from argparse import Namespace

from stas_tui import exit_codes
from stas_tui.commands.common import print_json, profile, say, settings
from stas_tui.config_errors import ConfigMissing


def run(args: Namespace) -> int:
    """Print the path; with `--check` load it, with `--show` print the settings. Raises `ConfigError`."""
    here = profile(args)
    if args.show:
        from stas_tui.config import effective

        sys.stdout.write(effective(settings(args)) + "\n")
        return exit_codes.OK
    if args.check:
        settings(args)
        if args.json:
            print_json({"profile": here.name, "path": str(here.config_file), "valid": True})
        else:
            say(f"{here.config_file} is in order.")
        return exit_codes.OK
    if args.json:
        print_json({"profile": here.name, "path": str(here.config_file), "exists": here.exists()})
    else:
        sys.stdout.write(f"{here.config_file}\n")
    if not here.exists():
        missing = ConfigMissing(f"Profile {here.name} is not set up yet.", "Run `stas init` or `stas demo`.")
        say(str(missing))
        return exit_codes.of(missing)
    return exit_codes.OK
