"""Deadlines that a corrected clock cannot stretch: wall time, and on the same boot also time since boot."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from storage.clock import Clock, SystemClock


class Boot(Protocol):
    """A clock that counts suspended time and never goes back while the machine runs."""

    def id(self) -> str:
        """Names this boot; deadlines of another boot are judged by wall time alone."""
        ...

    def now(self) -> int:
        """Milliseconds since boot, suspended time included."""
        ...


class SystemBoot:
    """The operating system's time since boot."""

    def __init__(self) -> None:
        self._id = boot_id()

    def id(self) -> str:
        """The kernel's boot id."""
        return self._id

    def now(self) -> int:
        """Milliseconds since boot."""
        return time.clock_gettime_ns(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)) // 1_000_000


class ClockBoot:
    """Time since boot taken from an injected clock's monotonic side; comparable only within this process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._id = f"clock-{os.getpid()}-{id(clock)}"

    def id(self) -> str:
        """Differs between clocks and processes."""
        return self._id

    def now(self) -> int:
        """Monotonic milliseconds of the clock."""
        return self._clock.monotonic()


def boot_for(clock: Clock) -> Boot:
    """The boot clock that goes with a clock: the system's for the system clock, else the clock's own."""
    return SystemBoot() if isinstance(clock, SystemClock) else ClockBoot(clock)


def boot_id() -> str:
    """The kernel's boot id; empty where the system has none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


@dataclass(frozen=True, slots=True)
class Deadline:
    """A point in time, in ledger milliseconds and on the boot clock of the boot that set it."""

    until: int
    boot: str
    boot_until: int

    def over(self, ledger: int, boot: Boot) -> bool:
        """True when either clock has passed it: a forward jump ends it early, a backward jump does not stretch it."""
        return ledger >= self.until or self.certainly_over(boot)

    def certainly_over(self, boot: Boot) -> bool:
        """True when it is over on the boot clock of the same boot, which no clock correction can move."""
        return self.same_boot(boot) and boot.now() >= self.boot_until

    def same_boot(self, boot: Boot) -> bool:
        """True when this boot set the deadline."""
        return self.boot != "" and self.boot == boot.id()


def deadline(ledger: int, boot: Boot, ms: int) -> Deadline:
    """A deadline `ms` milliseconds from now."""
    return Deadline(ledger + ms, boot.id(), boot.now() + ms)
