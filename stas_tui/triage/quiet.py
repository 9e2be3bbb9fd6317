"""Silences that hide an item now, as their Alertmanager said last."""

from __future__ import annotations

from dataclasses import dataclass

from stas_tui.triage.eyes import Seen
from stas_tui.triage.identity import alert_key
from storage.watch_records import Alert, Silence


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One silence that hides the item."""

    source: str
    """Name of its Alertmanager."""
    id: str
    starts_at: int
    ends_at: int
    by: str
    comment: str
    hides: int
    """How many alerts it hides in all."""
    said_at: int
    """When the Alertmanager said so."""


def standing(key: str, seen: Seen) -> list[Standing]:
    """The silences of an alert, the one that ends first first; none for any other item.

    One that has ended is left out, whatever the last answer said; one that nobody has described cannot be shown.
    """
    by = {
        (fact.source, silence)
        for fact in seen.sight.alerts
        if isinstance(fact.thing, Alert) and fact.gone_at is None and alert_key(fact.thing.key) == key
        for silence in fact.thing.silenced_by
    }
    found = [
        Standing(
            source=fact.source,
            id=fact.thing.key,
            starts_at=fact.thing.starts_at,
            ends_at=fact.thing.ends_at,
            by=fact.thing.created_by,
            comment=fact.thing.comment,
            hides=fact.thing.matches,
            said_at=fact.last_seen,
        )
        for fact in seen.sight.silences
        if isinstance(fact.thing, Silence)
        and (fact.source, fact.thing.key) in by
        and fact.gone_at is None
        and fact.thing.state != "expired"
        and fact.thing.ends_at > seen.at
    ]
    return sorted(found, key=lambda each: (each.ends_at, each.source, each.id))
