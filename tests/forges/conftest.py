"""Real repositories for the forge: a bare remote with its hook, a base branch, and a main that moved on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from forge_bench import Bench, Remote, commit, git

from stas_tui.forges.base import Repo
from stas_tui.forges.hooks import init_remote
from stas_tui.forges.local_git import LocalGitForge
from storage.clock import ManualClock
from storage.schema_world import open_world
from storage.world import World


@pytest.fixture
def repo_factory(tmp_path: Path) -> Callable[..., tuple[Repo, Remote]]:
    """Makes remotes: `main` with one commit, `multi-tenant` one ahead of it, then `main` moved by one (`moved`)."""

    def make(project: str = "shop", *, moved: bool = True) -> tuple[Repo, Remote]:
        person = tmp_path / f"{project}-person"
        person.mkdir()
        git("init", "-q", "--initial-branch=main", cwd=person)
        files: dict[str, str | bytes | None] = {
            "README.md": "shop\n",
            "svc/api.py": "LIMIT = 10\n\n\ndef get():\n    return LIMIT\n",
            "svc/db.py": "POOL = 5\n",
            ".gitignore": "*.log\n.env\nbuild/\n",
        }
        commit(person, files, "first")
        git("checkout", "-q", "-b", "multi-tenant", cwd=person)
        commit(person, {"tenants.toml": "[[tenant]]\nid = 'a'\n"}, "infra: tenants")
        remote = Remote(init_remote(tmp_path / f"{project}.git", seed=person), person)
        if moved:
            remote.advance("main", {"hotfix.py": "FIX = 1\n"}, "hotfix on main")
        return Repo(project_id=project, url=str(remote.path)), remote

    return make


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def world(tmp_path: Path, clock: ManualClock) -> Iterator[World]:
    store = open_world(tmp_path / "platform.db")
    yield World(store, clock)
    store.close()


@pytest.fixture
def forge(tmp_path: Path, world: World, clock: ManualClock) -> LocalGitForge:
    return LocalGitForge(prs=world, workspaces=world, root=tmp_path / "work", archive=tmp_path / "archive", clock=clock)


@pytest.fixture
def bench(forge: LocalGitForge, repo_factory: Callable[..., tuple[Repo, Remote]]) -> Bench:
    repo, remote = repo_factory()
    return Bench(forge, repo, remote, forge.provision(repo, "T-1", "infra: Cap the pool"))
