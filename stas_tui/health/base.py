"""What a source of the watch is: something that is asked now and then, and answers well, badly or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from storage.records import DataState, Json
from storage.watch_records import Observed, SourceKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer of a source."""

    state: DataState
    """`ok`, `empty` (asked, none), `error`, `denied`, `unknown` (could not be asked at all: no engine, no token)."""
    things: Sequence[Observed] | None = None
    """Everything it says now; None keeps what was known, with its age."""
    reason: str = ""
    """One clause why the state is not `ok`; redacted."""
    retry_after_s: float | None = None
    """The source itself said when it may be asked again (429, rate limit)."""
    partial: bool = False
    """Some of it could not be read: what is missing is not known to be gone, so nothing is marked gone."""
    detail: Json = field(default_factory=dict)


class Source(Protocol):
    """Asked on a thread of the watcher. `ask` never raises for what the world does; only for our own bugs."""

    name: str
    kind: SourceKind
    project_id: str
    every_s: float

    def ask(self, now: int) -> Answer:
        """Ask once, within a bounded time. `now` is UTC milliseconds."""
        ...

    def close(self) -> None:
        """Let connections go."""
        ...


def back_off_s(every_s: float, failures: int, *, most_s: float = 300.0) -> float:
    """Seconds until a source that failed `failures` times in a row is asked again: doubled each time, bounded."""
    return float(min(every_s * 2 ** min(failures, 10), max(most_s, every_s)))
