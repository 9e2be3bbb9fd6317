"""What the sources outside say, and how far each may be believed: the only way in which a step reads the watch.

Whatever is stale, in error, denied, never asked or a replayed recording becomes a doubt with its words; a step that has
a doubt never says that all is well (E5).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeVar

from stas_tui.health.belief import NEVER_ASKED, Belief, beliefs, unattended
from stas_tui.pulse.context import Context
from stas_tui.texts.lines import one_line, redacted
from storage.clock import age, hhmm
from storage.records import DataState, Evidence
from storage.watch import Watch
from storage.watch_records import Fact, Observed, SourceKind, SourceStatus

T = TypeVar("T", bound=Observed)

RECORDING = "replayed: a recording, nobody was asked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """A source that cannot be believed now, with the reason in words."""

    name: str
    state: DataState
    said: str
    """`stale: last answer 10:58Z (8m ago)`, `error: refused the connection`, `never asked`, `replayed: …`."""

    def __str__(self) -> str:
        return f"{self.name} {self.said}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the sources of a kind say about a project, and which of them are in doubt."""

    configured: bool
    """The configuration names one, or one was asked."""
    good: tuple[SourceStatus, ...] = ()
    """Answered in time, and not a recording."""
    replayed: tuple[SourceStatus, ...] = ()
    doubts: tuple[Doubt, ...] = ()
    """Everything that keeps a good answer from being good news; the replayed ones too."""

    @property
    def believed(self) -> bool:
        """Somebody answered, and nobody is in doubt."""
        return bool(self.good) and not self.doubts

    @property
    def why(self) -> str:
        """Why it is not believed, in a clause."""
        return "; ".join(map(str, self.doubts[:3])) + (f"; {len(self.doubts) - 3} more" if len(self.doubts) > 3 else "")

    def recorded(self, said: str) -> str:
        """What a recording says, marked as one, then every doubt it does not stand for."""
        rest = tuple(doubt for doubt in self.doubts if not said or doubt.said != RECORDING)
        marked = [f"replayed: {said}"] if self.replayed and said else []
        return "; ".join(filter(None, (*marked, replace(self, doubts=rest).why)))

    @property
    def at(self) -> int | None:
        """When the oldest of the good answers came."""
        return min((status.at for status in self.good if status.at is not None), default=None)

    @property
    def expires_at(self) -> int | None:
        """When the first of the good answers is too old to be believed."""
        ends = [status.at + 3 * status.every_ms for status in self.good if status.at is not None]
        return min(ends, default=None)

    @property
    def proof(self) -> tuple[Evidence, ...]:
        """Who was asked and when, good or not."""
        asked = [
            Evidence(
                kind="query", ref=status.name, text=f"{status.state.value}, asked {hhmm(status.at or 0)}", at=status.at
            )
            for status in self.good
        ]
        return (*asked, *(Evidence(kind="query", ref=doubt.name, text=str(doubt)) for doubt in self.doubts))


class Outside:
    """One look at the watch: the rows of all sources as of now; things are read when they are asked for."""

    def __init__(self, context: Context) -> None:
        self._watch: Watch | None = context.watch
        self._wanted = context.rules.sources
        self._read: dict[tuple[str, int | None], list[Fact]] = {}
        self.now = context.clock.now()

    @cached_property
    def beliefs(self) -> list[Belief]:
        """Every source, as far as it can be believed."""
        watcher, known = (self._watch.watcher(), self._watch.sources()) if self._watch is not None else (None, [])
        return beliefs(self._wanted(), known, self.now, nobody_asks=unattended(watcher, self.now))

    def told(self, *kinds: SourceKind, project: str = "") -> Told:
        """The sources of these kinds that speak for a project; all of them without one."""
        rests = [one for one in self.beliefs if one.wanted is None or not one.wanted.beside]
        asked = [one for one in rests if one.status.kind in kinds and _speaks(one.status.project_id, project)]
        doubts = {one.status.name: doubt for one in asked if (doubt := self._doubt(one)) is not None}
        return Told(
            configured=bool(asked),
            good=tuple(one.status for one in asked if one.status.name not in doubts),
            replayed=tuple(one.status for one in asked if one.answered and one.status.replayed),
            doubts=tuple(doubts.values()),
        )

    def things(self, cls: type[T], sources: Iterable[SourceStatus]) -> list[tuple[str, T]]:
        """(source, thing) of what these sources say now."""
        return [(fact.source, thing) for fact, thing in self._facts(cls, {row.name for row in sources})]

    def gone(self, cls: type[T], sources: Iterable[SourceStatus], *, since: int) -> list[T]:
        """What these sources said and no longer say since a time: resolved is not «never was»."""
        return [t for fact, t in self._facts(cls, {row.name for row in sources}, since=since) if fact.gone_at]

    def _facts(self, cls: type[T], names: set[str], *, since: int | None = None) -> list[tuple[Fact, T]]:
        if self._watch is None or not names:
            return []
        if (cls.kind, since) not in self._read:
            self._read[cls.kind, since] = self._watch.facts(cls.kind, gone_since=since)
        facts = self._read[cls.kind, since]
        return [(fact, fact.thing) for fact in facts if fact.source in names and isinstance(fact.thing, cls)]

    def all_doubts(self) -> list[Doubt]:
        """Every source in doubt, of whatever kind, each once."""
        by_kind = sorted(self.beliefs, key=lambda one: one.status.kind)
        return [doubt for one in by_kind if (doubt := self._doubt(one)) is not None]

    def _doubt(self, belief: Belief) -> Doubt | None:
        row, state = belief.status, belief.status.state
        reason = one_line(redacted(row.reason), 160)
        if belief.believed:
            return Doubt(name=row.name, state=DataState.UNKNOWN, said=reason) if reason and _partly(row) else None
        if belief.answered:
            return Doubt(name=row.name, state=DataState.UNKNOWN, said=RECORDING)
        if belief.word == NEVER_ASKED:
            return Doubt(name=row.name, state=state, said=NEVER_ASKED)
        last = f"last answer {hhmm(row.at)} ({age(self.now - row.at)} ago)" if row.at is not None else "never answered"
        said = f"{state.value}: {reason or last}"
        if reason and state is not DataState.UNKNOWN:
            said += f", {last}"
        return Doubt(name=row.name, state=state, said=f"{said} (replayed)" if row.replayed else said)


def _partly(row: SourceStatus) -> bool:
    """Whether the reason of a good answer says that something is missing in it.

    Endpoints and numbers tell by themselves what they lack; there the reason only sums it up.
    """
    if row.state is DataState.OK and row.kind is SourceKind.METRICS:
        return any(row.detail.get(what) for what in ("not shown", "unlabelled"))
    return row.state is DataState.EMPTY or row.kind is not SourceKind.PROBES


def _speaks(owner: str, project: str) -> bool:
    return not owner or not project or owner == project
