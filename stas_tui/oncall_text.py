"""The on-call list as lines of text, for pipes and logs. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from stas_tui.triage.arrange import calm
from storage.clock import age
from storage.triage_records import TriageList
from storage.watch_records import SourceStatus

TITLE = 500


def list_lines(shown: TriageList, person: str) -> list[str]:
    """Counts, then one line an item with fields between tabs: kind, priority, title, state, ×n, owner, age."""
    lines = ["   ".join(shown.words)] if shown.words else []
    for item in shown.items:
        owner = "you" if item.owner and item.owner == person else item.owner
        parts = (
            item.item_class.value,
            item.priority.value if item.priority else "-",
            item.title[:TITLE],
            item.suppressed or item.word or "-",
            f"x{item.count}",
            owner or "nobody",
            age(shown.at - item.first_seen),
        )
        lines.append("\t".join(" ".join(part.split()) for part in parts))
    if not any(not item.suppressed for item in shown.items):
        lines.append(calm(shown))
    return lines


def source_lines(sources: Sequence[SourceStatus], now: int) -> list[str]:
    """One line a source: how far it can be believed, and since when it is silent."""
    lines = []
    for source in sources:
        last = f"last answer {age(now - source.at)} ago" if source.at is not None else "never answered"
        reason = f": {source.reason}" if source.reason else ""
        mark = ", replayed" if source.replayed else ""
        lines.append(f"source {source.name}: {source.believed(now).value}{reason}, {last}{mark}")
    return lines or ["No source is set up: nothing outside is asked."]
