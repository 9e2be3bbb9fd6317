"""The desk: everything a person on call does, behind one object. Faces call nothing else of triage."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from stas_tui.config import Settings
from stas_tui.gates.contract import Answer
from stas_tui.locations import write_private
from stas_tui.pulse.context import Context
from stas_tui.triage.arrange import arrange
from stas_tui.triage.counted import WINDOWS_H, numbers_text
from stas_tui.triage.drafts import Drafts
from stas_tui.triage.escalation import Ladder
from stas_tui.triage.events import Offer
from stas_tui.triage.eyes import Eyes, Seen
from stas_tui.triage.grouped import Groups
from stas_tui.triage.grouping import Suggestion
from stas_tui.triage.handover import HandOverDesk
from stas_tui.triage.incidents import IncidentDesk
from stas_tui.triage.leases import Leases
from stas_tui.triage.offers import Offers
from stas_tui.triage.parts import Parts, is_p0
from stas_tui.triage.postmortem import Postmortems
from stas_tui.triage.quiet import Standing, standing
from stas_tui.triage.ticking import Line, Ticking
from stas_tui.triage.waits import Waits
from storage.clock import HOUR, SECOND
from storage.incidents import HandOvers, Incidents
from storage.records import Json
from storage.triage import Triage, TriageRefused
from storage.triage_numbers import numbers
from storage.triage_records import HandOver, Incident, SavedView, TriageList
from storage.watch import Watch
from storage.watch_records import SourceStatus

__all__ = ["Desk", "TriageRefused"]


class Desk:
    """Own, snooze, escalate, group, write down, hand over. Each act is an event of the record with who and why.

    Every method may block and is called beside the interface. Acts on several keys are one transaction: all or none.
    `seen` are the versions of the notes that were on screen (0 for none): an item that changed since is refused.
    Raises `TriageRefused` (a sentence for the person), `StoreError`.
    """

    def __init__(
        self,
        *,
        context: Context,
        watch: Watch,
        settings: Settings,
        person: str,
        exports: Path,
        stamped: Callable[[str], str] = str,
    ) -> None:
        """`person` is who looks, for `owner:me`; `exports` the folder for sheets and drafts, `stamped` marks them."""
        notes = Triage(context.journal)
        self._parts = Parts(
            context=context,
            settings=settings,
            watch=watch,
            notes=notes,
            incidents=Incidents(context.journal, notes),
            sheets=HandOvers(context.journal),
            exports=exports,
        )
        self._person = person
        self._stamped = stamped
        self._eyes = Eyes(self._parts)
        self._waits = Waits(self._parts)
        self._offers = Offers(self._parts, self._eyes, self._waits)
        self._ladder = Ladder(self._parts, self._eyes)
        self._leases = Leases(self._parts, self._eyes, self._waits, self._ladder.withdraw)
        self._groups = Groups(self._parts, self._eyes)
        self._incidents = IncidentDesk(self._parts, self._eyes, self._leases)
        self._sheets = HandOverDesk(self._parts, self._eyes)
        self._ticking = Ticking(self._parts, self._eyes, self._waits, self._leases, self._ladder)

    # looking ---------------------------------------------------------------------------------------

    def look(self, query: str = "") -> TriageList:
        """The list in the order of the law, filtered by `query` (see `query.py`). Raises `QueryError`."""
        return self._arranged(self._eyes.look(), query)

    def _arranged(self, seen: Seen, query: str = "") -> TriageList:
        return arrange(
            seen.items.values(),
            self._parts.notes.notes(seen.items),
            sources=seen.sight.sources,
            blind=seen.sight.blind,
            configured=seen.sight.configured,
            now=seen.at,
            query=query,
            me=self._person,
            deploys=seen.sight.deploys,
        )

    def sources(self) -> list[SourceStatus]:
        """Every configured source, also those never asked (`unknown`) and those with a dead watcher (`stale`)."""
        return self._eyes.sources()

    def numbers(self, *, hours: int = 24) -> Json:
        """How well questions are put and answered in the last hours; `unowned_p0_s` counts those that wait now."""
        now = self._parts.now()
        found = numbers(self._parts.journal, since=now - hours * HOUR, until=now + 1)
        seen = self._eyes.look()
        notes = self._parts.notes.notes(seen.items)
        waiting = 0
        for item in seen.items.values():
            note = notes.get(item.key)
            if is_p0(item) and not item.suppressed and (note is None or note.lease is None):
                began = max(item.first_seen, note.lapsed_at or 0 if note else 0, now - hours * HOUR)
                waiting += max(now - began, 0)
        return {**found, "unowned_p0_s": round(found["unowned_p0_s"] + waiting / SECOND, 1)}

    def numbers_text(self, *hours: int, plain: bool = False) -> str:
        """The same for windows of so many hours, the shortest first, each number with its unit and its window."""
        first = self._parts.journal.events(limit=1)
        found = [self.numbers(hours=window) for window in hours or WINDOWS_H]
        return numbers_text(found, began=first[0].at if first else None, now=self._parts.now(), plain=plain)

    # own, put aside, make louder -------------------------------------------------------------------

    def own(
        self,
        keys: Sequence[str],
        *,
        by: str,
        reason: str = "",
        waits_for: str = "",
        seen: Mapping[str, int] | None = None,
    ) -> None:
        """Take a lease: 30 minutes for P0 and P1, 4 h otherwise. One that another person holds needs a reason.

        Owning cancels the escalation and every notice that waits. With `waits_for` (an event as for `snooze`) it lasts
        until the event, at most 24 h.
        """
        self._leases.own(keys, by=by, reason=reason, waits_for=waits_for, seen=seen)

    def offers(self, keys: Sequence[str]) -> list[Offer]:
        """Events that these items can wait for, as choices; a person may name others (see `events.py`)."""
        return self._offers.of(keys)

    def release(self, keys: Sequence[str], *, by: str, seen: Mapping[str, int] | None = None) -> None:
        """Give items back."""
        self._leases.release(keys, by=by, seen=seen)

    def snooze(
        self,
        keys: Sequence[str],
        *,
        by: str,
        reason: str,
        until: int | None = None,
        event: str = "",
        seen: Mapping[str, int] | None = None,
    ) -> None:
        """Put items aside until a time or an event; the reason is required, a P0 at most 15 minutes."""
        self._leases.snooze(keys, by=by, reason=reason, until=until, event=event, seen=seen)

    def wake(self, keys: Sequence[str], *, by: str) -> None:
        """End a snooze."""
        self._leases.wake(keys, by=by)

    def escalate(self, key: str, *, by: str) -> None:
        """Start the ladder: bell, then a message to the human, then every 10 minutes, at most 5 times.

        What `by` owns is given back: somebody else is called.
        """
        self._ticking.say(self._ladder.start(key, by=by), key)

    def stop_escalation(self, key: str, *, by: str) -> None:
        """Stop the ladder."""
        self._ladder.stop(key, by=by)

    def tick(self) -> list[Line]:
        """What time has brought: leases that lapse, snoozes that end, escalations that are due. Says each in a line.

        Called about once a second by whoever shows the list; cheap when nothing is due. Each thing is said once, by one
        of the processes that tick; every line deserves the bell, one about a P0 in quiet hours too.
        """
        return self._ticking.tick()

    def group(self, keys: Sequence[str], *, under: str, by: str) -> None:
        """Put items under one; each keeps its own identity and history."""
        self._groups.group(keys, under=under, by=by, leases=self._leases)

    def ungroup(self, key: str, *, by: str) -> None:
        """Take an item out of its group, or dissolve the group it heads."""
        self._groups.ungroup(key, by=by)

    def suggestions(self) -> list[Suggestion]:
        """Groups that a person may accept with `group`."""
        return self._groups.suggestions()

    def undo(self, *, by: str) -> str:
        """Take back this person's last act at the desk, if nobody changed those items since; says what was undone."""
        return self._groups.undo(by=by)

    def dismiss(self, keys: Sequence[str], *, by: str, reason: str, seen: Mapping[str, int] | None = None) -> None:
        """Close items; each comes back if it is seen again."""
        self._leases.dismiss(keys, by=by, reason=reason, seen=seen)

    def opened(self, key: str, *, by: str) -> None:
        """A person looks at an item; renews the lease if it is theirs."""
        self._leases.opened(key, by=by)

    # the incident ----------------------------------------------------------------------------------

    def incident(self, key: str) -> Incident | None:
        """The state document of an item; None until somebody opened one.

        Its timeline also holds what the log and the sources saw: entries of the kind `seen` with the id 0.
        """
        return self._incidents.get(key)

    def open_incident(self, key: str, *, by: str) -> Incident:
        """Start the state document; one that is there is returned."""
        return self._incidents.open(key, by=by)

    def write(self, key: str, *, by: str, kind: str, text: str) -> Incident:
        """Append to the timeline: a `note`, `decision`, `question`, `answer`, `update`, or set `status`, `impact`.

        An update, a status and an impact set the next update to 30 minutes from now.
        """
        return self._incidents.write(key, by=by, kind=kind, text=text)

    def role(self, key: str, *, by: str, role: str, who: str) -> Incident:
        """Name the `commander`, `operator` or `scribe`."""
        return self._incidents.role(key, by=by, role=role, who=who)

    def name_cause(self, key: str, *, by: str, text: str, sha: str = "", seen: int | None = None) -> Incident:
        """A person names the cause, in their words or a suspect's (`sha`); `seen` is the entry that was on screen."""
        return self._incidents.name_cause(key, by=by, text=text, sha=sha, seen=seen)

    def withdraw_cause(self, key: str, *, by: str, why: str, seen: int | None = None) -> Incident:
        """A person takes the named cause back, with what speaks against it; the timeline keeps both."""
        return self._incidents.withdraw_cause(key, by=by, why=why, seen=seen)

    def suspects(self, key: str) -> list[Json]:
        """Changes that probably caused it, the likeliest first: `{"sha", "what", "at", "why", "pr"}`."""
        return self._groups.suspects(key)

    def silences(self, key: str) -> list[Standing]:
        """The silences that hide an alert now, the one that ends first first."""
        return standing(key, self._eyes.look())

    def postmortem(self, key: str) -> str:
        """A blameless draft in Markdown from the log; roles instead of names."""
        return Postmortems(self._parts, self._incidents, self._groups).draft(key)

    def draft_task(self, key: str) -> Json:
        """Arguments for `create_task` about an item, with `"duplicates"`: open tasks that say the same."""
        return Drafts(self._parts, self._eyes).draft(key)

    def file_task(self, key: str, *, by: str, changes: Mapping[str, str] | None = None) -> Answer:
        """Create the drafted task, with what a person changed: a P0 at once (five minutes to undo), else at a gate."""
        return Drafts(self._parts, self._eyes).file(key, by=by, changes=changes or {})

    # hand-over and views ---------------------------------------------------------------------------

    def hand_over(self, *, by: str, tried: str = "", questions: str = "") -> HandOver:
        """Write the sheet from the log; the owner stays until somebody accepts it."""
        seen = self._eyes.look()
        return self._sheets.write(self._arranged(seen), seen, by=by, tried=tried, questions=questions)

    def accept(self, hand_over_id: str, *, digest: str, by: str) -> HandOver:
        """Take over: the leases of whoever wrote it become the accepter's. Nobody accepts their own sheet.

        `digest` is that of the sheet that was shown; what its writer took after writing it stays theirs.
        """
        return self._sheets.accept(hand_over_id, digest=digest, by=by)

    def pending_hand_over(self) -> HandOver | None:
        """The latest sheet, if nobody accepted it yet."""
        return self._sheets.pending()

    def export(self, name: str, markdown: str) -> Path:
        """Write a sheet or a draft as a file of its own into the profile's exports; returns where. Never overwrites.

        Raises `LocationError`.
        """
        plain = "".join(char if char.isalnum() or char in "-_" else "-" for char in name)[:80] or "export"
        for n in range(1, 1_000):
            path = self._parts.exports / (f"{plain}.md" if n == 1 else f"{plain}-{n}.md")
            try:
                write_private(path, self._stamped(markdown), replace=False)
            except FileExistsError:
                continue
            return path
        raise TriageRefused(f"There are a thousand exports called {plain} already.", "Tidy up the folder.")

    def views(self) -> list[SavedView]:
        """Saved filters, by name."""
        return self._parts.notes.views()

    def save_view(self, view: SavedView) -> None:
        """Keep a filter under a name; an empty query removes it."""
        self._parts.notes.save_view(replace(view, query=view.query.strip()))

    def remember_place(self, place: Json) -> None:
        """Keep filter and cursor for the next start."""
        self._parts.notes.remember_place(place)

    def place(self) -> Json:
        """Filter and cursor as they were left."""
        return self._parts.notes.place()
