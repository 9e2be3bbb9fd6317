"""A real repository in which a review's tests make changes."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stas_tui.forges.git import Git
from stas_tui.isolation.git_tree import CommitTree
from stas_tui.review.base import Change
from stas_tui.review.changes import changed_files
from storage.clock import SystemClock


class Repository:
    """Commits whatever it is given; nothing of the machine's git configuration takes part."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.git("init", "-q", "-b", "multi-tenant")

    def git(self, *args: str) -> str:
        env = {"PATH": "/usr/bin:/bin", "HOME": str(self.folder), "GIT_CONFIG_GLOBAL": "/dev/null"}
        env |= {f"GIT_{who}_{what}": "x@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        done = subprocess.run(["git", *args], cwd=self.folder, env=env, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def commit(self, files: Mapping[str, str | bytes | None]) -> str:
        """Write these files, delete those that are None, and commit; returns the sha."""
        for name, content in files.items():
            path = self.folder / name
            if content is None:
                path.unlink()
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "x")
        return self.git("rev-parse", "HEAD")

    def change(self, base: str, head: str, **more: Any) -> Change:
        """The change between two commits, as the checks see it."""
        git, git_dir = Git(), self.folder / ".git"
        files, cut = changed_files(git, git_dir, base, head)
        return Change(
            project_id="shop", base=CommitTree(git, git_dir, base), head=CommitTree(git, git_dir, head), files=files,
            clock=SystemClock(), cut=cut, **more,
        )  # fmt: skip

    def changed(
        self, before: Mapping[str, str | bytes], after: Mapping[str, str | bytes | None], **more: Any
    ) -> Change:
        """The change from one state to another."""
        return self.change(self.commit(before), self.commit(after), **more)
