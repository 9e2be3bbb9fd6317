"""How far each source can be believed: the one rule behind the strip, the desk and the pulse. Pure.

A source is one of those that the configuration wants asked, or one that left an answer although nobody wants it any
more. It is believed if it answered well and in time, somebody still asks it, and the answer is no recording.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from storage.clock import SECOND, age
from storage.records import DataState
from storage.watch_records import SourceKind, SourceStatus

if TYPE_CHECKING:
    from storage.watch import Watcher

ANSWERED = frozenset({DataState.OK, DataState.EMPTY})
UNATTENDED_MS = 60 * SECOND
"""A watcher that gave no sign of life for this long does not watch, though its process may be there."""
NOT_RUNNING = "the watcher does not run"
NEVER_ASKED = "never asked"
REPLAYED = "replayed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A source that the configuration wants asked."""

    name: str
    kind: SourceKind
    every_ms: int
    project_id: str = ""
    """The project it speaks for; empty means all."""
    replayed: bool = False
    beside: bool = False
    """It tells nothing that is not also read elsewhere (what landed, as plain git tells it): no verdict rests on it."""
    problem: str = ""
    """Why it cannot even be told what to ask, e.g. a recording that cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Belief:
    """One source and how far it can be believed as of a moment."""

    status: SourceStatus
    """Its row, with state and reason as of that moment: nothing in it is `ok` or `empty` that is too old."""
    word: str
    """`ok`, `empty`, `stale`, `error`, `denied`, `unknown`, `never asked` or `replayed`."""
    age_ms: int | None
    """Milliseconds since it last answered well; None if it never did."""
    wanted: Wanted | None
    """How the configuration names it; None if it does not."""

    @property
    def answered(self) -> bool:
        """Whether it answered well and in time, be it in a recording."""
        return self.status.state in ANSWERED

    @property
    def believed(self) -> bool:
        """Whether what it says may be taken for the world."""
        return self.answered and not self.status.replayed


def unattended(watcher: Watcher | None, now: int) -> str:
    """Why nobody asks the sources, as a clause about the watcher; empty if it does. `now` is UTC milliseconds.

    A sign of life from the future counts no longer than one from the past: then the clock was set back.
    """
    if watcher is None or not watcher.alive:
        return NOT_RUNNING
    silent = abs(now - watcher.at)
    return f"the watcher gave no sign of life for {age(silent)}" if silent > UNATTENDED_MS else ""


def beliefs(
    wanted: Iterable[Wanted], known: Sequence[SourceStatus], now: int, *, nobody_asks: str = ""
) -> list[Belief]:
    """Every source that is wanted, in that order, then those that only left an answer; each name once.

    `known` are the rows of the watch, `nobody_asks` what `unattended` says of the watcher. What nobody wants and could
    never be asked is left out.
    """
    rows = {status.name: status for status in known}
    names = {want.name: want for want in wanted}
    asked = [rows.get(name) or _unasked(want, now) for name, want in names.items()]
    left = [row for name, row in rows.items() if name not in names and not _could_never_be_asked(row)]
    return [_belief(row, now, nobody_asks, names.get(row.name)) for row in (*asked, *left)]


def _could_never_be_asked(row: SourceStatus) -> bool:
    return row.state is DataState.UNKNOWN and row.at is None


def _belief(status: SourceStatus, now: int, nobody_asks: str, wanted: Wanted | None) -> Belief:
    row = _as_of(status, now, nobody_asks)
    word = row.state.value
    if row.asked_at is None and row.at is None:
        word = NEVER_ASKED
    elif row.replayed and row.state in ANSWERED:
        word = REPLAYED
    age_ms = None if row.at is None else max(now - row.at, 0)
    return Belief(status=row, word=word, age_ms=age_ms, wanted=wanted)


def _as_of(status: SourceStatus, now: int, nobody_asks: str) -> SourceStatus:
    row = replace(status, next_at=None) if nobody_asks else status
    if row.state not in ANSWERED:
        return row
    if nobody_asks:
        return replace(row, state=DataState.STALE, reason=f"nobody asks it: {nobody_asks}")
    if row.at is None or abs(now - row.at) > 3 * row.every_ms:
        return replace(row, state=DataState.STALE, reason=row.reason or "no answer for three rounds")
    return row


def _unasked(want: Wanted, now: int) -> SourceStatus:
    return SourceStatus(
        name=want.name,
        kind=want.kind,
        state=DataState.ERROR if want.problem else DataState.UNKNOWN,
        every_ms=want.every_ms,
        asked_at=now if want.problem else None,
        reason=want.problem or NEVER_ASKED,
        project_id=want.project_id,
        replayed=want.replayed,
    )
