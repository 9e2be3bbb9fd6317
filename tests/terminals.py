"""A program in a pseudo-terminal, and every byte that it wrote."""

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
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PATIENCE_S = 60.0
QUIET_S = 0.3
"""Seconds without a byte after which a program counts as having drawn all."""
MODES = {b"1049": b"l", b"25": b"h", b"1000": b"l", b"2004": b"l"}
"""Another screen, the cursor, the mouse, bracketed paste; and how a shell needs them."""
_OURS = {"NO_COLOR", "TEXTUAL_DRIVER", "COLUMNS", "LINES"}


def environment(base: Mapping[str, str], **more: str) -> dict[str, str]:
    """Variables of a terminal with colours, and nothing that would make pictures differ."""
    kept = {name: value for name, value in base.items() if name not in _OURS}
    return {**kept, "TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8", **more}


def stas(*words: str) -> list[str]:
    """The command line of the program."""
    return [sys.executable, "-m", "stas_tui", *words]


class Terminal:
    """A program in a pseudo-terminal that is no session's own: nobody but the program can notice its end."""

    def __init__(
        self, argv: Sequence[str], environ: Mapping[str, str], *, rows: int = 36, columns: int = 120, cwd: Path = ROOT
    ) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.process = subprocess.Popen(
            list(argv), stdin=slave, stdout=slave, stderr=slave, cwd=cwd, env=dict(environ), start_new_session=True
        )
        os.close(slave)
        self.written = b""
        self._open = True

    def read(self, patience: float = QUIET_S) -> bytes:
        """Everything written until nothing came for a while."""
        start = len(self.written)
        while select.select([self.master], [], [], patience)[0]:
            try:
                piece = os.read(self.master, 65_536)
            except OSError:
                break
            if not piece:
                break
            self.written += piece
        return self.written[start:]

    def until(self, seen: Callable[[bytes], object], what: str, press: bytes = b"") -> float:
        """Read until something was written since now; seconds it took. `press` is pressed whenever it went quiet."""
        started, begin = time.monotonic(), len(self.written)
        while not seen(self.written[begin:]):
            assert time.monotonic() - started < PATIENCE_S, (what, self.written[-3_000:])
            quiet = not self.read(0.1 if not press else QUIET_S)
            if self.process.poll() is not None:
                self.read()
                assert seen(self.written[begin:]), (what, self.written[-3_000:])
            elif quiet and press:
                os.write(self.master, press)
        return time.monotonic() - started

    def sees(self, words: bytes, press: bytes = b"") -> None:
        """Read until these words were written since now."""
        self.until(lambda new: words in new, repr(words), press)

    def press(self, keys: bytes, words: bytes = b"") -> None:
        """Press keys; wait for words on the screen, or until the screen is quiet."""
        os.write(self.master, keys)
        if words:
            self.until(lambda new: words in new, f"{words!r} after {keys!r}")
        self.read()

    def ended(self, press: bytes = b"") -> int:
        """Press until it has ended; the exit status."""
        self.until(lambda _: self.process.poll() is not None, "the end", press)
        return int(self.process.returncode)

    def is_as_it_was(self, before: list[object]) -> None:
        """The terminal echoes, hides nothing and shows the shell's screen; nothing of the session runs."""
        assert termios.tcgetattr(self.master) == before
        last = {name: max(self.written.rfind(b"\x1b[?%s%s" % (name, end)) for end in (b"h", b"l")) for name in MODES}
        shown = {name: self.written[at : at + len(name) + 4] for name, at in last.items()}
        assert shown == {name: b"\x1b[?%s%s" % (name, wanted) for name, wanted in MODES.items()}
        assert self.session() == []

    def session(self) -> list[str]:
        """The command lines of everything that runs in the session that the program began."""
        found = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rpartition(")")[2].split()
                words = (stat.parent / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if fields[3] == str(self.process.pid) and fields[0] != "Z":
                found.append(words)
        return found

    def hang_up(self) -> None:
        """The other end of the line goes away."""
        self._open = False
        os.close(self.master)

    def close(self) -> None:
        """End the program."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if self._open:
            self.hang_up()
