"""What a key may write to the terminal (G4), counted in a real pseudo-terminal: over a slow line, bytes are time."""

from __future__ import annotations

from pathlib import Path

import pytest

from stas_tui.locations import Profile
from tests.bench.terminal import Terminal, environment, python

pytestmark = pytest.mark.pty

STEP = 8 * 1024
"""A cursor step: two rows of the list and the detail of the new one."""
PAGE = 24 * 1024
"""A page of the zoomed inbox: one screen, with room for its colours."""


def test_G4_keys_write_no_more_than_what_they_change(home: Path, profile: Profile) -> None:
    argv = python("-m", "stas_tui", "--profile", profile.name)
    with Terminal(argv, env=environment(STAS_HOME=str(home))) as terminal:
        terminal.wait_for("subject first")
        terminal.calm(0.5)
        terminal.send("1")
        terminal.calm(0.3)
        steps = [terminal.press(key)["bytes"] for key in ("down", "down", "up")]
        terminal.send("z")
        terminal.calm(0.3)
        pages = [terminal.press(key)["bytes"] for key in ("pagedown", "pagedown", "pageup")]
        terminal.calm(0.5)
        written = terminal.bytes
        terminal.calm(1.5)
        assert terminal.bytes == written, "a dashboard that nobody touches writes nothing (G8)"
    assert max(steps) <= STEP
    assert max(pages) <= PAGE
