"""After a gate for what a person asked for: it is carried out at once, and what became of it is said."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stas_tui.gates.contract import Answer, Shown
from stas_tui.gates.tool_words import tool_words
from stas_tui.pulse.asked import asked_for
from storage.records import Action

if TYPE_CHECKING:
    from stas_tui.app import StasApp

_GOOD = ("ok", "pending", "halted", "running")


async def after_gate(app: StasApp, decided: str | None, action: Action) -> bool:
    """Whether the gate was a person's own errand; approved, it is done now. Otherwise the pulse goes on by itself.

    Raises `StasError` if the record cannot be written; the approval then stands, and the next step carries it out.
    """
    context = app.application.context
    if not await app.hand.look(asked_for, context, action):
        return False
    if decided == "approved":
        answer = await app.hand.act(context.toolbox.perform, action.id)
        app.say(outcome_words(answer), error=answer.status not in _GOOD or bool(answer.differences))
    return True


def outcome_words(answer: Answer) -> str:
    """What became of an approved action, as a sentence."""
    revision = answer.action.revision if answer.action else None
    title = Shown.from_json(revision.shown if revision else {}).title or tool_words(answer.tool)
    why = f": {answer.reason}" if answer.reason else "."
    if answer.status == "ok" and answer.differences:
        return f"{title}: done, but what stands there differs: {'; '.join(answer.differences)}"
    words = {
        "ok": f"{title}: done and read back.",
        "pending": f"{title}: not done, it asks you again{why}",
        "halted": f"{title}: approved; it is done when the agent is no longer paused.",
        "running": f"{title}: under way.",
        "approved": f"{title}: not done yet{why}",
        "unknown": f"{title}: whether it happened cannot be seen yet{why} The next step of the pulse looks for it.",
    }
    return words.get(answer.status, f"{title}: not done, {answer.status}{why}")
