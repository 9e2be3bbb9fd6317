"""What really reaches a terminal: no byte of outside text that acts, and few bytes per key."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.widgets.hostile_app import DRAWN

pytestmark = pytest.mark.pty
PATIENCE = 60.0


class Terminal:
    """A program in a pseudo-terminal of a given size, and every byte it wrote."""

    def __init__(self, arguments: list[str], rows: int, columns: int, cwd: Path) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        keep = {k: v for k, v in os.environ.items() if k not in {"NO_COLOR", "TEXTUAL_DRIVER", "COLUMNS", "LINES"}}
        environ = {
            **keep,
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
            "LANG": "C.UTF-8",
            "PYTHONPATH": str(cwd),
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.widgets.hostile_app", *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=cwd,
            env=environ,
            start_new_session=True,
        )
        os.close(slave)
        self.written = b""

    def read(self, quiet: float) -> bytes:
        """Everything written until nothing came for `quiet` seconds."""
        start = len(self.written)
        while select.select([self.master], [], [], quiet)[0]:
            try:
                piece = os.read(self.master, 65_536)
            except OSError:
                break
            if not piece:
                break
            self.written += piece
        return self.written[start:]

    def read_until(self, condition: Callable[[], bool], press: bytes = b"") -> None:
        """Read, pressing a key again whenever it went quiet, until a condition holds."""
        end = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < end, self.written[-2_000:]
            assert self.process.poll() is None, self.written[-4_000:]
            if not self.read(0.3) and press:
                self.press(press)

    def press(self, keys: bytes) -> None:
        """Type keys."""
        os.write(self.master, keys)

    def close(self) -> None:
        """End the program."""
        self.process.kill()
        self.process.wait()
        os.close(self.master)


@pytest.fixture
def terminal(root: Path) -> Iterator[Callable[..., Terminal]]:
    opened: list[Terminal] = []

    def start(*arguments: str, rows: int = 24, columns: int = 80) -> Terminal:
        opened.append(Terminal(list(arguments), rows, columns, root))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


def test_no_outside_byte_acts_on_the_terminal(terminal: Callable[..., Terminal]) -> None:
    screen = terminal(rows=180, columns=160)
    screen.read_until(lambda: b"HOSTILE" in screen.written or b"gnp.exe" in screen.written)
    screen.read_until(lambda: DRAWN.encode() in screen.written, press=b"t")
    screen.read(0.5)
    written = screen.written
    leaks = {
        "clipboard sequence": b"\x1b]52",
        "8-bit sequence": b"\xc2\x9b",
        "raw 8-bit": b"\x9b31m",
        "bell": b"\x07g",
        "string terminator": b"aGFja2Vk\x1b",
        "null": b"\x00",
        "right-to-left override": "\u202e".encode(),
        "isolate": "\u2066".encode(),
        "tag character": "\U000e0041".encode(),
        "zero width space": "\u200b".encode(),
        "lone surrogate": b"\xed\xa0\x80",
    }
    assert [name for name, piece in leaks.items() if piece in written] == []
    assert written.count(b"\x1b[2J") <= 2
    assert written.count("␛]52;c;aGFja2Vk".encode()) > 30
    assert screen.process.poll() is None


def test_a_cursor_step_writes_few_bytes_and_an_idle_list_none(terminal: Callable[..., Terminal]) -> None:
    screen = terminal("list", rows=36, columns=120)
    screen.read_until(lambda: DRAWN.encode() in screen.written)
    screen.read(0.7)
    for _ in range(3):
        screen.press(b"\x1b[B")
        step = screen.read(0.4)
        assert 0 < len(step) <= 1_500
    screen.press(b"\x1b[F")
    assert 0 < len(screen.read(0.4)) <= 12_000 * 2
    assert screen.read(1.2) == b""
