"""What became of a verdict on a pull request that was asked for here, in words."""

from __future__ import annotations

from storage.records import Action, ActionState
from widgets.tokens import Mark

WAITING = {
    ActionState.PENDING: ("at a gate", "it waits for your answer", Mark.HUMAN),
    ActionState.APPROVED: ("approved", "it is approved, the next step of the pulse sends it", Mark.TODO),
    ActionState.EXECUTING: ("being sent", "it is being sent", Mark.RUN),
    ActionState.UNKNOWN: ("not known", "whether it was sent is not known; the next step looks for it", Mark.UNKNOWN),
    ActionState.ABANDONED: ("not known", "whether it was sent was never found out", Mark.UNKNOWN),
}
"""A verdict that was not sent, or may not have been: word for the list, sentence, mark."""

_OVER = {
    ActionState.REJECTED: "rejected, nothing was sent",
    ActionState.EXPIRED: "nobody answered its gate, nothing was sent",
    ActionState.WITHDRAWN: "withdrawn, nothing was sent",
    ActionState.FAILED: "it could not be sent",
}


def sentence_of(action: Action) -> tuple[str, Mark]:
    """The last verdict that a message led to: which one, about which commit, and what became of it."""
    plan = action.revision.plan if action.revision is not None else {}
    about = f"{plan.get('event', 'verdict')} on #{plan.get('number', '?')} at {str(plan.get('commit', ''))[:8]}"
    if action.state is ActionState.SUCCEEDED:
        return f"{about}: sent{f', approved by {action.decided_by}' if action.decided_by else ''}", Mark.DONE
    if action.state in _OVER:
        return f"{about}: {_OVER[action.state]}", Mark.WARN
    _, text, mark = WAITING.get(action.state, WAITING[ActionState.UNKNOWN])
    return f"{about}: {text}", mark
