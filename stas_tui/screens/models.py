"""From a look at the pulse to what the widgets draw. Pure: no widget, no database."""

from __future__ import annotations

from collections.abc import Sequence

from stas_tui.gates.contract import Shown
from stas_tui.gates.present import payload_lines
from stas_tui.pulse.view import View
from storage.clock import SECOND, age, hhmm, hhmmss
from storage.records import (
    Action,
    DataState,
    Event,
    Finding,
    GateLevel,
    Message,
    MessageType,
    Mode,
    Step,
    StepState,
    Trust,
)
from widgets.detail import DetailModel, EvidenceRow, Field, Moment
from widgets.gate_model import GateBlock, GateModel, RiskRow
from widgets.matrix import MatrixModel, MatrixRow
from widgets.panel import Count, PanelModel
from widgets.rows import Cell, Column, ListRow
from widgets.stepline import Tab
from widgets.steps import StepView, Tally
from widgets.tokens import Mark
from widgets.topbar import TopBarModel

INBOX_COLUMNS = (Column("type", 8, ink="ink-2"), Column("what"), Column("age", 4, right=True, ink="ink-3"))
QUEUE_COLUMNS = (Column("task", 6, ink="ink-2"), Column("what"), Column("owner", 8, ink="ink-3", rank=1))
INFRA_COLUMNS = (Column("source", 16), Column("state", ink="ink-2"), Column("age", 4, right=True, ink="ink-3"))

SHORT_TYPES = {
    MessageType.HELP_REQUEST: "help",
    MessageType.REVIEW_REQUEST: "review",
}
POINT_LABELS = {
    "queries": "sql",
    "endpoints": "api",
    "jobs": "job",
    "logs": "logs",
    "configuration": "cfg",
    "secrets": "sec",
    "flags": "flag",
    "metrics": "met",
}
VERDICT_MARKS = {
    "verified": Mark.DONE,
    "flagged": Mark.WARN,
    "failed": Mark.FAIL,
    "degraded": Mark.WARN,
    "ok": Mark.OK,
    "unknown": Mark.UNKNOWN,
}
STEP_MARKS = {
    StepState.TODO: Mark.TODO,
    StepState.ACTIVE: Mark.RUN,
    StepState.DONE: Mark.DONE,
    StepState.SKIPPED: Mark.SKIP,
    StepState.FAILED: Mark.FAIL,
}
QUEUE_MARKS = {"yours": Mark.HUMAN, "running": Mark.RUN, "next": Mark.TODO, "held": Mark.HELD, "waiting": Mark.HELD}
RISK_MARKS = {"ok": Mark.OK, "warn": Mark.WARN, "crit": Mark.FAIL, "unknown": Mark.UNKNOWN}
LEVEL_MARKS = {"low": Mark.OK, "medium": Mark.WARN, "high": Mark.FAIL, "unknown": Mark.UNKNOWN}
BLOCK_FROM = 4
"""A payload text with at least this many lines is drawn as a block of its own."""
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


def needs_of(view: View) -> str:
    """What the pulse waits for, from the record alone; see `Progress.needs`."""
    if view.pulse is None or view.pulse.ended_at is not None:
        return ""
    if view.halted:
        return "paused"
    if any(a.pulse_id == view.pulse.id for a in view.gates):
        return "gate"
    if view.position is None:
        return "summary"
    if view.position == 7:
        if view.work.get("locked"):
            return "override"
        if view.work.get("phase") == "run":
            return "run"
        if view.work.get("phase") == "review" and view.work.get("result"):
            return "review"
        if view.work.get("phase") == "direct":
            return "direct"
        return str(view.work.get("needs") or "")
    return ""


def waits(view: View) -> int:
    """How many things wait for a person."""
    others = needs_of(view) in (
        "override",
        "review",
        "direct",
        "prompt",
        "pull request",
        "memory",
        "summary",
        "workspace",
    )
    return len(view.gates) + int(others)


def top_bar(view: View, *, environment: str, demo: bool, read_only: bool, now: int, doing: str = "") -> TopBarModel:
    """The first line: where, which pulse, who is needed, how fresh."""
    alert = "DEMO" if demo else ""
    if view.problem:
        alert = "store unavailable"
    elif read_only:
        alert = "read-only"
    pace = "paused" if view.halted else doing or "step mode"
    return TopBarModel(
        environment=environment,
        pulse=f"pulse {view.pulse.number}" if view.pulse else "no pulse",
        waiting=waits(view),
        mode=view.mode.value.upper(),
        pace=pace,
        alert=alert,
        live=Mark.FAIL if view.problem else Mark.OK,
        live_word="not read" if view.problem else "live",
        live_age=age(now - view.at) if now - view.at >= 10 * SECOND else "",
        clock=hhmm(now),
    )


def steps(view: View, *, now: int) -> list[StepView]:
    """The eleven steps with their notes and times."""
    needs = needs_of(view)
    drawn = []
    for step in view.steps:
        mark = STEP_MARKS[step.state]
        if step.n == view.position:
            mark = Mark.HELD if needs == "paused" else Mark.HUMAN if needs not in ("", "run") else mark
        if step.state is StepState.DONE and step.data_state in (DataState.ERROR, DataState.DENIED):
            mark = Mark.FAIL
        name = f"{step.name}"
        note = f"{step.sub} {step.note}".strip() if step.n == 7 else step.note
        drawn.append(StepView(n=step.n, name=name, mark=mark, note=note, right=_duration(step, now)))
    return drawn


def _duration(step: Step, now: int) -> str:
    if step.started_at is None:
        return ""
    ms = (step.ended_at or now) - step.started_at
    if step.state is StepState.ACTIVE:
        return age(ms)
    return f"{ms / 1000:.1f}s" if ms < 60 * SECOND else age(ms)


def today(view: View) -> list[Tally]:
    """What was decided in the last 24 hours."""
    approved, rejected, deferred = view.today
    return [
        Tally(Mark.DONE, f"{approved} approved"),
        Tally(Mark.FAIL, f"{rejected} rejected"),
        Tally(Mark.HELD, f"{deferred} deferred"),
    ]


# panels --------------------------------------------------------------------------------------------


def inbox_row(message: Message) -> ListRow:
    """One message as a row; the type as a word, an unverified urgent one says so."""
    if message.type is MessageType.URGENT:
        mark = Mark.FAIL if message.trust is Trust.KNOWN else Mark.WARN
    elif message.type in (MessageType.HELP_REQUEST, MessageType.HANDOFF, MessageType.UNKNOWN):
        mark = Mark.WARN
    else:
        mark = Mark.NOTE
    word = SHORT_TYPES.get(message.type, message.type.value)
    unverified = message.type is MessageType.URGENT and message.trust is not Trust.KNOWN
    subject = ("unverified: " if unverified else "") + message.subject
    return ListRow(
        key=message.id,
        version=f"{message.type}{message.read_at}{message.acknowledged_at}",
        cells=(Cell(word), Cell(subject, bold=message.read_at is None), Cell(at=message.at)),
        state=mark,
    )


def queue_rows(view: View) -> list[ListRow]:
    """Tasks in the order of work, then what is held."""
    return [
        ListRow(
            key=row.task.id,
            version=f"{row.task.version}{row.state}{row.owner}",
            cells=(
                Cell(row.task.id),
                Cell(row.task.title.removeprefix("infra: "), bold=row.state == "yours"),
                Cell(row.owner, ink="human" if row.state == "yours" else ""),
            ),
            state=QUEUE_MARKS[row.state],
        )
        for row in view.queue
    ]


def infra_rows(view: View) -> list[ListRow]:
    """Findings of the health scan; a source that was never asked is not green."""
    return [
        ListRow(
            key=finding.subject,
            version=f"{finding.verdict}{finding.at}",
            cells=(Cell(finding.subject), Cell(_verdict_text(finding)), Cell(at=finding.at)),
            state=VERDICT_MARKS.get(finding.verdict, Mark.UNKNOWN),
        )
        for finding in view.health
    ]


def _verdict_text(finding: Finding) -> str:
    return finding.reason if finding.verdict != "unknown" else f"unknown: {finding.reason}"


def matrix(view: View) -> MatrixModel:
    """Tenants against points."""
    rows = []
    for tenant, cells in view.isolation.items():
        marks = tuple(
            VERDICT_MARKS.get(cells[point].verdict, Mark.UNKNOWN) if point in cells else Mark.UNKNOWN
            for point in view.points
        )
        rows.append(MatrixRow(tenant, marks))
    return MatrixModel(checks=tuple(POINT_LABELS.get(p, p) for p in view.points), rows=tuple(rows))


def inbox_panel(view: View) -> PanelModel:
    """The border of the inbox panel."""
    sentence = view.inbox_reason or f"Inbox is empty. Last checked {hhmm(view.at)}."
    return PanelModel(
        title="Inbox",
        key="1",
        counts=(Count(f"{view.inbox_count} new"),) if view.inbox_count else (),
        state=view.inbox_state,
        sentence=sentence,
    )


def queue_panel(view: View) -> PanelModel:
    """The border of the queue panel."""
    numbers: dict[Mark, int] = {}
    for row in view.queue:
        numbers[QUEUE_MARKS[row.state]] = numbers.get(QUEUE_MARKS[row.state], 0) + 1
    order = (Mark.HUMAN, Mark.RUN, Mark.TODO, Mark.HELD)
    return PanelModel(
        title="Queue",
        key="2",
        counts=tuple(Count(str(numbers[mark]), mark) for mark in order if mark in numbers),
        state=view.queue_state,
        sentence=view.queue_reason or "No task is ready in your columns.",
    )


def infra_panel(view: View) -> PanelModel:
    """The border of the infra panel."""
    numbers: dict[Mark, int] = {}
    for finding in view.health:
        mark = VERDICT_MARKS.get(finding.verdict, Mark.UNKNOWN)
        numbers[mark] = numbers.get(mark, 0) + 1
    order = (Mark.FAIL, Mark.WARN, Mark.OK, Mark.UNKNOWN)
    return PanelModel(
        title="Infra",
        key="3",
        counts=tuple(Count(str(numbers[mark]), mark) for mark in order if mark in numbers),
        state=DataState.OK if view.health else DataState.UNKNOWN,
        sentence="Not looked at yet in this pulse; step 6 scans.",
    )


def isolation_panel(view: View) -> PanelModel:
    """The border of the isolation panel."""
    cells = [finding for row in view.isolation.values() for finding in row.values()]
    unknown = sum(finding.verdict == "unknown" for finding in cells)
    counts = (Count(f"{unknown} unknown", Mark.UNKNOWN),) if unknown else ()
    if not view.isolation:
        sentence = "No tenants are named; add them to stas.toml."
    else:
        sentence = "Not looked at yet in this pulse; step 9 checks."
    return PanelModel(
        title="Isolation",
        key="4",
        counts=counts,
        state=DataState.OK if cells else DataState.UNKNOWN,
        sentence=sentence,
    )


def tabs(panels: Sequence[PanelModel]) -> list[Tab]:
    """The four panels as tabs for a narrow screen."""
    return [Tab(panel.key, panel.title, panel.counts) for panel in panels]


# the detail ----------------------------------------------------------------------------------------


def moments(events: Sequence[Event]) -> tuple[Moment, ...]:
    """The pulse's log as a timeline, oldest first."""
    drawn = []
    for event in events:
        text = event_sentence(event)
        if text:
            drawn.append(Moment(hhmmss(event.at), text, EVENT_MARKS.get(event.kind, Mark.NOTE)))
    return tuple(drawn)


def event_sentence(event: Event) -> str:
    """One event in words; empty for bookkeeping that tells a person nothing."""
    body = event.body
    title = str(body.get("title") or body.get("tool") or "")
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


def pulse_detail(view: View, *, agent: str) -> DetailModel:
    """The pulse itself, when the cursor is on nothing."""
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
            Field("Now", needs_of(view) or "goes on with space"),
        ),
        timeline=moments(view.timeline),
        raw=pulse.summary,
    )


def cell_detail(view: View, tenant: str, label: str, *, now: int) -> DetailModel:
    """One cell of the matrix."""
    point = next((p for p in view.points if POINT_LABELS.get(p, p) == label), label)
    finding = view.isolation.get(tenant, {}).get(point)
    if finding is None:
        return DetailModel(key=tenant, title=point, fields=(Field("State", "unknown", "never asked in this pulse"),))
    return finding_detail(finding, now=now)


def as_text(model: DetailModel) -> str:
    """An item as plain text, for the clipboard and the editor."""
    lines = [f"{model.key}  {model.title}".strip(), ""]
    lines += [f"{field.label}: {field.value} {field.note}".strip() for field in model.fields]
    if model.timeline:
        lines += ["", *(f"{moment.at}  {moment.text}" for moment in model.timeline)]
    if model.evidence:
        lines += ["", *(f"E{n} {row.text} ({row.source} {row.age})" for n, row in enumerate(model.evidence, 1))]
    if model.raw:
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
        timeline=moments(view.timeline),
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
        timeline=moments(view.timeline),
        raw=task.description,
    )


def message_detail(message: Message, remarks: Sequence[str], *, now: int) -> DetailModel:
    """A message as data: who vouches for it, what is odd about it, its text as it is."""
    trust = "known agent" if message.trust is Trust.KNOWN else "unverified: nobody vouches for the sender"
    fields = [
        Field("From", message.sender, trust, Mark.NONE if message.trust is Trust.KNOWN else Mark.WARN),
        Field("Age", age(now - message.at), message.raw_type or message.type.value),
    ]
    fields += [Field("Note", remark, mark=Mark.WARN) for remark in remarks]
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
    import json

    return json.dumps(value, ensure_ascii=False, indent=2)


def gate_text_of(action: Action) -> str:
    """A gate's payload as plain text, for the clipboard and the editor."""
    return "\n\n".join(f"{line.label}\n{line.text}" for line in payload_lines(action)) + f"\n\nsha256 {action.digest}\n"


# gates ---------------------------------------------------------------------------------------------


def gate(action: Action, *, environment: str, mode: Mode, now: int) -> GateModel:
    """A gate whole: long texts as blocks, everything from the hashed plan."""
    assert action.revision is not None
    shown = Shown.from_json(action.revision.shown)
    lines: list[tuple[str, str]] = []
    blocks: list[GateBlock] = []
    for line in payload_lines(action):
        if line.text.count("\n") >= BLOCK_FROM:
            blocks.append(GateBlock(line.label, line.text))
        else:
            lines.append((line.label, line.text))
    asked = [f"caused by {action.caused_by}"] if action.caused_by else []
    return GateModel(
        title=shown.title,
        step=f"step {shown.step} of 11" if shown.step else "",
        environment=environment,
        risk=LEVEL_MARKS.get(shown.risk_level, Mark.UNKNOWN),
        risk_word=f"{shown.risk_level.upper()} RISK",
        digest=action.digest,
        lines=tuple(lines),
        blocks=tuple(blocks),
        risks=tuple(
            RiskRow(row.kind.capitalize(), row.text, RISK_MARKS.get(row.level, Mark.UNKNOWN)) for row in shown.risk
        )
        + tuple(RiskRow("Vision", text, Mark.NOTE) for text in shown.vision),
        evidence=tuple(EvidenceRow(e.ref, e.text, e.kind, age(now - e.at) if e.at else "") for e in shown.evidence),
        warnings=(*shown.warnings, *asked, *([shown.because] if shown.because else [])),
        level=action.level,
        mode=mode,
        confirm_name=shown.confirm if action.level is GateLevel.GATE2 else "",
    )
