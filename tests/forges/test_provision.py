"""Workspaces are made whole, cut from the base branch, and found again (R4, R5, R7, R45)."""

from __future__ import annotations

import multiprocessing
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from forge_bench import Bench, Remote, commit, git, killed_at

from stas_tui.forges.base import BranchMissing, ForgeError, Repo, RepositoryMissing, WorkspaceUnsafe
from stas_tui.forges.local_git import LocalGitForge
from storage.clock import ManualClock
from storage.records import Workspace
from storage.schema_world import open_world
from storage.world import World

Factory = Callable[..., tuple[Repo, Remote]]


def test_a_clone_on_a_feature_branch_at_the_base(bench: Bench) -> None:
    workspace, base = bench.workspace, bench.remote.sha("multi-tenant")
    assert workspace == Workspace(
        project_id="shop",
        task_id="T-1",
        path=workspace.path,
        branch="infra/T-1-cap-the-pool",
        base="multi-tenant",
        base_sha=base,
    )
    assert git("rev-parse", "--abbrev-ref", "HEAD", cwd=bench.tree) == workspace.branch
    assert git("rev-parse", "HEAD", cwd=bench.tree) == base == bench.forge.head(workspace)
    assert git("status", "--porcelain", cwd=bench.tree) == ""
    assert git("remote", "get-url", "origin", cwd=bench.tree) == bench.repo.url
    assert (bench.tree / "tenants.toml").is_file()
    assert not (bench.tree / "hotfix.py").exists()
    assert bench.forge.workspace("T-1") == workspace
    assert bench.forge.changes(workspace).empty


def test_the_executor_cannot_push(bench: Bench) -> None:
    bench.write({"svc/api.py": "LIMIT = 1\n"})
    git("commit", "-qam", "infra: x", cwd=bench.tree)
    git("push", "origin", "HEAD", cwd=bench.tree, ok=(1, 128, 141))
    assert bench.remote.branches() == {"main", "multi-tenant"}


def test_no_object_is_shared_with_the_remote_or_with_us(bench: Bench) -> None:
    """A clone that shared files with other repositories could damage them."""
    files = [p for p in bench.tree.joinpath(".git").rglob("*") if p.is_file()]
    assert files
    assert {p.stat().st_nlink for p in files} == {1}
    assert not bench.tree.joinpath(".git/objects/info/alternates").exists()


def test_provisioning_again_keeps_the_work(bench: Bench) -> None:
    bench.write({"new.py": "x = 1\n"})
    again = bench.forge.provision(bench.repo, "T-1", "another title")
    assert again == bench.workspace
    assert (bench.tree / "new.py").read_text() == "x = 1\n"


def test_a_base_that_moved_does_not_disturb_a_workspace(bench: Bench) -> None:
    bench.remote.advance("multi-tenant", {"more.py": "1\n"})
    assert bench.forge.provision(bench.repo, "T-1", "x") == bench.workspace
    proof = bench.forge.origin_proof(bench.repo, bench.workspace)
    assert (proof.holds, proof.ahead, proof.behind) == (True, 0, 1)


def test_missing_base_branch(forge: LocalGitForge, repo_factory: Factory) -> None:
    repo, remote = repo_factory()
    git("update-ref", "-d", "refs/heads/multi-tenant", cwd=remote.path)
    with pytest.raises(BranchMissing, match="Target branch not found"):
        forge.provision(repo, "T-1", "x")
    with pytest.raises(BranchMissing):
        forge.branch_head(repo, "multi-tenant")
    assert forge.workspace("T-1") is None


@pytest.mark.parametrize("url", ["/nonexistent/repo.git", "", "--upload-pack=touch x", "ext::sh -c true", "a\nb"])
def test_missing_repository(forge: LocalGitForge, tmp_path: Path, url: str) -> None:
    repo = Repo(project_id="shop", url=url)
    with pytest.raises(RepositoryMissing):
        forge.provision(repo, "T-1", "x")
    with pytest.raises(RepositoryMissing):
        forge.branch_head(repo, "multi-tenant")


def test_a_folder_that_is_no_repository_is_named(forge: LocalGitForge, tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    with pytest.raises(RepositoryMissing, match=r"no git repository at .*/plain"):
        forge.paths_at(Repo(project_id="shop", url=str(tmp_path / "plain")), "multi-tenant")


def test_a_workspace_moved_to_main_without_work_is_made_again(bench: Bench) -> None:
    git("reset", "-q", "--hard", "origin/main", cwd=bench.tree)
    assert bench.forge.provision(bench.repo, "T-1", "infra: Cap the pool") == bench.workspace
    assert git("rev-parse", "HEAD", cwd=bench.tree) == bench.workspace.base_sha


def test_a_workspace_moved_to_main_with_work_is_refused(bench: Bench) -> None:
    git("reset", "-q", "--hard", "origin/main", cwd=bench.tree)
    bench.write({"new.py": "x = 1\n"})
    with pytest.raises(WorkspaceUnsafe, match="main"):
        bench.forge.provision(bench.repo, "T-1", "x")
    assert (bench.tree / "new.py").is_file()


def test_head_at_a_main_that_is_behind_the_base_is_no_base(forge: LocalGitForge, repo_factory: Factory) -> None:
    """No commit is foreign there, and yet the head is main's tip and not the base's (R7)."""
    repo, _ = repo_factory(moved=False)
    workspace = forge.provision(repo, "T-1", "x")
    git("reset", "-q", "--hard", "origin/main", cwd=Path(workspace.path))
    assert forge.provision(repo, "T-1", "x") == workspace
    assert git("rev-parse", "HEAD", cwd=Path(workspace.path)) == workspace.base_sha


def test_pushed_work_is_gone_on_with(bench: Bench) -> None:
    bench.write({"svc/api.py": "LIMIT = 1\n"})
    sha = bench.pushed()
    (leftover,) = bench.forge.leftovers(lambda _: None)
    assert bench.forge.archive_and_remove(leftover) is None
    bench.remote.advance("multi-tenant", {"other.py": "1\n"})
    again = bench.forge.provision(bench.repo, "T-1", "infra: Cap the pool")
    assert again == bench.workspace
    assert bench.forge.head(again) == sha
    assert git("rev-parse", "HEAD", cwd=bench.tree) == sha
    assert bench.forge.origin_proof(bench.repo, again).holds


def test_a_foreign_branch_of_the_same_name_is_not_built_on(forge: LocalGitForge, repo_factory: Factory) -> None:
    repo, remote = repo_factory()
    git("update-ref", "refs/heads/infra/T-1-x", remote.sha("main"), cwd=remote.path)
    with pytest.raises(WorkspaceUnsafe, match="already has a branch"):
        forge.provision(repo, "T-1", "x")


def test_a_half_made_workspace_is_made_anew(bench: Bench, tmp_path: Path) -> None:
    half = tmp_path / "work" / ".making" / "T-2"
    (half / "tree" / ".git").mkdir(parents=True)
    (half / "tree" / "junk").write_text("junk")
    workspace = bench.forge.provision(bench.repo, "T-2", "x")
    assert not (Path(workspace.path) / "junk").exists()
    assert not half.exists()


@pytest.mark.parametrize("nth", [1, 4, 7, 10, 13, 16, 19, 22])
def test_killed_at_any_command(bench: Bench, tmp_path: Path, nth: int) -> None:
    """Either nothing or a whole workspace is left, and the next call gives a whole one."""
    killed_at(nth, tmp_path, f"forge.provision(Repo(project_id='shop', url={bench.repo.url!r}), 'T-5', 'x')")
    workspace = bench.forge.provision(bench.repo, "T-5", "x")
    assert bench.forge.workspace("T-5") == workspace
    assert git("status", "--porcelain", "--branch", cwd=Path(workspace.path)) == f"## {workspace.branch}"
    assert bench.forge.changes(workspace).problems == ()
    assert bench.forge.origin_proof(bench.repo, workspace).holds


def test_a_crash_before_the_record_is_healed(bench: Bench, world: World) -> None:
    bench.write({"new.py": "x = 1\n"})
    world.drop_workspace("T-1")
    assert bench.forge.workspace("T-1") is None
    assert bench.forge.provision(bench.repo, "T-1", "infra: Cap the pool") == bench.workspace
    assert bench.forge.workspace("T-1") == bench.workspace
    assert (bench.tree / "new.py").is_file()


def test_a_workspace_that_somebody_deleted_is_made_again(bench: Bench) -> None:
    shutil.rmtree(bench.tree.parent)
    assert bench.forge.workspace("T-1") is None
    assert bench.forge.provision(bench.repo, "T-1", "infra: Cap the pool") == bench.workspace
    assert bench.forge.changes(bench.workspace).empty


def test_a_folder_that_is_not_ours_is_left_alone(bench: Bench, tmp_path: Path) -> None:
    foreign = tmp_path / "work" / "T-9"
    foreign.mkdir()
    (foreign / "diary.txt").write_text("mine")
    with pytest.raises(WorkspaceUnsafe, match="no workspace of Stas"):
        bench.forge.provision(bench.repo, "T-9", "x")
    assert (foreign / "diary.txt").read_text() == "mine"


def test_a_task_of_another_project(bench: Bench, repo_factory: Factory) -> None:
    other, _ = repo_factory("bank")
    with pytest.raises(WorkspaceUnsafe, match="belongs to project shop"):
        bench.forge.provision(other, "T-1", "x")


@pytest.mark.parametrize(
    "task_id", ["../../etc", ".mirrors", "a/b", "T 1", "x" * 300, "\u202etxt", "-rf", "a.lock", "é"]
)
def test_hostile_task_ids_stay_below_the_root(bench: Bench, tmp_path: Path, task_id: str) -> None:
    try:
        workspace = bench.forge.provision(bench.repo, task_id, "\x1b[31m; rm -rf / #" * 20)
    except ForgeError as error:
        assert "branch name" in str(error)
        assert len(task_id) > 100
        return
    assert Path(workspace.path).parent.parent == tmp_path / "work"
    assert bench.forge.changes(workspace).empty


def _provision(
    url: str, base: Path, start: multiprocessing.synchronize.Event, answer: multiprocessing.Queue[Workspace]
) -> None:
    clock = ManualClock()
    with open_world(base / "platform.db") as store:
        world = World(store, clock)
        forge = LocalGitForge(prs=world, workspaces=world, root=base / "work", archive=base / "archive", clock=clock)
        start.wait(30)
        answer.put(forge.provision(Repo(project_id="shop", url=url), "T-7", "race"))


def test_two_processes_get_the_same_workspace(tmp_path: Path, repo_factory: Factory) -> None:
    repo, _ = repo_factory()
    context = multiprocessing.get_context("spawn")
    start, answers = context.Event(), context.Queue()
    children = [context.Process(target=_provision, args=(repo.url, tmp_path, start, answers)) for _ in range(2)]
    for child in children:
        child.start()
    start.set()
    first, second = answers.get(timeout=60), answers.get(timeout=60)
    for child in children:
        child.join(30)
        assert child.exitcode == 0
        child.close()
    answers.close()
    answers.join_thread()
    assert first == second
    assert git("status", "--porcelain", cwd=Path(first.path)) == ""


def test_commit_helper_is_honest(tmp_path: Path) -> None:
    """The helper of these tests really commits deletions."""
    git("init", "-q", cwd=tmp_path)
    commit(tmp_path, {"a": "1"}, "one")
    commit(tmp_path, {"a": None}, "two")
    assert git("ls-tree", "--name-only", "HEAD", cwd=tmp_path) == ""
