"""What every face draws: one consistent look at the pulse, read from the databases and never from the machine."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stas_tui.gates.contract import Shown
from stas_tui.platforms.base import PlatformError
from stas_tui.platforms.order import work_order
from stas_tui.pulse.context import ISOLATION_POINTS, Context
from stas_tui.pulse.matrix import MatrixLine, lines
from stas_tui.pulse.prover import Under
from storage.clock import DAY
from storage.errors import StasError
from storage.records import (
    Action,
    DataState,
    Event,
    Finding,
    Json,
    Mode,
    Pulse,
    Run,
    RunState,
    Step,
    StepState,
    Task,
)

if TYPE_CHECKING:
    from storage.check_records import CheckRun

TIMELINE = 200
LOOKED_BACK = 90 * DAY
"""So far back the record is searched for verdicts on pull requests."""
OVER = (StepState.DONE, StepState.SKIPPED, StepState.FAILED)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueRow:
    """One task as the queue panel shows it."""

    task: Task
    state: str
    """`yours` waits for a person, `running`, `next`, `held`, `waiting`."""
    why: str
    owner: str


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Everything the main screen shows except the inbox rows, which are read page by page."""

    at: int
    pulse: Pulse | None
    mode: Mode
    steps: tuple[Step, ...] = ()
    position: int | None = None
    gates: tuple[Action, ...] = ()
    inbox_count: int = 0
    inbox_state: DataState = DataState.UNKNOWN
    inbox_reason: str = ""
    queue: tuple[QueueRow, ...] = ()
    queue_state: DataState = DataState.UNKNOWN
    queue_reason: str = ""
    health: tuple[Finding, ...] = ()
    isolation: tuple[MatrixLine, ...] = ()
    """Rows of the matrix: as it is known now, or as a recorded pulse left it; empty if nothing was ever asked."""
    points: tuple[str, ...] = ISOLATION_POINTS
    checked: CheckRun | None = None
    """The latest round of checks of any project; None for a recorded pulse and before the first round."""
    checked_runs: bool = False
    """Whether that round is under way, in whatever process."""
    checking: Under | None = None
    """The round of checks that this process runs now."""
    work: Json = field(default_factory=dict)
    run: Run | None = None
    timeline: tuple[Event, ...] = ()
    titles: dict[str, str] = field(default_factory=dict)
    """Action id to the gate's verb and object, for the events of the timeline."""
    verdicts: dict[str, Action] = field(default_factory=dict)
    """The last verdict on a pull request, by the message that led to it."""
    today: tuple[int, int, int] = (0, 0, 0)
    """Approved, rejected, deferred in the last 24 hours."""
    halted: bool = False
    halted_by: str = ""
    problem: str = ""
    """Why the look itself failed, if it did."""


def take_view(context: Context, *, idle_mode: Mode, pulse_id: str | None = None) -> View:
    """Look at the open pulse, or at a recorded one. Never raises: a dead store becomes `problem`."""
    now = context.clock.now()
    try:
        return _look(context, now, idle_mode, pulse_id)
    except StasError as error:
        return View(at=now, pulse=None, mode=idle_mode, problem=str(error))


def _look(context: Context, now: int, idle_mode: Mode, pulse_id: str | None) -> View:
    pulse = context.pulses.get(pulse_id) if pulse_id else context.pulses.current()
    halted, halted_by, _ = context.journal.halted()
    gates = tuple(context.journal.pending())
    queue, queue_state, queue_reason = _queue(context, now, gates, pulse)
    inbox_state, inbox_reason, inbox_count = DataState.UNKNOWN, "", 0
    try:
        inbox_count = context.door.platform.inbox_count()
        inbox_state = DataState.OK if inbox_count else DataState.EMPTY
    except PlatformError as error:
        inbox_state, inbox_reason = DataState.ERROR, str(error)
    common: Json = {
        "at": now,
        "pulse": pulse,
        "gates": gates,
        "queue": queue,
        "queue_state": queue_state,
        "queue_reason": queue_reason,
        "inbox_state": inbox_state,
        "inbox_reason": inbox_reason,
        "inbox_count": inbox_count,
        "verdicts": {
            action.caused_by: action
            for action in context.journal.recent("review_verdict", since=now - LOOKED_BACK)
            if action.caused_by
        },
        "today": _today(context, now),
        "halted": halted,
        "halted_by": halted_by,
    }
    looks = context.prover.looks() if context.prover is not None and not pulse_id else ()
    rounds = [(look.board.run, look.running) for look in looks if look.board.run is not None]
    latest = max(rounds, key=lambda each: each[0].started_at, default=None)
    common["checked"], common["checked_runs"] = latest if latest is not None else (None, False)
    common["checking"] = context.prover.under() if context.prover is not None and not pulse_id else None
    if pulse is None:
        return View(mode=idle_mode, isolation=lines(looks, (), context.rules.tenants), **common)
    steps = tuple(context.pulses.steps(pulse.id))
    findings = context.findings.of_pulse(pulse.id)
    work = context.pulses.work(pulse.id)
    run = next((r for r in reversed(context.runs.of_pulse(pulse.id)) if r.id == work.get("run")), None)
    return View(
        mode=pulse.mode,
        steps=steps,
        position=next((s.n for s in steps if s.state not in OVER), None),
        health=tuple(f for f in findings if f.check == "health"),
        isolation=lines(looks, findings, context.rules.tenants),
        work=work,
        run=run,
        timeline=tuple(context.journal.events(pulse_id=pulse.id, limit=TIMELINE, newest=True)),
        titles={action.id: gate_title(action) for action in context.journal.actions(pulse.id)},
        **common,
    )


def _queue(
    context: Context, now: int, gates: tuple[Action, ...], pulse: Pulse | None
) -> tuple[tuple[QueueRow, ...], DataState, str]:
    platform = context.door.platform
    try:
        tasks = [t for p in platform.projects() if p.status == "active" for t in platform.tasks(p.id)]
    except PlatformError as error:
        return (), DataState.ERROR, str(error)
    law = work_order(tasks, columns=context.rules.columns, agent=context.agent, now=now)
    asked = {a.revision.plan.get("task") for a in gates if a.revision}
    running = (
        {r.task_id: r for r in context.runs.of_pulse(pulse.id) if r.state is not RunState.FINISHED} if pulse else {}
    )
    rows = []
    for ranked in law.ready:
        task = ranked.task
        state = "yours" if task.id in asked else "running" if task.id in running else "next"
        owner = "you" if state == "yours" else running[task.id].id if task.id in running else task.assignee or "–"
        rows.append(QueueRow(task=task, state=state, why=ranked.why, owner=owner))
    for task, reason in law.waiting:
        rows.append(QueueRow(task=task, state="held", why=reason, owner=task.assignee or "–"))
    return tuple(rows), DataState.OK if rows else DataState.EMPTY, ""


def _today(context: Context, now: int) -> tuple[int, int, int]:
    counts = {"gate.approved": 0, "gate.rejected": 0, "gate.deferred": 0}
    for event in context.journal.events(kinds=list(counts), limit=500, newest=True):
        if event.at >= now - DAY:
            counts[event.kind] += 1
    return counts["gate.approved"], counts["gate.rejected"], counts["gate.deferred"]


def gate_title(action: Action) -> str:
    """The gate's verb and object."""
    return Shown.from_json(action.revision.shown if action.revision else {}).title
