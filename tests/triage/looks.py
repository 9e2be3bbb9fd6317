"""Looking at samples in a world in which every source is well, unless a test says otherwise."""

from __future__ import annotations

from typing import Any

from stas_tui.triage.arrange import arrange
from stas_tui.triage.gather import Sight, gather
from storage.triage_records import TriageItem, TriageList, TriageNote
from tests.triage.samples import ALL_KINDS, NOW, healthy, status


def seen(**parts: Any) -> dict[str, TriageItem]:
    """The items by key; every key once."""
    items = gather(Sight(**{"sources": healthy(), "configured": ALL_KINDS, **parts}), now=NOW)
    assert len({item.key for item in items}) == len(items)
    return {item.key: item for item in items}


def only(**parts: Any) -> TriageItem:
    items = seen(**parts)
    assert len(items) == 1, sorted(items)
    return next(iter(items.values()))


def listed(items: list[TriageItem], *notes: TriageNote, now: int = NOW, **more: Any) -> TriageList:
    """The list with every source well, as of `now`."""
    values: dict[str, Any] = {
        "sources": [status(s.name, s.kind, s.state, at=now, asked_at=now) for s in healthy()],
        "blind": None,
        "configured": ALL_KINDS,
        "now": now,
        **more,
    }
    return arrange(items, {each.key: each for each in notes}, **values)
