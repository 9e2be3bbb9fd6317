"""The commit-set test of R5, and what is read from the remote through the mirror."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from forge_bench import Bench, Remote, commit, git

from stas_tui.forges.base import BranchMissing, ForgeError, Repo
from stas_tui.forges.local_git import LocalGitForge

Factory = Callable[..., tuple[Repo, Remote]]


def test_a_fresh_branch_holds(bench: Bench) -> None:
    proof = bench.forge.origin_proof(bench.repo, bench.workspace)
    base = bench.remote.sha("multi-tenant")
    assert proof.holds
    assert (proof.head, proof.base, proof.base_sha, proof.fork_point) == (base, "multi-tenant", base, base)
    assert (proof.main, proof.foreign) == (bench.remote.sha("main"), ())


def test_a_branch_that_is_behind_holds(bench: Bench) -> None:
    sha = commit(bench.tree, {"x.py": "1\n"}, "infra: x")
    bench.remote.advance("multi-tenant", {"y.py": "1\n"})
    bench.remote.advance("main", {"z.py": "1\n"})
    proof = bench.forge.origin_proof(bench.repo, bench.workspace)
    assert (proof.holds, proof.head, proof.ahead, proof.behind) == (True, sha, 1, 1)


def test_a_branch_cut_from_a_moved_main_has_one_foreign_commit(bench: Bench) -> None:
    git("reset", "-q", "--hard", "origin/main", cwd=bench.tree)
    commit(bench.tree, {"x.py": "1\n"}, "infra: x")
    proof = bench.forge.origin_proof(bench.repo, bench.workspace)
    assert not proof.holds
    assert proof.foreign == (bench.remote.sha("main"),)


def test_a_commit_of_main_that_was_merged_in_is_foreign(bench: Bench) -> None:
    commit(bench.tree, {"x.py": "1\n"}, "infra: x")
    git("merge", "-q", "--no-edit", "origin/main", cwd=bench.tree)
    assert bench.forge.origin_proof(bench.repo, bench.workspace).foreign == (bench.remote.sha("main"),)


def test_an_old_main_is_still_foreign_after_main_moved_on(bench: Bench) -> None:
    """An ancestor test against main's tip would not see it."""
    old = bench.remote.sha("main")
    git("reset", "-q", "--hard", "origin/main", cwd=bench.tree)
    bench.remote.advance("main", {"later.py": "1\n"})
    assert bench.forge.origin_proof(bench.repo, bench.workspace).foreign == (old,)


def test_a_clone_moved_to_main_behind_our_back_is_seen_after_our_commit(bench: Bench) -> None:
    """Our head is clean; the clone's is not, and what is staged next would come from there."""
    bench.write({"x.py": "1\n"})
    bench.commit()
    git("checkout", "-q", "-f", "--detach", "origin/main", cwd=bench.tree)
    assert not bench.forge.origin_proof(bench.repo, bench.workspace).holds


def test_main_that_the_base_contains_is_no_problem(forge: LocalGitForge, repo_factory: Factory) -> None:
    repo, remote = repo_factory()
    remote.merge("main")
    workspace = forge.provision(repo, "T-1", "x")
    assert forge.origin_proof(repo, workspace).holds
    git("merge", "-q", "--no-edit", "origin/main", cwd=Path(workspace.path))
    assert forge.origin_proof(repo, workspace).holds


def test_main_and_base_at_one_commit(forge: LocalGitForge, repo_factory: Factory) -> None:
    repo, remote = repo_factory(moved=False)
    git("update-ref", "refs/heads/main", remote.sha("multi-tenant"), cwd=remote.path)
    workspace = forge.provision(repo, "T-1", "x")
    assert forge.origin_proof(repo, workspace).holds


def test_a_remote_without_main(forge: LocalGitForge, repo_factory: Factory) -> None:
    repo, remote = repo_factory()
    git("update-ref", "-d", "refs/heads/main", cwd=remote.path)
    workspace = forge.provision(repo, "T-1", "x")
    proof = forge.origin_proof(repo, workspace)
    assert (proof.holds, proof.main) == (True, None)


def test_unrelated_history_has_no_fork_point(bench: Bench) -> None:
    git("checkout", "-q", "--orphan", "fresh", cwd=bench.tree)
    git("commit", "-qm", "all new", cwd=bench.tree)
    git("branch", "-M", bench.workspace.branch, cwd=bench.tree)
    assert bench.forge.changes(bench.workspace).history_rewritten


def test_proof_needs_the_remote(bench: Bench, tmp_path: Path) -> None:
    bench.remote.path.rename(tmp_path / "gone.git")
    with pytest.raises(ForgeError, match=r"no git repository at .*shop.git"):
        bench.forge.origin_proof(bench.repo, bench.workspace)


def test_reading_files_and_paths(bench: Bench) -> None:
    forge, repo = bench.forge, bench.repo
    sha = forge.branch_head(repo, "multi-tenant")
    assert sha == bench.remote.sha("multi-tenant")
    assert "tenants.toml" in forge.paths_at(repo, "multi-tenant")
    assert "tenants.toml" not in forge.paths_at(repo, "main")
    assert forge.read_file(repo, sha, "svc/db.py") == b"POOL = 5\n"
    assert forge.read_file(repo, sha, "svc") is None
    assert forge.read_file(repo, sha, "nothing") is None
    assert forge.read_file(repo, "main", "hotfix.py") == b"FIX = 1\n"
    newer = bench.remote.advance("multi-tenant", {"svc/db.py": "POOL = 6\n"})
    assert forge.read_file(repo, "multi-tenant", "svc/db.py") == b"POOL = 6\n"
    assert forge.read_file(repo, newer, "svc/db.py") == b"POOL = 6\n"
    assert forge.read_file(repo, sha, "svc/db.py") == b"POOL = 5\n"


@pytest.mark.parametrize("ref", ["nothing", "--help", "a..b", "HEAD", "main^{/x}", ":/first", ""])
def test_branches_that_are_none(bench: Bench, ref: str) -> None:
    with pytest.raises(BranchMissing):
        bench.forge.paths_at(bench.repo, ref)
    with pytest.raises(BranchMissing):
        bench.forge.branch_head(bench.repo, ref)


def test_an_unknown_sha(bench: Bench) -> None:
    with pytest.raises(ForgeError, match="has no commit"):
        bench.forge.read_file(bench.repo, "1" * 40, "README.md")


def test_known_shas_are_read_without_the_remote(bench: Bench, tmp_path: Path) -> None:
    sha = bench.forge.branch_head(bench.repo, "multi-tenant")
    assert bench.forge.read_file(bench.repo, sha, "README.md") == b"shop\n"
    bench.remote.path.rename(tmp_path / "gone.git")
    assert bench.forge.read_file(bench.repo, sha, "README.md") == b"shop\n"


def test_a_branch_deleted_on_the_remote_leaves_the_mirror(bench: Bench) -> None:
    bench.remote.advance("main", {"x": "1"})
    bench.forge.paths_at(bench.repo, "main")
    git("update-ref", "-d", "refs/heads/main", cwd=bench.remote.path)
    with pytest.raises(BranchMissing):
        bench.forge.paths_at(bench.repo, "main")


def test_a_stale_lock_of_a_killed_fetch_is_no_obstacle(bench: Bench, tmp_path: Path) -> None:
    (mirror,) = (tmp_path / "work/.mirrors").glob("*.git")
    (mirror / "packed-refs.lock").touch()
    (mirror / "refs/heads/main.lock").touch()
    (bench.tree.parent / "ours.git/stas-index.lock").touch()
    bench.remote.advance("main", {"x": "1"})
    git("update-ref", "-d", "refs/heads/main", cwd=bench.remote.path)
    assert "README.md" in bench.forge.paths_at(bench.repo, "multi-tenant")
    assert bench.forge.changes(bench.workspace).empty
