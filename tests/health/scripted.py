"""A source that answers what a test says, in a watcher on a real database."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from stas_tui.health.base import Answer
from storage.records import DataState
from storage.watch_records import Alert, SourceKind

Act = Answer | Callable[[], Answer]


def alert(key: str = "fp1", **fields: object) -> Alert:
    return Alert(key=key, name="PoolExhausted", **fields)  # type: ignore[arg-type]


def ok(*keys: str, **fields: object) -> Answer:
    return Answer(state=DataState.OK, things=[alert(key) for key in keys or ("fp1",)], **fields)  # type: ignore[arg-type]


def bad(reason: str = "refused the connection", **fields: object) -> Answer:
    return Answer(state=DataState.ERROR, reason=reason, **fields)  # type: ignore[arg-type]


@dataclass
class Scripted:
    """Answers one after another; the last one stays."""

    name: str = "alertmanager"
    kind: SourceKind = SourceKind.ALERTS
    project_id: str = ""
    every_s: float = 15.0
    longest_s: float = 30.0
    acts: list[Act] = field(default_factory=lambda: [ok()])
    asked: list[int] = field(default_factory=list)
    closed: bool = False

    def ask(self, now: int) -> Answer:
        self.asked.append(now)
        act = self.acts.pop(0) if len(self.acts) > 1 else self.acts[0]
        return act if isinstance(act, Answer) else act()

    def close(self) -> None:
        self.closed = True


@dataclass
class Hanging(Scripted):
    """Does not come back until it is let go."""

    free: threading.Event = field(default_factory=threading.Event)

    def ask(self, now: int) -> Answer:
        self.asked.append(now)
        assert self.free.wait(30)
        return ok()
