"""The dashboard is told to end by a signal: the terminal is given back, and nothing of it goes on."""

from __future__ import annotations

import os
import signal
import termios
from pathlib import Path

import pytest

from tests.e2e.piped import environment as clean
from tests.interruptible import HEARING
from tests.terminals import Terminal, environment, stas

pytestmark = pytest.mark.pty


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_the_dashboard_gives_the_terminal_back(tmp_path: Path, number: signal.Signals) -> None:
    terminal = Terminal([*HEARING, *stas("demo")], environment(clean(tmp_path / "home")))
    try:
        before = termios.tcgetattr(terminal.master)
        terminal.sees(b"README has examples")
        assert termios.tcgetattr(terminal.master) != before
        os.kill(terminal.process.pid, number)
        assert terminal.ended() == 128 + number
        terminal.is_as_it_was(before)
    finally:
        terminal.close()
