"""The nouns of triage: what needs a person, and what people have said about it. Frozen; times are UTC milliseconds."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from storage.records import Evidence, Priority


class ItemClass(StrEnum):
    """What an item is, as the list shows it."""

    INCIDENT = "incident"
    GATE = "gate"
    DEPLOY = "deploy"
    SOURCE = "source"
    """A dead source: a banner row, never a curtain."""
    TASK = "task"
    MESSAGE = "message"
    RUN = "run"
    INFO = "info"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """Somebody owns an item until the lease runs out; every action of theirs on it renews it."""

    owner: str
    since: int
    until: int
    waits_for: str = ""
    """An event that keeps the lease alive, e.g. `ci:ledger/9f2c…`; empty for time alone."""
    was: str = ""
    """How the awaited thing stood then, e.g. the task's column."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snooze:
    """An item that is put aside until a time or an event, with the reason."""

    by: str
    at: int
    reason: str
    until: int | None = None
    """None only if `event` says what ends it."""
    event: str = ""
    """`next pulse`, `ci:<project>/<sha>`, `pr:<project>/<number>`, `task:<project>/<id>`."""
    was: str = ""
    """How the thing of `event` stood when it was put aside, e.g. the task's column."""
    priority: str = ""
    """The item's priority then: one that has become a P0 since wakes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalation:
    """An item that is being made louder: bell, then a message, then again every 10 minutes, at most 5 times."""

    by: str
    started_at: int
    level: int = 0
    """How many messages went out."""
    next_at: int | None = None
    """When the next one is due; None if it has stopped."""
    stopped: str = ""
    """Why it stopped: `owned`, `resolved`, `snoozed`, `dismissed`, `by hand`, `five times`, `too late`, or empty."""
    tries: int = 0
    """How many steps were taken after the first bell, whether or not a message could go out; at most 5."""
    said: str = ""
    """What became of the last step, as a clause: `sent`, `waits for its gate`, `no pulse is open: bell only`, …"""
    action_id: str = ""
    """The last message's action, so that its gate is found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TriageNote:
    """Everything people have said about one identity; apart from what sources say, so a re-fired alert keeps it."""

    key: str
    """The item's identity key."""
    lease: Lease | None = None
    snooze: Snooze | None = None
    escalation: Escalation | None = None
    group: str = ""
    """The identity key of the item this one is grouped under."""
    split: bool = False
    """A person ungrouped it; it is not suggested again."""
    dismissed_at: int | None = None
    """When a person closed it; it comes back if it is seen after this."""
    seen_at: int | None = None
    """When a person first opened it."""
    lapsed_at: int | None = None
    """When a lease on it ran out unrenewed: it stands in the review lane."""
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class TriageItem:
    """One row of the list: something that needs a person."""

    key: str
    """Identity: `<kind>:<stable key>`, e.g. `alert:98be…`, `gate:a-0007`, `message:M-12`, `deploy:ledger/9f2c`."""
    item_class: ItemClass
    title: str
    """One line, from outside unless `trusted`."""
    priority: Priority | None = None
    first_seen: int = 0
    last_seen: int = 0
    count: int = 1
    """×n: how many times the same thing was reported."""
    deadline: int | None = None
    tenants: tuple[str, ...] = ()
    service: str = ""
    word: str = ""
    """A short state: `firing`, `resolved`, `due`, `CI red`, `refused the connection`, …"""
    suppressed: str = ""
    """Why it is below the line: `silenced`, `child of …`, `snoozed until …`, or empty."""
    evidence: tuple[Evidence, ...] = ()
    links: tuple[str, ...] = ()
    """Addresses outside: runbook, dashboard, pull request."""
    trusted: bool = False
    """The text was made by Stas itself or by a known agent."""
    replayed: bool = False
    members: tuple[str, ...] = ()
    """Keys of the items grouped under this one."""
    stands_as: ItemClass | None = None
    """The most serious class folded under it by a person, as which it is ordered; None if that is its own."""
    note: TriageNote | None = None
    project_id: str = ""
    ref: str = ""
    """What opening it opens: an action id, a message id, a task id, a source's name, a sha."""

    @property
    def owner(self) -> str:
        """Who owns it; empty if nobody does."""
        return self.note.lease.owner if self.note and self.note.lease else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentEntry:
    """One line of an incident's timeline; append-only."""

    id: int
    incident: str
    at: int
    by: str
    kind: str
    """`note`, `decision`, `question`, `answer`, `status`, `impact`, `role`, `update`, `cause`, `withdrawn`, `seen`."""
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """The live state document of an incident (one for each top item that a person opened as such)."""

    key: str
    """The identity key of its item."""
    title: str
    opened_at: int
    opened_by: str
    status: str = "investigating"
    """`investigating`, `identified`, `monitoring`, `resolved`."""
    impact: str = ""
    commander: str = ""
    operator: str = ""
    scribe: str = ""
    next_update_at: int | None = None
    resolved_at: int | None = None
    slack_ts: str = ""
    """Where its one message stands, so that it is edited instead of repeated."""
    entries: tuple[IncidentEntry, ...] = ()
    version: int = 1

    @property
    def cause(self) -> IncidentEntry | None:
        """What a person named as the cause and nobody took back since; read from the timeline."""
        said = [entry for entry in self.entries if entry.kind in ("cause", "withdrawn")]
        last = max(said, key=lambda entry: entry.id, default=None)
        return last if last is not None and last.kind == "cause" else None


@dataclass(frozen=True, slots=True, kw_only=True)
class HandOver:
    """A hand-over sheet: written from the log, valid only once the next person has accepted it."""

    id: str
    made_at: int
    made_by: str
    markdown: str
    digest: str
    accepted_at: int | None = None
    accepted_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedView:
    """A filter with a name."""

    name: str
    query: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TriageList:
    """The whole list as it is drawn: what needs a person, what is put aside, and whether any of it can be believed."""

    at: int
    items: tuple[TriageItem, ...] = ()
    """In the order of the law, the suppressed ones last."""
    dead: tuple[str, ...] = ()
    """Names of sources that do not answer: as long as there is one, nothing here is «all clear»."""
    never: tuple[str, ...] = ()
    """What no source is configured for."""
    words: tuple[str, ...] = field(default_factory=tuple)
    """The first line's counts: `P0 1 (unowned 3m)`, `gates 2 (due 4m)`, `deploys 24h 3`, `tenants hit 1`.

    They count the whole list, whatever the filter."""
    doubts: tuple[str, ...] = ()
    """Why an empty list would not be calm, a clause each: `alerts dead 4m (refused the connection)`, …"""
    total: int = 0
    """How many items stand above the line, whatever the filter."""
    query: str = ""
    """The filter that `items` went through."""
