"""GitHub's double over a real bare repository, and the forges that are held to the same promises."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "forges"))

from forge_bench import Remote, commit, git
from github_bench import Bench
from github_double import GithubDouble
from github_world import TOKEN

from stas_tui.forges.base import Repo
from stas_tui.forges.git import Git
from stas_tui.forges.github import GithubForge
from stas_tui.forges.github_api import GithubApi
from stas_tui.forges.hooks import init_remote
from storage.clock import ManualClock
from storage.redact import forget_secrets
from storage.schema_world import open_world
from storage.world import World


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def remote(tmp_path: Path) -> Remote:
    """`main` with one commit, `multi-tenant` one ahead of it, then `main` moved by one."""
    person = tmp_path / "person"
    person.mkdir()
    git("init", "-q", "--initial-branch=main", cwd=person)
    files: dict[str, str | bytes | None] = {
        "README.md": "shop\n",
        "svc/api.py": "LIMIT = 10\n",
        "svc/db.py": "POOL = 5\n",
    }
    commit(person, files, "first")
    git("checkout", "-q", "-b", "multi-tenant", cwd=person)
    commit(person, {"tenants.toml": "[[tenant]]\nid = 'a'\n"}, "infra: tenants")
    made = Remote(init_remote(tmp_path / "shop.git", seed=person), person)
    made.advance("main", {"hotfix.py": "FIX = 1\n"}, "hotfix on main")
    return made


@pytest.fixture
def double(remote: Remote, clock: ManualClock) -> Iterator[GithubDouble]:
    """The server; at the end everything that it said has GitHub's published shape."""
    with GithubDouble(remote.path, now=clock.now).running() as double:
        yield double
    assert double.wrong == []
    forget_secrets()


@pytest.fixture
def api(double: GithubDouble, clock: ManualClock) -> Iterator[GithubApi]:
    api = GithubApi(double.url, token=lambda: TOKEN, clock=clock, timeout_s=5.0)
    yield api
    api.close()


@pytest.fixture
def world(tmp_path: Path, clock: ManualClock) -> Iterator[World]:
    store = open_world(tmp_path / "platform.db")
    yield World(store, clock)
    store.close()


@pytest.fixture
def naps() -> list[float]:
    """Pauses that the forge made, in seconds."""
    return []


@pytest.fixture
def forge(tmp_path: Path, world: World, clock: ManualClock, api: GithubApi, naps: list[float]) -> GithubForge:
    def sleep(seconds: float) -> None:
        naps.append(seconds)
        clock.advance(int(seconds * 1000))

    return GithubForge(
        api=api,
        prs=world,
        workspaces=world,
        root=tmp_path / "work",
        archive=tmp_path / "archive",
        clock=clock,
        git=Git(),
        sleep=sleep,
    )


@pytest.fixture
def bench(forge: GithubForge, remote: Remote, double: GithubDouble) -> Bench:
    repo = Repo(project_id="shop", url=str(remote.path), github=double.name)
    return Bench(forge, repo, remote, forge.provision(repo, "T-1", "infra: Cap the pool"), double)


@pytest.fixture(params=["local", "github"])
def either(request: pytest.FixtureRequest, forge: GithubForge, remote: Remote, double: GithubDouble) -> Bench:
    """A bench whose pull requests are records of our own, or live on GitHub: the same promises hold for both."""
    repo = Repo(project_id="shop", url=str(remote.path), github=double.name if request.param == "github" else "")
    return Bench(forge, repo, remote, forge.provision(repo, "T-1", "infra: Cap the pool"), double)
