"""The world as a recorded pulse saw it: projects, the board, tenants, the base branch. Pure."""

from __future__ import annotations

from stas_tui.training.record_clean import Refs, clean_line
from stas_tui.training.recorded import Material
from storage.records import Json, Step


class StartOf:
    """The `[world]` of a recording."""

    def __init__(self, material: Material, refs: Refs) -> None:
        self._m, self._refs = material, refs

    def world(self) -> Json:
        projects = _rows(self._m.step(3), "active")
        board = [*_rows(self._m.step(5), "ready"), *_rows(self._m.step(5), "waiting")]
        ids = [str(row.get("id")) for row in board if row.get("id")] + [run.task_id for run in self._m.runs]
        known = {task.id: task for task in self._m.tasks}
        tasks: list[Json] = []
        for id_ in dict.fromkeys(ids):
            row: Json = next((r for r in board if r.get("id") == id_), {})
            task = known.get(id_)
            project = str(row.get("project") or (task.project_id if task else "") or (ids and self._project()))
            title = row.get("title") or (task.title if task else "") or id_
            table: Json = {"id": self._refs.of(id_), "project": self._refs.of(project), "title": clean_line(title)}
            priority = str(row.get("priority") or (task.priority.value if task and task.priority else ""))
            if priority in ("P0", "P1", "P2", "P3"):
                table["priority"] = priority
            if task is not None and task.acceptance:
                table["acceptance"] = [clean_line(each) for each in task.acceptance]
            tasks.append(table)
        named = {str(row["id"]): str(row.get("name") or row["id"]) for row in projects if row.get("id")}
        for task_table in tasks:
            if task_table["project"] not in {self._refs.of(id_) for id_ in named}:
                named[task_table["project"]] = task_table["project"]
        world: Json = {"branch": clean_line(self._branch())}
        tenants = self._tenants()
        if tenants:
            world["tenants"] = tenants
        world["project"] = [{"id": self._refs.of(id_), "name": clean_line(name)} for id_, name in named.items()]
        world["task"] = tasks
        return world

    def _project(self) -> str:
        rows = _rows(self._m.step(3), "active")
        return str(rows[0]["id"]) if rows and rows[0].get("id") else "project"

    def _branch(self) -> str:
        plans = [one.first.plan for one in self._m.asked]
        return next((str(plan["base"]) for plan in plans if isinstance(plan.get("base"), str)), "multi-tenant")

    def _tenants(self) -> list[str]:
        step = self._m.step(9)
        named = step.data.get("tenants", {}) if step is not None else {}
        lists = named.values() if isinstance(named, dict) else []
        return list(dict.fromkeys(clean_line(each) for names in lists if isinstance(names, list) for each in names))


def _rows(step: Step | None, name: str) -> list[Json]:
    rows = step.data.get(name, []) if step is not None else []
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
