"""`stas watch`: ask the sources and write down what they say; the dashboard starts one for itself."""

from __future__ import annotations

import signal
import sys
from argparse import Namespace
from functools import partial
from pathlib import Path

from stas_tui import exit_codes
from stas_tui.cli import printable
from stas_tui.commands import common
from stas_tui.commands.sources import as_json, lines
from storage.clock import SystemClock, hhmmss
from storage.errors import StasError
from storage.records import DataState
from storage.watch_records import SourceStatus


class NothingToWatch(StasError):
    """The configuration names no source."""

    exit_code = exit_codes.USAGE


def run(args: Namespace) -> int:
    """Watch until told to stop, or with `--once` for one round.

    The exit status of one round is `FAILED` if any source gave no good answer: it says whether the sources can be
    believed, not whether the world is well. Raises `StasError`.
    """
    from stas_tui.health.process import only_watcher, when_parent_ends
    from stas_tui.health.watcher import Watcher
    from stas_tui.watching import planned, sources_of, strip
    from storage.schema_watch import open_watch
    from storage.wake import Bell
    from storage.watch import Watch

    profile, settings = common.profile(args), common.settings(args)
    clock = SystemClock()
    profile.make()
    with only_watcher(profile):
        watch = Watch(open_watch(profile.watch_db))
        sources = sources_of(settings, profile, watch)
        if not sources:
            watch.store.close()
            raise NothingToWatch(
                "The configuration names no source, so there is nothing to ask.",
                "Add [[alertmanager]], [[prometheus]] or [[project.health]].",
            )
        watcher = Watcher(
            sources,
            watch,
            clock,
            ring=Bell(profile.runtime_dir).ring,
            say=_say,
            show=partial(_show, clock, plain=args.ascii) if not (args.once or args.with_parent) else _show_nobody,
        )
        try:
            if args.once:
                watcher.once()
                rows = strip(planned(settings, profile), watch, clock.now())
                _print(args, profile.root, rows, clock.now())
                good = all(row.state in (DataState.OK, DataState.EMPTY) for row in rows)
                return exit_codes.OK if good else exit_codes.FAILED
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                signal.signal(number, lambda *_: watcher.stop())
            if args.with_parent:
                when_parent_ends(watcher.stop)
            else:
                common.say(f"Asking {len(sources)} source{'s' * (len(sources) > 1)}; ctrl+c ends it.")
            watcher.run()
            return exit_codes.OK
        finally:
            watcher.close()
            watch.store.close()


def _print(args: Namespace, root: Path, rows: list[SourceStatus], now: int) -> None:
    if args.json:
        common.print_json(as_json(root.name, rows, None, now))
        return
    for line in lines(rows, now, plain=args.ascii):
        sys.stdout.write(line + "\n")


def _show(clock: SystemClock, row: SourceStatus, *, plain: bool) -> None:
    """A row that changed its state, for whoever reads along."""
    for line in lines([row], clock.now(), plain=plain):
        sys.stdout.write(f"{hhmmss(clock.now())} {line}\n")
    sys.stdout.flush()


def _show_nobody(_: SourceStatus) -> None:
    """The parent reads the database."""


def _say(sentence: str) -> None:
    common.say(f"{hhmmss(SystemClock().now())} stas watch: {printable(sentence)}")
