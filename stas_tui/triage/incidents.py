"""The state document of an incident: what people wrote, between what the log and the sources saw."""

from __future__ import annotations

from dataclasses import replace

from stas_tui.triage.eyes import Eyes
from stas_tui.triage.history import history
from stas_tui.triage.leases import Leases
from stas_tui.triage.parts import Parts, actor
from stas_tui.triage.saying import QUIET, said
from storage.canonical import well_formed
from storage.redact import redact
from storage.triage_records import Incident, IncidentEntry

LOG_LINES = 200


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

    # the timeline ----------------------------------------------------------------------------------

    def _merged(self, incident: Incident) -> Incident:
        entries = [*incident.entries, *self._from_log(incident.key), *self._from_sources(incident.key)]
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
        if fact.gone_at is not None:
            rows.append((fact.gone_at, "not reported any more"))
        return [IncidentEntry(id=0, incident=key, at=at, by=fact.source, kind="seen", text=text) for at, text in rows]
