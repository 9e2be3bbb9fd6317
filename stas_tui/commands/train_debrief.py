"""`stas train debrief` and `stas train progress`: what came of the runs."""

from __future__ import annotations

import shutil
import sys
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from stas_tui import exit_codes
from stas_tui.cli import printable
from stas_tui.commands import common

if TYPE_CHECKING:
    from stas_tui.training.debrief import Debrief

WIDEST = 100


def run(args: Namespace) -> int:
    """Print a debrief, or the progress. Raises `StasError`."""
    return _debrief(args) if args.what == "debrief" else _progress(args)


def _debrief(args: Namespace) -> int:
    """The debrief is made again from what people did, so that a run that was cut off has one, and new notes count."""
    from stas_tui.training import runs
    from stas_tui.training.shelf import sheet_of

    path = runs.find(runs.training_dir(common.locations(args)), args.run or "")
    if args.note or args.export:
        if args.read_only:
            raise common.ReadOnly("--read-only changes nothing.", "Leave the flag out.")
        for note in args.note or ():
            runs.add_note(path, note)
    sheet, odd = sheet_of(path)
    for sentence in odd:
        common.say(printable(sentence))
    if args.export:
        return _export(args, path, sheet)
    sys.stdout.write(sheet.json_text() if args.json else sheet.markdown())
    return exit_codes.OK


def _export(args: Namespace, path: Path, sheet: Debrief) -> int:
    from stas_tui.locations import private_dir, write_private

    profile = common.profile(args)
    private_dir(profile.root)
    folder = private_dir(profile.exports)
    for suffix, text in ((".md", sheet.markdown()), (".json", sheet.json_text())):
        file = folder / f"TRAINING-{path.name}{suffix}"
        write_private(file, text)
        sys.stdout.write(printable(str(file)) + "\n")
    return exit_codes.OK


def _progress(args: Namespace) -> int:
    from stas_tui.training import ledger, plot, runs
    from stas_tui.training.shelf import progress_text

    entries, told = ledger.read(runs.training_dir(common.locations(args)) / runs.LEDGER)
    for sentence in told:
        common.say(printable(sentence))
    entries = [entry for entry in entries if args.lesson in (None, entry.lesson)]
    if args.json:
        common.print_json(
            {
                "schema": "stas.training.progress/1",
                "lessons": [
                    {
                        "lesson": one.lesson,
                        "runs": one.runs,
                        "passed": one.passed,
                        "first": one.first,
                        "best": one.best,
                        "last": one.last,
                        "change": one.change,
                    }
                    for one in ledger.progress(entries)
                ],
                "runs": [ledger.as_json(entry) for entry in entries],
                "skipped": list(told),
            }
        )
        return exit_codes.OK
    if not entries:
        sys.stdout.write("No run has ended yet. `stas train list` prints the lessons.\n")
        return exit_codes.OK
    plain = args.ascii or (sys.stdout.encoding or "").lower().replace("-", "") != "utf8"
    if not plot.can_plot():
        common.say(plot.INSTALL)
    width = min(shutil.get_terminal_size().columns, WIDEST)
    sys.stdout.write(printable(progress_text(entries, width=width, ascii_only=plain)))
    return exit_codes.OK
