"""What a trainee can say in a lesson for which the dashboard has no key: each is a line of the record, or a call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stas_tui.gates.contract import Answer
from stas_tui.training.observer import ASKED, MARKED, RECLASSIFIED
from storage.redact import redact

if TYPE_CHECKING:
    from stas_tui.training.stage.stage import Stage
    from storage.records import Json

CLASSES = ("urgent", "help_request", "handoff", "review_request", "info")
"""What a message can be."""
WEIGHTS = ("simple", "complex")
"""What a change can be."""


def classes_of(stage: Stage, ref: str) -> tuple[str, ...]:
    """Among what a thing can be classed: a change of the agent, or a message."""
    return WEIGHTS if ref in stage.gates else CLASSES


def ask(stage: Stage, ref: str, text: str) -> None:
    """Ask about something; it stays undecided."""
    _note(stage, ASKED, ref, text)


def mark_suspicious(stage: Stage, ref: str, text: str) -> None:
    """Say that something is not to be trusted."""
    _note(stage, MARKED, ref, text)


def reclassify(stage: Stage, ref: str, to: str) -> None:
    """Give a message another type, or a change another weight. Raises `PlatformError`."""
    if ref not in stage.gates:
        stage.application.context.door.platform.reclassify(ref, to)
    _note(stage, RECLASSIFIED, ref, to)


def message_agent(stage: Stage, name: str, text: str) -> Answer:
    """Write to an agent, through the door."""
    return call(stage, "message_agent", {"agentId": name, "message": text})


def slack(stage: Stage, text: str, category: str) -> Answer:
    """Write to the human, through the door."""
    return call(stage, "slack_dm", {"message": text, "category": category})


def create_task(stage: Stage, args: dict[str, str]) -> Answer:
    """File a task, through the door."""
    return call(stage, "create_task", args)


def call(stage: Stage, tool: str, args: Json) -> Answer:
    """Ask the door for something in the trainee's name."""
    pulse = stage.application.machine.current()
    assert pulse is not None
    return stage.application.context.toolbox.call(tool, args, pulse_id=pulse.id, caller=stage.application.person)


def _note(stage: Stage, kind: str, ref: str, text: str) -> None:
    pulse = stage.application.machine.current()
    stage.application.context.journal.record(
        kind,
        actor=stage.application.person,
        pulse_id=pulse.id if pulse else None,
        action_id=stage.gates.get(ref),
        body={"ref": ref, "text": redact(text)},
    )
