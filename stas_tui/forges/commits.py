"""Makes commits and checkouts from staged trees, with plumbing only: no hook, filter or index of anybody takes part."""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from stas_tui.forges.base import ForgeError, Staged, WorkspaceUnsafe
from stas_tui.forges.git import Git
from stas_tui.forges.merged import is_ancestor, tree_of
from stas_tui.forges.naming import slug
from storage.records import Workspace

_NAME_AND_MAIL = re.compile(r"(?P<name>[^<>]+?)\s*<(?P<mail>[^<>\s]+)>")


def identity(author: str) -> tuple[str, str]:
    """Name and mail address for git, from `Name <mail>` or a bare name."""
    clean = re.sub(r"[\x00-\x1f\x7f]", " ", author.encode("utf-8", "replace").decode()).strip()
    found = _NAME_AND_MAIL.fullmatch(clean)
    if found:
        return found["name"], found["mail"]
    name = re.sub(r"[<>]", "", clean).strip() or "Stas"
    return name, f"{slug(name) or 'stas'}@stas.invalid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """Who commits, when (ms), and what it is called."""

    author: str
    message: str
    at: int


def commit_tree(git: Git, ours: Path, workspace: Workspace, staged: Staged, *, head: str, signed: Signature) -> str:
    """Commit `staged.tree` on `staged.parent` and move the feature branch in `ours` from `head` to it.

    Returns the commit that holds the tree; none is made if `head`, or the executor's own last commit, holds it already.
    """
    if head != workspace.base_sha and tree_of(git, ours, head) == staged.tree:
        return head
    if not is_ancestor(git, ours, head, staged.parent):
        raise WorkspaceUnsafe(f"{workspace.branch} moved since the change was staged.", "Stage it again.")
    held = tree_of(git, ours, staged.parent) == staged.tree
    if held and staged.parent == workspace.base_sha:
        raise ForgeError("There is nothing to commit: the work tree is as its base.", "Change something first.")
    sha = staged.parent if held else _made(git, ours, staged, signed)
    git.run("update-ref", f"refs/heads/{workspace.branch}", sha, head, git_dir=ours)
    return sha


def _made(git: Git, ours: Path, staged: Staged, signed: Signature) -> str:
    message = signed.message
    if not message.strip() or "\0" in message:
        raise ForgeError("A commit message must say something, and hold no NUL.", "Write one.")
    name, mail = identity(signed.author)
    stamp = f"{signed.at // 1000} +0000"
    env = {
        f"GIT_{role}_{what}": value
        for role in ("AUTHOR", "COMMITTER")
        for what, value in (("NAME", name), ("EMAIL", mail), ("DATE", stamp))
    }
    text = message.encode("utf-8", "replace").rstrip() + b"\n"
    return git.run("commit-tree", "-p", staged.parent, "-F", "-", staged.tree, git_dir=ours, env=env, stdin=text).text


def write_out(git: Git, ours: Path, tree: str, into: Path) -> None:
    """Write a tree's files into `into`, which must be missing or empty. Raises `ForgeError` otherwise."""
    if into.is_symlink() or (into.exists() and (not into.is_dir() or any(into.iterdir()))):
        raise ForgeError(f"{into} is not an empty folder.", "Give a fresh one.")
    into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ours, prefix="verify-") as folder:
        index = Path(folder) / "index"
        git.run("read-tree", tree, git_dir=ours, index=index)
        git.run("checkout-index", "--all", "--quiet", git_dir=ours, work_tree=into, index=index)
