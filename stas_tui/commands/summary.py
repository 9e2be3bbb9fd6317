"""`stas summary`: the Pulse Summary of a pulse, as the routine writes it."""

from __future__ import annotations

import sys
from argparse import Namespace

from stas_tui.commands import common


def run(args: Namespace) -> int:
    """Print a summary, the open pulse's draft if no number is given. Raises `StasError`."""
    from stas_tui.config import load
    from stas_tui.locations import write_private
    from stas_tui.pulse import closing
    from storage.clock import iso

    profile = common.profile(args)
    settings = load(profile, common.overrides(args))
    with common.application(profile, settings) as app:
        pulses = app.context.pulses
        if args.number is not None:
            pulse = pulses.by_number(args.number)
        else:
            latest = pulses.current() or next(iter(pulses.latest(1)), None)
            if latest is None:
                common.say("No pulse has run in this profile yet.")
                return 1
            pulse = latest
        draft = closing.draft(app.context, pulse, outcome=pulse.outcome or "", at=pulse.ended_at)
        text = pulse.summary if pulse.ended_at is not None and pulse.summary else draft.text
        if args.json:
            common.print_json(
                {
                    "pulse": pulse.number,
                    "agent": pulse.agent,
                    "mode": pulse.mode.value,
                    "started_at": iso(pulse.started_at),
                    "ended_at": iso(pulse.ended_at) if pulse.ended_at else None,
                    "outcome": pulse.outcome,
                    "fields": [list(row) for row in draft.form],
                    "markdown": text,
                }
            )
            return 0
        if args.export:
            write_private(args.export, text)
            common.say(f"Written to {args.export}.")
            return 0
        sys.stdout.write(text if text.endswith("\n") else text + "\n")
    return 0
