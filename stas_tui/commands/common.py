"""What several commands need: the folders, the profile and the settings that the arguments ask for."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from typing import TYPE_CHECKING, Any

from stas_tui.locations import Locations, Profile

if TYPE_CHECKING:
    from stas_tui.config import Settings
    from stas_tui.wiring import Application


def locations(args: Namespace) -> Locations:
    """The folders of `--home`, `$STAS_HOME` or the platform."""
    return Locations.find(args.home)


def profile(args: Namespace) -> Profile:
    """The profile of `--profile` or the current one. Raises `ProfileNameWrong`."""
    places = locations(args)
    return places.profile(args.profile or places.current())


def overrides(args: Namespace) -> dict[str, Any]:
    """The settings that flags change."""
    changed: dict[str, Any] = {}
    if args.read_only:
        changed["mode"] = "observe"
    elif args.mode:
        changed["mode"] = args.mode
    if args.theme:
        changed["theme"] = args.theme
    if args.ascii:
        changed["ascii"] = True
    if not args.mouse:
        changed["mouse"] = False
    return changed


def settings(args: Namespace) -> Settings:
    """The settings in force. Raises `ConfigError`."""
    from stas_tui.config import load

    return load(profile(args), overrides(args))


def application(place: Profile, settings: Settings) -> Application:
    """The parts of a profile put together; the demo's agent is a script. Raises `StasError`."""
    from stas_tui.wiring import build

    if settings.demo.enabled:
        from stas_tui.demo.agent import ScriptedAgent

        return build(place, settings, proposer=ScriptedAgent(settings.demo.seed))
    return build(place, settings)


def print_json(data: object) -> None:
    """Data for machines on standard output."""
    json.dump(data, sys.stdout, ensure_ascii=False, indent=2)
    sys.stdout.write("\n")


def say(text: str) -> None:
    """A line for people on standard error."""
    sys.stderr.write(text + "\n")
