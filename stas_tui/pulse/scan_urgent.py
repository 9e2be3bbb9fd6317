"""A P0 task for what is urgent: genuine messages, repeated reports, critical alerts (R43, D7)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from stas_tui.pulse.context import Context
from stas_tui.pulse.scan_sources import firing
from stas_tui.pulse.sources import Outside
from stas_tui.texts.patterns import Pattern
from stas_tui.texts.urgent import UrgentFinding, urgent_alerts, urgent_findings
from storage.records import DataState, Message, Pulse, Task
from storage.watch_records import SourceKind
from storage.world_similar import THRESHOLD, Likeness

AT_ONCE = 5
"""At most so many tasks are made of alerts in one scan: a storm of alerts is one incident, not a thousand tasks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Urgent:
    """What became of the urgent findings."""

    created: list[str] = field(default_factory=list)
    known: list[str] = field(default_factory=list)
    """Open tasks that say the same already."""
    waiting: list[str] = field(default_factory=list)
    """Titles that wait for a person (Observe), or whose creation failed."""
    problems: list[str] = field(default_factory=list)


def burning(context: Context, outside: Outside) -> list[UrgentFinding]:
    """Critical alerts of sources that can be believed; a recording or an old answer makes no task."""
    return urgent_alerts(firing(outside, outside.told(SourceKind.ALERTS).good))


def create_urgent(
    context: Context,
    pulse: Pulse,
    clusters: Sequence[Pattern],
    messages: Sequence[Message],
    alerts: Sequence[UrgentFinding],
    *,
    projects: Sequence[str],
    measured: Mapping[str, str],
) -> Urgent:
    """R43: an urgent finding becomes a P0 task at once, unless an open task says the same.

    A creation that failed is asked again by the next scan as the same action: never twice.
    """
    board: dict[str, list[Task]] = {}
    result = Urgent()
    said = urgent_findings(messages, clusters, now=context.clock.now(), measured=measured)
    for urgent in [*said, *alerts[:AT_ONCE]]:
        _one(context, pulse, urgent, projects, board, result)
    if len(alerts) > AT_ONCE:
        rest = len(alerts) - AT_ONCE
        result.problems.append(f"{rest} more kinds of critical alerts fire: no task of their own, see the alerts")
    return result


def _one(
    context: Context,
    pulse: Pulse,
    urgent: UrgentFinding,
    projects: Sequence[str],
    board: dict[str, list[Task]],
    result: Urgent,
) -> None:
    project_id = urgent.project_id or _project_of(context, urgent, projects)
    if project_id is None or project_id not in projects:
        result.waiting.append(urgent.title)
        result.problems.append(f"{urgent.title}: no active project to put it in")
        return
    if project_id not in board:
        asked = context.toolbox.get_ready_tasks(project_id, pulse_id=pulse.id, caller=context.agent)
        if asked.state is DataState.ERROR:
            result.waiting.append(urgent.title)
            result.problems.append(f"{urgent.title}: the board cannot be read: {asked.reason}")
            return
        board[project_id] = asked.value
    same = [task.id for task in board[project_id] if task.id == urgent.task_id]
    same = same or _alike(urgent.title, board[project_id])
    if same:
        result.known.append(same[0])
        return
    answer = context.toolbox.call(
        "create_task",
        {"projectId": project_id, "title": urgent.title, "description": urgent.description, "priority": "P0"},
        pulse_id=pulse.id,
        caller=context.agent,
        caused_by=urgent.caused_by,
    )
    if answer.status == "ok":
        (result.known if answer.result.get("duplicate") else result.created).append(answer.result["task"])
    else:
        result.waiting.append(urgent.title)
        if answer.status != "pending":
            result.problems.append(f"{urgent.title}: not created ({answer.reason or answer.status})")


def _project_of(context: Context, urgent: UrgentFinding, projects: Sequence[str]) -> str | None:
    """The active project whose service or tenant it names, else the first."""
    for project in projects:
        if urgent.service and urgent.service in context.rules.services.get(project, ()):
            return project
    for project in projects:
        if set(urgent.tenants) & set(context.rules.tenants.get(project, ())):
            return project
    return projects[0] if projects else None


def _alike(title: str, tasks: Sequence[Task]) -> list[str]:
    """Open tasks that say the same: the same words in another order or spelling."""
    like = Likeness(title)
    return [task.id for task in tasks if like.to(Likeness(task.title)) > 2 * THRESHOLD]
