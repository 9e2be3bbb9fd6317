"""Projects, visions and tasks of the world database."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from storage.records import Priority, Project, Task, TaskClass, Vision
from storage.world_rows import (
    PROJECT,
    TASK,
    VISION,
    WorldBase,
    WorldError,
    bounded,
    clean,
    column_key,
    encode,
    plain,
    project_of,
    save,
    task_of,
    vision_of,
)
from storage.world_similar import THRESHOLD, Likeness

DONE = "done"
_ID_LENGTH = 12
"""Ids longer than this are not ours and do not move the counter of new tasks."""


class Answer(StrEnum):
    """What became of a change to a task."""

    CHANGED = "changed"
    ALREADY = "already"
    """The task was as asked before."""
    HELD = "held"
    """Another agent holds it."""
    HAS_PR = "has an open pull request"
    WRONG_STATUS = "wrong status"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class TaskChange:
    """The answer together with the task as it stands now; `task` is None only if it is missing."""

    answer: Answer
    task: Task | None


class WorldTasks(WorldBase):
    """Projects, visions and tasks. Every write is one transaction."""

    # projects and visions ------------------------------------------------------------------------

    def put_project(self, project: Project) -> Project:
        """Add or replace a project."""
        with self.store.write() as conn:
            save(conn, "projects", encode(project), ("id",))
            return self._project(conn, project.id)

    def archive_project(self, project_id: str) -> Project:
        """Archive a project; it stays listed. Raises `WorldError` if there is none."""
        with self.store.write() as conn:
            conn.execute("update projects set status = 'archived' where id = ?", (clean(project_id),))
            return self._project(conn, project_id)

    def projects(self) -> list[Project]:
        """All projects by id, archived ones included."""
        return [project_of(row) for row in self.store.read(f"select {PROJECT} from projects order by id")]

    def project(self, project_id: str) -> Project | None:
        """One project, or None."""
        row = self.store.read_one(f"select {PROJECT} from projects where id = ?", (clean(project_id),))
        return project_of(row) if row else None

    def _project(self, conn: sqlite3.Connection, project_id: str) -> Project:
        row = conn.execute(f"select {PROJECT} from projects where id = ?", (clean(project_id),)).fetchone()
        if row is None:
            raise WorldError(f"There is no project {project_id}.", "Add it to the configuration first.")
        return project_of(row)

    def set_vision(self, project_id: str, text: str) -> Vision:
        """Write the vision document; an unchanged text keeps its time. Raises `WorldError` for an unknown project."""
        stored = clean(text)
        digest = hashlib.sha256(stored.encode()).hexdigest()
        with self.store.write() as conn:
            self._project(conn, project_id)
            conn.execute(
                "insert into visions (project_id, text, sha256, updated_at) values (?, ?, ?, ?)"
                " on conflict (project_id) do update"
                " set text = excluded.text, sha256 = excluded.sha256, updated_at = excluded.updated_at"
                " where sha256 <> excluded.sha256",
                (clean(project_id), stored, digest, self.clock.now()),
            )
            row = conn.execute(f"select {VISION} from visions where project_id = ?", (clean(project_id),)).fetchone()
            return vision_of(row)

    def vision(self, project_id: str) -> Vision | None:
        """The vision document of a project, or None."""
        row = self.store.read_one(f"select {VISION} from visions where project_id = ?", (clean(project_id),))
        return vision_of(row) if row else None

    # tasks ---------------------------------------------------------------------------------------

    def put_task(self, task: Task) -> Task:
        """Add or replace a task as given; the column is stored in its one spelling.

        Raises `WorldError` for an unknown project, and if the id belongs to another project: workspaces and
        branches are named by task id alone.
        """
        values = encode(replace(task, status=column_key(task.status), assignee=task.assignee or None))
        with self.store.write() as conn:
            self._project(conn, task.project_id)
            row = conn.execute("select project_id from tasks where id = ?", (values["id"],)).fetchone()
            if row is not None and row[0] != values["project_id"]:
                raise WorldError(f"{task.id} is a task of project {row[0]} already.", "Give the task another id.")
            save(conn, "tasks", values, ("id",))
            return self._stored(conn, task.id)

    def task(self, project_id: str, task_id: str) -> Task | None:
        """One task, or None."""
        row = self.store.read_one(
            f"select {TASK} from tasks where id = ? and project_id = ?", (clean(task_id), clean(project_id))
        )
        return task_of(row) if row else None

    def tasks(self, project_id: str) -> list[Task]:
        """All tasks of a project that are not done, oldest first."""
        return [
            task_of(row)
            for row in self.store.read(
                f"select {TASK} from tasks where project_id = ? and status <> 'done' order by created_at, id",
                (clean(project_id),),
            )
        ]

    def task_by_key(self, key: str) -> Task | None:
        """The task that was created under a client key, or None."""
        row = self.store.read_one(f"select {TASK} from tasks where created_key = ?", (clean(key),))
        return task_of(row) if row else None

    def create_task(
        self,
        project_id: str,
        title: str,
        description: str,
        priority: Priority | None,
        *,
        key: str,
        labels: Sequence[str] = (),
        status: str = "review",
        task_class: TaskClass = TaskClass.INFRA,
        class_guessed: bool = True,
        acceptance: Sequence[str] = (),
    ) -> Task:
        """Make a task `T-n`; the same key gives the task of the first call.

        Raises `WorldError` for an unknown project or an empty key.
        """
        if not key:
            raise WorldError("A new task needs a client key.", "Without one a lost answer could make it twice.")
        with self.store.write() as conn:
            row = conn.execute(f"select {TASK} from tasks where created_key = ?", (clean(key),)).fetchone()
            if row is not None:
                return task_of(row)
            self._project(conn, project_id)
            task = Task(
                id=self._next_id(conn),
                project_id=project_id,
                title=title,
                description=description,
                status=column_key(status),
                priority=priority,
                task_class=task_class,
                class_guessed=class_guessed,
                acceptance=tuple(acceptance),
                labels=tuple(labels),
                created_at=self.clock.now(),
                created_key=key,
            )
            save(conn, "tasks", encode(task), ("id",))
            return self._stored(conn, task.id)

    @staticmethod
    def _next_id(conn: sqlite3.Connection) -> str:
        highest = conn.execute(
            "select coalesce(max(cast(substr(id, 3) as integer)), 0) from tasks"
            " where id glob 'T-[0-9]*' and length(id) <= ?",
            (_ID_LENGTH,),
        ).fetchone()[0]
        number = int(highest) + 1
        while conn.execute("select 1 from tasks where id = ?", (f"T-{number}",)).fetchone():
            number += 1
        return f"T-{number}"

    def claim(
        self, project_id: str, task_id: str, agent: str, branch: str, *, claimable: Sequence[str] = ("review",)
    ) -> TaskChange:
        """Give a task to `agent` if nobody holds it, it has no open pull request and stands in a claimable column.

        Atomic: the write lock is taken before the task is read. A repeat by the holder changes nothing (R44).
        """
        with self.store.write() as conn:
            task = self._found(conn, project_id, task_id)
            if task is None:
                return TaskChange(Answer.MISSING, None)
            holder = clean(agent)
            if task.status == DONE:
                return TaskChange(Answer.WRONG_STATUS, task)
            if task.assignee == holder:
                return TaskChange(Answer.ALREADY, task)
            if task.assignee is not None:
                return TaskChange(Answer.HELD, task)
            if task.pr_open:
                return TaskChange(Answer.HAS_PR, task)
            if task.status not in {column_key(name) for name in claimable}:
                return TaskChange(Answer.WRONG_STATUS, task)
            return self._change(conn, task, assignee=holder, branch=branch)

    def release(self, project_id: str, task_id: str, agent: str) -> TaskChange:
        """Take a task away from `agent`; a task that nobody holds is left as it is."""
        with self.store.write() as conn:
            task = self._found(conn, project_id, task_id)
            if task is None:
                return TaskChange(Answer.MISSING, None)
            if task.assignee is None:
                return TaskChange(Answer.ALREADY, task)
            if task.assignee != clean(agent):
                return TaskChange(Answer.HELD, task)
            return self._change(conn, task, assignee=None, branch=None)

    def move(self, project_id: str, task_id: str, status: str, allowed: Mapping[str, Sequence[str]]) -> TaskChange:
        """Move a task to another column, if `allowed` lists the column under the present one."""
        target = column_key(status)
        with self.store.write() as conn:
            task = self._found(conn, project_id, task_id)
            if task is None:
                return TaskChange(Answer.MISSING, None)
            if task.status == target:
                return TaskChange(Answer.ALREADY, task)
            if target not in allowed.get(task.status, ()):
                return TaskChange(Answer.WRONG_STATUS, task)
            return self._change(conn, task, status=target)

    def link_pr(self, project_id: str, task_id: str, pr_number: int) -> TaskChange:
        """Note a pull request on its task; it counts as open unless our own record of it says otherwise."""
        with self.store.write() as conn:
            task = self._found(conn, project_id, task_id)
            if task is None:
                return TaskChange(Answer.MISSING, None)
            row = conn.execute(
                "select state from pull_requests where project_id = ? and number = ?",
                (clean(project_id), plain(pr_number)),
            ).fetchone()
            is_open = row is None or row[0] == "open"
            if task.pr_number == pr_number and task.pr_open == is_open:
                return TaskChange(Answer.ALREADY, task)
            return self._change(conn, task, pr_number=pr_number, pr_open=is_open)

    def similar_tasks(self, project_id: str, title: str, limit: int = 5) -> list[tuple[Task, float]]:
        """Open tasks of a project whose titles are alike, with the likeness from `THRESHOLD` to 1, best first."""
        asked = Likeness(clean(title))
        with self.store.snapshot() as conn:
            rows = conn.execute(
                "select id, title from tasks where project_id = ? and status <> 'done'", (clean(project_id),)
            )
            scored = [(asked.to(Likeness(row["title"])), str(row["id"])) for row in rows]
            best = sorted((-score, id_) for score, id_ in scored if score >= THRESHOLD)[: bounded(limit)]
            return [(self._stored(conn, id_), -score) for score, id_ in best]

    @staticmethod
    def _found(conn: sqlite3.Connection, project_id: str, task_id: str) -> Task | None:
        row = conn.execute(
            f"select {TASK} from tasks where id = ? and project_id = ?", (clean(task_id), clean(project_id))
        ).fetchone()
        return task_of(row) if row else None

    @staticmethod
    def _stored(conn: sqlite3.Connection, task_id: str) -> Task:
        return task_of(conn.execute(f"select {TASK} from tasks where id = ?", (clean(task_id),)).fetchone())

    def _change(self, conn: sqlite3.Connection, task: Task, **fields: str | int | bool | None) -> TaskChange:
        names = ", ".join(f'"{name}" = ?' for name in fields)
        conn.execute(
            f"update tasks set {names}, version = version + 1 where id = ?",
            (*(plain(value) for value in fields.values()), task.id),
        )
        return TaskChange(Answer.CHANGED, self._stored(conn, task.id))
