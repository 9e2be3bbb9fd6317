"""Putting items under one, and taking them apart again; nothing loses its own identity or history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from stas_tui.triage.eyes import Eyes, Seen
from stas_tui.triage.grouping import Suggestion, suggestions, suspects
from stas_tui.triage.history import history
from stas_tui.triage.leases import Leases
from stas_tui.triage.parts import Parts, actor, titles
from storage.clock import HOUR, age
from storage.errors import StoreError
from storage.records import Json
from storage.triage import Act, TriageRefused
from storage.triage_records import ItemClass, TriageItem, TriageNote
from storage.watch_records import Alert, Fact

UNDO_MS = HOUR
"""How long an act at the desk can be taken back."""
_WORDS = {
    "triage.owned": "taking",
    "triage.released": "giving back",
    "triage.snoozed": "putting aside",
    "triage.woken": "waking",
    "triage.dismissed": "closing",
    "triage.escalated": "escalating",
    "triage.escalation_stopped": "stopping the escalation of",
    "triage.grouped": "grouping",
    "triage.ungrouped": "ungrouping",
}


class Groups:
    """Groups, suggestions and undo."""

    def __init__(self, parts: Parts, eyes: Eyes) -> None:
        self._parts = parts
        self._eyes = eyes

    def group(self, keys: Sequence[str], *, under: str, by: str, leases: Leases) -> None:
        """Put items under one. Raises `TriageRefused` for a head that is itself in a group, or is not there."""
        who, now = actor(by), self._parts.now()
        items = self._eyes.look().items
        head_note = self._parts.notes.note(under)
        if under not in items:
            raise TriageRefused(f"There is nothing with the key {under[:80]} in the list any more.", "Look again.")
        if head_note is not None and head_note.group:
            raise TriageRefused(f"That item is itself grouped under {head_note.group}.", "Choose that one.")
        chosen = [key for key in dict.fromkeys(keys) if key != under]
        if not chosen:
            raise TriageRefused("A group needs at least two items.", "Mark what belongs together.")
        moved = [note.key for key in chosen for note in self._parts.notes.members(key) if note.key != under]
        every = list(dict.fromkeys([*chosen, *moved]))

        def join(note: TriageNote) -> TriageNote:
            if note.key not in items and note.key in chosen:
                raise TriageRefused(f"There is nothing with the key {note.key[:80]} in the list any more.")
            return replace(leases.renew(note, items.get(note.key), who, now), group=under, split=False)

        body = {"under": under, "title": titles([items[under]])}
        self._parts.notes.change(every, join, kind="triage.grouped", by=who, body=body, undoable=True)

    def ungroup(self, key: str, *, by: str) -> None:
        """Take an item out of its group, or dissolve the group it heads; neither is suggested again."""
        who = actor(by)
        note = self._parts.notes.note(key)
        grouped = note is not None and note.group
        apart = [key] if grouped else [member.key for member in self._parts.notes.members(key)]
        if not apart:
            raise TriageRefused("That item is in no group.")

        def part(note: TriageNote) -> TriageNote:
            return replace(note, group="", split=True)

        self._parts.notes.change(apart, part, kind="triage.ungrouped", by=who, body={"head": key}, undoable=True)

    def suggestions(self) -> list[Suggestion]:
        """Groups a person may accept."""
        seen = self._eyes.look()
        notes = self._parts.notes.notes(seen.items)
        items = [replace(item, note=notes.get(item.key)) for item in seen.items.values()]
        return suggestions(items, seen.sight.deploys, now=seen.at)

    def suspects(self, key: str) -> list[Json]:
        """Changes that probably caused an item, the likeliest first."""
        seen = self._eyes.recent()
        item = seen.items.get(key) or self._past(key)
        if item is None:
            return []
        found = suspects(item, self._deploys(item, seen), now=seen.at)
        return [{"sha": s.sha, "what": s.what, "at": s.at, "why": s.why, "pr": s.pr} for s in found]

    def _past(self, key: str) -> TriageItem | None:
        """An item that has left the list, as far as its source's history tells."""
        fact = history(self._parts, key)
        if fact is None:
            return None
        alert = fact.thing if isinstance(fact.thing, Alert) else None
        return TriageItem(
            key=key,
            item_class=ItemClass.INCIDENT,
            title=alert.name if alert else fact.thing.key,
            first_seen=alert.starts_at if alert and alert.starts_at else fact.first_seen,
            last_seen=fact.last_seen,
            tenants=(alert.tenant,) if alert and alert.tenant else (),
            service=alert.service if alert else "",
        )

    def _deploys(self, item: TriageItem, seen: Seen) -> Sequence[Fact]:
        """Changes, for an old item also those that their source no longer mentions."""
        if seen.at - item.first_seen < HOUR:
            return seen.sight.deploys
        try:
            return self._parts.watch.facts("deploy", gone_since=max(item.first_seen, 1))
        except StoreError:
            return seen.sight.deploys

    def undo(self, *, by: str) -> str:
        """Take back the last act. Raises `TriageRefused` if there is none of the last hour, or something changed."""
        who, now = actor(by), self._parts.now()
        act = self._parts.notes.last_act(who, now - UNDO_MS)
        if act is None:
            raise TriageRefused("There is nothing of yours from the last hour to take back.")
        back = self._parts.notes.undo(act, by=who)
        return f"Undone: {_said(act, len(back))} {age(now - act.at)} ago."


def _said(act: Act, count: int) -> str:
    what = _WORDS.get(act.kind, act.kind)
    sent = "; what was sent stays sent" if act.kind == "triage.escalated" else ""
    return f"{what} {act.keys[0] if count == 1 else f'{count} items'}{sent},"
