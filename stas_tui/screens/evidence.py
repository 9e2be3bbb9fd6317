"""A piece of evidence, read from where it is kept."""

from __future__ import annotations

import json

from stas_tui.application import Application
from stas_tui.screens.isolation_panel import PREFIX
from storage.clock import iso
from storage.errors import StasError


def evidence_text(application: Application, key: str) -> str:
    """What stands behind a reference: a message, a memory, a task, a run, an action; else the reference itself."""
    if key.startswith(PREFIX):
        return _cell(application, key)
    context = application.context
    world = application.world
    agent = application.settings.agent_name
    message = world.message(key, agent)
    if message is not None:
        head = f"message {key}\nfrom {message.sender} ({message.trust.value})\nat {iso(message.at)}"
        return f"{head}\n\n{message.subject}\n\n{message.body}"
    memory = world.memory(key)
    if memory is not None:
        return f"memory {key}\n{memory.title}\nby {memory.author}, {iso(memory.at)}\n\n{memory.text}"
    for project in world.projects():
        task = world.task(project.id, key)
        if task is not None:
            return (
                f"task {key} in {project.id}\n{task.title}\n{task.priority or 'P?'} {task.status}\n\n{task.description}"
            )
    try:
        run = context.runs.get(key)
    except StasError:
        return f"{key}\n\nNo more than this reference is kept."
    output, _ = context.door.executor.tail(run.id)
    return (
        f"run {run.id}\n{run.program}\nstarted {iso(run.started_at)}\nprompt sha256 {run.prompt_sha256}\n\n"
        + json.dumps(run.result.because if run.result else [], indent=2)
        + "\n\n"
        + output.decode("utf-8", "replace")
    )


def _cell(application: Application, key: str) -> str:
    """Everything behind a cell of the isolation matrix as it is now."""
    from stas_tui.isolation.report import evidence

    project, _, rest = key.removeprefix(PREFIX).partition("/")
    tenant, _, point = rest.rpartition("/")
    try:
        board = application.rounds.look(project).board
        return "\n".join(evidence(board.cell(tenant, point), board.at)) + "\n"
    except (KeyError, StasError) as error:
        return f"{key}\n\nIt cannot be shown: {error}"
