"""What a start may load (G18). Times are for the benchmarks; which modules come along is the same on every machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from stas_tui.locations import Profile

ROOT = Path(__file__).resolve().parents[2]
NEVER = ("mcp", "httpx", "git", "slack_sdk", "sqlglot", "markdown_it", "pygments", "sqlite_utils")
"""Not before the first screen, and not by what runs beside it either."""
LATER = ("stas_tui.pulse.machine", "stas_tui.gates.tools.every", "stas_tui.texts", "stas_tui.plain", "stas_tui.demo")
"""Ours, needed only when a pulse moves; with everything below these names."""

DRAWN = """
import asyncio, json, sys
from pathlib import Path
from stas_tui.config import load
from stas_tui.locations import Locations
from stas_tui.wiring import build

async def draw():
    from stas_tui.app import StasApp
    profile = Locations.find(Path(sys.argv[1])).profile(sys.argv[2])
    with build(profile, load(profile)) as application:
        app = StasApp(application)
        async with app.run_test(size=(120, 40)) as pilot:
            shown = app.main.query_one("#inbox-list")
            while not (len(shown.source) and shown.lines_drawn):
                await pilot.pause()
            print(json.dumps(sorted(sys.modules)))

asyncio.run(draw())
"""


def modules_after(code: str, *args: str) -> set[str]:
    """The modules loaded when a new interpreter has run the code, which prints them."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("STAS_")}
    done = subprocess.run(
        [sys.executable, "-c", code, *args],
        env={**environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return set(json.loads(done.stdout.splitlines()[-1]))


def below(loaded: set[str], names: tuple[str, ...]) -> list[str]:
    return sorted(name for name in loaded if any(name == top or name.startswith(top + ".") for top in names))


def test_G18_nothing_heavy_is_loaded_when_the_dashboard_is_drawn(home: Path, profile: Profile) -> None:
    loaded = modules_after(DRAWN, str(home), profile.name)
    assert "textual.app" in loaded
    assert below(loaded, NEVER) == []


def test_G18_what_only_a_moving_pulse_needs_is_not_loaded_to_draw() -> None:
    code = "import json, sys, stas_tui.app, stas_tui.wiring; print(json.dumps(sorted(sys.modules)))"
    assert below(modules_after(code), LATER) == []


def test_G18_settings_are_read_without_the_library_for_variables(home: Path, profile: Profile) -> None:
    code = (
        "import json, sys; from pathlib import Path; from stas_tui.config import load;"
        "from stas_tui.locations import Locations;"
        "load(Locations.find(Path(sys.argv[1])).profile(sys.argv[2])); print(json.dumps(sorted(sys.modules)))"
    )
    loaded = modules_after(code, str(home), profile.name)
    assert "pydantic" in loaded
    assert below(loaded, ("pydantic_settings", "textual", "rich")) == []


@pytest.mark.parametrize("command", ["version", "keys"])
def test_small_commands_load_neither_the_screen_nor_the_stores(command: str, tmp_path: Path) -> None:
    code = (
        "import json, sys; from stas_tui.cli import main; home, command = sys.argv[1:];"
        "main(['--home', home, command]); print(); print(json.dumps(sorted(sys.modules)))"
    )
    loaded = modules_after(code, str(tmp_path), command)
    assert below(loaded, ("textual", "rich", "sqlite3", "stas_tui.wiring")) == []
