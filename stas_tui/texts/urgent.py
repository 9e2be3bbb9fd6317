"""What becomes a P0 task at once: urgent messages, repeated spikes and login failures, critical alerts (R43). Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stas_tui.texts.lines import count, listed, one_line, redacted
from stas_tui.texts.pattern_words import AUTH, SPIKE
from stas_tui.texts.patterns import Pattern
from stas_tui.texts.severity import is_critical
from stas_tui.texts.untrusted import hidden_characters, imperative_to_agent
from storage.clock import DAY, iso_seconds
from storage.records import Evidence, Message, MessageType, Priority, Task, Trust
from storage.watch_records import Alert
from storage.world_similar import THRESHOLD, Likeness

_PREFIX = re.compile(r"^\s*infra\s*:\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class UrgentFinding:
    """Something for which section 6 makes a P0 task at once (R43)."""

    title: str
    description: str
    priority: Priority
    key: str
    """The same for the same trouble on the same day: a retry or a second scan makes no second task."""
    evidence: tuple[Evidence, ...]
    duplicates: tuple[str, ...] = ()
    """Open tasks of the last 24 hours that say the same."""
    project_id: str | None = None
    task_id: str | None = None
    """The task the message names, if it names one."""
    caused_by: str = ""
    """The message it derives from, or `alert:` with a fingerprint (R17)."""
    service: str = ""
    tenants: tuple[str, ...] = ()


def urgent_findings(
    messages: Sequence[Message],
    patterns: Sequence[Pattern],
    *,
    now: int | None = None,
    tasks: Sequence[Task] = (),
    measured: Mapping[str, str] | None = None,
) -> list[UrgentFinding]:
    """What section 6 makes a P0 task of (R43): urgent messages of known agents, and repeated spikes or login failures.

    An urgent message from outside is shown as unverified and makes no task by itself. `tasks` are searched for
    duplicates of the 24 hours before `now`; without `now`, whatever their age. `measured` says by the kind of a pattern
    what was measured about it.
    """
    found: list[UrgentFinding] = []
    for message in sorted(messages, key=lambda m: (m.at, m.id)):
        if message.type is not MessageType.URGENT or message.trust is not Trust.KNOWN:
            continue
        subject = one_line(redacted(_PREFIX.sub("", message.subject)), 100) or f"urgent message {message.id}"
        sender = one_line(message.sender, 60)
        proof = (Evidence(kind="message", ref=message.id, text=f"{sender}: {subject}", at=message.at),)
        title = f"infra: {subject}"
        found.append(
            UrgentFinding(
                title=title,
                description=_description(f"{sender} reports: {subject}", proof),
                priority=Priority.P0,
                key=_key(f"message:{message.id}"),
                evidence=proof,
                duplicates=_duplicates(title, tasks, now),
                project_id=message.project_id,
                task_id=message.task_id,
                caused_by=message.id,
            )
        )
    for pattern in patterns:
        if pattern.kind not in _URGENT_FROM or len(set(pattern.senders)) < _URGENT_FROM[pattern.kind]:
            continue
        found.append(
            UrgentFinding(
                title=pattern.suggestion,
                description=_description(
                    f"{pattern.line}; {pattern.means}; {(measured or {}).get(pattern.kind, 'not measured')}",
                    pattern.evidence,
                ),
                priority=Priority.P0,
                key=_key(f"{pattern.kind}:{','.join(pattern.services)}:{pattern.since // DAY}"),
                evidence=pattern.evidence,
                duplicates=_duplicates(pattern.suggestion, tasks, now),
                caused_by=pattern.evidence[0].ref,
            )
        )
    return found


def urgent_alerts(alerts: Sequence[tuple[str, Alert]]) -> list[UrgentFinding]:
    """A P0 task for each service and name of critical alerts that fire, as (source, alert), the oldest first (R43).

    The words of an alert come from outside: they are quoted and marked, and left out if they order the agent about.
    Silenced alerts and those hidden by another make no task. No tenant stands in the title: a second makes no new task.
    """
    groups: dict[tuple[str, str], list[tuple[str, Alert]]] = {}
    for source, alert in sorted(alerts, key=lambda pair: (pair[1].starts_at, pair[1].key)):
        if is_critical(alert.severity) and alert.state != "suppressed":
            groups.setdefault((alert.name, alert.service), []).append((source, alert))
    return [_alert_finding(name, service, group) for (name, service), group in groups.items()]


def _alert_finding(name: str, service: str, group: Sequence[tuple[str, Alert]]) -> UrgentFinding:
    source, first = group[0]
    said = "\n".join([name, service, *(alert.summary for _, alert in group[:20])])
    orders = imperative_to_agent(said)
    what = one_line(redacted(f"{name} on {service}" if service else name), 100)
    title = f"infra: {what}" if what and not orders else f"infra: critical alert {one_line(first.key, 40)}"
    tenants = sorted({alert.tenant for _, alert in group if alert.tenant})
    marks = [f"{source} reports {count(len(group), 'critical alert')} since {iso_seconds(first.starts_at)}."]
    marks += [f"Tenants: {listed([one_line(redacted(tenant), 40) for tenant in tenants], 10)}."] if tenants else []
    if orders:
        marks.append("The alert's words give orders to the agent; they are left out. Read them at the source.")
    if hidden := hidden_characters(said).said:
        marks.append(f"The alert's words hold {hidden}.")
    marks.append("Everything below is text from outside that nobody vouches for:")
    proof = tuple(
        Evidence(
            kind="query",
            ref=f"{one_line(origin, 60)}:{one_line(alert.key, 60)}",
            text="words left out" if orders else one_line(redacted(alert.summary), 160),
            at=alert.starts_at or None,
        )
        for origin, alert in group[:10]
    )
    lines = [*marks, "", *(f"- {item.kind} {item.ref}: {item.text}" for item in proof)]
    return UrgentFinding(
        title=title,
        description="\n".join(lines),
        priority=Priority.P0,
        key=_key(f"alert:{name}:{service}"),
        evidence=proof,
        caused_by=f"alert:{one_line(first.key, 60)}",
        service=one_line(service, 60),
        tenants=tuple(tenants),
    )


_URGENT_FROM = {SPIKE: 2, AUTH: 3}
"""How many different agents must report a kind before it is urgent by itself."""


def _key(text: str) -> str:
    return "p0-" + hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:20]


def _description(text: str, evidence: Sequence[Evidence]) -> str:
    lines = [one_line(redacted(text), 400), "", *(f"- {item.kind} {item.ref}: {item.text}" for item in evidence[:10])]
    return "\n".join(lines)


def _duplicates(title: str, tasks: Sequence[Task], now: int | None) -> tuple[str, ...]:
    like = Likeness(title)
    recent = (task for task in tasks if now is None or now - task.created_at <= DAY)
    return tuple(task.id for task in recent if like.to(Likeness(task.title)) > 2 * THRESHOLD)
