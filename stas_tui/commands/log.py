"""`stas log`: the hash-chained record of everything that was asked, decided and done."""

from __future__ import annotations

import json
import sys
from argparse import Namespace

from stas_tui import exit_codes
from stas_tui.commands import common


def run(args: Namespace) -> int:
    """Print the log, or verify its chain. Raises `StasError`."""
    from storage.clock import SystemClock, iso
    from storage.journal import Journal
    from storage.schema_record import open_record
    from widgets.printable import flat

    profile = common.profile(args)
    if not profile.record_db.exists():
        common.say("There is no record yet: no pulse has run in this profile.")
        return exit_codes.FAILED
    with open_record(profile.record_db) as store:
        journal = Journal(store, SystemClock())
        if args.verify:
            report = journal.verify()
            if args.json:
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
        for event in journal.events():
            if args.json:
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
                    ensure_ascii=False,
                )
                sys.stdout.write(line + "\n")
            else:
                body = ", ".join(f"{k} {_brief(v)}" for k, v in event.body.items() if v not in ("", None, [], {}))
                sys.stdout.write(f"{event.seq:>5}  {iso(event.at)}  {flat(event.actor)}  {event.kind}  {flat(body)}\n")
    return exit_codes.OK


def _brief(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 200 else text[:199] + "…"
