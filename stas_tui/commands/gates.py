"""`stas gates`: what waits for a person."""

from __future__ import annotations

import sys
from argparse import Namespace

from stas_tui.commands import common


def run(args: Namespace) -> int:
    """Print the gates that wait, whole. Raises `StasError`."""
    from stas_tui.config import load
    from stas_tui.gates.contract import Shown
    from stas_tui.gates.present import payload_lines
    from stas_tui.plain import gate_text
    from storage.clock import iso
    from widgets.printable import safe_text

    profile = common.profile(args)
    settings = load(profile, common.overrides(args))
    with common.application(profile, settings) as app:
        app.context.journal.sweep_expired()
        pending = app.context.journal.pending()
        if args.json:
            common.print_json(
                [
                    {
                        "id": action.id,
                        "tool": action.tool,
                        "title": Shown.from_json(action.revision.shown if action.revision else {}).title,
                        "state": action.state.value,
                        "level": action.level.value,
                        "revision": action.rev,
                        "digest": action.digest,
                        "requested_at": iso(action.requested_at),
                        "expires_at": iso(action.ask_until),
                        "requested_by": action.requested_by,
                        "caused_by": action.caused_by,
                        "payload": [[line.label, line.text] for line in payload_lines(action)],
                    }
                    for action in pending
                ]
            )
            return 0
        if not pending:
            sys.stdout.write("Nothing waits for you.\n")
        for action in pending:
            for line in gate_text(action, environment=settings.environment, now=app.clock.now()):
                sys.stdout.write(safe_text(line) + "\n")
    return 0
