"""The desk: everything a person on call does, behind one object. Faces call nothing else of triage."""

from __future__ import annotations

from collections.abc import Sequence

from storage.records import Json
from storage.triage_records import HandOver, Incident, SavedView, TriageList
from storage.watch_records import SourceStatus


class Desk:
    """Own, snooze, escalate, group, write down, hand over. Each act is an event of the record with who and why.

    Every method may block and is called beside the interface. Acts on several keys are one transaction: all or none.
    Raises `TriageRefused` (a sentence for the person), `StoreError`.
    """

    def look(self, query: str = "") -> TriageList:
        """The list in the order of the law, filtered by `query` (see `query.py`)."""
        raise NotImplementedError

    def sources(self) -> list[SourceStatus]:
        """Every configured source, also those never asked (`unknown`) and those with a dead watcher (`stale`)."""
        raise NotImplementedError

    def own(self, keys: Sequence[str], *, by: str, reason: str = "", waits_for: str = "") -> None:
        """Take a lease: 30 minutes for P0 and P1, 4 h otherwise. One that another person holds needs a reason.

        Owning cancels the escalation and every notice that waits.
        """
        raise NotImplementedError

    def release(self, keys: Sequence[str], *, by: str) -> None:
        """Give items back."""
        raise NotImplementedError

    def snooze(self, keys: Sequence[str], *, by: str, reason: str, until: int | None = None, event: str = "") -> None:
        """Put items aside until a time or an event; the reason is required, a P0 at most 15 minutes."""
        raise NotImplementedError

    def wake(self, keys: Sequence[str], *, by: str) -> None:
        """End a snooze."""
        raise NotImplementedError

    def escalate(self, key: str, *, by: str) -> None:
        """Start the ladder: bell, then a message to the human, then every 10 minutes, at most 5 times."""
        raise NotImplementedError

    def stop_escalation(self, key: str, *, by: str) -> None:
        """Stop the ladder."""
        raise NotImplementedError

    def tick(self) -> list[str]:
        """What time has brought: leases that lapse, snoozes that end, escalations that are due. Says each in a line.

        Called about once a second by whoever shows the list; cheap when nothing is due.
        """
        raise NotImplementedError

    def group(self, keys: Sequence[str], *, under: str, by: str) -> None:
        """Put items under one; each keeps its own identity and history."""
        raise NotImplementedError

    def ungroup(self, key: str, *, by: str) -> None:
        """Take an item out of its group, or dissolve the group it heads."""
        raise NotImplementedError

    def undo(self, *, by: str) -> str:
        """Take back this person's last act at the desk, if nobody changed those items since; says what was undone."""
        raise NotImplementedError

    def dismiss(self, keys: Sequence[str], *, by: str, reason: str) -> None:
        """Close items; each comes back if it is seen again."""
        raise NotImplementedError

    def opened(self, key: str, *, by: str) -> None:
        """A person looks at an item; renews the lease if it is theirs."""
        raise NotImplementedError

    # the incident ----------------------------------------------------------------------------------

    def incident(self, key: str) -> Incident | None:
        """The state document of an item; None until somebody opened one."""
        raise NotImplementedError

    def open_incident(self, key: str, *, by: str) -> Incident:
        """Start the state document."""
        raise NotImplementedError

    def write(self, key: str, *, by: str, kind: str, text: str) -> Incident:
        """Append to the timeline: a `note`, `decision`, `question`, `answer`, or set `status`, `impact`."""
        raise NotImplementedError

    def role(self, key: str, *, by: str, role: str, who: str) -> Incident:
        """Name the `commander`, `operator` or `scribe`."""
        raise NotImplementedError

    def suspects(self, key: str) -> list[Json]:
        """Changes that probably caused it, the likeliest first: `{"sha", "what", "at", "why", "pr"}`."""
        raise NotImplementedError

    def postmortem(self, key: str) -> str:
        """A blameless draft in Markdown from the log; roles instead of names."""
        raise NotImplementedError

    def draft_task(self, key: str) -> Json:
        """Arguments for `create_task` about an item, with `"duplicates"`: open tasks that say the same."""
        raise NotImplementedError

    # hand-over and views ---------------------------------------------------------------------------

    def hand_over(self, *, by: str, tried: str = "", questions: str = "") -> HandOver:
        """Write the sheet from the log; the owner stays until somebody accepts it."""
        raise NotImplementedError

    def accept(self, hand_over_id: str, *, digest: str, by: str) -> HandOver:
        """Take over: the leases of whoever wrote it become the accepter's. Nobody accepts their own sheet."""
        raise NotImplementedError

    def pending_hand_over(self) -> HandOver | None:
        """The latest sheet that nobody accepted yet."""
        raise NotImplementedError

    def views(self) -> list[SavedView]:
        """Saved filters, by name."""
        raise NotImplementedError

    def save_view(self, view: SavedView) -> None:
        """Keep a filter under a name; an empty query removes it."""
        raise NotImplementedError

    def remember_place(self, place: Json) -> None:
        """Keep filter and cursor for the next start."""
        raise NotImplementedError

    def place(self) -> Json:
        """Filter and cursor as they were left."""
        raise NotImplementedError
