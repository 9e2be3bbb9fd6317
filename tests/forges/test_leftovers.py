"""Deleting a workspace never loses what is only there."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest
from forge_bench import Bench, commit, git, killed_at

from stas_tui.forges.base import Leftover, WorkspaceUnsafe


def only(bench: Bench) -> Leftover:
    (leftover,) = bench.forge.leftovers(lambda _: None)
    return leftover


def test_nothing_to_lose(bench: Bench, tmp_path: Path) -> None:
    leftover = only(bench)
    assert leftover == Leftover(workspace=bench.workspace, unpushed=0, uncommitted=0, live_pid=None, merged=False)
    assert bench.forge.archive_and_remove(leftover) is None
    assert not bench.tree.parent.exists()
    assert bench.forge.workspace("T-1") is None
    assert bench.forge.leftovers(lambda _: None) == []
    assert list((tmp_path / "work/.trash").iterdir()) == []


def test_commits_and_files_come_back_from_the_archive(bench: Bench, tmp_path: Path) -> None:
    sha = commit(bench.tree, {"x.py": "1\n"}, "infra: x")
    bench.write({"svc/api.py": "LIMIT = 3\n", "blob.bin": bytes(range(256)), "caf\u00e9 \u202e.txt": "1\n"})
    leftover = only(bench)
    assert (leftover.unpushed, leftover.uncommitted, leftover.merged) == (1, 3, False)
    archive = bench.forge.archive_and_remove(leftover)
    assert archive is not None
    assert not bench.tree.exists()
    card = json.loads((archive / "workspace.json").read_text())
    assert (card["head"], card["unpushed"], card["uncommitted"]) == (sha, 1, 3)
    back = tmp_path / "back"
    git("clone", "-q", bench.remote.path, back, "-b", "multi-tenant", cwd=tmp_path)
    ref = git("bundle", "list-heads", archive / "commits.bundle", cwd=back).split()[1]
    git("fetch", "-q", archive / "commits.bundle", ref, cwd=back)
    git("checkout", "-q", card["head"], cwd=back)
    git("apply", "--index", archive / "uncommitted.patch", cwd=back)
    assert git("write-tree", cwd=back) == card["tree"]
    assert (back / "blob.bin").read_bytes() == bytes(range(256))


def test_our_commit_is_kept_too(bench: Bench) -> None:
    bench.write({"x.py": "1\n"})
    sha = bench.commit()
    leftover = only(bench)
    assert (leftover.unpushed, leftover.uncommitted) == (1, 0)
    archive = bench.forge.archive_and_remove(leftover)
    assert archive is not None
    heads = git("bundle", "list-heads", archive / "commits.bundle", cwd=bench.remote.path)
    assert heads == f"{sha} refs/heads/{bench.workspace.branch}"
    assert not (archive / "uncommitted.patch").exists()


def test_other_branches_and_the_stash_are_kept(bench: Bench) -> None:
    bench.write({"svc/api.py": "LIMIT = 3\n"})
    git("stash", "-q", cwd=bench.tree)
    git("checkout", "-q", "-b", "side", cwd=bench.tree)
    side = commit(bench.tree, {"side.py": "1\n"}, "side work")
    git("checkout", "-q", bench.workspace.branch, cwd=bench.tree)
    stash = git("rev-parse", "refs/stash", cwd=bench.tree)
    archive = bench.forge.archive_and_remove(only(bench))
    assert archive is not None
    heads = git("bundle", "list-heads", archive / "commits.bundle", cwd=bench.remote.path)
    assert side in heads
    assert stash in heads


@pytest.mark.parametrize("how", ["--no-ff", "--squash"])
def test_merged_work_needs_no_archive(bench: Bench, how: str) -> None:
    bench.write({"svc/api.py": "LIMIT = 3\n"})
    bench.pushed()
    bench.remote.merge(bench.workspace.branch, how=how)
    bench.remote.advance("multi-tenant", {"svc/api.py": "LIMIT = 4\n"})
    git("update-ref", "-d", f"refs/heads/{bench.workspace.branch}", cwd=bench.remote.path)
    leftover = only(bench)
    assert leftover.merged
    assert leftover.unpushed == (1 if how == "--squash" else 0)
    assert bench.forge.archive_and_remove(leftover) is None


def test_pushed_work_that_was_deleted_on_the_remote_is_kept(bench: Bench) -> None:
    bench.write({"svc/api.py": "LIMIT = 3\n"})
    bench.pushed()
    assert only(bench).unpushed == 0
    git("update-ref", "-d", f"refs/heads/{bench.workspace.branch}", cwd=bench.remote.path)
    assert only(bench).unpushed == 1
    assert bench.forge.archive_and_remove(only(bench)) is not None


def test_what_changed_since_it_was_counted_is_kept(bench: Bench) -> None:
    stale = only(bench)
    bench.write({"late.py": "1\n"})
    archive = bench.forge.archive_and_remove(stale)
    assert archive is not None
    assert "late.py" in (archive / "uncommitted.patch").read_text()


def test_without_the_remote_everything_counts(bench: Bench, tmp_path: Path) -> None:
    bench.write({"x.py": "1\n"})
    bench.pushed()
    bench.remote.path.rename(tmp_path / "gone.git")
    leftover = only(bench)
    assert (leftover.unpushed, leftover.merged) == (1, False)
    assert bench.forge.archive_and_remove(leftover) is not None


def test_a_live_process_keeps_its_workspace(bench: Bench) -> None:
    (leftover,) = bench.forge.leftovers(lambda workspace: 4711 if workspace == bench.workspace else None)
    with pytest.raises(WorkspaceUnsafe, match="Process 4711"):
        bench.forge.archive_and_remove(leftover)
    assert bench.tree.is_dir()


def test_what_git_cannot_say_is_kept_as_files(bench: Bench) -> None:
    nested = bench.tree / "vendor"
    nested.mkdir()
    git("init", "-q", cwd=nested)
    commit(nested, {"lib.py": "only here\n"}, "lib")
    archive = bench.forge.archive_and_remove(only(bench))
    assert archive is not None
    with tarfile.open(archive / "tree.tar.gz") as tar:
        assert "tree/vendor/.git/HEAD" in tar.getnames()
        assert "tree/vendor/lib.py" in tar.getnames()


def test_a_clone_without_git_is_kept_as_files(bench: Bench) -> None:
    bench.write({"x.py": "1\n"})
    (bench.tree / ".git").rename(bench.tree / "hidden")
    archive = bench.forge.archive_and_remove(only(bench))
    assert archive is not None
    with tarfile.open(archive / "tree.tar.gz") as tar:
        assert {"tree/x.py", "tree/hidden/HEAD"} <= set(tar.getnames())


@pytest.mark.parametrize("part", ["ours.git/HEAD", "ours.git/refs", "ours.git"])
def test_a_damaged_workspace_is_listed_and_kept_whole(bench: Bench, part: str) -> None:
    """One damaged workspace does not hide the others either."""
    bench.forge.provision(bench.repo, "T-2", "fine")
    bench.write({"x.py": "1\n"})
    (bench.tree.parent / part).rename(bench.tree.parent / "broken")
    damaged, fine = bench.forge.leftovers(lambda _: None)
    assert damaged.uncommitted > 5
    assert (fine.unpushed, fine.uncommitted) == (0, 0)
    archive = bench.forge.archive_and_remove(damaged)
    assert archive is not None
    with tarfile.open(archive / "workspace.tar.gz") as tar:
        assert {"workspace/tree/x.py", "workspace/tree/.git/HEAD", "workspace/broken"} <= set(tar.getnames())
    assert not bench.tree.exists()


def test_folders_without_permissions_are_deleted(bench: Bench) -> None:
    bench.write({"locked/inner/file.log": "1\n"})
    (bench.tree / "locked/inner").chmod(0o500)
    (bench.tree / "locked").chmod(0o500)
    bench.forge.archive_and_remove(only(bench))
    assert not bench.tree.exists()


def test_links_out_of_the_workspace_are_not_followed(bench: Bench, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("keep")
    (bench.tree / "link").symlink_to(precious)
    bench.forge.archive_and_remove(only(bench))
    assert (precious / "file").read_text() == "keep"


def test_a_record_that_points_elsewhere_deletes_nothing(bench: Bench, tmp_path: Path) -> None:
    import dataclasses

    precious = tmp_path / "precious/tree"
    precious.mkdir(parents=True)
    forged = dataclasses.replace(only(bench), workspace=dataclasses.replace(bench.workspace, path=str(precious)))
    with pytest.raises(WorkspaceUnsafe, match="points to"):
        bench.forge.archive_and_remove(forged)
    assert precious.is_dir()
    assert bench.tree.is_dir()


def test_a_second_call_finishes_what_a_crash_left(bench: Bench, tmp_path: Path) -> None:
    bench.write({"x.py": "1\n"})
    leftover = only(bench)
    first = bench.forge.archive_and_remove(leftover)
    half = tmp_path / "work/.trash/T-1/tree"
    half.mkdir(parents=True)
    assert bench.forge.archive_and_remove(leftover) == first
    assert not half.parent.exists()


@pytest.mark.parametrize("nth", [1, 6, 12, 18, 24, 30, 36, 42, 48, 54])
def test_killed_at_any_command(bench: Bench, tmp_path: Path, nth: int) -> None:
    """Afterwards the work is in the workspace, in the archive, or in both, and a second call ends it."""
    sha = commit(bench.tree, {"x.py": "1\n"}, "infra: x")
    bench.write({"y.py": "uncommitted\n"})
    killed_at(nth, tmp_path, "for one in forge.leftovers(lambda _: None): forge.archive_and_remove(one)")
    for leftover in bench.forge.leftovers(lambda _: None):
        assert (leftover.unpushed, leftover.uncommitted) == (1, 1)
        bench.forge.archive_and_remove(leftover)
    whole = [path for path in (tmp_path / "archive").iterdir() if not path.name.startswith(".")]
    assert len(whole) == 1
    assert sha in git("bundle", "list-heads", whole[0] / "commits.bundle", cwd=bench.remote.path)
    assert "uncommitted" in (whole[0] / "uncommitted.patch").read_text()
    assert not bench.tree.exists()


def test_killed_between_archive_and_deletion(bench: Bench, tmp_path: Path) -> None:
    """The archive is whole, the workspace still there: the second call makes no second archive."""
    bench.write({"y.py": "uncommitted\n"})
    code = (
        "w = forge.workspace('T-1'); site = forge._places.site_of(w)\n"
        "forge._archivist.keep(site, w, None, forge._archivist.loss(site, w, None))\n"
        "os.kill(os.getpid(), 9)"
    )
    killed_at(10_000, tmp_path, code)
    (archive,) = (tmp_path / "archive").iterdir()
    assert bench.tree.is_dir()
    assert bench.forge.archive_and_remove(only(bench)) == archive
    assert list((tmp_path / "archive").iterdir()) == [archive]
