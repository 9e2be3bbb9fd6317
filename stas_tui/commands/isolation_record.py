"""`stas isolation record -- COMMAND`: run a project's tests and write down the text of the statements they execute."""

from __future__ import annotations

import os
from argparse import Namespace
from pathlib import Path

from stas_tui.commands import common
from storage.clock import SystemClock


def run(args: Namespace) -> int:
    """Run the command; its exit status. Raises `StasError`."""
    from stas_tui.isolation.recording.running import record

    if args.read_only:
        raise common.ReadOnly("--read-only starts nothing.", "Leave the flag out.")
    if not args.behind:
        raise common.CommandRefused(
            "There is no command to run.", "Write it after `--`: stas isolation record -- pytest tests"
        )
    file = args.output if args.output is not None else _place(args)
    status = record(args.behind, file, clock=SystemClock(), environ=os.environ, here=Path.cwd())
    common.say(f"The statements stand in {file}; `stas isolation --check Q4` looks at them.")
    return status


def _place(args: Namespace) -> Path:
    """Where Q4 looks by itself: the declared place, or the one in the profile."""
    from stas_tui.proving import declared

    place, settings = common.profile(args), common.settings(args)
    project = settings.project_by_id(common.project_id(settings, args.project))
    assert project is not None
    tenancy = declared(place, project).tenancy
    named = tenancy.code.test_run if tenancy is not None else ""
    return Path(project.repository or ".") / named if named else place.test_run_file(project.id)
