"""The demo's repository in a bare repository, and clones of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from demo_repositories import git, make_repository

from stas_tui.demo.repository import BASE, DemoRepository


@pytest.fixture
def repository(tmp_path: Path) -> DemoRepository:
    return make_repository(tmp_path / "remote.git")


@pytest.fixture
def clone(repository: DemoRepository, tmp_path: Path) -> Callable[[str], Path]:
    """A clone in which a feature branch is checked out, as a task's workspace is."""

    def make(name: str, start: str = BASE) -> Path:
        folder = tmp_path / name
        git(tmp_path, "clone", "-q", "--no-hardlinks", str(repository.remote), str(folder))
        git(folder, "checkout", "-q", "-b", f"infra/{name}", f"origin/{start}")
        (folder / ".git" / "info" / "exclude").write_text("/.stas/\n")
        return folder

    return make
