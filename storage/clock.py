"""Time for all of Stas: UTC milliseconds, and the few ways in which they are written."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


class Clock(Protocol):
    """Where the time comes from. Nothing outside this module asks the operating system."""

    def now(self) -> int:
        """Wall-clock time in milliseconds since the epoch, UTC."""
        ...

    def monotonic(self) -> int:
        """Milliseconds that never go back; comparable only within one process."""
        ...


class SystemClock:
    """The operating system's clocks."""

    def now(self) -> int:
        """Wall-clock time in milliseconds since the epoch, UTC."""
        return time.time_ns() // 1_000_000

    def monotonic(self) -> int:
        """Milliseconds of the monotonic clock."""
        return time.monotonic_ns() // 1_000_000


class ManualClock:
    """A clock that moves only when it is told to: for tests, replays and frozen exports."""

    def __init__(self, start: int = 1_795_000_000_000) -> None:
        self._now = start
        self._monotonic = 0

    def now(self) -> int:
        """Wall-clock time in milliseconds since the epoch, UTC."""
        return self._now

    def monotonic(self) -> int:
        """Milliseconds advanced so far."""
        return self._monotonic

    def advance(self, ms: int) -> None:
        """Let `ms` milliseconds pass on both clocks."""
        self._now += ms
        self._monotonic += max(ms, 0)

    def set_wall(self, ms: int) -> None:
        """Jump the wall clock, as a clock correction would; the monotonic clock does not move."""
        self._now = ms


def iso(ms: int) -> str:
    """RFC 3339 in UTC with milliseconds and `Z`."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{ms % 1000:03d}Z"


def iso_seconds(ms: int) -> str:
    """RFC 3339 in UTC with whole seconds and `Z`."""
    return datetime.fromtimestamp(ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def hhmm(ms: int) -> str:
    """The clock as screens show it: `14:07Z`."""
    return datetime.fromtimestamp(ms // 1000, UTC).strftime("%H:%MZ")


def hhmmss(ms: int) -> str:
    """The clock of a timeline: `14:07:31`, UTC."""
    return datetime.fromtimestamp(ms // 1000, UTC).strftime("%H:%M:%S")


def age(ms: int) -> str:
    """How long ago, in one unit: `12s`, `6m`, `2h`, `41d`."""
    seconds = max(ms, 0) // SECOND
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def countdown(ms: int) -> str:
    """Time left: `04:12`, `3:59:07` from one hour on, `00:00` when it is over."""
    seconds = max(ms, 0) // SECOND
    hours, rest = divmod(seconds, 3_600)
    minutes, seconds = divmod(rest, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes:02d}:{seconds:02d}"
