"""Makers of facts, items and notes for the tests of triage. Every text they take is hostile unless a test says more."""

from __future__ import annotations

import dataclasses
from typing import Any

from storage.clock import HOUR, MINUTE, SECOND
from storage.records import (
    Action,
    ActionState,
    DataState,
    EffectClass,
    GateLevel,
    Message,
    MessageType,
    Priority,
    Revision,
    Task,
    Trust,
)
from storage.triage_records import ItemClass, Lease, Snooze, TriageItem, TriageNote
from storage.watch_records import (
    Alert,
    Check,
    Comparison,
    Deploy,
    Fact,
    Observed,
    Probe,
    Silence,
    SourceKind,
    SourceStatus,
    TenantNumbers,
)

NOW = 1_795_000_000_000
HOSTILE = (
    "\x1b]52;c;aGFja2Vk\x1b\\\x1b[2J\x9b31m[@click=app.quit]x[/] [/red] [b +\x00\x07\u202egnp.exe\u2066"
    "\ud800\u200b\U000e0041\ufe0f\r\n\ttail"
)
SHA = "9f2c" + "0" * 36
OTHER = "8ab1" + "0" * 36
ALL_KINDS = frozenset(SourceKind)


def fact(thing: Observed, *, source: str = "alertmanager", ago: int = 3 * MINUTE, **more: Any) -> Fact:
    """A fact first seen `ago` and last seen just now."""
    values = {"first_seen": NOW - ago, "last_seen": NOW - SECOND, "since": NOW - ago, **more}
    return Fact(source=source, thing=thing, **values)


def alert(key: str = "98be5eeda42fa8e5", *, severity: str = "critical", ago: int = 3 * MINUTE, **more: Any) -> Alert:
    """A firing alert of tenant acme on the service api."""
    labels = {"alertname": HOSTILE, "tenant": "acme", "service": "api", **more.pop("labels", {})}
    annotations = {"summary": f"errors {HOSTILE}", "runbook_url": "https://runbooks.example.test/errors"}
    values = {"name": f"Errors{HOSTILE}", "annotations": annotations, "starts_at": NOW - ago, **more}
    return Alert(key=key, severity=severity, labels=labels, **values)


def silence(key: str = "s-1", *, ends_in: int = HOUR, **more: Any) -> Silence:
    return Silence(key=key, **{"state": "active", "ends_at": NOW + ends_in, "comment": HOSTILE, **more})


def probe(name: str = "live", *, verdict: str = "failed", word: str = "timeout", **more: Any) -> Probe:
    values = {"project_id": "ledger", "url": "https://ledger.example.test/health", "service": "api", **more}
    tries = (word, word, HOSTILE)
    return Probe(key=f"ledger/{name}", name=name, verdict=verdict, word=word, tries=tries, detail=HOSTILE, **values)


def check(name: str = "unit", *, sha: str = SHA, state: str = "failure", **more: Any) -> Check:
    values = {"project_id": "ledger", "since": NOW - 8 * MINUTE, "conclusion": HOSTILE, **more}
    return Check(key=f"ledger/{sha}/{name}", sha=sha, name=name, state=state, **values)


def deploy(sha: str = SHA, *, ago: int = 9 * MINUTE, **more: Any) -> Deploy:
    values = {"project_id": "ledger", "what": f"merged {HOSTILE}", "state": "merged", "service": "api", **more}
    return Deploy(key=f"ledger/{more.get('environment', '')}{sha}", sha=sha, at=NOW - ago, **values)


def tenant(name: str = "acme", *, remark: str = "outlier: 12x the median", **more: Any) -> TenantNumbers:
    return TenantNumbers(key=name, tenant=name, remark=remark, **more)


def comparison(name: str = "acme", *, sha: str = SHA, verdict: str = "worse", **more: Any) -> Comparison:
    values = {"merged_at": NOW - 9 * MINUTE, "before": 0.0, "after": 0.167, "reason": HOSTILE, **more}
    return Comparison(key=f"{sha}/{name}", sha=sha, tenant=name, verdict=verdict, **values)


def status(
    name: str = "alertmanager",
    kind: SourceKind = SourceKind.ALERTS,
    state: DataState = DataState.OK,
    *,
    ago: int = 2 * SECOND,
    **more: Any,
) -> SourceStatus:
    """A source that answered `ago`."""
    values = {"every_ms": 15 * SECOND, "asked_at": NOW - ago, "at": NOW - ago, **more}
    return SourceStatus(name=name, kind=kind, state=state, **values)


def healthy(*leave_out: SourceKind) -> list[SourceStatus]:
    """One source of each kind, all well."""
    return [status(f"{kind.value}-1", kind, DataState.EMPTY) for kind in SourceKind if kind not in leave_out]


def gate(number: int = 1, *, due_in: int = 26 * MINUTE, args: dict[str, Any] | None = None, **more: Any) -> Action:
    """A gate that waits."""
    name = f"a-{number:04}"
    revision = Revision(
        action_id=name,
        rev=1,
        args=args or {"taskId": "T-31", "projectId": "ledger"},
        plan={},
        preconditions={},
        shown={"title": f"open PR {HOSTILE}"},
        digest="d",
        author="stas",
        at=NOW - MINUTE,
    )
    values = {
        "pulse_id": "p-1",
        "call_key": name,
        "tool": "open_pull_request",
        "effect_class": EffectClass.LOOKUP,
        "requested_by": "stas",
        "level": GateLevel.GATE,
        "state": ActionState.PENDING,
        "approved_digest": None,
        "requested_at": NOW - MINUTE,
        "ask_until": NOW + due_in,
        "revision": revision,
        **more,
    }
    return Action(id=name, rev=1, digest="d", **values)


def message(number: int = 1, *, known: bool = True, kind: MessageType = MessageType.URGENT, **more: Any) -> Message:
    values = {"sender": f"chieko{HOSTILE}", "subject": HOSTILE, "body": HOSTILE, "at": NOW - 2 * MINUTE, **more}
    trust = Trust.KNOWN if known else Trust.EXTERNAL
    return Message(id=f"M-{number}", type=kind, trust=trust, **values)


def task(number: int = 1, *, priority: Priority | None = Priority.P0, **more: Any) -> Task:
    values = {"project_id": "ledger", "title": f"infra: {HOSTILE}", "created_at": NOW - HOUR, **more}
    return Task(id=f"T-{number}", priority=priority, **values)


def item(key: str = "alert:1", kind: ItemClass = ItemClass.INCIDENT, **more: Any) -> TriageItem:
    """A row of the list, begun three minutes ago."""
    values = {"title": f"{key} {HOSTILE}", "first_seen": NOW - 3 * MINUTE, "last_seen": NOW - SECOND, **more}
    return TriageItem(key=key, item_class=kind, **values)


def note(key: str = "alert:1", **more: Any) -> TriageNote:
    return TriageNote(key=key, **more)


def lease(owner: str = "ann", *, ends_in: int = 20 * MINUTE, **more: Any) -> Lease:
    return Lease(owner=owner, since=NOW - MINUTE, until=NOW + ends_in, **more)


def snooze(*, ends_in: int | None = HOUR, at: int = NOW - MINUTE, **more: Any) -> Snooze:
    until = None if ends_in is None else NOW + ends_in
    return Snooze(by="ann", at=at, reason=HOSTILE, until=until, **more)


def with_note(row: TriageItem, **more: Any) -> TriageItem:
    """The row with a note about it."""
    return dataclasses.replace(row, note=note(row.key, **more))
