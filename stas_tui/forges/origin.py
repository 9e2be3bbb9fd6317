"""The proof that a branch was cut from the base branch (R5, R7)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from stas_tui.forges.git import Git
from storage.records import OriginProof


def prove(git: Git, git_dir: Path, heads: Sequence[str], *, base: tuple[str, str], main: str | None) -> OriginProof:
    """The commit-set test: what is reachable from a head and from main, but not from the base, is foreign.

    `base` is the branch's name and sha. Several heads are tested as one; the first is reported. All commits must be
    in `git_dir`. An ancestor test would not do: it passes a branch cut from an old main. A branch that is merely
    behind passes, and so does one cut from a main that the base branch contains.
    """
    base_name, base_sha = base
    foreign: tuple[str, ...] = ()
    if main is not None:
        ours = set(git.run("rev-list", *heads, f"^{base_sha}", git_dir=git_dir).lines)
        theirs = git.run("rev-list", main, f"^{base_sha}", git_dir=git_dir).lines
        foreign = tuple(sha for sha in theirs if sha in ours)
    fork = git.run("merge-base", heads[0], base_sha, git_dir=git_dir, ok=(0, 1)).text
    behind, ahead = git.run(
        "rev-list", "--left-right", "--count", f"{base_sha}...{heads[0]}", git_dir=git_dir
    ).text.split()
    return OriginProof(
        head=heads[0],
        base=base_name,
        base_sha=base_sha,
        main=main,
        foreign=foreign,
        fork_point=fork or None,
        ahead=int(ahead),
        behind=int(behind),
    )
