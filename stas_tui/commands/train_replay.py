"""`stas train replay` and `stas train record`: a recorded pulse to go through again, or as the file of a lesson."""

from __future__ import annotations

import argparse
import sys
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from stas_tui import exit_codes
from stas_tui.commands import common

if TYPE_CHECKING:
    from stas_tui.locations import Profile
    from stas_tui.training.replay import Timeline

_EPILOG = (
    "PULSE is its number, its id, or `last`. The profile is only read: its databases are copied under their locks and "
    "not a byte of them changes."
)


def add(parser: argparse.ArgumentParser) -> None:
    """The argument of both."""
    replaying = parser.prog.endswith("replay")
    what = "a pulse of the profile, a training run, or a log.jsonl" if replaying else "a pulse of the profile"
    parser.epilog = _EPILOG + (" A training run is named as for `stas train debrief`." if replaying else "")
    parser.add_argument("pulse", nargs="?", default="last", metavar="PULSE", help=f"{what} (default: the last pulse)")


def run(args: Namespace) -> int:
    """Go through it, or print it as a lesson. Raises `StasError`."""
    return _record(args) if args.what == "record" else _replay(args)


def _record(args: Namespace) -> int:
    """The lesson as TOML on standard output; it is read again before it is printed."""
    from stas_tui.training.reading import parse
    from stas_tui.training.record import recording
    from stas_tui.training.record_lesson import lesson_text

    made = recording(_known(args), args.pulse)
    text = lesson_text(made)
    parse(text.encode(), Path(f"pulse-{made.number}.toml"))
    sys.stdout.write(text)
    return exit_codes.OK


def _replay(args: Namespace) -> int:
    timeline = timeline_for(args)
    if args.json:
        common.print_json(
            {
                "title": timeline.title,
                "lines": [
                    {
                        "at": moment.at,
                        "track": moment.line.track.value,
                        "who": moment.line.who,
                        "title": moment.line.title,
                    }
                    for moment in timeline.moments
                ],
            }
        )
        return exit_codes.OK
    if not common.is_terminal():
        sys.stdout.write("\n".join(_lines(timeline)) + "\n")
        return exit_codes.OK
    from stas_tui.commands.train import little
    from stas_tui.screens.replay import ReplayApp

    return little(args, lambda look: ReplayApp(timeline, **look))


def timeline_for(args: Namespace) -> Timeline:
    """What is meant: a file, a training run, or a pulse of the profile. Raises `StasError`."""
    from stas_tui.training import runs
    from stas_tui.training.record import recording
    from stas_tui.training.record_lesson import log_of
    from stas_tui.training.replay import read_log, timeline_of

    name: str = args.pulse
    path = Path(name).expanduser()
    if path.is_dir() and (path / runs.LOG).exists():
        path = path / runs.LOG
    if path.is_file():
        return timeline_of(read_log(path), title=f"{path.parent.name}/{path.name}")
    if "-" in name and not name.startswith("p-"):
        folder = runs.find(runs.training_dir(common.locations(args)), name)
        if (folder / runs.LOG).exists():
            return timeline_of(read_log(folder / runs.LOG), title=folder.name)
        return timeline_of(runs.recorded(folder).again().lines, title=f"{folder.name}, cut off")
    made = recording(_known(args), name)
    return timeline_of(log_of(made), title=f"Pulse {made.number} of {made.agent}")


def _known(args: Namespace) -> Profile:
    """The profile, its secrets known to the redactor; what could not be had is said. Raises `ConfigError`."""
    from stas_tui.training.record_secrets import know_secrets

    profile = common.profile(args)
    for sentence in know_secrets(profile):
        common.say(sentence)
    return profile


def _lines(timeline: Timeline) -> list[str]:
    """The timeline for a pipe: everything, with what was done at each gate below it."""
    from storage.clock import hhmmss
    from widgets.printable import flat

    lines = [f"TRAINING  {flat(timeline.title)}"]
    for index, moment in enumerate(timeline.moments):
        line = moment.line
        lines.append(f"{hhmmss(moment.at)}  {flat(line.who, 16):16}  {flat(line.title)}")
        gate = timeline.gate_at(index)
        if gate is not None:
            done = gate.reference.said() if gate.reference else "Nobody answered."
            lines.append(f"{'':10}{'':16}  -> {flat(done)}")
    return lines
