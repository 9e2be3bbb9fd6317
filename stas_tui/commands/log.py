"""`stas log`: the hash-chained record of everything that was asked, decided and done."""

from __future__ import annotations

import json
import sys
import time
from argparse import Namespace
from typing import TYPE_CHECKING

from stas_tui import exit_codes
from stas_tui.commands import common

if TYPE_CHECKING:
    from storage.journal import Journal
    from storage.records import Event

FOLLOW_S = 0.5
"""Seconds between two looks with `--follow`."""

CELLS = 200
"""Cells of one value on a line for people; `--json` prints all of it."""


def run(args: Namespace) -> int:
    """Print the log, or verify its chain. Raises `StasError`."""
    from storage.clock import SystemClock
    from storage.journal import Journal
    from storage.schema_record import open_record

    profile = common.profile(args)
    if not profile.record_db.exists():
        common.say("There is no record yet: no pulse has run in this profile.")
        return exit_codes.FAILED
    with open_record(profile.record_db) as store:
        journal = Journal(store, SystemClock())
        if args.verify:
            return _verify(journal, as_json=args.json)
        seen = 0
        for event in journal.events(limit=args.lines, newest=args.lines is not None):
            _print(event, as_json=args.json)
            seen = event.seq
        seen = max(seen, journal.head()[0])
        while args.follow:
            for event in journal.events(after=seen):
                _print(event, as_json=args.json)
                seen = event.seq
            sys.stdout.flush()
            time.sleep(FOLLOW_S)
    return exit_codes.OK


def _verify(journal: Journal, *, as_json: bool) -> int:
    report = journal.verify()
    if as_json:
        common.print_json(
            {
                "ok": report.ok,
                "events": report.events,
                "head": report.head_hash,
                "first_bad": report.first_bad,
                "why": report.why,
            }
        )
    else:
        sys.stdout.write(f"{report.why or f'All {report.events} events are sealed and in order.'}\n")
    return exit_codes.OK if report.ok else exit_codes.FAILED


def _print(event: Event, *, as_json: bool) -> None:
    from storage.clock import iso
    from widgets.printable import flat

    if as_json:
        line = json.dumps(
            {
                "seq": event.seq,
                "at": iso(event.at),
                "actor": event.actor,
                "kind": event.kind,
                "pulse": event.pulse_id,
                "action": event.action_id,
                "body": event.body,
                "hash": event.hash,
            },
        )
        sys.stdout.write(line + "\n")
        return
    body = ", ".join(f"{k} {_brief(v)}" for k, v in event.body.items() if v not in ("", None, [], {}))
    sys.stdout.write(f"{event.seq:>5}  {iso(event.at)}  {flat(event.actor)}  {event.kind}  {flat(body)}\n")


def _brief(value: object) -> str:
    from widgets.printable import flat

    return flat(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), CELLS)
