"""The tools that only look: each answer says whether it is data, nothing, or a failure, and stands in the log."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from stas_tui.forges.base import ForgeError
from stas_tui.gates.clean import clean
from stas_tui.gates.contract import BadCall
from stas_tui.gates.tools.base import Door
from stas_tui.platforms.base import NotFound, PlatformError
from storage.errors import StoreError
from storage.records import DataState, Json, Memory, Message, Project, Reading, Task, Vision

_T = TypeVar("_T")


class Reads:
    """The reading tools; part of `Toolbox`. They never raise for a source that does not answer."""

    door: Door

    def check_inbox(self, *, pulse_id: str, caller: str) -> Reading[list[Message]]:
        """Messages that nobody acknowledged yet."""
        return self._read("check_inbox", {}, pulse_id, caller, "inbox", self.door.platform.inbox, [])

    def recall(self, query: str, limit: int, *, pulse_id: str, caller: str) -> Reading[list[Memory]]:
        """At most `limit` memories, best first (T12)."""
        if "{" in query or "}" in query:
            raise BadCall("A recall query still holds a placeholder.", "Say what to search for (R51).")

        def ask() -> list[Memory]:
            return self.door.platform.recall(query, limit)[:limit]

        return self._read("recall", {"query": query, "limit": limit}, pulse_id, caller, "memory", ask, [])

    def get_my_projects(self, *, pulse_id: str, caller: str) -> Reading[list[Project]]:
        """Projects the agent is assigned to (T1)."""
        return self._read("get_my_projects", {}, pulse_id, caller, "platform", self.door.platform.projects, [])

    def get_project_vision(self, project_id: str, *, pulse_id: str, caller: str) -> Reading[Vision | None]:
        """The vision document; `empty` if none was ever set (T2)."""
        return self._read(
            "get_project_vision",
            {"projectId": project_id},
            pulse_id,
            caller,
            "platform",
            lambda: self.door.platform.vision(project_id),
            None,
        )

    def get_ready_tasks(self, project_id: str, *, pulse_id: str, caller: str) -> Reading[list[Task]]:
        """All open tasks of a project; the order law makes the queue of them (T3)."""
        return self._read(
            "get_ready_tasks",
            {"projectId": project_id},
            pulse_id,
            caller,
            "platform",
            lambda: self.door.platform.tasks(project_id),
            [],
        )

    def get_task_context(self, project_id: str, task_id: str, *, pulse_id: str, caller: str) -> Reading[Task | None]:
        """One task with everything known of it (T6)."""
        return self._read(
            "get_task_context",
            {"projectId": project_id, "taskId": task_id},
            pulse_id,
            caller,
            "platform",
            lambda: self.door.platform.task(project_id, task_id),
            None,
        )

    def _read(
        self, tool: str, args: Json, pulse_id: str, caller: str, source: str, ask: Callable[[], _T], nothing: _T
    ) -> Reading[_T]:
        at = self.door.clock.now()
        try:
            value = ask()
        except (PlatformError, ForgeError, StoreError, OSError) as error:
            state = DataState.EMPTY if isinstance(error, NotFound) and nothing is None else DataState.ERROR
            reading = Reading(state, nothing, source, at, str(error))
        else:
            empty = value is None or (isinstance(value, Sequence) and not value)
            reading = Reading(DataState.EMPTY if empty else DataState.OK, value, source, at)
        count = len(reading.value) if isinstance(reading.value, list) else int(reading.value is not None)
        self.door.journal.record(
            "tool.read",
            actor=caller,
            pulse_id=pulse_id,
            body=clean(
                {"tool": tool, "args": args, "state": reading.state.value, "count": count, "reason": reading.reason}
            ),
        )
        return reading
