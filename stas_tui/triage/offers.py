"""Which events an item can wait for: its task, its pull request, the CI of its commit or of the likeliest suspect."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from stas_tui.triage.events import Offer, event_words, is_event
from stas_tui.triage.eyes import Eyes, Seen
from stas_tui.triage.grouping import suspects
from stas_tui.triage.parts import Parts
from stas_tui.triage.waits import Waits
from storage.errors import StasError
from storage.records import Action, DataState, Json, Task
from storage.triage_records import ItemClass, TriageItem
from storage.watch_records import Deploy, SourceKind, SourceStatus

MOST = 5

_Named = tuple[str, str]
"""An event, and what it is about."""


class Offers:
    """Events as choices, without asking anybody outside; whether one has come already is found when it is chosen."""

    def __init__(self, parts: Parts, eyes: Eyes, waits: Waits) -> None:
        self._parts = parts
        self._eyes = eyes
        self._waits = waits

    def of(self, keys: Sequence[str]) -> list[Offer]:
        """At most five for all of these items together, the closest first; what is over already is left out."""
        seen = self._eyes.recent()
        wanted = SourceKind.CI in seen.sight.configured
        ci = bool(seen.sight.checks) or (wanted and any(map(_tells_of_checks, seen.sight.sources)))
        named: dict[str, str] = {}
        for key in keys:
            if (item := seen.items.get(key)) is not None:
                for event, about in self._of(item, seen):
                    named.setdefault(event, about)
        real = [event for event in named if is_event(event) and self._waits.may_come(event, ci=ci)]
        return [Offer(event, event_words(event, about=named[event])) for event in real[:MOST]]

    def _of(self, item: TriageItem, seen: Seen) -> Iterable[_Named]:
        kind = item.key.partition(":")[0]
        if kind == "deploy":
            yield f"ci:{item.project_id}/{item.ref}", item.title
        elif kind == "task":
            yield from _task(seen, item.ref, item.project_id)
        elif kind == "message":
            yield from _message(item, seen)
        elif kind == "gate":
            yield from _gate(item, seen)
        if kind not in ("gate", "task"):
            for task_id in self._filed(item):
                yield from _task(seen, task_id)
        if item.item_class is ItemClass.INCIDENT:
            yield from _suspect(item, seen)

    def _filed(self, item: TriageItem) -> list[str]:
        """Ids of the tasks that a person made of it, the latest first."""
        cause = item.ref if item.item_class is ItemClass.MESSAGE else ""
        found: dict[str, None] = {}
        for event in reversed(self._parts.notes.events(item.key, causes=(cause,))):
            if event.kind == "triage.task":
                found.setdefault(str(event.body.get("task") or self._made(str(event.body.get("action") or ""))))
        return [task_id for task_id in found if task_id]

    def _made(self, action_id: str) -> str:
        """The task that came of a gate; empty as long as none has."""
        try:
            outcome = self._parts.journal.get(action_id).outcome
        except StasError:
            return ""
        observed = (outcome or {}).get("observed")
        return str(observed.get("task") or "") if isinstance(observed, dict) else ""


def _tells_of_checks(source: SourceStatus) -> bool:
    """Whether it could: one that was asked and never answered for want of a forge never will."""
    never = source.state is DataState.UNKNOWN and source.asked_at is not None and source.at is None
    return source.kind is SourceKind.CI and not never


def _task(seen: Seen, task_id: str, project_id: str = "") -> Iterable[_Named]:
    """The pull request of a task, then the task itself."""
    for task in seen.sight.tasks:
        if task.id == task_id and project_id in ("", task.project_id):
            if task.pr_open and task.pr_number is not None:
                yield f"pr:{task.project_id}/{task.pr_number}", _title(task)
            yield f"task:{task.project_id}/{task.id}", task.title
            return


def _title(task: Task) -> str:
    return f"{task.id} {task.title}"


def _message(item: TriageItem, seen: Seen) -> Iterable[_Named]:
    for message in seen.sight.messages:
        if message.id != item.ref:
            continue
        project_id = message.project_id or ""
        if message.pr_number is not None and project_id:
            yield f"pr:{project_id}/{message.pr_number}", message.subject
        if message.task_id:
            yield from _task(seen, message.task_id, project_id)


def _gate(item: TriageItem, seen: Seen) -> Iterable[_Named]:
    action = next((action for action in seen.sight.gates if action.id == item.ref), None)
    if action is None:
        return
    args = _args(action)
    project_id, number, task_id = item.project_id, args.get("number"), args.get("taskId")
    if action.tool == "retarget_pr" and isinstance(number, int):
        yield f"pr:{project_id}/{number}", item.title
    if isinstance(task_id, str) and task_id:
        yield from _task(seen, task_id, project_id)


def _args(action: Action) -> Json:
    return action.revision.args if action.revision is not None else {}


def _suspect(item: TriageItem, seen: Seen) -> Iterable[_Named]:
    """CI of the change that probably caused it."""
    found = suspects(item, seen.sight.deploys, now=seen.at)
    if not found:
        return
    for fact in seen.sight.deploys:
        if isinstance(fact.thing, Deploy) and fact.thing.sha == found[0].sha:
            yield f"ci:{fact.thing.project_id}/{fact.thing.sha}", found[0].what
            return
