"""The hook of a bare repository that Stas sets up, and how to set one up (R8).

The adapter refuses first; the hook is the second wall, for every other program that pushes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from stas_tui.forges.base import ForgeError
from stas_tui.forges.git import Git
from stas_tui.forges.names import is_branch

PRE_RECEIVE = """\
#!/bin/sh
# Refuses pushes to protected branches, and deletion or rewriting of the base branch.
# The whole push is refused if one ref of it is.
protected='@PROTECTED@'
base='@BASE@'
zero=0000000000000000000000000000000000000000
status=0
while read -r old new ref; do
    branch=${ref#refs/heads/}
    for name in $protected; do
        if [ "$ref" = "refs/heads/$name" ]; then
            echo "The branch $name is protected: nobody pushes to it. Open a pull request on $base."
            status=1
        fi
    done
    if [ "$branch" = "$base" ] && [ "$ref" != "$branch" ]; then
        if [ "$new" = "$zero" ]; then
            echo "The branch $base is the target of all work and cannot be deleted."
            status=1
        elif [ "$old" != "$zero" ] && ! git merge-base --is-ancestor "$old" "$new"; then
            echo "The branch $base only moves forward: this push would drop commits from it."
            status=1
        fi
    fi
done
exit $status
"""
"""POSIX shell; `@PROTECTED@` is a blank-separated list of branch names, `@BASE@` one name."""


def pre_receive(protect: Sequence[str] = ("main",), base: str = "multi-tenant") -> str:
    """The hook's text for these branches. Raises `ForgeError` for a name that is no plain branch name."""
    for name in (*protect, base):
        if not is_branch(name):
            raise ForgeError(f"{name!r} is not a branch name that the hook can protect.", "Choose a plain name.")
    return PRE_RECEIVE.replace("@PROTECTED@", " ".join(protect)).replace("@BASE@", base)


def init_remote(
    path: Path, *, protect: Sequence[str] = ("main",), base: str = "multi-tenant", seed: Path | None = None
) -> Path:
    """Make a bare repository with the pre-receive hook, and fill it with the branches of `seed`, if given.

    Doing it again only writes the hook anew. Raises `ForgeError` if `path` holds something else.
    """
    git = Git()
    if path.exists() and not (path / "HEAD").is_file() and any(path.iterdir()):
        raise ForgeError(f"{path} holds files that are no bare repository.", "Choose an empty folder.")
    path.mkdir(parents=True, exist_ok=True)
    git.run("init", "--quiet", "--bare", "--template=", "--initial-branch=main", str(path))
    if seed is not None:
        git.run("fetch", "--quiet", "--no-tags", str(seed.absolute()), "refs/heads/*:refs/heads/*", git_dir=path)
    folder = path / "hooks"
    folder.mkdir(exist_ok=True)
    fresh = folder / "pre-receive.new"
    fresh.write_text(pre_receive(protect, base), encoding="ascii")
    fresh.chmod(0o755)
    fresh.replace(folder / "pre-receive")
    return path
