"""From everything that was seen to one item for each thing that needs a person. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from stas_tui.gates.tool_words import tool_words
from stas_tui.triage.alarms import alert_items, probe_items, tenant_items
from stas_tui.triage.changes import deploy_items
from stas_tui.triage.identity import HALT_KEY, UNSHOWN_KEY, WATCHER_KEY, gate_key, message_key, source_key, task_key
from stas_tui.triage.words import BELIEVED, STATE_WORDS, WATCHED, Blind, Strip, line
from storage.clock import hhmm
from storage.records import Action, ActionState, DataState, Evidence, Message, MessageType, Priority, Task, Trust
from storage.triage_records import ItemClass, TriageItem
from storage.watch_records import Fact, SourceKind, SourceStatus

_OVER = frozenset({"done", "closed", "cancelled", "canceled", "archived"})
"""Columns in which a task needs nobody any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """Everything that is known of the world at one moment, as `gather` needs it."""

    sources: Sequence[SourceStatus] = ()
    alerts: Sequence[Fact] = ()
    """Also those that went within the last ten minutes."""
    silences: Sequence[Fact] = ()
    """So that a silenced alert can say until when."""
    probes: Sequence[Fact] = ()
    checks: Sequence[Fact] = ()
    deploys: Sequence[Fact] = ()
    comparisons: Sequence[Fact] = ()
    tenants: Sequence[Fact] = ()
    gates: Sequence[Action] = ()
    """Pending, with their revision."""
    messages: Sequence[Message] = ()
    """Unacknowledged."""
    unshown: int = 0
    """How many urgent messages there are beside `messages`."""
    tasks: Sequence[Task] = ()
    halted: bool = False
    blind: Blind | None = None
    """Why nothing is known of the sources outside; None if somebody asks them."""
    configured: frozenset[SourceKind] = frozenset()
    """Kinds for which the configuration names a source."""


def gather(sight: Sight, *, now: int) -> list[TriageItem]:
    """One item for each thing that needs a person, in no particular order, keys unique.

    Takes time in proportion to the number of things. Items that nothing needs doing about are below the line:
    silenced and inhibited alerts, deferred gates, alerts that went within the last ten minutes.
    """
    strip = Strip(sight.sources, now)
    incidents = [
        *alert_items(sight.alerts, sight.silences, strip, now),
        *probe_items(sight.probes, strip),
        *tenant_items(sight.tenants, sight.comparisons, strip),
    ]
    items = [
        *incidents,
        *deploy_items(sight.deploys, sight.checks, sight.comparisons, incidents, strip, now),
        *_gates(sight, now),
        *_messages(sight.messages),
        *_unshown(sight, now),
        *_tasks(sight.tasks, now),
        *_sources(sight, now),
    ]
    return list({item.key: item for item in items}.values())


def _gates(sight: Sight, now: int) -> Iterable[TriageItem]:
    tasks = {task.id: task.priority for task in sight.tasks}
    for action in sight.gates:
        unknown = action.state is ActionState.UNKNOWN
        if action.state is not ActionState.PENDING and not unknown:
            continue
        deferred = action.defer_until if action.defer_until is not None and action.defer_until > now else None
        word = "outcome unknown" if unknown else "overdue" if action.ask_until <= now else "waits"
        title = action.revision.shown.get("title") if action.revision else ""
        yield TriageItem(
            key=gate_key(action.id),
            item_class=ItemClass.GATE,
            title=line(str(title or "")) or f"a call of «{tool_words(action.tool)}»",
            priority=_priority_of(action, tasks),
            first_seen=action.requested_at,
            last_seen=now,
            deadline=None if unknown else action.ask_until,
            word=f"halted, {word}" if sight.halted else word,
            suppressed=f"deferred until {hhmm(deferred)}" if deferred and not unknown else "",
            evidence=(
                Evidence(
                    kind="event",
                    ref=action.id,
                    text=line(f"{tool_words(action.tool)} asked for by {action.requested_by}"),
                    at=action.requested_at,
                    digest=action.digest,
                ),
            ),
            project_id=_text(action, "projectId", "project"),
            ref=action.id,
        )
    if sight.halted:
        yield TriageItem(
            key=HALT_KEY,
            item_class=ItemClass.INFO,
            title="Everything is halted: nothing runs until a person resumes",
            first_seen=now,
            last_seen=now,
            word="halted",
            trusted=True,
        )


def _priority_of(action: Action, tasks: dict[str, Priority | None]) -> Priority | None:
    """The priority that the call itself names, or that of its task; None if neither is known (D9)."""
    named = _text(action, "priority")
    if named in tuple(Priority):
        return Priority(named)
    return tasks.get(_text(action, "taskId", "task"))


def _text(action: Action, *names: str) -> str:
    """The first of these arguments or parts of the plan that is a text."""
    if action.revision is None:
        return ""
    for part in (action.revision.args, action.revision.plan):
        for name in names:
            if isinstance(value := part.get(name), str) and value:
                return value
    return ""


def _messages(messages: Sequence[Message]) -> Iterable[TriageItem]:
    """Urgent ones. Those of a known agent stand with incidents; anybody else's are «unverified» and stay below them."""
    seen: dict[str, list[Message]] = {}
    for message in messages:
        if _is_urgent(message):
            seen.setdefault(message.id, []).append(message)
    for same in seen.values():
        same.sort(key=lambda message: message.at)
        message, texts = same[0], [line(f"{one.sender}: {one.subject.strip() or one.body}") for one in same]
        known = all(one.trust is Trust.KNOWN for one in same)
        yield TriageItem(
            key=message_key(message.id),
            item_class=ItemClass.MESSAGE,
            title=texts[0],
            first_seen=message.at,
            last_seen=max(one.at for one in same),
            count=len(same),
            word="urgent" if known else "unverified",
            evidence=tuple(
                Evidence(kind="message", ref=one.id, text=text, at=one.at)
                for one, text in zip(same, texts, strict=True)
            ),
            trusted=known,
            project_id=message.project_id or "",
            ref=message.id,
        )


def _is_urgent(message: Message) -> bool:
    return message.type is MessageType.URGENT and message.acknowledged_at is None


def _unshown(sight: Sight, now: int) -> Iterable[TriageItem]:
    """What a flood hides is said as one row among the dead sources: nobody can tell what is in it."""
    if sight.unshown > 0:
        shown = sum(_is_urgent(message) for message in sight.messages)
        told = f"{shown} of {shown + sight.unshown} are shown: known senders first, then the oldest. Take some off "
        yield TriageItem(
            key=UNSHOWN_KEY,
            item_class=ItemClass.SOURCE,
            title=f"{sight.unshown} more urgent message{'s are' if sight.unshown > 1 else ' is'} not shown",
            priority=Priority.P1,
            first_seen=max((message.at for message in sight.messages), default=now),
            last_seen=now,
            count=sight.unshown,
            word="not shown",
            evidence=(Evidence(kind="query", ref="inbox", text=f"{told}the inbox to see the rest.", at=now),),
            trusted=True,
            ref="inbox",
        )


def _tasks(tasks: Sequence[Task], now: int) -> Iterable[TriageItem]:
    for task in tasks:
        if task.priority is not Priority.P0 or task.status.casefold() in _OVER:
            continue
        yield TriageItem(
            key=task_key(task.project_id, task.id),
            item_class=ItemClass.TASK,
            title=line(f"{task.id} {task.title}"),
            priority=task.priority,
            first_seen=task.created_at,
            last_seen=now,
            deadline=task.deadline,
            word=line(task.status, 40) + (f", held by {line(task.assignee, 40)}" if task.assignee else ""),
            evidence=(Evidence(kind="task", ref=task.id, text=line(task.title), at=task.created_at or None),),
            project_id=task.project_id,
            ref=task.id,
        )


def _sources(sight: Sight, now: int) -> Iterable[TriageItem]:
    """Sources that cannot be believed. If nobody asks them at all, that is one item and not one for each.

    One that could never be asked, for want of a token or an engine, is a matter of the configuration: information.
    """
    watched = [source for source in sight.sources if source.kind in WATCHED]
    blind = sight.blind if watched or sight.configured.intersection(WATCHED) else None
    if blind:
        yield TriageItem(
            key=WATCHER_KEY,
            item_class=ItemClass.SOURCE,
            title=blind.said,
            priority=Priority.P1,
            first_seen=max((source.at for source in watched if source.at), default=now),
            last_seen=now,
            count=max(len(watched), 1),
            word=blind.word,
            evidence=tuple(_asked(source, source.believed(now)) for source in watched),
            trusted=True,
            ref="watcher",
        )
    for source in sight.sources:
        state = source.believed(now)
        if state in BELIEVED or source.asked_at is None or (blind and source.kind in WATCHED):
            continue
        never = state is DataState.UNKNOWN and source.at is None and source.kind is not SourceKind.ALERTS
        yield TriageItem(
            key=source_key(source.name),
            item_class=ItemClass.INFO if never else ItemClass.SOURCE,
            title=line(f"{source.name}: {source.reason or 'does not answer'}"),
            priority=_how_bad(source, state),
            first_seen=source.asked_at if source.at is None else source.at,
            last_seen=now,
            count=max(source.failures, 1),
            word=STATE_WORDS[state],
            evidence=(_asked(source, state),),
            replayed=source.replayed,
            project_id=source.project_id,
            ref=source.name,
        )


def _how_bad(source: SourceStatus, state: DataState) -> Priority:
    if state is DataState.UNKNOWN:
        return Priority.P3
    return Priority.P1 if source.kind is SourceKind.ALERTS else Priority.P2


def _asked(source: SourceStatus, state: DataState) -> Evidence:
    text = line(f"{source.name}: {state.value} {source.reason}")
    return Evidence(kind="probe", ref=source.name, text=text, at=source.at)
