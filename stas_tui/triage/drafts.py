"""A task from an item of the list: title, evidence, and the open tasks that say the same already (R43, R120)."""

from __future__ import annotations

from collections.abc import Mapping

from stas_tui.gates.contract import Answer
from stas_tui.platforms.base import PlatformError
from stas_tui.texts.lines import one_line, redacted
from stas_tui.texts.untrusted import imperative_to_agent
from stas_tui.triage.eyes import Eyes
from stas_tui.triage.parts import Parts, actor
from storage.clock import iso_seconds
from storage.records import Json, Priority, Task
from storage.triage import TriageRefused
from storage.triage_records import ItemClass, TriageItem
from storage.world_similar import THRESHOLD, Likeness

TITLE = 120
EVIDENCE = 10
MOST_DUPLICATES = 5


class Drafts:
    """Task drafts. Creating one goes through the one door: a P0 at once with undo, anything else at a gate."""

    def __init__(self, parts: Parts, eyes: Eyes) -> None:
        self._parts = parts
        self._eyes = eyes

    def draft(self, key: str) -> Json:
        """The arguments of `create_task`, and `duplicates`: open tasks as `{"id", "title", "likeness"}`."""
        return self._draft(self._eyes.item(key))

    def file(self, key: str, *, by: str, changes: Mapping[str, str]) -> Answer:
        """Create the task, with what a person changed in the draft. Raises `TriageRefused` without an open pulse.

        The same item gives the same call: a second try finds the task of the first.
        """
        who, item = actor(by), self._eyes.item(key)
        pulse = self._parts.context.pulses.current()
        if pulse is None:
            raise TriageRefused("No pulse is open, so nothing can be created.", "Begin a pulse first.")
        unknown = set(changes) - {"projectId", "title", "description", "priority"}
        if unknown:
            raise TriageRefused(f"A task has no {sorted(unknown)[0]}.")
        args = {name: value for name, value in self._draft(item).items() if name != "duplicates"} | dict(changes)
        cause = item.ref if item.item_class is ItemClass.MESSAGE and item.ref else item.key
        answer = self._parts.context.toolbox.call("create_task", args, pulse_id=pulse.id, caller=who, caused_by=cause)
        body = {
            "status": answer.status,
            "action": answer.action.id if answer.action else "",
            "task": answer.result.get("task", ""),
        }
        self._parts.notes.record(item.key, "triage.task", by=who, body=body)
        return answer

    def _draft(self, item: TriageItem) -> Json:
        project = self._project(item)
        title = self._title(item)
        return {
            "projectId": project,
            "title": title,
            "description": self._description(item),
            "priority": (item.priority or Priority.P2).value,
            "duplicates": self._duplicates(project, title, item),
        }

    def _project(self, item: TriageItem) -> str:
        """Its own project, else the one that has its service or tenant, else the first."""
        projects = self._parts.settings.project
        if item.project_id:
            return item.project_id
        for project in projects:
            if item.service in project.services or set(item.tenants) & set(project.tenants):
                return project.id
        if not projects:
            raise TriageRefused("No project is configured that a task could belong to.", "Add a [[project]].")
        return projects[0].id

    @staticmethod
    def _title(item: TriageItem) -> str:
        said = one_line(redacted(item.title), TITLE)
        if said.lower().startswith("infra:"):
            said = said[len("infra:") :].strip()
        if not said or (not item.trusted and imperative_to_agent(item.title)):
            said = f"{item.item_class.value} {one_line(item.key, 60)}"
        return f"infra: {said}"

    def _description(self, item: TriageItem) -> str:
        lines = [f"From the triage list: {item.item_class.value}, {item.word or 'no state'}, ×{item.count}."]
        lines.append(f"First seen {iso_seconds(item.first_seen)}, last seen {iso_seconds(item.last_seen)}.")
        lines += [f"Service: {one_line(redacted(item.service), 60)}."] if item.service else []
        tenants = ", ".join(one_line(redacted(tenant), 40) for tenant in item.tenants[:10])
        lines += [f"Tenants: {tenants}."] if tenants else []
        if not item.trusted:
            lines.append("Everything below is text from outside that nobody vouches for:")
        lines.append("")
        orders = not item.trusted and imperative_to_agent("\n".join([item.title, *(e.text for e in item.evidence)]))
        if orders:
            lines.append("- words left out: they give orders to the agent; read them at the source")
        for proof in item.evidence[:EVIDENCE]:
            text = "" if orders else f": {one_line(redacted(proof.text), 200)}"
            lines.append(f"- {proof.kind} {one_line(redacted(proof.ref), 80)}{text}")
        return "\n".join(lines)

    def _duplicates(self, project: str, title: str, item: TriageItem) -> list[Json]:
        try:
            tasks = self._parts.platform.tasks(project)
        except PlatformError as error:
            raise TriageRefused(f"The board cannot be read, so duplicates cannot be seen: {error}") from error
        like = Likeness(title)
        scored = [(like.to(Likeness(task.title)), task) for task in tasks if not _itself(item, task)]
        best = sorted((pair for pair in scored if pair[0] >= THRESHOLD), key=lambda p: (-p[0], p[1].id))
        return [
            {"id": task.id, "title": redacted(task.title), "likeness": score} for score, task in best[:MOST_DUPLICATES]
        ]


def _itself(item: TriageItem, task: Task) -> bool:
    return item.key == f"task:{task.project_id}/{task.id}"
