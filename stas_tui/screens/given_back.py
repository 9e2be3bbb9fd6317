"""A terminal as it was before a program had it that could not clean up behind itself."""

from __future__ import annotations

import contextlib
import os
import sys
import termios

Modes = list[int | list[bytes | int]]
"""What `termios.tcgetattr` returns."""
PLAIN = (
    "\x1b[?2004l\x1b[?7h\x1b[?2048l"  # no bracketed paste, lines wrap, no reports of the size
    "\x1b[?1000l\x1b[?1003l\x1b[?1015l\x1b[?1006l"  # no mouse
    "\x1b[<u\x1b[?1049l\x1b[?25h\x1b[?1004l"  # keys, screen and cursor as ever, no reports of the focus
)


def modes() -> Modes | None:
    """How the terminal of this process is set; None if there is none."""
    try:
        return termios.tcgetattr(sys.stdin.fileno())
    except (termios.error, OSError, ValueError):
        return None


def give_back(before: Modes | None) -> None:
    """Set it so again, and leave whatever screen is open on it. A terminal that went away needs nothing."""
    if before is None:
        return
    with contextlib.suppress(termios.error, OSError):
        termios.tcsetattr(sys.stdin.fileno(), termios.TCSANOW, before)
        os.write(sys.stdout.fileno(), PLAIN.encode())
