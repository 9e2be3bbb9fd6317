"""From a repository and a range of commits to the change that the review's checks are asked about."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from stas_tui import exit_codes, git_probe
from stas_tui.forges.git import Git
from stas_tui.review.base import Change
from stas_tui.review.changes import changed_files, commits_of
from storage.clock import Clock, SystemClock
from storage.errors import StasError

if TYPE_CHECKING:
    from stas_tui.config_model import Project
    from stas_tui.locations import Profile


class NoRepository(StasError):
    """There is no git repository where one was named."""

    exit_code = exit_codes.USAGE


def change_of(
    repository: Path,
    text: str,
    *,
    project: Project | None = None,
    profile: Profile | None = None,
    tenancy_file: Path | None = None,
    plan: str = "",
    only: frozenset[str] = frozenset(),
    rehearse: bool = True,
    clock: Clock | None = None,
    progress: Callable[[str], None] = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Change:
    """The change `BASE..HEAD` of a repository. Raises `NoRepository`, `RangeWrong`, `ForgeError`, `ConfigError`."""
    from stas_tui.isolation.git_tree import CommitTree
    from stas_tui.isolation.tenancy import load

    top = git_probe.top_level(repository)
    if top is None:
        raise NoRepository(f"There is no git repository at {repository}.", "Name one with --repository.")
    git = Git()
    git_dir = Path(git_probe.git(["rev-parse", "--absolute-git-dir"], top).out.rstrip("\n"))
    base, head = commits_of(git, git_dir, text)
    files, cut = changed_files(git, git_dir, base, head)
    file = tenancy_file or (_tenancy_of(project, profile) if project and profile else None)
    return Change(
        project_id=project.id if project else top.name,
        base=CommitTree(git, git_dir, base),
        head=CommitTree(git, git_dir, head),
        files=files,
        clock=clock or SystemClock(),
        cut=cut,
        tenancy=load(file) if file is not None else None,
        plan=plan,
        tenants=project.tenants if project else (),
        services=project.services if project else (),
        health=tuple(endpoint.name for endpoint in project.health) if project else (),
        root=top,
        environ=os.environ,
        only=only,
        rehearse=rehearse,
        progress=progress,
        cancelled=cancelled,
    )


def _tenancy_of(project: Project, profile: Profile) -> Path | None:
    file = profile.tenancy_file(project.id, project.tenancy)
    return file if file.exists() else None
