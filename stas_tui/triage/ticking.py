"""What time and the world bring to notes: leases that run out, snoozes that end, rungs that are due."""

from __future__ import annotations

import threading

from stas_tui.triage.escalation import Ladder
from stas_tui.triage.eyes import Eyes, Seen
from stas_tui.triage.leases import Leases
from stas_tui.triage.parts import Parts, is_p0
from stas_tui.triage.waits import Waits
from storage.clock import SECOND, hhmm
from storage.records import Priority
from storage.triage_records import TriageItem, TriageNote

WORLD_MS = 5 * SECOND
"""How often events and priorities are looked at while something waits for them."""


class Line(str):
    """A sentence that deserves the bell, and whether it is about a P0, which is heard in quiet hours too."""

    __slots__ = ("p0",)
    p0: bool

    @classmethod
    def about(cls, item: TriageItem | None, text: str) -> Line:
        """The sentence about an item; None for one that has left the list."""
        made = cls(text)
        made.p0 = item is not None and is_p0(item)
        return made


class Ticking:
    """Runs what is due. Two processes may tick at once: the database decides which of them says a thing."""

    def __init__(self, parts: Parts, eyes: Eyes, waits: Waits, leases: Leases, ladder: Ladder) -> None:
        self._parts = parts
        self._eyes = eyes
        self._waits = waits
        self._leases = leases
        self._ladder = ladder
        self._looked_at: int | None = None
        self._lines: list[Line] = []
        self._handing = threading.Lock()
        self._one = threading.Lock()

    def say(self, line: str, key: str) -> None:
        """A line about an item for the next tick."""
        made = Line.about(self._eyes.recent().items.get(key), line)
        with self._handing:
            self._lines.append(made)

    def tick(self) -> list[Line]:
        """Everything that is due now, each as a sentence. Empty while another thread is at it."""
        if not self._one.acquire(blocking=False):
            return []
        try:
            now_due = list(filter(None, self._due()))
            with self._handing:
                told, self._lines = self._lines, []
            return [*told, *now_due]
        finally:
            self._one.release()

    def _due(self) -> list[Line]:
        now = self._parts.now()
        due = {note.key: note for note in self._parts.notes.due(now)}
        waiting: list[TriageNote] = []
        if self._looked_at is None or now - self._looked_at >= WORLD_MS:
            self._looked_at = now
            waiting = self._parts.notes.waiting()
        if not due and not waiting:
            return []
        seen = self._eyes.look()
        told = [
            Line.about(seen.items.get(note.key), line)
            for note in waiting
            for line in self._by_the_world(note, seen, now)
        ]
        for key in due:
            note = self._parts.notes.note(key)
            if note is not None:
                told += [Line.about(seen.items.get(key), line) for line in self._by_time(note, seen, now)]
        return told

    def _by_the_world(self, note: TriageNote, seen: Seen, now: int) -> list[str]:
        item, snooze, lease, ladder = seen.items.get(note.key), note.snooze, note.lease, note.escalation
        if ladder is not None and ladder.next_at is not None and self._eyes.over(note.key, seen):
            return [self._ladder.end(note.key, "resolved", item)]
        if snooze is not None:
            if item is not None and is_p0(item) and snooze.priority != Priority.P0:
                return [self._leases.end_snooze(note.key, "it has become a P0", item, now)]
            came = self._waits.over(snooze.event, since=snooze.at, was=snooze.was) if snooze.event else ""
            if came:
                return [self._leases.end_snooze(note.key, came, item, now)]
        if lease is not None and lease.waits_for:
            came = self._waits.over(lease.waits_for, since=lease.since, was=lease.was)
            if came:
                return [self._leases.event_came(note.key, came, item, now)]
        return []

    def _by_time(self, note: TriageNote, seen: Seen, now: int) -> list[str]:
        item, snooze, ladder = seen.items.get(note.key), note.snooze, note.escalation
        told = []
        if snooze is not None and snooze.until is not None and snooze.until <= now:
            told.append(self._leases.end_snooze(note.key, f"it was put aside until {hhmm(snooze.until)}", item, now))
        elif note.lease is not None and note.lease.until <= now and snooze is None:
            told.append(self._leases.lapse(note.key, seen, now))
        if ladder is not None and ladder.next_at is not None and ladder.next_at <= now:
            if self._eyes.over(note.key, seen):
                told.append(self._ladder.end(note.key, "resolved", item))
            else:
                told.append(self._ladder.step(note.key, item, note, now))
        return told
