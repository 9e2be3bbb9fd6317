"""Pull requests as records that follow the repository (R6, R94, R99)."""

from __future__ import annotations

import dataclasses

import pytest
from forge_bench import Bench, git

from stas_tui.forges.base import BranchMissing, ForgeError
from storage.clock import SECOND, ManualClock
from storage.records import PullRequest
from storage.world import World


def opened(bench: Bench, key: str = "k-1") -> PullRequest:
    bench.write({"svc/api.py": "LIMIT = 3\n", "svc/new.py": "N = 1\n"})
    return again(bench, bench.pushed(), key)


def again(bench: Bench, sha: str, key: str) -> PullRequest:
    return bench.forge.open_pr(
        bench.repo, bench.workspace, title="infra: x", body="Body", head_sha=sha, author="stas", key=key
    )


def test_opening(bench: Bench, clock: ManualClock) -> None:
    pr = opened(bench)
    assert pr == PullRequest(
        number=1,
        project_id="shop",
        title="infra: x",
        body="Body",
        base="multi-tenant",
        head=bench.workspace.branch,
        head_sha=bench.forge.head(bench.workspace),
        mergeable=True,
        author="stas",
        created_at=clock.now(),
        key="k-1",
        task_id="T-1",
    )
    assert bench.forge.find_pr(bench.repo, pr.head) == pr == bench.forge.read_pr(bench.repo, 1)
    assert bench.forge.prs(bench.repo) == [pr]
    assert bench.forge.pr_files(bench.repo, 1) == ["svc/api.py", "svc/new.py"]


def test_opening_twice_makes_one(bench: Bench) -> None:
    pr = opened(bench)
    assert again(bench, pr.head_sha, "k-1") == pr
    assert again(bench, pr.head_sha, "k-2") == pr
    assert len(bench.forge.prs(bench.repo)) == 1


def test_the_same_key_after_the_merge_finds_it(bench: Bench) -> None:
    pr = opened(bench)
    bench.remote.merge(pr.head)
    assert again(bench, pr.head_sha, "k-1").number == pr.number
    assert bench.forge.prs(bench.repo) == []


def test_there_is_none(bench: Bench) -> None:
    assert bench.forge.read_pr(bench.repo, 7) is None
    assert bench.forge.find_pr(bench.repo, "infra/none") is None
    assert bench.forge.pr_files(bench.repo, 7) == []


def test_the_head_must_be_pushed(bench: Bench) -> None:
    bench.write({"x.py": "1\n"})
    sha = bench.commit()
    with pytest.raises(ForgeError, match="is at nothing"):
        again(bench, sha, "k")
    bench.forge.push(bench.repo, bench.workspace, sha)
    with pytest.raises(ForgeError, match="not at 1111"):
        again(bench, "1" * 40, "k")


def test_a_head_without_commits(bench: Bench) -> None:
    bench.forge.push(bench.repo, bench.workspace, bench.workspace.base_sha)
    with pytest.raises(ForgeError, match="no commit that multi-tenant lacks"):
        again(bench, bench.workspace.base_sha, "k")


def test_conflicts_are_named(bench: Bench) -> None:
    pr = opened(bench)
    bench.remote.advance("multi-tenant", {"svc/api.py": "LIMIT = 99\n", "svc/new.py": "N = 2\n", "fine.py": "1\n"})
    fresh = bench.forge.read_pr(bench.repo, pr.number)
    assert fresh is not None
    assert (fresh.state, fresh.mergeable, fresh.conflicts) == ("open", False, ("svc/api.py", "svc/new.py"))
    assert bench.forge.pr_files(bench.repo, pr.number) == ["svc/api.py", "svc/new.py"]


def test_a_moved_head_is_read_from_the_remote(bench: Bench) -> None:
    pr = opened(bench)
    moved = bench.remote.advance(pr.head, {"review.py": "1\n"})
    fresh = bench.forge.read_pr(bench.repo, pr.number)
    assert fresh is not None
    assert fresh.head_sha == moved
    assert "review.py" in bench.forge.pr_files(bench.repo, pr.number)


@pytest.mark.parametrize("how", ["--no-ff", "--ff-only", "--squash"])
@pytest.mark.parametrize("delete", [False, True])
@pytest.mark.parametrize("later", [False, True])
def test_merged_in_any_way(bench: Bench, how: str, delete: bool, later: bool) -> None:
    pr = opened(bench)
    if how != "--ff-only":
        bench.remote.advance("multi-tenant", {"other.py": "1\n"})
    sha = bench.remote.merge(pr.head, how=how, message="infra: x (#1)")
    if later:
        bench.remote.advance("multi-tenant", {"svc/api.py": "LIMIT = 77\n"})
    if delete:
        git("update-ref", "-d", f"refs/heads/{pr.head}", cwd=bench.remote.path)
    fresh = bench.forge.read_pr(bench.repo, pr.number)
    assert fresh is not None
    assert (fresh.state, fresh.merge_sha, fresh.head_sha) == ("merged", sha, pr.head_sha)
    assert fresh.merged_at == int(git("log", "-1", "--format=%ct", sha, cwd=bench.remote.path)) * SECOND
    assert bench.forge.find_pr(bench.repo, pr.head) is None
    assert bench.forge.pr_files(bench.repo, pr.number) == ["svc/api.py", "svc/new.py"]
    merge = next(m for m in bench.forge.merges_since(bench.repo, 0) if m.sha == sha)
    assert (merge.pr_number, merge.files) == (1, ("svc/api.py", "svc/new.py"))


def test_half_of_a_change_on_the_base_is_not_merged(bench: Bench) -> None:
    pr = opened(bench)
    bench.remote.advance("multi-tenant", {"svc/new.py": "N = 1\n"})
    fresh = bench.forge.read_pr(bench.repo, pr.number)
    assert fresh is not None
    assert (fresh.state, fresh.mergeable) == ("open", True)


def test_a_deleted_head_is_unknown_and_not_merged(bench: Bench) -> None:
    pr = opened(bench)
    git("update-ref", "-d", f"refs/heads/{pr.head}", cwd=bench.remote.path)
    fresh = bench.forge.read_pr(bench.repo, pr.number)
    assert fresh is not None
    assert (fresh.state, fresh.mergeable) == ("open", None)


def test_a_head_moved_back_to_the_base_is_not_merged(bench: Bench) -> None:
    pr = opened(bench)
    git("update-ref", f"refs/heads/{pr.head}", bench.workspace.base_sha, cwd=bench.remote.path)
    fresh = bench.forge.read_pr(bench.repo, pr.number)
    assert fresh is not None
    assert fresh.state == "open"


def test_retargeting(bench: Bench, world: World) -> None:
    pr = opened(bench)
    world.update_pr("shop", pr.number, base="main")
    assert bench.forge.retarget_pr(bench.repo, pr.number, "multi-tenant").base == "multi-tenant"
    with pytest.raises(ForgeError, match="never targets main"):
        bench.forge.retarget_pr(bench.repo, pr.number, "main")
    with pytest.raises(BranchMissing):
        bench.forge.retarget_pr(bench.repo, pr.number, "nowhere")
    with pytest.raises(ForgeError, match="no open pull request 9"):
        bench.forge.retarget_pr(bench.repo, 9, "multi-tenant")
    fresh = bench.forge.read_pr(bench.repo, pr.number)
    assert fresh == dataclasses.replace(pr, base="multi-tenant")


def test_a_wrong_base_in_the_record_is_shown_as_it_is(bench: Bench, world: World) -> None:
    pr = opened(bench)
    world.update_pr("shop", pr.number, base="main")
    fresh = bench.forge.read_pr(bench.repo, pr.number)
    assert fresh is not None
    assert fresh.base == "main"


def test_merges_by_time_and_each_once(bench: Bench) -> None:
    start = bench.forge.merges_since(bench.repo, 0)
    assert [m.subject for m in start] == ["infra: tenants", "first"]
    assert start[-1].files == (".gitignore", "README.md", "svc/api.py", "svc/db.py")
    now = start[0].at
    bench.remote.advance("multi-tenant", {"a.py": "1"}, "old", date=now // SECOND + 100)
    bench.remote.advance("multi-tenant", {"b.py": "1"}, "Merge pull request #42 from x", date=now // SECOND + 200)
    bench.remote.advance("multi-tenant", {"c.py": "1"}, "infra: c (#7)", date=now // SECOND + 300)
    found = bench.forge.merges_since(bench.repo, now + 150 * SECOND)
    assert [(m.subject, m.pr_number, m.files) for m in found] == [
        ("infra: c (#7)", 7, ("c.py",)),
        ("Merge pull request #42 from x", 42, ("b.py",)),
    ]
    assert bench.forge.merges_since(bench.repo, now + 301 * SECOND) == []
    assert [m.at for m in found] == [now + 300 * SECOND, now + 200 * SECOND]


def test_a_fast_forward_of_old_commits_landed_now(bench: Bench, clock: ManualClock) -> None:
    """The commits are older than the last look; that they landed since is known from what the base held then."""
    bench.forge.merges_since(bench.repo, 0)
    since = clock.now()
    clock.advance(60 * SECOND)
    sha = bench.remote.advance("multi-tenant", {"a.py": "1"}, "old work", date=1_000_000_000)
    found = {merge.sha: merge.at for merge in bench.forge.merges_since(bench.repo, since)}
    assert found[sha] == clock.now()
    clock.advance(60 * SECOND)
    assert sha not in {merge.sha for merge in bench.forge.merges_since(bench.repo, clock.now())}
