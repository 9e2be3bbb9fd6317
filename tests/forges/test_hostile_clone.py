"""Nothing that an executor writes into its clone makes our commands run a program, hang, or follow a link out."""

from __future__ import annotations

import os
import shutil
import zlib
from pathlib import Path

import pytest
from forge_bench import AGENT, Bench, commit, git

from storage.errors import StasError

HOOKS = ("pre-commit", "post-checkout", "post-index-change", "reference-transaction", "pre-push", "post-commit")


@pytest.fixture
def canary(bench: Bench, tmp_path: Path) -> Path:
    """A clone in which every known way to name a program names one that writes `canary`."""
    mark = tmp_path / "canary"
    evil = tmp_path / "evil.sh"
    evil.write_text(f"#!/bin/sh\necho \"$0 $*\" >> '{mark}'\ncat\n")
    evil.chmod(0o755)
    git_dir = bench.tree / ".git"
    keys = (
        "core.fsmonitor", "core.sshCommand", "core.pager", "core.editor", "core.askPass", "core.gitProxy",
        "core.alternateRefsCommand", "uploadpack.packObjectsHook", "diff.external", "diff.evil.textconv",
        "diff.evil.command", "filter.evil.clean", "filter.evil.smudge", "filter.evil.process", "merge.evil.driver",
        "credential.helper", "gpg.program", "sequence.editor", "pager.diff", "pager.log", "alias.diff-tree",
        "alias.ls-files", "remote.origin.uploadpack", "remote.origin.receivepack", "submodule.x.update",
        "protocol.ext.allow", "trailer.x.command", "interactive.diffFilter",
    )  # fmt: skip
    lines = []
    for key in keys:
        section, _, name = key.rpartition(".")
        head, _, sub = section.partition(".")
        value = {"core.fsmonitor": str(evil), "protocol.ext.allow": "always"}.get(key, str(evil))
        value = f"!{evil}" if key.startswith(("alias.", "credential.")) else value
        lines.append(f'[{head} "{sub}"]\n\t{name} = {value}\n' if sub else f"[{head}]\n\t{name} = {value}\n")
    included = tmp_path / "included"
    included.write_text("".join(lines))
    with (git_dir / "config").open("a") as config:
        config.write("".join(lines))
        config.write(f"[core]\n\thooksPath = {tmp_path / 'hooks'}\n\tworktree = {tmp_path}\n")
        config.write(f"[include]\n\tpath = {included}\n")
        config.write('[commit]\n\tgpgSign = true\n[filter "evil"]\n\trequired = true\n')
    (tmp_path / "hooks").mkdir()
    for folder in (tmp_path / "hooks", git_dir / "hooks"):
        for hook in (
            "pre-commit",
            "post-checkout",
            "post-index-change",
            "reference-transaction",
            "pre-push",
            "post-commit",
        ):
            shutil.copy(evil, folder / hook)
    bench.write({".gitattributes": "* filter=evil diff=evil merge=evil\n"})
    (git_dir / "info").mkdir(exist_ok=True)
    (git_dir / "info/attributes").write_text("* filter=evil diff=evil merge=evil\n")
    return mark


def test_the_trap_works(bench: Bench, canary: Path) -> None:
    """An ordinary git in the clone walks into it: otherwise the tests below would prove nothing."""
    git("status", cwd=bench.tree, ok=(0, 1, 128))
    assert canary.exists()


def test_no_hostile_configuration_runs_anything(bench: Bench, canary: Path, tmp_path: Path) -> None:
    sha = _commit_by_hand(bench, {"made.py": "MADE = 1\n"}, "infra: made")
    canary.unlink(missing_ok=True)
    bench.write({"svc/api.py": "LIMIT = 3\n", "svc/new.py": "NEW = 1\n"})
    forge, repo, workspace = bench.forge, bench.repo, bench.workspace
    changes = forge.changes(workspace)
    assert changes.problems == ()
    assert changes.commits == (f"{sha} infra: made",)
    staged = forge.stage(workspace)
    assert "NEW = 1" in staged.added_text
    forge.checkout_for_verification(workspace, staged, tmp_path / "fresh")
    assert (tmp_path / "fresh/svc/new.py").read_text() == "NEW = 1\n"
    head = forge.commit(workspace, staged, "infra: all", author=AGENT)
    assert forge.origin_proof(repo, workspace).holds
    assert forge.push(repo, workspace, head) == head
    pr = forge.open_pr(repo, workspace, title="infra: all", body="", head_sha=head, author="stas", key="k")
    assert forge.read_pr(repo, pr.number) == pr
    assert forge.provision(repo, "T-1", "x") == workspace
    (leftover,) = forge.leftovers(lambda _: None)
    forge.archive_and_remove(leftover)
    assert not canary.exists(), canary.read_text()


def _commit_by_hand(bench: Bench, files: dict[str, str], message: str) -> str:
    """A commit in the clone, made with its own hostile configuration switched off."""
    config, attributes = bench.tree / ".git/config", bench.tree / ".gitattributes"
    kept, hooks = config.read_text(), bench.tree / ".git/hooks"
    config.write_text("[core]\n\trepositoryformatversion = 0\n\tbare = false\n\thooksPath = /dev/null\n")
    hostile = attributes.read_text()
    sha = commit(bench.tree, dict(files), message)
    config.write_text(kept)
    attributes.write_text(hostile)
    assert hooks.is_dir()
    return sha


def test_nested_repositories_run_nothing(bench: Bench, canary: Path) -> None:
    """git itself asks the status of a submodule by running git inside it, under the submodule's configuration."""
    nested = bench.tree / "vendor"
    nested.mkdir()
    git("init", "-q", cwd=nested)
    commit(nested, {"lib.py": "1\n"}, "lib")
    kept = (bench.tree / ".git/config").read_text()
    (bench.tree / ".git/config").write_text("[core]\n\trepositoryformatversion = 0\n\thooksPath = /dev/null\n")
    git("add", "vendor", cwd=bench.tree)
    git("commit", "-qm", "gitlink", cwd=bench.tree)
    (nested / ".git/config").write_text(kept.replace("worktree", "nothing"))
    (nested / "lib.py").write_text("2\n")
    canary.unlink(missing_ok=True)
    git("status", cwd=bench.tree, ok=(0, 1, 128))
    assert canary.exists(), "the trap does not work"
    canary.unlink()
    changes = bench.forge.changes(bench.workspace)
    assert any("submodule" in problem for problem in changes.problems)
    bench.forge.stage(bench.workspace)
    assert not canary.exists()


def test_a_git_folder_that_is_a_link(bench: Bench, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (bench.tree / ".git").rename(elsewhere)
    (bench.tree / ".git").symlink_to(elsewhere)
    bench.write({"x.py": "1\n"})
    changes = bench.forge.changes(bench.workspace)
    assert "not a plain folder" in changes.problems[0]
    assert changes.history_rewritten
    assert [file.path for file in changes.files] == ["x.py"]


@pytest.mark.parametrize("kind", ["file", "missing", "fifo", "head link", "head fifo", "head huge", "empty"])
def test_damaged_git_folders_are_reported(bench: Bench, tmp_path: Path, kind: str) -> None:
    dot, head = bench.tree / ".git", bench.tree / ".git/HEAD"
    if kind in ("file", "missing", "fifo", "empty"):
        shutil.rmtree(dot)
    if kind.startswith("head"):
        head.unlink()
    match kind:
        case "file":
            dot.write_text(f"gitdir: {bench.remote.path}\n")
        case "fifo":
            os.mkfifo(dot)
        case "empty":
            dot.mkdir()
        case "head link":
            head.symlink_to("/etc/passwd")
        case "head fifo":
            os.mkfifo(head)
        case "head huge":
            head.write_text("ref: refs/heads/" + "x" * 100_000)
    bench.write({"x.py": "1\n"})
    changes = bench.forge.changes(bench.workspace)
    assert changes.problems
    assert changes.history_rewritten
    assert [file.path for file in changes.files] == ["x.py"]
    assert changes.head_sha == bench.workspace.base_sha


def test_a_ref_that_is_a_link_is_not_followed(bench: Bench, tmp_path: Path) -> None:
    sha = commit(bench.tree, {"x.py": "1\n"}, "x")
    ref = bench.tree / ".git/refs/heads" / bench.workspace.branch
    ref.unlink()
    (tmp_path / "sha").write_text(sha + "\n")
    ref.symlink_to(tmp_path / "sha")
    changes = bench.forge.changes(bench.workspace)
    assert changes.problems
    assert changes.history_rewritten


def test_borrowed_objects_are_refused(bench: Bench) -> None:
    commit(bench.tree, {"x.py": "1\n"}, "x")
    info = bench.tree / ".git/objects/info"
    info.mkdir(exist_ok=True)
    (info / "alternates").write_text(f"{bench.remote.path}/objects\n")
    changes = bench.forge.changes(bench.workspace)
    assert "borrows objects" in changes.problems[0]


def test_objects_that_lie_about_their_name_are_refused(bench: Bench) -> None:
    sha = commit(bench.tree, {"x.py": "honest\n"}, "x")
    blob = git("rev-parse", "HEAD:x.py", cwd=bench.tree)
    path = bench.tree / ".git/objects" / blob[:2] / blob[2:]
    path.chmod(0o644)
    path.write_bytes(zlib.compress(b"blob 6\0forged"))
    bench.write({"x.py": "something else\n"})
    changes = bench.forge.changes(bench.workspace)
    assert "cannot be read" in changes.problems[0]
    assert changes.history_rewritten
    assert sha not in " ".join(changes.commits)
    again = bench.forge.changes(bench.workspace)
    assert again.problems == changes.problems


def test_missing_objects_are_refused_until_they_are_there(bench: Bench) -> None:
    sha = commit(bench.tree, {"x.py": "honest\n"}, "x")
    blob = git("rev-parse", "HEAD:x.py", cwd=bench.tree)
    path = bench.tree / ".git/objects" / blob[:2] / blob[2:]
    content = path.read_bytes()
    path.unlink()
    assert bench.forge.changes(bench.workspace).problems
    path.write_bytes(content)
    changes = bench.forge.changes(bench.workspace)
    assert (changes.problems, changes.head_sha) == ((), sha)


def test_a_commit_graph_and_replace_refs_are_not_believed(bench: Bench) -> None:
    sha = commit(bench.tree, {"x.py": "1\n"}, "x")
    git("gc", "-q", cwd=bench.tree)
    git("commit-graph", "write", "--reachable", cwd=bench.tree)
    git("replace", "--graft", sha, cwd=bench.tree)
    git("multi-pack-index", "write", cwd=bench.tree)
    (bench.tree / ".git/shallow").write_text(sha + "\n")
    changes = bench.forge.changes(bench.workspace)
    assert (changes.problems, changes.history_rewritten) == ((), False)
    assert changes.commits == (f"{sha} x",)


def test_trees_with_forbidden_names_are_refused(bench: Bench) -> None:
    """A tree that holds `.git/hooks` would plant a hook where it is checked out."""
    blob = git("hash-object", "-w", "svc/api.py", cwd=bench.tree)
    raw = b"100755 pre-commit\0" + bytes.fromhex(blob)
    hooks = _raw_object(bench, b"tree", raw)
    tree = _raw_object(bench, b"tree", b"40000 .git\0" + bytes.fromhex(hooks))
    sha = git("commit-tree", tree, "-p", "HEAD", "-m", "evil", cwd=bench.tree)
    git("update-ref", f"refs/heads/{bench.workspace.branch}", sha, cwd=bench.tree)
    changes = bench.forge.changes(bench.workspace)
    assert "cannot be read" in changes.problems[0]
    assert changes.history_rewritten


def _raw_object(bench: Bench, kind: bytes, content: bytes) -> str:
    source = bench.tree.parent / "raw"
    source.write_bytes(content)
    sha = git("hash-object", "-w", "--literally", "-t", kind.decode(), source, cwd=bench.tree)
    source.unlink()
    return sha


@pytest.mark.parametrize("content", [b"", b"DIRC garbage", b"\0" * 4096])
def test_a_damaged_index_of_the_executor_does_not_matter(bench: Bench, content: bytes) -> None:
    (bench.tree / ".git/index").write_bytes(content)
    bench.write({"x.py": "1\n"})
    changes = bench.forge.changes(bench.workspace)
    assert [file.path for file in changes.files] == ["x.py"]


def test_hidden_changes_are_seen(bench: Bench) -> None:
    """`assume-unchanged` and `skip-worktree` live in the executor's index, which we do not use."""
    git("update-index", "--assume-unchanged", "svc/api.py", cwd=bench.tree)
    git("update-index", "--skip-worktree", "svc/db.py", cwd=bench.tree)
    bench.write({"svc/api.py": "1\n", "svc/db.py": "2\n"})
    assert git("status", "--porcelain", cwd=bench.tree) == ""
    assert [file.path for file in bench.forge.changes(bench.workspace).files] == ["svc/api.py", "svc/db.py"]


def test_a_change_with_size_and_time_put_back_is_seen(bench: Bench) -> None:
    """Our index remembers what it saw of a file; the change time of the inode cannot be put back."""
    path = bench.tree / "svc/db.py"
    assert bench.forge.changes(bench.workspace).empty
    seen = path.stat()
    path.write_text("POOL = 6\n")
    os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    assert path.stat().st_size == seen.st_size
    assert [file.path for file in bench.forge.changes(bench.workspace).files] == ["svc/db.py"]


def test_a_work_tree_that_is_gone_or_a_link(bench: Bench, tmp_path: Path) -> None:
    bench.tree.rename(tmp_path / "moved")
    with pytest.raises(StasError, match="damaged or gone"):
        bench.forge.changes(bench.workspace)
    bench.tree.symlink_to(tmp_path / "moved")
    with pytest.raises(StasError, match="damaged or gone"):
        bench.forge.stage(bench.workspace)


def test_very_deep_folders(bench: Bench) -> None:
    here = os.open(bench.tree, os.O_RDONLY)
    try:
        for _ in range(1500):
            os.mkdir("d", dir_fd=here)
            inner = os.open("d", os.O_RDONLY, dir_fd=here)
            os.close(here)
            here = inner
        handle = os.open("leaf", os.O_WRONLY | os.O_CREAT, dir_fd=here)
        os.write(handle, b"deep\n")
        os.close(handle)
    finally:
        os.close(here)
    assert [file.size for file in bench.forge.changes(bench.workspace).files] == [5]
    (leftover,) = bench.forge.leftovers(lambda _: None)
    archive = bench.forge.archive_and_remove(leftover)
    assert archive is not None
    assert b"+deep" in (archive / "uncommitted.patch").read_bytes()
    assert not bench.tree.exists()
