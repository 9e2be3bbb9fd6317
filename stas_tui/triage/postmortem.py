"""A blameless postmortem draft from the log: what happened when, with roles instead of names.

Facts are filled in, judgement is left to people: each heading that needs one says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise

from stas_tui.texts.lines import count, quoted
from stas_tui.triage.grouped import Groups
from stas_tui.triage.history import history
from stas_tui.triage.incidents import IncidentDesk, cause_words, named_words, open_questions
from stas_tui.triage.parts import Parts
from storage.clock import age, hhmmss, iso_seconds
from storage.incidents import UPDATE_MS
from storage.journal_rows import POLICY, SYSTEM
from storage.records import Event, Json
from storage.triage import TriageRefused
from storage.triage_records import Incident, IncidentEntry
from storage.watch_records import Alert

ROWS = 200
_SHORTEST_NAME = 2


class Postmortems:
    """Drafts from the record of one incident."""

    def __init__(self, parts: Parts, incidents: IncidentDesk, groups: Groups) -> None:
        self._parts = parts
        self._incidents = incidents
        self._groups = groups

    def draft(self, key: str) -> str:
        """Markdown. Raises `TriageRefused` if nobody opened an incident."""
        incident = self._incidents.get(key)
        if incident is None:
            raise TriageRefused("Nobody opened an incident for this item.", "Open one first.")
        events = self._parts.notes.events(key, limit=1_000)
        text = "\n".join(self._lines(incident, events)) + "\n"
        return Roles(self._parts, incident, events).applied(text)

    def _lines(self, incident: Incident, events: Sequence[Event]) -> list[str]:
        now, roles = self._parts.now(), Roles(self._parts, incident, events)
        began = min([entry.at for entry in incident.entries] + [incident.opened_at])
        ended = incident.resolved_at
        took = f"{age((ended or now) - began)}" + ("" if ended else " so far")
        until = iso_seconds(ended) if ended else "now"
        good, bad = _facts(incident, events, began, now)
        return [
            f"# Postmortem draft: {quoted(incident.title)}",
            "",
            f"Made from the record at {iso_seconds(now)}. Roles stand for people; the question is always which control "
            "would have caught it.",
            *_section(
                "Impact",
                [f"- {quoted(incident.impact, 1_000) or 'not written down yet'}", *self._who_was_hit(incident)],
            ),
            f"- from {iso_seconds(began)} to {until}: {took}, status {incident.status}",
            *_section("Detection", self._detection(incident, events, began)),
            *_section("Timeline (UTC)", _timeline(incident.entries, roles)),
            *_section("Cause", _cause(incident, roles)),
            *_section(
                "Contributing changes",
                [_change(suspect, incident.cause) for suspect in self._groups.suspects(incident.key)],
            ),
            *_section("Decisions", [_line(e, roles) for e in incident.entries if e.kind == "decision"]),
            *_section("What went well", [*good, "- (to be written: what helped)"]),
            *_section("What went badly", [*bad, "- (to be written: which control was missing)"]),
            *_section("Open questions", [f"- {quoted(entry.text, 600)}" for entry in open_questions(incident.entries)]),
            *_section("Follow-ups", self._follow_ups(events)),
        ]

    def _who_was_hit(self, incident: Incident) -> list[str]:
        fact = history(self._parts, incident.key)
        alert = fact.thing if fact is not None else None
        if not isinstance(alert, Alert):
            return []
        rows = [f"- tenant {quoted(alert.tenant)}"] if alert.tenant else []
        return rows + ([f"- service {quoted(alert.service)}"] if alert.service else [])

    def _detection(self, incident: Incident, events: Sequence[Event], began: int) -> list[str]:
        fact = history(self._parts, incident.key)
        rows = []
        if fact is not None:
            rows.append(f"- seen by {quoted(fact.source)} at {iso_seconds(fact.first_seen)}, ×{fact.times}")
        elif incident.key.startswith("message:"):
            rows.append("- said in a message; no source saw it first")
        first = next((e.at for e in events if e.kind == "triage.owned"), None)
        rows.append("- nobody took it" if first is None else f"- taken after {age(first - began)}")
        rows.append(f"- incident opened after {age(incident.opened_at - began)}")
        return rows

    def _follow_ups(self, events: Sequence[Event]) -> list[str]:
        made = sorted({str(e.body.get("task")) for e in events if e.kind == "triage.task" and e.body.get("task")})
        fact = history(self._parts, events[0].body["keys"][0]) if events and events[0].body.get("keys") else None
        rows = [f"- task {quoted(task)}" for task in made]
        if fact is not None and isinstance(fact.thing, Alert) and not fact.thing.runbook:
            rows.append("- [ ] the alert names no runbook: write one")
        return [*rows, "- [ ] (to be written: infra: …, with an owner and a date)"]


class Roles:
    """Names of people become what they did in this incident."""

    def __init__(self, parts: Parts, incident: Incident, events: Sequence[Event]) -> None:
        self._of: dict[str, str] = {}
        told = [
            (incident.commander, "the commander"),
            (incident.operator, "the operator"),
            (incident.scribe, "the scribe"),
        ]
        told.append((parts.agent, "the agent"))
        responders: Iterable[str] = (
            [person.name for person in parts.settings.person]
            + [incident.opened_by]
            + [entry.by for entry in incident.entries if entry.id]
            + [event.actor for event in events]
        )
        told += [(name, "a responder") for name in responders]
        for name, role in told:
            if len(name) >= _SHORTEST_NAME and name not in (SYSTEM, POLICY):
                self._of.setdefault(name, role)
        names = sorted(map(re.escape, self._of), key=len, reverse=True)
        self._names = re.compile(rf"(?<!\w)(?:{'|'.join(names)})(?!\w)") if names else None

    def of(self, name: str) -> str:
        """The role of a name in the log."""
        return "Stas" if name in (SYSTEM, POLICY) else self._of.get(name, name)

    def applied(self, text: str) -> str:
        """The text with every name of the record replaced."""
        if self._names is None:
            return text
        return self._names.sub(lambda match: self._of[match.group()], text)


def _section(title: str, rows: Sequence[str]) -> list[str]:
    return ["", f"## {title}", "", *(rows or ["- none in the record"])]


def _line(entry: IncidentEntry, roles: Roles) -> str:
    kind = "" if entry.kind == "seen" else f"{entry.kind}: "
    return f"- {hhmmss(entry.at)} {quoted(roles.of(entry.by))}: {kind}{quoted(entry.text, 600)}"


def _timeline(entries: Sequence[IncidentEntry], roles: Roles) -> list[str]:
    told = [_line(entry, roles) for entry in entries if entry.kind != "role"]
    more = [f"- and {len(told) - ROWS} more in the log"] if len(told) > ROWS else []
    return [*told[:ROWS], *more]


def _cause(incident: Incident, roles: Roles) -> list[str]:
    """What a person named now, and what was named before: an idea that was given up teaches as well."""
    now = incident.cause
    rows = [_named(now, roles)] if now else ["- no cause is named yet; the suspected changes below are no proof"]
    before = {entry.text: entry for entry in incident.entries if entry.kind == "cause"}
    return rows + [
        f"{_named(entry, roles)}; given up since" for text, entry in before.items() if now is None or text != now.text
    ]


def _named(cause: IncidentEntry, roles: Roles) -> str:
    return f"- {quoted(cause.text, 600)}: {named_words(cause, iso_seconds(cause.at), quoted(roles.of(cause.by)))}"


def _change(suspect: Json, cause: IncidentEntry | None) -> str:
    pr = f", pull request {suspect['pr']}" if suspect.get("pr") else ""
    named = "; named as the cause" if cause is not None and cause.text == cause_words(suspect) else ""
    return f"- {quoted(suspect['sha'][:12])} {quoted(suspect['what'])}{pr}: {quoted(suspect['why'])}{named}"


def _facts(incident: Incident, events: Sequence[Event], began: int, now: int) -> tuple[list[str], list[str]]:
    """(what the record shows as good, what it shows as bad)."""
    good, bad = [], []
    first = next((event.at for event in events if event.kind == "triage.owned"), None)
    if first is not None and first - began <= UPDATE_MS:
        good.append(f"- it was taken {age(first - began)} after it began")
    else:
        bad.append(f"- nobody took it for {age((first or now) - began)}")
    kinds = [event.kind for event in events]
    for kind, words in (
        ("triage.lapsed", "a lease ran out"),
        ("triage.notified", "it had to call for help"),
        ("gate.expired", "a gate expired unanswered"),
        ("triage.snoozed", "it was put aside"),
    ):
        if kinds.count(kind):
            bad.append(f"- {words}: {count(kinds.count(kind), 'time')}")
    told = [entry.at for entry in incident.entries if entry.kind in ("update", "status", "impact")]
    marks = [incident.opened_at, *told, incident.resolved_at or now]
    longest = max(later - earlier for earlier, later in pairwise(marks))
    if longest > UPDATE_MS:
        bad.append(f"- the longest time between two updates was {age(longest)}")
    else:
        good.append("- updates came at least every 30 minutes")
    if any(entry.kind == "decision" for entry in incident.entries):
        good.append("- decisions were written down as they were made")
    return good, bad
