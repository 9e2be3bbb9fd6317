"""Steps 1 to 6 of the routine: look at everything before anything is changed."""

from __future__ import annotations

from stas_tui.gates.clean import clean
from stas_tui.platforms.order import column_label, work_order
from stas_tui.pulse.context import Context, Found
from stas_tui.pulse.scan import active, health
from stas_tui.texts import inbox as inbox_text
from stas_tui.texts.prompt import vision_says
from storage.records import DataState, Json, Memory, MessageType, Pulse, Reading, Task, Trust

RECALLS = (("deployment issues", 5), ("infrastructure incidents", 5), ("multi-tenant deployment patterns", 3))
"""The routine's three searches, word for word (R20-R22)."""

HEADINGS = {
    "deployments and outcomes": "deployment issues",
    "issues and lessons": "infrastructure incidents",
    "patterns for the project": "multi-tenant deployment patterns",
    "past incidents": "infrastructure incidents",
    "multi-tenant patterns": "multi-tenant deployment patterns",
}
"""The routine's five topics and the search that answers each (R19)."""


def plural(count: int, word: str) -> str:
    """`1 message`, `2 messages`."""
    return f"{count} {word}{'' if count == 1 else 's'}"


def inbox(context: Context, pulse: Pulse) -> Found:
    """Step 1: messages by class, with trust, hostile phrases and incomplete handoffs."""
    reading = context.toolbox.check_inbox(pulse_id=pulse.id, caller=context.agent)
    if reading.state is DataState.ERROR:
        return Found(state=DataState.ERROR, note=f"inbox: {reading.reason}", data=_before(context, pulse))
    messages = inbox_text.triage_order(reading.value)
    counts: dict[str, int] = {}
    notes: dict[str, list[str]] = {}
    for message in messages:
        counts[message.type.value] = counts.get(message.type.value, 0) + 1
        remarks = inbox_text.remarks(message)
        if remarks:
            notes[message.id] = clean(remarks)
    urgent = [m.id for m in messages if m.type is MessageType.URGENT]
    unverified = [m.id for m in messages if m.type is MessageType.URGENT and m.trust is not Trust.KNOWN]
    data: Json = {
        "order": [m.id for m in messages],
        "counts": counts,
        "remarks": notes,
        "urgent": urgent,
        "unverified": unverified,
        "briefs": clean([[m.type.value, m.sender, m.subject] for m in messages if m.type is not MessageType.INFO]),
        "state": reading.state.value,
        "at": reading.at,
    }
    note = "none" if not messages else f"{len(messages)} new" + (f", {len(urgent)} urgent" if urgent else "")
    return Found(state=reading.state, note=note, data=data)


def _before(context: Context, pulse: Pulse) -> Json:
    """What the inbox held when it last answered, marked with its age: a dead source does not empty the list (R9)."""
    for known in context.pulses.latest(5):
        if known.number <= pulse.number:
            data = context.pulses.steps(known.id)[0].data
            if data.get("counts") is not None:
                return {**data, "state": DataState.STALE.value}
    return {}


def memories(context: Context, pulse: Pulse) -> Found:
    """Step 2: the routine's searches, under its five headings."""
    searches: list[Json] = []
    readings: list[Reading[list[Memory]]] = []
    for query, limit in RECALLS:
        started = context.clock.monotonic()
        reading = context.toolbox.recall(query, limit, pulse_id=pulse.id, caller=context.agent)
        readings.append(reading)
        searches.append(
            {
                "call": f'recall("{query}", {{ limit: {limit} }})',
                "query": query,
                "state": reading.state.value,
                "reason": reading.reason,
                "ms": context.clock.monotonic() - started,
                "hits": clean([{"id": m.id, "title": m.title, "type": m.type, "at": m.at} for m in reading.value]),
            }
        )
    failed = [reading for reading in readings if reading.state is DataState.ERROR]
    if failed:
        return Found(state=DataState.ERROR, note=f"memory: {failed[0].reason}", data={"searches": searches})
    found = {memory.id for reading in readings for memory in reading.value}
    by_query = {search["query"]: [hit["id"] for hit in search["hits"]] for search in searches}
    data: Json = {
        "searches": searches,
        "headings": {heading: by_query[query] for heading, query in HEADINGS.items()},
        "returned": sorted(found),
    }
    return Found(
        state=DataState.OK if found else DataState.EMPTY, note=f"{len(found)} recalled" if found else "none", data=data
    )


def projects(context: Context, pulse: Pulse) -> Found:
    """Step 3: the projects the agent is assigned to."""
    reading = context.toolbox.get_my_projects(pulse_id=pulse.id, caller=context.agent)
    if reading.state is DataState.ERROR:
        return Found(state=DataState.ERROR, note=f"projects: {reading.reason}")
    active = [p for p in reading.value if p.status == "active"]
    data: Json = {
        "active": [{"id": p.id, "name": p.name, "role": p.role} for p in active],
        "archived": [p.id for p in reading.value if p.status != "active"],
        "unconfigured": [p.id for p in active if p.id not in context.rules.repos],
    }
    if not active:
        return Found(state=DataState.EMPTY, note="none assigned", data=data)
    return Found(state=DataState.OK, note=f"{len(active)} active", data=data)


def visions(context: Context, pulse: Pulse) -> Found:
    """Step 4: the vision of each active project, with its hash and what changed since the last pulse."""
    before = _last_hashes(context, pulse)
    read: Json = {}
    for project_id in active(context, pulse):
        reading = context.toolbox.get_project_vision(project_id, pulse_id=pulse.id, caller=context.agent)
        vision = reading.value
        read[project_id] = {
            "state": reading.state.value,
            "reason": reading.reason,
            "sha256": vision.sha256 if vision else None,
            "updated_at": vision.updated_at if vision else None,
            "changed": vision is not None and before.get(project_id) not in (None, vision.sha256),
            "says": clean(vision_says(vision.text)) if vision else {},
        }
    states = [entry["state"] for entry in read.values()]
    data: Json = {"visions": read}
    if not read:
        return Found(state=DataState.EMPTY, note="no project", data=data)
    failed = [f"{pid}: {entry['reason']}" for pid, entry in read.items() if entry["state"] == DataState.ERROR.value]
    if len(failed) == len(read):
        return Found(state=DataState.ERROR, note="; ".join(failed), data=data)
    ok = states.count(DataState.OK.value)
    note = f"{ok} of {len(read)} read" if ok < len(read) else f"{ok} read"
    if DataState.EMPTY.value in states:
        note += ", none set" if ok == 0 else ""
    return Found(state=DataState.OK if ok == len(read) else DataState.EMPTY, note=note, data=data)


def _last_hashes(context: Context, pulse: Pulse) -> dict[str, str]:
    for earlier in context.pulses.latest(5):
        if earlier.number < pulse.number:
            step = context.pulses.steps(earlier.id)[3]
            return {pid: entry.get("sha256") for pid, entry in step.data.get("visions", {}).items()}
    return {}


def queue(context: Context, pulse: Pulse) -> Found:
    """Step 5: ready tasks of all active projects in the order of work, with the reason for the first."""
    tasks: list[Task] = []
    errors: Json = {}
    for project_id in active(context, pulse):
        reading = context.toolbox.get_ready_tasks(project_id, pulse_id=pulse.id, caller=context.agent)
        if reading.state is DataState.ERROR:
            errors[project_id] = reading.reason
        tasks.extend(reading.value)
    law = work_order(tasks, columns=context.rules.columns, agent=context.agent, now=context.clock.now())
    data: Json = {
        "ready": [
            {
                "id": r.task.id,
                "project": r.task.project_id,
                "title": clean(r.task.title),
                "priority": r.task.priority.value if r.task.priority else None,
                "class": r.task.task_class.value,
                "guessed": r.task.class_guessed,
                "why": r.why,
            }
            for r in law.ready
        ],
        "waiting": [{"id": task.id, "title": clean(task.title), "reason": reason} for task, reason in law.waiting],
        "unknown_columns": [
            {"id": task.id, "column": column_label(task.status)}
            for task in law.elsewhere
            if column_label(task.status).startswith("unknown column")
        ],
        "errors": errors,
    }
    if errors and not tasks:
        return Found(state=DataState.ERROR, note="; ".join(f"{p}: {r}" for p, r in errors.items()), data=data)
    if not law.ready:
        return Found(state=DataState.EMPTY, note="no task is ready", data=data)
    first = law.ready[0].task
    note = f"next {first.id}, a {first.priority.value if first.priority else 'P?'}"
    if errors:
        note += f"; {plural(len(errors), 'project')} not answered"
    return Found(state=DataState.OK, note=note, data=data)


__all__ = ["HEADINGS", "RECALLS", "health", "inbox", "memories", "plural", "projects", "queue", "visions"]
