"""A bell within one process: the dashboard of a lesson is woken without a socket."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

from storage.wake import Bell, Ear


class _Ear(Ear):
    def __init__(self) -> None:
        super().__init__(None)
        self._rung = threading.Event()

    def ring(self) -> None:
        self._rung.set()

    def wait(self, timeout_s: float) -> bool:
        """Wait for a ring; True if one came, False when the time is over."""
        came = self._rung.wait(max(timeout_s, 0))
        self._rung.clear()
        return came


class HouseBell(Bell):
    """`storage.wake.Bell` that wakes the listeners of its own process only, and opens no socket."""

    def __init__(self) -> None:
        self._ears: list[_Ear] = []
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def listen(self) -> Iterator[Ear]:
        """Listen until the block ends."""
        ear = _Ear()
        with self._lock:
            self._ears.append(ear)
        try:
            yield ear
        finally:
            with self._lock:
                self._ears.remove(ear)

    def ring(self) -> None:
        """Wake every listener."""
        with self._lock:
            ears = list(self._ears)
        for ear in ears:
            ear.ring()
