"""What people asked for beside the steps: a silence, a task, an answer. Approved at its gate, it is done here."""

from __future__ import annotations

from stas_tui.gates.contract import Answer
from stas_tui.pulse.context import Context
from storage.records import Action, ActionState, EffectClass


def asked_for(context: Context, action: Action) -> bool:
    """Whether no step of its pulse goes on with an action: a person asked for it, and no slot of the work names it."""
    if action.requested_by == context.agent:
        return False
    return action.id not in {each for each in context.pulses.work(action.pulse_id).values() if isinstance(each, str)}


def carry_out(context: Context, pulse_id: str) -> list[Answer]:
    """Perform what was asked for and approved, oldest first; what an unclear answer left open is looked for first.

    Nothing happens twice: whatever another process does already is left to it.
    """
    return [
        context.toolbox.perform(action.id)
        for action in context.journal.open_actions()
        if action.pulse_id == pulse_id and _ready(action) and asked_for(context, action)
    ]


def _ready(action: Action) -> bool:
    if action.state is ActionState.UNKNOWN:
        return action.effect_class is not EffectClass.OPAQUE
    return action.state is ActionState.APPROVED
