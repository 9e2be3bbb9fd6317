"""Opening is fast: nothing that the first screen does not need is imported before it is painted."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from stas_tui.locations import Profile

PROGRAM = """
import asyncio, sys
from pathlib import Path
from stas_tui.config import load
from stas_tui.locations import Locations
from stas_tui.wiring import build
from stas_tui.app import StasApp

async def main():
    profile = Locations.find(Path(sys.argv[1])).profile("demo")
    with build(profile, load(profile)) as application:
        app = StasApp(application)
        seen = []
        paint = app._first_paint
        app._first_paint = lambda: (seen.extend(sys.modules), paint())
        async with app.run_test(size=(120, 36)) as pilot:
            while not seen:
                await pilot.pause(0.01)
        app.hand.close()
    heavy = ("httpx", "git", "slack_sdk", "sqlglot", "markdown_it", "pygments", "mcp", "sqlite_utils")
    print("loaded:", *[name for name in heavy if name in seen])

asyncio.run(main())
"""


def test_the_first_paint_loads_nothing_heavy(demo: Profile) -> None:
    home = demo.root.parent.parent
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(home)],
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.splitlines()[-1:] == ["loaded:"], done.stdout + done.stderr
