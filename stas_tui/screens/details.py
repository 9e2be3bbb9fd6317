"""The detail panel: everything about one item, and events as sentences. Pure: no widget, no database."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from stas_tui.gates.tool_words import tool_words
from stas_tui.pulse.view import View
from stas_tui.screens.models import needs_of
from stas_tui.screens.panels import VERDICT_MARKS
from stas_tui.screens.verdict_words import sentence_of
from storage.clock import age, hhmmss
from storage.records import Action, Event, Finding, Message, Step, Trust
from widgets.detail import DetailModel, EvidenceRow, Field, Moment
from widgets.tokens import Mark

EVENT_MARKS = {
    "gate.requested": Mark.HUMAN,
    "gate.approved": Mark.HUMAN,
    "gate.rejected": Mark.HUMAN,
    "gate.deferred": Mark.HELD,
    "gate.expired": Mark.WARN,
    "gate.stale": Mark.WARN,
    "action.succeeded": Mark.DONE,
    "action.failed": Mark.FAIL,
    "action.unknown": Mark.WARN,
    "policy.refused": Mark.FAIL,
    "policy.locked": Mark.HELD,
    "policy.overridden": Mark.WARN,
    "control.halted": Mark.HELD,
    "step.failed": Mark.FAIL,
}


def moments(view: View) -> tuple[Moment, ...]:
    """The pulse's log as a timeline, oldest first."""
    drawn = []
    for event in view.timeline:
        text = event_sentence(event, view.titles)
        if text:
            drawn.append(Moment(hhmmss(event.at), text, EVENT_MARKS.get(event.kind, Mark.NOTE)))
    return tuple(drawn)


def event_sentence(event: Event, titles: Mapping[str, str]) -> str:
    """One event in words; empty for bookkeeping that tells a person nothing. `titles` names actions by their ids."""
    body = event.body
    title = titles.get(event.action_id or "") or str(body.get("title") or tool_words(str(body.get("tool") or "")))
    what = str(body.get("what") or body.get("reason") or "")
    sentences = {
        "pulse.began": "pulse begins",
        "gate.requested": f"asks you: {title}",
        "gate.approved": f"{event.actor} approved: {title}",
        "gate.rejected": f"{event.actor} rejected: {title}: {body.get('reason', '')}",
        "gate.deferred": f"{event.actor} deferred: {title}",
        "gate.expired": f"expired unanswered: {title}",
        "gate.stale": f"changed since the approval: {title}",
        "gate.revised": f"{event.actor} changed: {title}",
        "gate.withdrawn": f"withdrawn: {title}",
        "action.succeeded": f"done: {title}",
        "action.failed": f"failed: {title} {what}",
        "action.unknown": f"nobody knows whether it happened: {title}",
        "policy.refused": f"policy refused {title}: {what}",
        "policy.locked": f"locked {title}: {what}",
        "policy.overridden": f"{event.actor} overrode: {what} ({body.get('reason', '')})",
        "agent.said": f"{event.actor} says: {body.get('said', '')}",
        "control.halted": f"{event.actor} paused: {body.get('reason', '')}",
        "control.lifted": f"{event.actor} resumed: {body.get('reason', '')}",
        "control.recovered": "after a restart: " + "; ".join(map(str, body.get("told", ()))),
        "review.decided": f"{event.actor} {what}: {body.get('task', '')}",
        "text.edited": f"{event.actor} edited the {what}",
        "run.cancelled": f"{event.actor} cancelled {body.get('run', '')}",
    }
    if event.kind in sentences:
        return sentences[event.kind].strip()
    if event.kind.startswith("step.") and body.get("note"):
        return f"step {body.get('n', body.get('step', ''))}: {body['note']}"
    return ""


def pulse_detail(view: View, *, agent: str, goes_on: str = "goes on with space") -> DetailModel:
    """The pulse itself, when the cursor is on nothing. `goes_on` is what is said while it waits for nobody."""
    if view.pulse is None:
        return DetailModel(
            key="stas",
            title="no pulse is open",
            fields=(Field("Agent", agent), Field("Begin", "space begins a pulse", "one step at a time")),
        )
    pulse = view.pulse
    return DetailModel(
        key=f"Pulse {pulse.number}",
        title=pulse.outcome or "open",
        fields=(
            Field("Agent", pulse.agent),
            Field("Begun", hhmmss(pulse.started_at) + "Z", f"by {pulse.operator}"),
            Field("Now", needs_of(view) or goes_on),
        ),
        timeline=moments(view),
        raw=pulse.summary,
    )


def as_text(model: DetailModel) -> str:
    """An item as plain text, for the clipboard and the editor."""
    lines = [f"{model.key}  {model.title}".strip(), ""]
    lines += [f"{field.label}: {field.value} {field.note}".strip() for field in model.fields]
    if model.timeline:
        lines += ["", *(f"{moment.at}  {moment.text}" for moment in model.timeline)]
    if model.evidence:
        lines += ["", *(f"E{n} {row.text} ({row.source} {row.age})" for n, row in enumerate(model.evidence, 1))]
    if model.raw and model.raw not in [field.value for field in model.fields]:
        lines += ["", model.raw]
    return "\n".join(lines) + "\n"


def step_detail(view: View, step: Step, *, now: int) -> DetailModel:
    """What one step found."""
    fields = [Field("State", step.state.value, step.note), Field("Data", step.data_state.value)]
    for name, value in step.data.items():
        fields.append(Field(name[:12], _brief(value)))
    return DetailModel(
        key=f"Step {step.n}",
        title=step.name,
        fields=tuple(fields),
        timeline=moments(view),
        raw=_raw(step.data),
    )


def task_detail(view: View, task_id: str, *, now: int) -> DetailModel:
    """A task with the reason for its place."""
    row = next((row for row in view.queue if row.task.id == task_id), None)
    if row is None:
        return DetailModel(key=task_id, title="is no longer in the queue")
    task = row.task
    chosen = view.work.get("task") or {}
    fields = [
        Field("Why", row.why or "–"),
        Field(
            "Task",
            f"{task.priority or 'P?'} {task.task_class.value}",
            ("guessed, " if task.class_guessed else "") + f"{task.status}, {age(now - task.created_at)} old",
        ),
        Field("Owner", task.assignee or "nobody"),
    ]
    if chosen.get("id") == task.id:
        phase = str(view.work.get("phase", ""))
        fields.append(Field("Now", phase, str(view.work.get("method_why") or "")))
        if view.work.get("alignment"):
            fields.append(Field("Says", str(view.work["alignment"]), "said by the agent"))
        if view.work.get("pr"):
            fields.append(Field("PR", f"#{view.work['pr']['number']} on {view.work['pr']['base']}"))
    fields += [Field("Wants" if n == 0 else "", text) for n, text in enumerate(task.acceptance)]
    return DetailModel(
        key=task.id,
        title=task.title,
        fields=tuple(fields),
        timeline=moments(view),
        raw=task.description,
    )


def message_detail(message: Message, remarks: Sequence[str], *, now: int, verdict: Action | None = None) -> DetailModel:
    """A message as data: who vouches for it, what is odd about it, the verdict it led to, its text as it is."""
    trust = "known agent" if message.trust is Trust.KNOWN else "unverified: nobody vouches for the sender"
    fields = [
        Field("From", message.sender, trust, Mark.NONE if message.trust is Trust.KNOWN else Mark.WARN),
        Field("Age", age(now - message.at), message.raw_type or message.type.value),
    ]
    fields += [Field("Note", remark, mark=Mark.WARN) for remark in remarks]
    if verdict is not None:
        told, mark = sentence_of(verdict)
        fields.append(Field("Verdict", told, mark=mark))
    fields.append(Field("Text", message.body))
    return DetailModel(key=message.id, title=message.subject, fields=tuple(fields), raw=message.body)


def finding_detail(finding: Finding, *, now: int) -> DetailModel:
    """A finding with its evidence."""
    return DetailModel(
        key=finding.subject,
        title=finding.check,
        fields=(
            Field("State", finding.verdict, finding.reason, VERDICT_MARKS.get(finding.verdict, Mark.UNKNOWN)),
            Field("Seen", f"{age(now - finding.at)} ago"),
        ),
        evidence=tuple(EvidenceRow(e.ref, e.text, e.kind, age(now - e.at) if e.at else "") for e in finding.evidence),
        raw=finding.reason,
    )


def _brief(value: object) -> str:
    if isinstance(value, list):
        return f"{len(value)} entries" if len(value) > 6 else ", ".join(map(_brief, value)) or "none"
    if isinstance(value, dict):
        return ", ".join(f"{k} {_brief(v)}" for k, v in list(value.items())[:6]) or "none"
    return str(value)


def _raw(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)
