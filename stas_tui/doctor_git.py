"""Checks of the configured repositories; nothing is fetched, pushed or changed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from stas_tui import git_probe
from stas_tui.doctor_rows import Row, State

if TYPE_CHECKING:
    from stas_tui.config import Project, Settings


def projects(settings: Settings) -> Iterator[Row]:
    """Three rows for each project: reachable, base branch, writable."""
    if not settings.project:
        yield Row(
            "project", "Repositories", State.WARN, "none is configured", "Add a [[project]] to the configuration."
        )
    for project in settings.project:
        yield from _project(project)


def _project(project: Project) -> Iterator[Row]:
    id_, where = project.id, project.where
    heads, _, answer = git_probe.heads(where)
    if not answer.ok:
        yield Row(
            f"repository:{id_}",
            f"{id_}: repository",
            State.FAIL,
            f"{where} could not be asked: {answer.reason}",
            "Check the address, the network and git's credentials.",
        )
        yield Row(f"base:{id_}", f"{id_}: base branch", State.UNKNOWN, "the repository could not be asked")
        yield Row(f"push:{id_}", f"{id_}: pushing", State.UNKNOWN, "the repository could not be asked")
        return
    yield Row(f"repository:{id_}", f"{id_}: repository", State.OK, f"{where}, {len(heads)} branches")
    if project.base_branch in heads:
        detail = f"{project.base_branch} at {heads[project.base_branch][:8]}"
        yield Row(f"base:{id_}", f"{id_}: base branch", State.OK, detail)
    else:
        yield Row(
            f"base:{id_}",
            f"{id_}: base branch",
            State.FAIL,
            f"target branch not found: there is no {project.base_branch}",
            f"git push '{where}' {project.main_branch}:refs/heads/{project.base_branch}",
        )
    yield _pushing(id_, where)


def _pushing(id_: str, where: str) -> Row:
    row_id, what = f"push:{id_}", f"{id_}: pushing"
    path = git_probe.local_path(where)
    if path is None:
        return Row(row_id, what, State.OK, "reading works; whether pushing is allowed shows at the first push")
    top = git_probe.top_level(path) or path
    git_dir = git_probe.git(["rev-parse", "--absolute-git-dir"], top).out.strip()
    objects = Path(git_dir or top) / "objects"
    if not os.access(objects, os.W_OK):
        return Row(row_id, what, State.FAIL, f"{objects} cannot be written", "Make it writable for your user.")
    return Row(row_id, what, State.OK, "the folder can be written")
