"""`transition_task`, `create_task` and the follow-up tray (T4, T9, R43, R96, R120)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stas_tui.gates import policy
from stas_tui.gates.contract import BadCall, Call, Effect, NotDone, Plan, RiskLine, Shown
from stas_tui.gates.tools.base import TEXT_LIMIT, BaseTool, only, require_prefix, scan_texts, text_of
from stas_tui.platforms.base import PlatformError
from storage.records import Action, EffectClass, Evidence, GateLevel, Json, Priority


class TransitionTask(BaseTool):
    """Move a task to another column: logged at once, with undo by the reverse move."""

    name = "transition_task"
    effect_class = EffectClass.CONVERGE

    def check(self, args: Mapping[str, Any]) -> Json:
        """`projectId`, `taskId`, `status`."""
        only(args, "projectId", "taskId", "status")
        checked = {name: text_of(args, name, limit=200) for name in ("projectId", "taskId", "status")}
        checked["status"] = checked["status"].strip().lower().replace(" ", "_")
        return checked

    def natural_key(self, args: Json) -> str:
        """One move for each task and target."""
        return f"transition:{args['projectId']}:{args['taskId']}:{args['status']}"

    def already(self, call: Call) -> Json | None:
        """A task that stands in the column already is no error and no change."""
        task = self.task(call.args["projectId"], call.args["taskId"])
        if task.status != call.args["status"]:
            return None
        return {"task": task.id, "from": task.status, "to": task.status, "changed": False}

    def plan(self, call: Call) -> Plan:
        """From where to where."""
        task = self.holds_claim(call.args["projectId"], call.args["taskId"])
        plan: Json = {"project": task.project_id, "task": task.id, "from": task.status, "to": call.args["status"]}
        return Plan(
            plan=plan,
            preconditions={"status": task.status},
            shown=Shown(
                title=f"Move {task.id} to {call.args['status']}",
                step="7E",
                risk_level="low",
                risk=[RiskLine(kind="rollback", level="ok", text=f"move it back to {task.status}")],
            ),
            level=GateLevel.LOG,
        )

    def preconditions_now(self, action: Action) -> Json:
        """The task's column."""
        assert action.revision is not None
        plan = action.revision.plan
        return {"status": self.task(plan["project"], plan["task"]).status}

    def intended(self, action: Action) -> Json:
        """The target column."""
        assert action.revision is not None
        return {"to": action.revision.plan["to"]}

    def apply(self, action: Action, key: str) -> Effect:
        """Move it and read it back."""
        assert action.revision is not None
        plan = action.revision.plan
        try:
            self.door.platform.transition(plan["project"], plan["task"], plan["to"])
        except PlatformError as error:
            return self.after_error(action, key, error)
        task = self.task(plan["project"], plan["task"])
        return Effect(
            requested={"task": plan["task"], "to": plan["to"]},
            observed={"task": task.id, "from": plan["from"], "to": task.status, "changed": True},
        )

    def find(self, action: Action, key: str) -> Effect | None:
        """The move happened if the task stands in the target column."""
        assert action.revision is not None
        plan = action.revision.plan
        task = self.task(plan["project"], plan["task"])
        if task.status != plan["to"]:
            return None
        return Effect(requested={"task": task.id}, observed={"task": task.id, "from": plan["from"], "to": task.status})


def _items(args: Mapping[str, Any]) -> list[Json]:
    items = args.get("items")
    if not isinstance(items, list) or not items:
        raise BadCall("The tray is empty.", "Add a proposal or skip the step.")
    checked = []
    for item in items:
        only(item, "title", "description", "priority", "why")
        title = text_of(item, "title", limit=500)
        require_prefix(title, "task title")
        checked.append(
            {
                "title": title,
                "description": text_of(item, "description", limit=TEXT_LIMIT, required=False),
                "priority": _priority(item),
                "why": text_of(item, "why", limit=2_000, required=False),
            }
        )
    return checked


def _priority(args: Mapping[str, Any]) -> str:
    value = text_of(args, "priority", limit=10, required=False) or "P2"
    if value not in list(Priority):
        raise BadCall(f"There is no priority {value}.", "Use P0, P1, P2 or P3.")
    return value


class CreateTask(BaseTool):
    """Make one task. A P0 from the health scan is made at once and logged; anything else asks."""

    name = "create_task"
    effect_class = EffectClass.LOOKUP

    def check(self, args: Mapping[str, Any]) -> Json:
        """`projectId`, `title`, `description`, `priority` (P2 if absent)."""
        only(args, "projectId", "title", "description", "priority")
        title = text_of(args, "title", limit=500)
        require_prefix(title, "task title")
        return {
            "projectId": text_of(args, "projectId", limit=200),
            "title": title,
            "description": text_of(args, "description", limit=TEXT_LIMIT, required=False),
            "priority": _priority(args),
        }

    def natural_key(self, args: Json) -> str:
        """One task for each title."""
        return f"create:{args['projectId']}:{args['title'].lower()}"

    def already(self, call: Call) -> Json | None:
        """An open task with the same title is the same task (D29)."""
        for task in self.door.platform.tasks(call.args["projectId"]):
            if task.title.strip().lower() == call.args["title"].strip().lower():
                return {"task": task.id, "title": task.title, "priority": task.priority, "duplicate": True}
        return None

    def plan(self, call: Call) -> Plan:
        """The task word for word."""
        args = call.args
        policy.refuse_secrets(scan_texts(title=args["title"], description=args["description"]), "The task")
        cause = "query" if call.caused_by.startswith("alert:") else "message"
        evidence = [Evidence(kind=cause, ref=call.caused_by, text="asked for it")] if call.caused_by else []
        return Plan(
            plan={"project": args["projectId"], **{k: args[k] for k in ("title", "priority", "description")}},
            shown=Shown(
                title=f"Create task {args['priority']} in {args['projectId']}",
                step="6" if args["priority"] == Priority.P0 else "10",
                risk_level="low",
                risk=[RiskLine(kind="blast radius", level="ok", text="one task on the board")],
                evidence=evidence,
            ),
            level=GateLevel.LOG if args["priority"] == Priority.P0 else GateLevel.GATE,
        )

    def intended(self, action: Action) -> Json:
        """Title and priority."""
        assert action.revision is not None
        return {name: action.revision.plan[name] for name in ("title", "priority")}

    def apply(self, action: Action, key: str) -> Effect:
        """Create it under the action's key, so that a lost answer is found again."""
        assert action.revision is not None
        plan = action.revision.plan
        try:
            self.door.platform.create_task(
                plan["project"], plan["title"], plan["description"], Priority(plan["priority"]), key=key
            )
        except PlatformError as error:
            return self.after_error(action, key, error)
        effect = self.find(action, key)
        if effect is None:
            raise NotDone("The platform took the task but does not show it.")
        return effect

    def find(self, action: Action, key: str) -> Effect | None:
        """The task made under this key."""
        task = self.door.platform.task_by_key(key)
        if task is None:
            return None
        return Effect(
            requested={"title": task.title},
            observed={"task": task.id, "title": task.title, "priority": task.priority.value if task.priority else None},
        )


class FileFollowUps(BaseTool):
    """The follow-up tray: several tasks, one gate; an edit strikes proposals out (R120)."""

    name = "create_follow_ups"
    effect_class = EffectClass.LOOKUP

    def check(self, args: Mapping[str, Any]) -> Json:
        """`projectId`, `items`: a list of `title`, `description`, `priority`, `why`."""
        only(args, "projectId", "items")
        return {"projectId": text_of(args, "projectId", limit=200), "items": _items(args)}

    def natural_key(self, args: Json) -> str:
        """One tray for each project and pulse."""
        return f"tray:{args['projectId']}"

    def plan(self, call: Call) -> Plan:
        """Every task of the tray word for word."""
        args = call.args
        for item in args["items"]:
            policy.refuse_secrets(scan_texts(title=item["title"], description=item["description"]), "A follow-up")
        count = len(args["items"])
        return Plan(
            plan={"project": args["projectId"], "tasks": args["items"]},
            shown=Shown(
                title=f"File {count} follow-up task{'s' * (count != 1)} in {args['projectId']}",
                step="10",
                risk_level="low",
                risk=[
                    RiskLine(kind="blast radius", level="ok", text=f"{count} tasks on the board, shared with others")
                ],
            ),
            level=GateLevel.GATE,
        )

    def intended(self, action: Action) -> Json:
        """The titles in order."""
        assert action.revision is not None
        return {"titles": [item["title"] for item in action.revision.plan["tasks"]]}

    def apply(self, action: Action, key: str) -> Effect:
        """Create each under its own key."""
        assert action.revision is not None
        plan = action.revision.plan
        try:
            for n, item in enumerate(plan["tasks"]):
                description = item["description"] + (f"\n\nWhy: {item['why']}" if item["why"] else "")
                self.door.platform.create_task(
                    plan["project"], item["title"], description, Priority(item["priority"]), key=f"{key}:{n}"
                )
        except PlatformError as error:
            return self.after_error(action, key, error)
        return self._read_back(action, key)

    def find(self, action: Action, key: str) -> Effect | None:
        """All of them, or nothing: a half-filed tray is filed again, each task only once."""
        effect = self._read_back(action, key)
        assert action.revision is not None
        return effect if len(effect.observed["titles"]) == len(action.revision.plan["tasks"]) else None

    def _read_back(self, action: Action, key: str) -> Effect:
        assert action.revision is not None
        keys = [f"{key}:{n}" for n in range(len(action.revision.plan["tasks"]))]
        found = [task for task in map(self.door.platform.task_by_key, keys) if task]
        return Effect(
            requested={"tasks": len(keys)},
            observed={"titles": [task.title for task in found], "tasks": [task.id for task in found]},
        )
