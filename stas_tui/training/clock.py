"""The clock of a lesson: real time multiplied by a speed, and standing still while the lesson is paused."""

from __future__ import annotations

import threading

from storage.clock import Clock, SystemClock

SPEEDS = (1.0, 5.0, 20.0)
"""Speeds that are offered."""
FASTEST = 100.0


class VirtualClock:
    """`storage.clock.Clock` of a lesson; safe to be asked and moved from several threads.

    `now` runs at the chosen speed. `monotonic` counts real milliseconds while the lesson plays, whatever the speed, so
    that a gate is held as long as a person needs to read it; while the lesson is paused it stands still too.
    """

    def __init__(self, start: int, *, real: Clock | None = None, playing: bool = False) -> None:
        """`start` is what it shows at first, UTC milliseconds; it stands until `play`."""
        self.start = start
        self._real = real or SystemClock()
        self._lock = threading.RLock()
        self._elapsed = 0.0
        self._played = 0
        self._seen = self._real.monotonic()
        self._speed = 1.0
        self._playing = playing

    def now(self) -> int:
        """Time of the lesson, UTC milliseconds."""
        return self.start + self.elapsed()

    def monotonic(self) -> int:
        """Real milliseconds for which the lesson was played."""
        with self._lock:
            self._move()
            return self._played

    def elapsed(self) -> int:
        """Milliseconds of the lesson that have passed."""
        with self._lock:
            self._move()
            return int(self._elapsed)

    @property
    def playing(self) -> bool:
        """Whether time passes."""
        return self._playing

    @property
    def speed(self) -> float:
        """Milliseconds of the lesson for each real one."""
        return self._speed

    def play(self) -> None:
        """Let time pass."""
        with self._lock:
            self._move()
            self._playing = True

    def pause(self) -> None:
        """Stand still."""
        with self._lock:
            self._move()
            self._playing = False

    def run_at(self, speed: float) -> None:
        """Set the speed, above 0 and at most 100. Raises `ValueError`."""
        if not 0 < speed <= FASTEST:
            raise ValueError(f"{speed} is no speed; above 0 and at most {FASTEST:g}")
        with self._lock:
            self._move()
            self._speed = speed

    def jump(self, elapsed: int) -> None:
        """Go forward to a time of the lesson; one that has passed changes nothing."""
        with self._lock:
            self._move()
            self._elapsed = max(self._elapsed, float(elapsed))

    def _move(self) -> None:
        real = self._real.monotonic()
        passed, self._seen = max(real - self._seen, 0), real
        if self._playing:
            self._elapsed += passed * self._speed
            self._played += passed
