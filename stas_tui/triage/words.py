"""Words of triage: lines made of text from outside, and what makes an empty list doubtful. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from stas_tui.health.belief import NOT_RUNNING
from stas_tui.texts.lines import listed, one_line, redacted
from stas_tui.texts.severity import is_news, priority_of
from storage.clock import age
from storage.records import DataState, Priority
from storage.triage_records import ItemClass
from storage.watch_records import SourceKind, SourceStatus

WATCHED = (
    SourceKind.ALERTS,
    SourceKind.METRICS,
    SourceKind.PROBES,
    SourceKind.CI,
    SourceKind.DEPLOYS,
    SourceKind.BUILDS,
)
"""What the watcher asks about the world outside."""

CHILD = "child of "
"""How the reason starts why an inhibited alert stands below the line."""
GROUPED = "grouped under "
"""How the reason starts why the member of a group stands below the line."""

BELIEVED = (DataState.OK, DataState.EMPTY)
STATE_WORDS = {
    DataState.ERROR: "dead",
    DataState.STALE: "stale",
    DataState.DENIED: "denied",
    DataState.UNKNOWN: "unknown",
}
"""What a source is called that cannot be believed."""

_ENOUGH = 1_000
"""Characters of a text that are looked at for a line of it."""

_MIDDLING = frozenset({"warning", "warn", "medium", "moderate", "p2", "sev3"})
"""Severities that are P2 because they say so, not because nobody knows them."""


def line(text: str, limit: int = 200) -> str:
    """Text from outside as one line without hidden characters, redacted after those are gone."""
    if text.isascii() and text.isprintable() and "  " not in text:
        plain = text.strip(" ")
        return one_line(redacted(plain[:_ENOUGH]), limit)
    return one_line(redacted(one_line(text, _ENOUGH)), limit)


def seen_line(text: str, limit: int = 200) -> str:
    """As `line`, for text that was redacted at the border: only one with hidden characters is redacted again."""
    if text.isascii() and text.isprintable() and len(text) <= limit and "  " not in text:
        return text.strip(" ")
    return line(text, limit)


def web_links(*addresses: str) -> tuple[str, ...]:
    """Those that are addresses for a browser, each once."""
    kept = [a for a in addresses if a.startswith(("https://", "http://")) and len(a) <= 2_000 and a.isprintable()]
    return tuple(dict.fromkeys(kept))


def severity_priority(severity: str) -> Priority | None:
    """The priority that a severity label stands for; None for one that nobody knows (ordered as P1, D9)."""
    priority = priority_of(severity)
    return None if priority is Priority.P2 and severity.strip().casefold() not in _MIDDLING else priority


def severity_class(severity: str) -> ItemClass:
    """An incident, unless the label itself says that nobody need act, as that of a dead-man alert does."""
    return ItemClass.INCIDENT if is_news(severity) else ItemClass.INFO


class Strip:
    """The sources by name, as of one moment."""

    def __init__(self, sources: Sequence[SourceStatus], now: int) -> None:
        self._now = now
        self._by_name: Mapping[str, SourceStatus] = {source.name: source for source in sources}

    def replayed(self, names: Iterable[str]) -> bool:
        """Whether all of it was played back from a recording."""
        found = [self._by_name.get(name) for name in names]
        return bool(found) and all(source is not None and source.replayed for source in found)

    def as_of(self, names: Iterable[str], seen: int) -> str:
        """`, as of 4m ago` if none of the sources can be believed now; empty otherwise."""
        found = [self._by_name[name] for name in names if name in self._by_name]
        if not found or any(source.believed(self._now) in BELIEVED for source in found):
            return ""
        return f", as of {age(self._now - seen)} ago"


@dataclass(frozen=True, slots=True)
class Blind:
    """Why nothing is known now of what the sources outside say."""

    short: str
    """For the first line: `watcher dead`, `watcher silent` or `watch unreadable`."""
    said: str
    """A sentence without its full stop, one printable line."""

    @property
    def word(self) -> str:
        """`dead`, `silent` or `unreadable`."""
        return self.short.rpartition(" ")[2]

    @classmethod
    def of(cls, nobody_asks: str) -> Blind | None:
        """From what `unattended` says of the watcher; None if it watches."""
        if not nobody_asks:
            return None
        short = "watcher dead" if nobody_asks == NOT_RUNNING else "watcher silent"
        return cls(short, f"Nobody asks the sources: {nobody_asks}")

    @classmethod
    def unreadable(cls, error: str) -> Blind:
        """From why the watch itself cannot be read."""
        return cls("watch unreadable", f"What the sources said cannot be read: {line(error)}")


@dataclass(frozen=True, slots=True)
class Doubt:
    """Something that keeps an empty list from being calm."""

    short: str
    """For the first line: `alerts dead 4m`."""
    reason: str = ""
    name: str = ""
    """The source that does not answer; empty if it is something else."""
    mild: bool = False
    """It answers, with a reservation: worth a word only where somebody might be calm."""

    def __str__(self) -> str:
        return f"{self.short} ({self.reason})" if self.reason else self.short


def doubts(
    sources: Sequence[SourceStatus], *, blind: Blind | None, configured: frozenset[SourceKind], now: int
) -> list[Doubt]:
    """Everything that keeps an empty list from being calm, sources of alerts first."""
    found = []
    if blind and (configured.intersection(WATCHED) or any(source.kind in WATCHED for source in sources)):
        found.append(Doubt(blind.short, blind.said[0].lower() + blind.said[1:], "watcher"))
    kinds = Counter(source.kind for source in sources)
    places = {kind: place for place, kind in enumerate(SourceKind)}
    for source in sorted(sources, key=lambda source: (places[source.kind], source.name)):
        label = source.kind.value if kinds[source.kind] == 1 else line(source.name, 40)
        if (state := source.believed(now)) not in BELIEVED:
            found.append(Doubt(f"{label} {_how(source, state, now)}", line(source.reason, 120), source.name))
        elif source.replayed:
            found.append(Doubt(f"{label} replayed", "recorded answers, not the world"))
        elif source.reason and source.kind in WATCHED:
            found.append(Doubt(f"{label} in part", line(source.reason, 120), mild=True))
    for kind in SourceKind:
        if kind in configured and not kinds[kind] and kind is not SourceKind.SLACK:
            found.append(Doubt(f"{kind.value} never asked", "", kind.value))
    if SourceKind.ALERTS not in configured:
        found.append(Doubt("no alert source", "none is configured"))
    return found


def _how(source: SourceStatus, state: DataState, now: int) -> str:
    word = STATE_WORDS[state]
    if source.asked_at is None:
        return "never asked"
    return f"{word}, never answered" if source.at is None else f"{word} {age(now - source.at)}"


def unwatched(configured: frozenset[SourceKind]) -> tuple[str, ...]:
    """What the watcher could ask about and no source is configured for."""
    return tuple(kind.value for kind in WATCHED if kind not in configured)


def names_of(values: Sequence[str]) -> str:
    """`acme, globex and 3 more`."""
    return listed([line(value, 40) for value in values])
