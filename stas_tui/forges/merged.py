"""Whether and how a head entered the base branch: merged, fast-forwarded or squashed (by comparing trees)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from stas_tui.forges import diff
from stas_tui.forges.git import Git
from stas_tui.forges.names import printable

_CANDIDATES = 200
"""Commits of the base branch, newest first, that are compared with a head to find its squash."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What merging a head into a base would give."""

    clean: bool | None
    """None: git could not tell (unrelated histories, too old a git)."""
    tree: str
    conflicts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Landing:
    """How a head landed on the base branch."""

    sha: str | None
    """The commit of the base's own line that brought it in; None if the change is there but no one commit is it."""
    at: int | None
    """That commit's time (ms)."""


def trial(git: Git, git_dir: Path, base: str, head: str) -> Trial:
    """Merge two commits in memory. No merge driver, hook or work tree takes part."""
    done = git.run(
        "merge-tree", "--write-tree", "--name-only", "--no-messages", "-z", base, head,
        git_dir=git_dir, ok=range(256),
    )  # fmt: skip
    if done.code not in (0, 1) or not done.items:
        return Trial(None, "", ())
    tree, *paths = done.items
    return Trial(done.code == 0, tree.decode(), tuple(printable(path) for path in paths))


def is_ancestor(git: Git, git_dir: Path, old: str, new: str) -> bool:
    """Whether `old` is `new` or in its history. A name that is no commit is in no history."""
    return git.run("merge-base", "--is-ancestor", old, new, git_dir=git_dir, ok=(0, 1, 128)).code == 0


def tree_of(git: Git, git_dir: Path, commit: str) -> str:
    """The tree of a commit."""
    return git.run("rev-parse", "--verify", f"{commit}^{{tree}}", git_dir=git_dir).text


def time_of(git: Git, git_dir: Path, commit: str) -> int:
    """A commit's committer time (ms)."""
    return int(git.run("show", "--no-patch", "--format=%ct", commit, git_dir=git_dir).text) * 1000


def absorbed(git: Git, git_dir: Path, head: str, base: str) -> bool:
    """Whether the base holds the head's change already, merged or squashed."""
    return landing(git, git_dir, head, base) is not None


def landing(git: Git, git_dir: Path, head: str, base: str) -> Landing | None:
    """How `head` entered `base`; None if it did not, or if it never had a change of its own."""
    if is_ancestor(git, git_dir, head, base):
        sha = _first_holding(git, git_dir, head, base)
        return Landing(sha, time_of(git, git_dir, sha))
    fork = git.run("merge-base", base, head, git_dir=git_dir, ok=(0, 1)).text
    if not fork or tree_of(git, git_dir, fork) == tree_of(git, git_dir, head):
        return None
    changed = set(diff.names(git, git_dir, fork, head))
    line = git.run(
        "rev-list", "--first-parent", "--min-parents=1", f"--max-count={_CANDIDATES}", base, f"^{fork}",
        "--", min(changed),
        git_dir=git_dir,
    ).lines  # fmt: skip
    for sha in line:
        if changed <= set(diff.names(git, git_dir, f"{sha}^", sha)):
            before = trial(git, git_dir, f"{sha}^", head)
            if before.clean and before.tree == tree_of(git, git_dir, sha):
                return Landing(sha, time_of(git, git_dir, sha))
    now = trial(git, git_dir, base, head)
    return Landing(None, None) if now.clean and now.tree == tree_of(git, git_dir, base) else None


def _first_holding(git: Git, git_dir: Path, head: str, base: str) -> str:
    """The oldest commit of the base's first-parent line that has `head` in its history."""
    line = git.run("rev-list", "--first-parent", base, f"^{head}", git_dir=git_dir).lines
    merges = git.run("rev-list", "--ancestry-path", f"{head}..{base}", git_dir=git_dir).lines
    holding = set(merges)
    inside = [sha for sha in line if sha in holding]
    if not inside:
        return head
    oldest = inside[-1]
    parent = git.run("rev-parse", f"{oldest}^1", git_dir=git_dir).text
    return head if parent == head else oldest
