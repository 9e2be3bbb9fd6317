"""What several commands need: the folders, the profile and the settings that the arguments ask for."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stas_tui import exit_codes
from stas_tui.locations import Locations, Profile
from storage.errors import StasError

if TYPE_CHECKING:
    from stas_tui.config import Settings
    from stas_tui.wiring import Application
    from storage.world import World

TEXT_BYTES = 256 * 1024
"""The longest description, vision or message that is taken from a file."""


class CommandRefused(StasError):
    """What was asked for cannot be done as it was asked; nothing was changed."""

    exit_code = exit_codes.USAGE


class NoProject(CommandRefused):
    """No such project, or several and none was named."""


class ReadOnly(CommandRefused):
    """The command would change something."""


class TextUnreadable(CommandRefused):
    """A text could not be read from where it was said to be."""


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


def is_terminal() -> bool:
    """Whether somebody sits at a terminal: both standard input and output are one."""
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout))


def application(place: Profile, settings: Settings) -> Application:
    """The parts of a profile put together; the demo's agent is a script. Raises `StasError`.

    The embedded platform learns every [[project]] of the configuration that it does not know yet.
    """
    from stas_tui.wiring import build

    if settings.demo.enabled:
        from stas_tui.demo.agent import ScriptedAgent

        app = build(place, settings, proposer=ScriptedAgent(settings.demo.seed))
    else:
        app = build(place, settings)
    try:
        know_projects(app.world, settings)
    except BaseException:
        app.close()
        raise
    return app


def know_projects(world: World, settings: Settings) -> None:
    """Put configured projects onto the embedded platform; what it has stays, archived or not. Raises `StoreError`."""
    from storage.records import Project

    known = {project.id for project in world.projects()}
    for project in settings.project:
        if project.id not in known:
            world.put_project(Project(id=project.id, name=project.name))


@contextmanager
def world(args: Namespace) -> Iterator[tuple[World, Settings]]:
    """The embedded platform of the profile alone, with its settings. Raises `StasError`."""
    from storage.clock import SystemClock
    from storage.schema_world import open_world
    from storage.world import World

    place, chosen = profile(args), settings(args)
    if args.read_only:
        raise ReadOnly("--read-only changes nothing.", "Leave the flag out.")
    place.make()
    with open_world(place.platform_db) as store:
        opened = World(store, SystemClock())
        know_projects(opened, chosen)
        yield opened, chosen


def project_id(settings: Settings, told: str | None) -> str:
    """The project that was told, or the only one there is. Raises `NoProject`."""
    known = [project.id for project in settings.project]
    if told is None and len(known) == 1:
        return known[0]
    if told in known:
        return told
    names = ", ".join(known) or "none; add a [[project]] to the configuration"
    what = f"There is no project {told}." if told is not None else "Say for which project."
    raise NoProject(what, f"--project takes one of: {names}." if known else f"Projects: {names}.")


def text_from(argument: str, what: str) -> str:
    """The text itself, or with `@FILE` what stands in that file, with `-` what comes on standard input.

    Raises `TextUnreadable`.
    """
    if argument == "-":
        data = sys.stdin.buffer.read(TEXT_BYTES + 1) if sys.stdin is not None else b""
        name = "standard input"
    elif argument.startswith("@"):
        name = argument[1:]
        try:
            with Path(name).open("rb") as file:
                data = file.read(TEXT_BYTES + 1)
        except OSError as error:
            raise TextUnreadable(
                f"{name} cannot be read: {error.strerror}.", f"Name a file that holds the {what}."
            ) from error
    else:
        return argument
    if len(data) > TEXT_BYTES:
        raise TextUnreadable(f"{name} is longer than {TEXT_BYTES // 1024} KiB.", "Shorten it.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise TextUnreadable(f"{name} is not UTF-8.", "Save it as UTF-8.") from None


def print_json(data: object) -> None:
    """Data for machines on standard output, in ASCII: escapes keep what a terminal would act on."""
    json.dump(data, sys.stdout, indent=2)
    sys.stdout.write("\n")


def say(text: str) -> None:
    """A line for people on standard error."""
    sys.stderr.write(text + "\n")
