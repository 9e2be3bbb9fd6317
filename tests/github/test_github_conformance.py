"""What holds for pull requests wherever they live (R6, R94, R99); pushes go to a real bare repository."""

from __future__ import annotations

import pytest
from github_bench import Bench

from stas_tui.forges.base import BranchMissing, ForgeError
from storage.clock import ManualClock


def test_opening(either: Bench, clock: ManualClock) -> None:
    pr = either.opened()
    assert (pr.number, pr.project_id, pr.title, pr.body) == (1, "shop", "infra: x", "Body")
    assert (pr.base, pr.head, pr.head_sha) == (
        "multi-tenant",
        either.workspace.branch,
        either.forge.head(either.workspace),
    )
    assert (pr.state, pr.mergeable, pr.author, pr.task_id) == ("open", True, "stas", "T-1")
    assert pr.key == "p-1:open_pull_request:shop:T-1"
    assert abs(pr.created_at - clock.now()) < 1000
    assert either.forge.find_pr(either.repo, pr.head) == pr == either.forge.read_pr(either.repo, 1)
    assert [found.number for found in either.forge.prs(either.repo)] == [1]
    assert either.forge.pr_files(either.repo, 1) == ["svc/api.py", "svc/new.py"]


def test_opening_twice_makes_one(either: Bench) -> None:
    pr = either.opened("k-1")
    assert either.open(pr.head_sha, "k-1") == pr
    assert either.open(pr.head_sha, "k-2") == pr
    assert len(either.forge.prs(either.repo)) == 1


def test_the_same_key_after_the_merge_finds_it(either: Bench) -> None:
    pr = either.opened("k-1")
    sha = either.merge(pr)
    again = either.open(pr.head_sha, "k-1")
    assert (again.number, again.state, again.merge_sha, again.mergeable) == (pr.number, "merged", sha, None)
    assert either.forge.prs(either.repo) == []
    assert either.forge.find_pr(either.repo, pr.head) is None
    merge = next(m for m in either.forge.merges_since(either.repo, 0) if m.sha == sha)
    assert (merge.pr_number, merge.files) == (1, ("svc/api.py", "svc/new.py"))


def test_there_is_none(either: Bench) -> None:
    assert either.forge.read_pr(either.repo, 7) is None
    assert either.forge.find_pr(either.repo, "infra/none") is None
    assert either.forge.pr_files(either.repo, 7) == []


def test_the_head_must_be_pushed(either: Bench) -> None:
    sha = either.pushed()
    with pytest.raises(ForgeError, match="not at 1111"):
        either.open("1" * 40)
    assert either.open(sha).head_sha == sha


def test_a_head_without_commits(either: Bench) -> None:
    either.forge.push(either.repo, either.workspace, either.workspace.base_sha)
    with pytest.raises(ForgeError, match="no commit that"):
        either.open(either.workspace.base_sha)


def test_conflicts_are_named(either: Bench) -> None:
    pr = either.opened()
    either.remote.advance("multi-tenant", {"svc/api.py": "LIMIT = 99\n", "svc/new.py": "N = 2\n", "fine.py": "1\n"})
    fresh = either.forge.read_pr(either.repo, pr.number)
    assert fresh is not None
    assert (fresh.state, fresh.mergeable, fresh.conflicts) == ("open", False, ("svc/api.py", "svc/new.py"))


def test_a_moved_head_is_read_afresh(either: Bench) -> None:
    pr = either.opened()
    moved = either.remote.advance(pr.head, {"review.py": "1\n"})
    fresh = either.forge.read_pr(either.repo, pr.number)
    assert fresh is not None
    assert fresh.head_sha == moved
    assert "review.py" in either.forge.pr_files(either.repo, pr.number)


def test_retargeting(either: Bench) -> None:
    pr = either.opened()
    either.remote.fetch_into("multi-tenant")
    if either.repo.github:
        either.double.pulls[0]["base"] = "main"
    else:
        either.forge._prs.update_pr("shop", pr.number, base="main")
    wrong = either.forge.read_pr(either.repo, pr.number)
    assert wrong is not None
    assert wrong.base == "main"
    assert either.forge.retarget_pr(either.repo, pr.number, "multi-tenant").base == "multi-tenant"
    assert either.forge.retarget_pr(either.repo, pr.number, "multi-tenant").base == "multi-tenant"
    with pytest.raises(ForgeError, match="never targets main"):
        either.forge.retarget_pr(either.repo, pr.number, "main")
    with pytest.raises(BranchMissing):
        either.forge.retarget_pr(either.repo, pr.number, "nowhere")
    with pytest.raises(ForgeError, match="no open pull request 9"):
        either.forge.retarget_pr(either.repo, 9, "multi-tenant")
