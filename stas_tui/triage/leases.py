"""Whose an item is and until when: own, release, snooze, wake, dismiss, and what time does to them.

A lease renews with every act of its owner and runs out loudly once; an old one goes to the review lane, never to a
pager months later.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from stas_tui.triage.events import parse
from stas_tui.triage.eyes import Eyes, Seen
from stas_tui.triage.history import OBSERVED, history
from stas_tui.triage.parts import Parts, actor, is_p0, titles, words
from stas_tui.triage.waits import Waits
from storage.clock import DAY, HOUR, MINUTE, hhmm
from storage.journal_rows import SYSTEM
from storage.records import Json, Priority
from storage.triage import TriageRefused
from storage.triage_records import Escalation, Lease, Snooze, TriageItem, TriageNote

if TYPE_CHECKING:
    import sqlite3

SHORT_LEASE = 30 * MINUTE
"""P0 and P1."""
LONG_LEASE = 4 * HOUR
EVENT_LEASE = 24 * HOUR
"""The longest that waiting for an event keeps an item."""
P0_SNOOZE = 15 * MINUTE
LATE = DAY
"""A lease that ran out longer ago than this is not called out any more."""

Seen_ = Mapping[str, int] | None


def lease_ms(item: TriageItem | None) -> int:
    """How long an item is somebody's without an act of theirs."""
    serious = item is not None and item.priority in (Priority.P0, Priority.P1)
    return SHORT_LEASE if serious else LONG_LEASE


def stopped(escalation: Escalation | None, why: str) -> Escalation | None:
    """The ladder at its end; one that has stopped keeps its own reason."""
    if escalation is None or escalation.next_at is None:
        return escalation
    return replace(escalation, next_at=None, stopped=why)


class Leases:
    """The acts on single items. Each is one transaction over all keys."""

    def __init__(self, parts: Parts, eyes: Eyes, waits: Waits, withdraw: Callable[[Sequence[str], str], None]) -> None:
        self._parts = parts
        self._eyes = eyes
        self._waits = waits
        self._withdraw = withdraw
        """Takes back notices of these items that wait for a gate."""

    # own and release -------------------------------------------------------------------------------

    def own(self, keys: Sequence[str], *, by: str, reason: str, waits_for: str, seen: Seen_ = None) -> None:
        """Take a lease. Raises `TriageRefused` if another person holds one and no reason is given."""
        who, why, now = actor(by), words(reason), self._parts.now()
        items = self._found(keys)
        event = parse(waits_for) if waits_for.strip() else None
        was = self._waits.begin(event, now) if event else ""
        unowned: Json = {}

        def take(note: TriageNote) -> TriageNote:
            item, lease = items[note.key], note.lease
            theirs = lease is not None and lease.owner != who
            if lease is not None and theirs and (lease.until > now or lease.waits_for):
                self._may_take(lease, who, why)
            if lease is None and is_p0(item):
                unowned[note.key] = max(now - max(note.lapsed_at or 0, item.first_seen), 0)
            until = now + (EVENT_LEASE if event else lease_ms(item))
            since = now if lease is None or theirs else lease.since
            return replace(
                note,
                lease=Lease(owner=who, since=since, until=until, waits_for=event.text if event else "", was=was),
                snooze=None,
                escalation=stopped(note.escalation, "owned"),
                lapsed_at=None,
                dismissed_at=None,
            )

        self._change(
            keys,
            take,
            "triage.owned",
            who,
            {"title": titles(list(items.values())), "reason": why, "waits_for": waits_for, "unowned_ms": unowned},
            seen=seen,
            also=lambda _: self._withdraw(keys, f"{who} owns it"),
        )

    def _may_take(self, lease: Lease, who: str, why: str) -> None:
        held = f"{lease.owner} owns it since {hhmm(lease.since)}"
        if who == self._parts.agent:
            raise TriageRefused(f"{held}; the agent takes nothing from a person.", "It waits.")
        if lease.owner != self._parts.agent and not why:
            raise TriageRefused(
                f"{held} and until {hhmm(lease.until)}; nothing was changed.",
                "Ask, or say why you take it.",
            )

    def release(self, keys: Sequence[str], *, by: str, seen: Seen_ = None) -> None:
        """Give items back. Raises `TriageRefused` for one that is not theirs."""
        who = actor(by)

        def give(note: TriageNote) -> TriageNote:
            if note.lease is None:
                raise TriageRefused(f"Nobody owns {note.key}.")
            if note.lease.owner not in (who, self._parts.agent):
                raise TriageRefused(f"{note.lease.owner} owns {note.key}, not you.", "Take it first, with a reason.")
            return replace(note, lease=None)

        self._change(keys, give, "triage.released", who, {}, seen=seen)

    def renew(self, note: TriageNote, item: TriageItem | None, who: str, now: int) -> TriageNote:
        """The note with its lease renewed, if it is theirs."""
        lease = note.lease
        if lease is None or lease.owner != who:
            return note
        return replace(note, lease=replace(lease, until=max(lease.until, now + lease_ms(item))))

    def opened(self, key: str, *, by: str) -> None:
        """A person looked at an item."""
        who, now = actor(by), self._parts.now()
        item = self._eyes.recent().items.get(key)
        if item is None and self._parts.notes.note(key) is None:
            return

        def open_it(note: TriageNote) -> TriageNote:
            fresh = self.renew(note, item, who, now)
            if note.seen_at is None:
                return replace(fresh, seen_at=now)
            old = note.lease.until if note.lease else 0
            return fresh if fresh.lease and fresh.lease.until - old >= MINUTE else note

        self._parts.notes.change([key], open_it, kind="triage.opened", by=who)

    def active(self, key: str, *, by: str) -> None:
        """An act on an item elsewhere (its timeline, its gate): renews the lease of its owner."""
        note = self._parts.notes.note(key)
        if note is not None and note.lease is not None and note.lease.owner == by:
            self.opened(key, by=by)

    # snooze, wake, dismiss -------------------------------------------------------------------------

    def snooze(
        self, keys: Sequence[str], *, by: str, reason: str, until: int | None, event: str, seen: Seen_ = None
    ) -> None:
        """Put items aside. Raises `TriageRefused` without a reason, for a past time, for a P0 over 15 minutes."""
        who, why, now = actor(by), words(reason), self._parts.now()
        if not why:
            raise TriageRefused("Putting something aside needs a reason.", "Say why it can wait.")
        if until is None and not event.strip():
            raise TriageRefused("Until when?", "Name a time or an event.")
        if until is not None and until <= now:
            raise TriageRefused(f"{hhmm(until)} has passed already.", "Name a time that is still to come.")
        awaited = parse(event) if event.strip() else None
        was = self._waits.begin(awaited, now) if awaited else ""
        items = self._found(keys)

        def put_aside(note: TriageNote) -> TriageNote:
            item, ends = items[note.key], until
            lease = note.lease
            if lease and lease.until > now and lease.owner not in (who, self._parts.agent):
                raise TriageRefused(f"{lease.owner} owns «{item.title[:60]}».", "Ask, or take it with a reason first.")
            if is_p0(item):
                if ends is not None and ends - now > P0_SNOOZE:
                    raise TriageRefused(
                        f"«{item.title[:60]}» is a P0: it is put aside for at most 15 minutes.",
                        f"Until {hhmm(now + P0_SNOOZE)}.",
                    )
                ends = min(ends or now + P0_SNOOZE, now + P0_SNOOZE)
            snooze = Snooze(
                by=who,
                at=now,
                reason=why,
                until=ends,
                event=awaited.text if awaited else "",
                was=was,
                priority=item.priority.value if item.priority else "",
            )
            return replace(
                self.renew(note, item, who, now), snooze=snooze, escalation=stopped(note.escalation, "snoozed")
            )

        self._change(
            keys,
            put_aside,
            "triage.snoozed",
            who,
            {"title": titles(list(items.values())), "reason": why, "until": until, "event": event},
            seen=seen,
            also=lambda _: self._withdraw(keys, f"{who} put it aside"),
        )

    def wake(self, keys: Sequence[str], *, by: str) -> None:
        """End a snooze."""
        who, now = actor(by), self._parts.now()
        items = self._eyes.look().items

        def rouse(note: TriageNote) -> TriageNote:
            if note.snooze is None:
                raise TriageRefused(f"{note.key} is not put aside.")
            return self._awake(note, items.get(note.key), now)

        self._change(keys, rouse, "triage.woken", who, {})

    @staticmethod
    def _awake(note: TriageNote, item: TriageItem | None, now: int) -> TriageNote:
        """Not put aside any more; a lease that ran out meanwhile gets its time again."""
        lease = note.lease
        if lease is not None:
            lease = replace(lease, until=max(lease.until, now + lease_ms(item)))
        return replace(note, snooze=None, lease=lease)

    def dismiss(self, keys: Sequence[str], *, by: str, reason: str, seen: Seen_ = None) -> None:
        """Close items. Raises `TriageRefused` without a reason, for gates, and for what still goes on.

        A thing that its source still reports would be back at once; hiding it for good would be false calm.
        """
        who, why, now = actor(by), words(reason), self._parts.now()
        if not why:
            raise TriageRefused("Closing something needs a reason.", "Say why it is done.")
        items = self._found(keys)

        def close(note: TriageNote) -> TriageNote:
            lease = note.lease
            if note.key.startswith("gate:"):
                raise TriageRefused("A gate is not closed from the list.", "Decide it: approve, reject or defer.")
            if lease and lease.until > now and lease.owner not in (who, self._parts.agent):
                raise TriageRefused(f"{lease.owner} owns {note.key}.", "Ask, or take it with a reason first.")
            if self._goes_on(items[note.key], now):
                raise TriageRefused(
                    f"«{items[note.key].title[:60]}» is not over: {items[note.key].word or 'it is still so'}.",
                    "Put it aside with a reason, or end it where it comes from.",
                )
            return replace(
                note,
                dismissed_at=now,
                lease=None,
                snooze=None,
                lapsed_at=None,
                escalation=stopped(note.escalation, "dismissed"),
            )

        self._change(
            keys,
            close,
            "triage.dismissed",
            who,
            {"title": titles(list(items.values())), "reason": why},
            seen=seen,
            also=lambda _: self._withdraw(keys, f"{who} closed it"),
        )

    def _goes_on(self, item: TriageItem, now: int) -> bool:
        """Whether whoever reports it does so at this moment."""
        if item.key.partition(":")[0] in OBSERVED:
            fact = history(self._parts, item.key)
            return fact is None or fact.gone_at is None
        return item.last_seen >= now

    # time ------------------------------------------------------------------------------------------

    def lapse(self, key: str, seen: Seen | None, now: int) -> str:
        """End a lease whose time is over; the sentence to say, empty if nothing is to be said."""
        seen = seen or self._eyes.look()
        item = seen.items.get(key)
        was: list[Lease] = []

        def end(note: TriageNote) -> TriageNote:
            lease = note.lease
            if lease is None or lease.until > now or note.snooze is not None:
                return note
            was.append(lease)
            return replace(note, lease=None, lapsed_at=now)

        late = self._parts.notes.note(key)
        ran_out = late.lease.until if late and late.lease else now
        body = {"title": titles([item] if item else []), "ran_out": ran_out}
        if not self._parts.notes.change([key], end, kind="triage.lapsed", by=SYSTEM, body=body) or not was:
            return ""
        if item is None or now - ran_out > LATE:
            return ""
        return f"Nobody owns «{item.title}» now: the lease of {was[0].owner} ran out. It stands in review."

    def event_came(self, key: str, what: str, item: TriageItem | None, now: int) -> str:
        """What a lease waited for has come: from now on the usual time counts."""

        def shorten(note: TriageNote) -> TriageNote:
            lease = note.lease
            if lease is None or not lease.waits_for:
                return note
            return replace(note, lease=replace(lease, until=now + lease_ms(item), waits_for="", was=""))

        done = self._parts.notes.change([key], shorten, kind="triage.event_came", by=SYSTEM, body={"what": what})
        return f"{what}: «{item.title if item else key}» waits for {_owner(done[0])}." if done else ""

    def end_snooze(self, key: str, why: str, item: TriageItem | None, now: int) -> str:
        """A snooze is over; `why` as a clause."""

        def rouse(note: TriageNote) -> TriageNote:
            return note if note.snooze is None else self._awake(note, item, now)

        done = self._parts.notes.change([key], rouse, kind="triage.woke", by=SYSTEM, body={"because": why})
        return f"«{item.title}» is back: {why}." if done and item is not None else ""

    # helpers ---------------------------------------------------------------------------------------

    def _found(self, keys: Sequence[str]) -> dict[str, TriageItem]:
        """The items of these keys. Raises `TriageRefused` if one is not in the list any more."""
        items = self._eyes.look().items
        gone = [key for key in keys if key not in items]
        if gone:
            raise TriageRefused(
                f"There is nothing with the key {gone[0][:80]} in the list any more; nothing was done.", "Look again."
            )
        return {key: items[key] for key in keys}

    def _change(
        self,
        keys: Sequence[str],
        how: Callable[[TriageNote], TriageNote],
        kind: str,
        who: str,
        body: Json,
        *,
        seen: Seen_ = None,
        also: Callable[[sqlite3.Connection], object] | None = None,
    ) -> None:
        self._parts.notes.change(keys, how, kind=kind, by=who, body=body, undoable=True, seen=seen, also=also)


def _owner(note: TriageNote) -> str:
    return note.lease.owner if note.lease else "nobody"
