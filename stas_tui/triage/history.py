"""What a source said of an item, also after it is gone."""

from __future__ import annotations

from stas_tui.triage.parts import Parts
from storage.errors import StoreError
from storage.watch_records import Fact

OBSERVED = ("alert", "probe", "tenant")
"""Kinds of keys that name one observed thing, whose end somebody has to have seen."""


def history(parts: Parts, key: str) -> Fact | None:
    """The fact behind an item, gone or not; None if no source ever mentioned it, or it cannot be read."""
    kind, _, rest = key.partition(":")
    if kind not in OBSERVED:
        return None
    try:
        return parts.watch.fact(kind, rest)
    except StoreError:
        return None
