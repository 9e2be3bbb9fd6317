"""`stas init`: set up a profile for one's own repository."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

from stas_tui import exit_codes
from stas_tui.commands.common import know_projects, locations, print_json, say
from stas_tui.init_profile import InitError, InitOptions, create
from stas_tui.locations import Profile, os_user


def run(args: Namespace) -> int:
    """Ask what was not told, if somebody is there to ask, and make the profile."""
    from stas_tui.executors.presets import PRESETS

    somebody = sys.stdin is not None and sys.stdin.isatty() and not args.yes
    report = create(
        InitOptions(
            path=Path(args.path),
            profile=args.profile,
            agent=args.agent,
            base=args.base,
            remote=args.remote,
            columns=tuple(args.column or ()),
            tenants=tuple(args.tenant or ()),
            executor=args.executor,
            persons=tuple(args.person or ()),
        ),
        locations(args),
        os_user=os_user(),
        ask=_ask if somebody else None,
        presets=PRESETS,
        create_databases=_create_databases,
    )
    _put_project(locations(args).profile(report.profile))
    if args.json:
        print_json(report.as_json())
    else:
        say(report.as_text())
    return exit_codes.OK


def _create_databases(profile: Profile) -> None:
    """Both databases with their current schema; the ones that are there already keep what they hold."""
    from storage.schema_record import open_record
    from storage.schema_world import open_world

    open_record(profile.record_db).close()
    open_world(profile.platform_db).close()


def _put_project(profile: Profile) -> None:
    """The new project onto the board, so that the first pulse finds it."""
    from stas_tui.config import load
    from storage.clock import SystemClock
    from storage.schema_world import open_world
    from storage.world import World

    with open_world(profile.platform_db) as store:
        know_projects(World(store, SystemClock()), load(profile))


def _ask(question: str, default: str) -> str:
    sys.stderr.write(f"{question} [{default}]: " if default else f"{question}: ")
    sys.stderr.flush()
    answer = sys.stdin.readline()
    if not answer:
        raise InitError("The input ended before the last question; nothing was written.", "Use --yes for the defaults.")
    return answer.strip()
