"""Taking a logged action back: a move by the reverse move, a P0 task within five minutes by closing it (R43, R96)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stas_tui.gates.contract import BadCall, Call, Effect, Plan, RiskLine, Shown
from stas_tui.gates.tool_words import tool_words
from stas_tui.gates.tools.base import BaseTool, only, text_of
from stas_tui.platforms.base import PlatformError
from storage.clock import MINUTE
from storage.records import Action, ActionState, EffectClass, GateLevel, Json

UNDO_MS = 5 * MINUTE
"""How long a task that was created at once can be taken back (R43)."""
CLOSED = "done"


class TooLate(BadCall):
    """The action cannot be undone any more, or never could; the text says what to do instead."""


class UndoAction(BaseTool):
    """Undo one logged action. A person's own act: it is logged, and never overwrites what others did since."""

    name = "undo_action"
    effect_class = EffectClass.CONVERGE

    def check(self, args: Mapping[str, Any]) -> Json:
        """`actionId`."""
        only(args, "actionId")
        return {"actionId": text_of(args, "actionId", limit=200)}

    def natural_key(self, args: Json) -> str:
        """Each action is undone once."""
        return f"undo:{args['actionId']}"

    def plan(self, call: Call) -> Plan:
        """The move that takes it back. Raises `TooLate`."""
        undone = self.door.journal.get(call.args["actionId"])
        project, task_id, back = self._way_back(undone)
        task = self.task(project, task_id)
        expected = (undone.outcome or {}).get("observed", {}).get("to") if undone.tool == "transition_task" else None
        if expected is not None and task.status != expected:
            raise TooLate(
                f"{task_id} is in {task.status} now, not in {expected}: somebody moved it since.",
                "Move it on the board.",
            )
        if undone.tool == "create_task" and task.assignee is not None:
            raise TooLate(f"{task_id} is held by {task.assignee} already.", "Talk to them; close it on the board.")
        return Plan(
            plan={
                "undoes": undone.id,
                "tool": undone.tool,
                "project": project,
                "task": task_id,
                "from": task.status,
                "to": back,
            },
            preconditions={"status": task.status, "assignee": task.assignee},
            shown=Shown(
                title=f"Undo: move {task_id} back to {back}"
                if undone.tool == "transition_task"
                else f"Undo: close {task_id}",
                risk_level="low",
                risk=[RiskLine(kind="blast radius", level="ok", text="the task's column")],
            ),
            level=GateLevel.LOG,
        )

    def _way_back(self, undone: Action) -> tuple[str, str, str]:
        """(project, task, column to move it to)."""
        if undone.state is not ActionState.SUCCEEDED or undone.revision is None:
            raise TooLate("Nothing was done that could be undone.")
        plan, observed = undone.revision.plan, (undone.outcome or {}).get("observed", {})
        if undone.tool == "transition_task":
            return plan["project"], plan["task"], plan["from"]
        if undone.tool == "create_task":
            if self.door.journal.now() - (undone.finished_at or 0) > UNDO_MS:
                raise TooLate("A created task can be taken back for five minutes only.", "Close it on the board.")
            return plan["project"], observed["task"], CLOSED
        raise TooLate(
            f"«{tool_words(undone.tool)}» cannot be undone.", "What went out or was pushed is taken back by hand."
        )

    def preconditions_now(self, action: Action) -> Json:
        """Column and assignee, read afresh."""
        assert action.revision is not None
        plan = action.revision.plan
        task = self.task(plan["project"], plan["task"])
        return {"status": task.status, "assignee": task.assignee}

    def intended(self, action: Action) -> Json:
        """The column it came from."""
        assert action.revision is not None
        return {"to": action.revision.plan["to"]}

    def apply(self, action: Action, key: str) -> Effect:
        """Move it back and read it."""
        assert action.revision is not None
        plan = action.revision.plan
        try:
            self.door.platform.transition(plan["project"], plan["task"], plan["to"])
        except PlatformError as error:
            return self.after_error(action, key, error)
        return self._seen(plan)

    def find(self, action: Action, key: str) -> Effect | None:
        """It happened if the task stands where it was to go."""
        assert action.revision is not None
        effect = self._seen(action.revision.plan)
        return effect if effect.observed["to"] == action.revision.plan["to"] else None

    def _seen(self, plan: Json) -> Effect:
        task = self.task(plan["project"], plan["task"])
        return Effect(
            requested={"task": plan["task"], "to": plan["to"]},
            observed={"task": task.id, "from": plan["from"], "to": task.status},
        )
