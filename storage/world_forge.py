"""Pull requests and workspaces of the world database, kept for the local forge."""

from __future__ import annotations

import sqlite3
from dataclasses import fields, replace
from typing import Any

from storage.records import PullRequest, Workspace
from storage.world_rows import (
    PULL_REQUEST,
    WORKSPACE,
    WorldBase,
    WorldError,
    clean,
    encode,
    plain,
    pull_request_of,
    save,
    workspace_of,
)

_FIELDS = {field.name for field in fields(PullRequest)}


class WorldForge(WorldBase):
    """Pull requests and workspaces."""

    # pull requests -------------------------------------------------------------------------------

    def add_pr(self, pr: PullRequest) -> PullRequest:
        """Record a pull request under the project's next number; an open one of the same head is returned instead.

        A number above 0 that the record brings is kept if it is free.
        """
        with self.store.write() as conn:
            if pr.state == "open":
                row = conn.execute(
                    f"select {PULL_REQUEST} from pull_requests where project_id = ? and head = ? and state = 'open'",
                    (clean(pr.project_id), clean(pr.head)),
                ).fetchone()
                if row is not None:
                    return pull_request_of(row)
            number = int(pr.number)
            if number < 1 or self.get_pr(pr.project_id, number) is not None:
                number = conn.execute(
                    "select coalesce(max(number), 0) + 1 from pull_requests where project_id = ?",
                    (clean(pr.project_id),),
                ).fetchone()[0]
            save(conn, "pull_requests", encode(replace(pr, number=number)), ("project_id", "number"))
            return self._pr(conn, pr.project_id, number)

    def get_pr(self, project_id: str, number: int) -> PullRequest | None:
        """One pull request, or None."""
        return self._one_pr("project_id = ? and number = ?", clean(project_id), plain(number))

    def open_pr_of(self, project_id: str, head: str) -> PullRequest | None:
        """The open pull request of a head branch, or None."""
        return self._one_pr("project_id = ? and head = ? and state = 'open'", clean(project_id), clean(head))

    def open_prs(self, project_id: str) -> list[PullRequest]:
        """Open pull requests of a project, newest first."""
        return self._prs("project_id = ? and state = 'open'", clean(project_id))

    def all_prs(self, project_id: str) -> list[PullRequest]:
        """All pull requests of a project, newest first."""
        return self._prs("project_id = ?", clean(project_id))

    def update_pr(self, project_id: str, number: int, **fields: Any) -> PullRequest:
        """Change fields of a pull request; a changed state is noted on the tasks that carry its number.

        Raises `WorldError` if there is none, or if it is reopened while its head has another open one; `TypeError`
        for a field that does not exist.
        """
        wrong = fields.keys() - _FIELDS
        if wrong:
            raise TypeError(f"not a field of a pull request: {', '.join(sorted(wrong))}")
        with self.store.write() as conn:
            known = self._pr(conn, project_id, number)
            changed = replace(known, **fields)
            if changed.state == "open":
                other = conn.execute(
                    "select number from pull_requests where project_id = ? and head = ? and state = 'open'"
                    " and number <> ?",
                    (known.project_id, clean(changed.head), number),
                ).fetchone()
                if other is not None:
                    raise WorldError(f"Branch {changed.head} has the open pull request #{other[0]} already.")
            save(conn, "pull_requests", encode(changed), ("project_id", "number"))
            conn.execute(
                "update tasks set pr_open = ?1, version = version + 1"
                " where project_id = ?2 and pr_number = ?3 and pr_open <> ?1",
                (int(changed.state == "open"), known.project_id, number),
            )
            return self._pr(conn, project_id, number)

    def _one_pr(self, where: str, *params: str | float | None) -> PullRequest | None:
        row = self.store.read_one(f"select {PULL_REQUEST} from pull_requests where {where}", params)
        return pull_request_of(row) if row else None

    def _prs(self, where: str, *params: str) -> list[PullRequest]:
        rows = self.store.read(f"select {PULL_REQUEST} from pull_requests where {where} order by number desc", params)
        return [pull_request_of(row) for row in rows]

    @staticmethod
    def _pr(conn: sqlite3.Connection, project_id: str, number: int) -> PullRequest:
        row = conn.execute(
            f"select {PULL_REQUEST} from pull_requests where project_id = ? and number = ?",
            (clean(project_id), plain(number)),
        ).fetchone()
        if row is None:
            raise WorldError(f"Project {project_id} has no pull request #{number}.")
        return pull_request_of(row)

    # workspaces ----------------------------------------------------------------------------------

    def put_workspace(self, workspace: Workspace) -> Workspace:
        """Record the clone of a task, or replace the record."""
        with self.store.write() as conn:
            save(conn, "workspaces", encode(workspace), ("task_id",))
            row = conn.execute(f"select {WORKSPACE} from workspaces where task_id = ?", (clean(workspace.task_id),))
            return workspace_of(row.fetchone())

    def get_workspace(self, task_id: str) -> Workspace | None:
        """The recorded clone of a task, or None."""
        row = self.store.read_one(f"select {WORKSPACE} from workspaces where task_id = ?", (clean(task_id),))
        return workspace_of(row) if row else None

    def workspaces(self) -> list[Workspace]:
        """All recorded clones by task id."""
        return [workspace_of(row) for row in self.store.read(f"select {WORKSPACE} from workspaces order by task_id")]

    def drop_workspace(self, task_id: str) -> None:
        """Forget the clone of a task; nothing on disk is touched."""
        with self.store.write() as conn:
            conn.execute("delete from workspaces where task_id = ?", (clean(task_id),))
