"""What an act counts as: what an answer to a gate is called by the gate's purpose, and whether a text says it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stas_tui.training.words import ON_GATE, WRITTEN

if TYPE_CHECKING:
    from stas_tui.training.engine import Act
    from stas_tui.training.scenario import Decision


def called(verb: str, tool: str) -> set[str]:
    """What an answer to a gate is called by what the gate is for."""
    if tool == "slack_dm":
        return {"slack_withhold"} if verb == "reject" else {"slack_send"} if verb in ON_GATE else set()
    approved = verb in ("approve", "edit_and_approve")
    named = {"rollback": "rollback", "create_task": "create_task", "message_agent": "message_agent"}
    return {named[tool]} if approved and tool in named else set()


def says(decision: Decision, act: Act) -> bool:
    """Whether an act that is a text says what a decision asks for; others need not."""
    return act.verb not in WRITTEN or matches(decision, act.text)


def matches(decision: Decision, text: str) -> bool:
    """Whether one of the words that a decision asks for stands in a text, in whatever case."""
    low = text.casefold()
    return not decision.match or any(word.casefold() in low for word in decision.match)
