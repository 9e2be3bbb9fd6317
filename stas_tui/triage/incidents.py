"""The state document of an incident: what people wrote, between what the log and the sources saw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from stas_tui.triage.eyes import Eyes
from stas_tui.triage.history import history
from stas_tui.triage.leases import Leases
from stas_tui.triage.parts import Parts, actor
from stas_tui.triage.saying import QUIET, said
from storage.canonical import well_formed
from storage.clock import MINUTE
from storage.records import Json
from storage.redact import redact
from storage.triage import TriageRefused
from storage.triage_records import Incident, IncidentEntry
from storage.watch_records import Alert

LOG_LINES = 200
QUESTION = 70
"""So many characters of its question stand at the beginning of an answer."""
SHA = 9


def cause_words(suspect: Json) -> str:
    """A suspect change as the cause that a person names: `Share the pool (9f2c41a00, pull request 7)`."""
    pr = f", pull request {suspect['pr']}" if suspect.get("pr") else ""
    what = " ".join(str(suspect.get("what") or "a change").split())
    return f"{what[:300]} ({str(suspect.get('sha') or 'no commit')[:SHA]}{pr})"


def named_words(cause: IncidentEntry, at: str, by: str = "") -> str:
    """Who named a cause and when; `at` is the time as the reader shows it, `by` the role instead of the name."""
    return f"cause named by {by or cause.by} at {at}"


def question_words(question: str) -> str:
    """A question as its answer begins."""
    return " ".join(question.split())[:QUESTION]


def open_questions(entries: Sequence[IncidentEntry]) -> list[IncidentEntry]:
    """Questions that no answer names yet."""
    answers = [entry.text for entry in entries if entry.kind == "answer"]
    return [
        entry
        for entry in entries
        if entry.kind == "question" and not any(text.startswith(question_words(entry.text)) for text in answers)
    ]


class IncidentDesk:
    """Opening, writing and reading incidents."""

    def __init__(self, parts: Parts, eyes: Eyes, leases: Leases) -> None:
        self._parts = parts
        self._eyes = eyes
        self._leases = leases

    def get(self, key: str) -> Incident | None:
        """The document with its merged timeline; None until somebody opened one."""
        incident = self._parts.incidents.get(key)
        return None if incident is None else self._merged(incident)

    def open(self, key: str, *, by: str) -> Incident:
        """Start the document. Raises `TriageRefused` if the item is not in the list."""
        who = actor(by)
        known = self._parts.incidents.get(key)
        if known is None:
            item = self._eyes.item(key)
            known = self._parts.incidents.open(key, redact(item.title)[:300], by=who)
            self._leases.active(key, by=who)
        return self._merged(known)

    def write(self, key: str, *, by: str, kind: str, text: str) -> Incident:
        """Append to the timeline, redacted. Raises `TriageRefused`."""
        who = actor(by)
        incident = self._parts.incidents.write(key, by=who, kind=kind, text=redact(well_formed(text)))
        self._leases.active(key, by=who)
        return self._merged(incident)

    def role(self, key: str, *, by: str, role: str, who: str) -> Incident:
        """Name a role. Raises `TriageRefused`."""
        name = actor(by)
        incident = self._parts.incidents.role(key, by=name, role=role, who=redact(who))
        self._leases.active(key, by=name)
        return self._merged(incident)

    def name_cause(self, key: str, *, by: str, text: str, sha: str = "", seen: int | None = None) -> Incident:
        """Name the cause, redacted; a person's word, never the agent's. Raises `TriageRefused`."""
        who = self._person(by)
        words = redact(well_formed(text))
        incident = self._parts.incidents.name_cause(key, by=who, text=words, sha=sha, seen=seen)
        self._leases.active(key, by=who)
        return self._merged(incident)

    def withdraw_cause(self, key: str, *, by: str, why: str, seen: int | None = None) -> Incident:
        """Take the named cause back, with the reason. Raises `TriageRefused`."""
        who = self._person(by)
        incident = self._parts.incidents.withdraw_cause(key, by=who, why=redact(well_formed(why)), seen=seen)
        self._leases.active(key, by=who)
        return self._merged(incident)

    def _person(self, by: str) -> str:
        who = actor(by)
        if who == self._parts.agent:
            raise TriageRefused("A cause is named by a person.", "What Stas suspects stands below it, as suspected.")
        return who

    # the timeline ----------------------------------------------------------------------------------

    def _merged(self, incident: Incident) -> Incident:
        entries = [*incident.entries, *self._from_sources(incident.key), *self._from_log(incident.key)]
        return replace(incident, entries=tuple(sorted(entries, key=lambda entry: (entry.at, entry.id))))

    def _from_log(self, key: str) -> list[IncidentEntry]:
        causes = [key.removeprefix("message:")] if key.startswith("message:") else []
        return [
            IncidentEntry(id=0, incident=key, at=event.at, by=event.actor, kind="seen", text=said(event))
            for event in self._parts.notes.events(key, causes=causes, limit=LOG_LINES)
            if event.kind not in QUIET and (not event.kind.startswith("incident.") or event.kind == "incident.opened")
        ]

    def _from_sources(self, key: str) -> list[IncidentEntry]:
        fact = history(self._parts, key)
        if fact is None:
            return []
        again = f" (×{fact.times})" if fact.times > 1 else ""
        rows = [(fact.first_seen, f"first seen{again}")]
        began = fact.thing.starts_at if isinstance(fact.thing, Alert) else 0
        if 0 < began <= fact.first_seen - MINUTE:
            rows.insert(0, (began, "began, as the source says"))
        if fact.gone_at is not None:
            rows.append((fact.gone_at, "not reported any more"))
        return [IncidentEntry(id=0, incident=key, at=at, by=fact.source, kind="seen", text=text) for at, text in rows]
