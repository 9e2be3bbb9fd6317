"""`stas gates`: what waits for a person. It only lists; deciding stays where the whole text was read."""

from __future__ import annotations

import sys
from argparse import Namespace
from typing import TYPE_CHECKING

from stas_tui import exit_codes
from stas_tui.commands import common
from storage.errors import StasError

if TYPE_CHECKING:
    from storage.records import Action, Json


class NoSuchGate(StasError):
    """No gate with this id waits."""


def run(args: Namespace) -> int:
    """Print the gates that wait, whole. Raises `StasError`."""
    from stas_tui.plain_text import gate_text
    from widgets.printable import safe_text

    profile = common.profile(args)
    settings = common.settings(args)
    with common.application(profile, settings) as app:
        app.context.journal.sweep_expired()
        waiting = app.context.journal.pending()
        if args.id is not None:
            waiting = [action for action in waiting if action.id == args.id]
            if not waiting:
                raise NoSuchGate(f"No gate with the id {args.id} waits.", "`stas gates` lists those that do.")
        if args.json:
            common.print_json([_json(action) for action in waiting])
            return exit_codes.OK
        if not waiting:
            sys.stdout.write("Nothing waits for you.\n")
        for action in waiting:
            for line in gate_text(action, environment=settings.environment, now=app.clock.now()):
                sys.stdout.write(safe_text(line) + "\n")
            sys.stdout.write(f"Id {action.id}. Decide it in `stas` or `stas pulse --plain`.\n")
    return exit_codes.OK


def _json(action: Action) -> Json:
    from stas_tui.gates.contract import Shown
    from stas_tui.gates.present import payload_lines
    from storage.clock import iso

    shown = Shown.from_json(action.revision.shown if action.revision else {})
    return {
        "id": action.id,
        "tool": action.tool,
        "title": shown.title,
        "state": action.state.value,
        "level": action.level.value,
        "revision": action.rev,
        "digest": action.digest,
        "requested_at": iso(action.requested_at),
        "expires_at": iso(action.ask_until),
        "requested_by": action.requested_by,
        "caused_by": action.caused_by,
        "risk": shown.risk_level,
        "warnings": list(shown.warnings),
        "payload": [[line.label, line.text] for line in payload_lines(action)],
    }
