"""`stas doctor`: check everything, say how to mend it."""

from __future__ import annotations

import sys
from argparse import Namespace

from stas_tui import exit_codes
from stas_tui.cli import printable
from stas_tui.commands.common import print_json, profile
from stas_tui.doctor import Doctor, as_json, worst
from stas_tui.doctor_rows import Row, State
from stas_tui.doctor_runs import runs

GLYPHS = {State.OK: "●", State.UNKNOWN: "◌", State.WARN: "▲", State.FAIL: "✖"}
ASCII_GLYPHS = {State.OK: "o", State.UNKNOWN: "?", State.WARN: "!", State.FAIL: "X"}


def run(args: Namespace) -> int:
    """Print the findings; the exit status is `FAILED` if any of them is a failure."""
    here = profile(args)
    doctor = Doctor(profile=here, look_further=runs)
    rows: list[Row] = []
    if args.json:
        rows.extend(doctor.examine())
        print_json(as_json(here.name, rows))
    else:
        plain = args.ascii or (sys.stdout.encoding or "").lower().replace("-", "") != "utf8"
        for row in doctor.examine():
            rows.append(row)
            sys.stdout.write(line(row, ASCII_GLYPHS if plain else GLYPHS))
            sys.stdout.flush()
    return exit_codes.FAILED if worst(rows) is State.FAIL else exit_codes.OK


def line(row: Row, glyphs: dict[State, str]) -> str:
    """A row as people read it, the way to mend it below."""
    text = f"{glyphs[row.state]} {row.state.value:<8} {printable(row.what):<24} {printable(row.detail)}\n"
    return text + (f"{'':<36}{printable(row.mend)}\n" if row.mend and row.state is not State.OK else "")
