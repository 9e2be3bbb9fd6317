"""`stas sources`: who is asked, when each last answered, and how far it can be believed."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from stas_tui import exit_codes
from stas_tui.cli import printable
from stas_tui.commands import common
from stas_tui.health.belief import unattended
from storage.clock import SystemClock, age, iso
from storage.records import DataState

if TYPE_CHECKING:
    from storage.watch import Watcher
    from storage.watch_records import SourceStatus

GLYPHS = {
    DataState.OK: "●",
    DataState.EMPTY: "○",
    DataState.STALE: "▲",
    DataState.ERROR: "✖",
    DataState.DENIED: "✖",
    DataState.UNKNOWN: "◌",
}
ASCII_GLYPHS = {
    DataState.OK: "o",
    DataState.EMPTY: ".",
    DataState.STALE: "!",
    DataState.ERROR: "X",
    DataState.DENIED: "X",
    DataState.UNKNOWN: "?",
}


def run(args: Namespace) -> int:
    """Print a row for every source; nothing is asked and nothing is changed. Raises `StasError`."""
    from stas_tui.watching import planned, strip
    from storage.schema_watch import open_watch
    from storage.watch import Watch

    profile, settings = common.profile(args), common.settings(args)
    now = SystemClock().now()
    plans = planned(settings, profile)
    if not profile.watch_db.exists():
        rows, watcher = strip(plans, None, now), None
    else:
        with open_watch(profile.watch_db) as store:
            watch = Watch(store)
            rows, watcher = strip(plans, watch, now), watch.watcher()
    if args.json:
        common.print_json(as_json(profile.name, rows, watcher, now))
        return exit_codes.OK
    for line in lines(rows, now, plain=args.ascii):
        sys.stdout.write(line + "\n")
    common.say(_about(rows, watcher, now))
    return exit_codes.OK


def lines(rows: Sequence[SourceStatus], now: int, *, plain: bool = False) -> Iterator[str]:
    """One line for each source: a sign and a word, the name, its age, its next question and why."""
    plain = plain or (sys.stdout.encoding or "").lower().replace("-", "") != "utf8"
    glyphs = ASCII_GLYPHS if plain else GLYPHS
    width = max((len(row.name) for row in rows), default=0)
    for row in rows:
        reason = row.reason if row.asked_at is not None else ""
        said = ": ".join(part for part in (f"{row.kind.value}, {_when(row, now)}", reason) if part)
        mark = " REPLAYED" if row.replayed else ""
        yield f"{glyphs[row.state]} {row.state.value:<8} {_flat(row.name):<{width}}{mark}  {_flat(said)}"


def as_json(profile: str, rows: Sequence[SourceStatus], watcher: Watcher | None, now: int) -> dict[str, Any]:
    """The rows for scripts; the keys are stable."""
    return {
        "schema": "stas.sources/1",
        "profile": profile,
        "at": iso(now),
        "watcher": None if watcher is None else {"alive": not unattended(watcher, now), "at": iso(watcher.at)},
        "sources": [
            {
                "name": row.name,
                "kind": row.kind.value,
                "project": row.project_id,
                "state": row.state.value,
                "reason": row.reason,
                "asked_at": _iso(row.asked_at),
                "answered_at": _iso(row.at),
                "next_at": _iso(row.next_at),
                "failures": row.failures,
                "replayed": row.replayed,
                "detail": row.detail,
            }
            for row in rows
        ],
    }


def _flat(text: str) -> str:
    return printable(" ".join(text.split()))


def _when(row: SourceStatus, now: int) -> str:
    if row.asked_at is None:
        return "not asked yet"
    last = "never answered" if row.at is None else f"answered {age(now - row.at)} ago"
    return last if row.next_at is None else f"{last}, asked again in {age(row.next_at - now)}"


def _about(rows: Sequence[SourceStatus], watcher: Watcher | None, now: int) -> str:
    if not rows:
        return "The configuration names no source: alerts, numbers and health are unknown, not good."
    nobody_asks = unattended(watcher, now)
    if watcher is None or nobody_asks:
        return f"Nobody asks them: {nobody_asks}. Open the dashboard, or run `stas watch`."
    return f"A watcher asks them; its last sign of life was {age(now - watcher.at)} ago."


def _iso(at: int | None) -> str | None:
    return None if at is None else iso(at)
