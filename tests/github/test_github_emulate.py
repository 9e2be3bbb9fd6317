"""Our client against a server that others wrote: `emulate` 0.11.2, asked only for what it and GitHub both promise.

It is optional: `npm install --prefix .cache/emulate emulate@0.11.2`, or name such a folder in STAS_TEST_EMULATE.
"""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from forge_bench import Remote
from github_bench import Bench

from stas_tui.forges.base import Repo
from stas_tui.forges.github import GithubForge
from stas_tui.forges.github_api import GithubApi, GithubMissing
from stas_tui.health.ci_github import PipelineReader, Target
from storage.clock import ManualClock
from storage.world import World
from tests.emulate import emulated

NAME = "stas-bot/shop"
SEED = """
tokens:
  test_token_stas:
    login: stas-bot
    scopes: [repo]
github:
  users:
    - login: stas-bot
  repos:
    - owner: stas-bot
      name: shop
      auto_init: true
"""


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """A started server on loopback."""
    with emulated("github", SEED, tmp_path) as started:
        yield started


@pytest.fixture
def foreign(
    address: str, remote: Remote, bench: Bench, world: World, clock: ManualClock, tmp_path: Path
) -> Iterator[Bench]:
    """The bench with the other server: branches there are made through its API, ours are pushed to git."""
    api = GithubApi(address, token=lambda: "test_token_stas", clock=clock)
    forge = GithubForge(
        api=api, prs=world, workspaces=world, root=tmp_path / "work", archive=tmp_path / "archive", clock=clock
    )
    repo = Repo(project_id="shop", url=bench.repo.url, github=NAME)
    main = api.get(f"/repos/{NAME}/branches/main").data["commit"]["sha"]
    for branch in ("multi-tenant", bench.workspace.branch):
        api.write("POST", f"/repos/{NAME}/git/refs", {"ref": f"refs/heads/{branch}", "sha": main})
    content = base64.b64encode(b"LIMIT = 3\n").decode()
    change = {"message": "infra: x", "branch": bench.workspace.branch, "content": content}
    api.write("PUT", f"/repos/{NAME}/contents/svc.py", change)
    yield dataclasses.replace(bench, forge=forge, repo=repo)
    api.close()


def test_open_find_read_and_retarget(foreign: Bench) -> None:
    pr = foreign.opened("k-1")
    assert (pr.number, pr.base, pr.head, pr.title, pr.body) == (
        pr.number, "multi-tenant", foreign.workspace.branch, "infra: x", "Body",
    )  # fmt: skip
    assert (pr.state, pr.key, pr.task_id, pr.author) == ("open", "k-1", "T-1", "stas")
    assert foreign.forge.find_pr(foreign.repo, pr.head) == pr
    assert [one.number for one in foreign.forge.prs(foreign.repo)] == [pr.number]
    foreign.forge.api.write("PATCH", f"/repos/{NAME}/pulls/{pr.number}", {"base": "main"})
    wrong = foreign.forge.read_pr(foreign.repo, pr.number)
    assert wrong is not None
    assert wrong.base == "main"
    assert foreign.forge.retarget_pr(foreign.repo, pr.number, "multi-tenant").base == "multi-tenant"


def test_one_pull_request_however_often_it_is_asked_for(foreign: Bench) -> None:
    """This server would make a second one: that there is none is the work of the search before the write."""
    pr = foreign.opened("k-1")
    assert foreign.forge.open_pr(
        foreign.repo, foreign.workspace, title="t", body="", head_sha=foreign.forge.head(foreign.workspace),
        author="stas", key="k-1",
    ) == pr  # fmt: skip
    assert len(foreign.forge.prs(foreign.repo)) == 1


def test_a_merge_is_seen(foreign: Bench) -> None:
    pr = foreign.opened("k-1")
    foreign.forge.api.write("PUT", f"/repos/{NAME}/pulls/{pr.number}/merge", {})
    fresh = foreign.forge.read_pr(foreign.repo, pr.number)
    assert fresh is not None
    assert (fresh.state, fresh.mergeable) == ("merged", None)
    assert fresh.merge_sha
    assert foreign.forge.find_pr(foreign.repo, pr.head) is None
    assert foreign.forge.open_pr(
        foreign.repo, foreign.workspace, title="t", body="", head_sha="0" * 40, author="stas", key="k-1"
    ).number == pr.number  # fmt: skip


def test_what_is_not_there(foreign: Bench) -> None:
    assert foreign.forge.read_pr(foreign.repo, 99) is None
    with pytest.raises(GithubMissing):
        foreign.forge.prs(dataclasses.replace(foreign.repo, github="stas-bot/other"))


def test_checks_of_the_head(foreign: Bench, clock: ManualClock) -> None:
    """It has no commit statuses: that is a part that cannot be read, and not an empty one."""
    api = foreign.forge.api
    head = api.get(f"/repos/{NAME}/branches/multi-tenant").data["commit"]["sha"]
    run: dict[str, Any] = {"name": "unit", "head_sha": head, "status": "completed", "conclusion": "failure"}
    api.write("POST", f"/repos/{NAME}/check-runs", run)
    pipeline = PipelineReader(api, Target("shop", NAME, "multi-tenant", required=("lint",))).read(clock.now())
    assert pipeline.head == head
    assert {check.name: check.state for check in pipeline.checks} == {"unit": "failure", "lint": "missing"}
    assert pipeline.problems
