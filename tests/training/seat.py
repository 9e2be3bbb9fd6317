"""A live lesson without a dashboard, as a control sees it: a real engine whose time a test moves."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from textual.app import App

from stas_tui.training.engine import Engine, play
from stas_tui.training.orders import Present, meant
from stas_tui.training.standing import state_of
from storage.records import Json
from tests.training.worlds import small


class Seat:
    """What `Control` talks to."""

    def __init__(self) -> None:
        self._lesson = small()
        self.engine = Engine(self._lesson.scenario, self._lesson.digest)
        self.speed, self.paused, self.hints = 1.0, False, True
        self._lock = threading.Lock()

    def until(self, at: int) -> None:
        """Let time pass."""
        with self._lock:
            self.engine.until(at)

    def state(self) -> Json:
        """How it stands."""
        with self._lock:
            return state_of(self.engine, run="r1", speed=self.speed, paused=self.paused, hints=self.hints)

    def order(self, what: str, body: Json) -> str:
        """Do it."""
        if what == "break":
            raise ZeroDivisionError("a bug of ours")
        with self._lock:
            done = meant(what, body, Present.of(self.engine))
            clock = done.clock
            if clock is not None and clock.what == "rewind":
                kept = [thing for thing in self.engine.inputs if thing.at <= clock.to]
                self.engine = play(self._lesson.scenario, self._lesson.digest, [*kept, done.order], until=clock.to)
                return done.said
            self.engine.order(done.order)
            if what == "hints":
                self.hints = bool(body["on"])
            if clock is not None and clock.what in ("pause", "play"):
                self.paused = clock.what == "pause"
            if clock is not None and clock.what == "speed":
                self.speed = clock.speed
            if clock is not None and clock.what == "jump":
                self.engine.until(clock.to)
            return done.said


def screen_text(app: App[None]) -> str:
    """What stands on the screen, row by row."""
    screen = app.screen
    return "\n".join("".join(segment.text for segment in strip) for strip in screen._compositor.render_strips())


@contextmanager
def short_home() -> Iterator[Path]:
    """A home so short that sockets fit into it, and gone afterwards with everything in it."""
    with tempfile.TemporaryDirectory(prefix="c", dir="/tmp") as folder:
        yield Path(folder) / "h"
