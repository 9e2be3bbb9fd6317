"""Real git for the forge's tests: remotes, people who merge, executors who write."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from stas_tui.forges.base import Repo
from stas_tui.forges.local_git import LocalGitForge
from storage.records import Workspace

AGENT = "Stas <stas@example.test>"


def git(*args: str | Path, cwd: Path, date: int | None = None, ok: tuple[int, ...] = (0,)) -> str:
    """Run git as a person or an executor would; returns its output."""
    env = {
        "PATH": os.environ["PATH"],
        "HOME": "/nonexistent",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "LC_ALL": "C",
    }
    for role in ("AUTHOR", "COMMITTER"):
        env |= {f"GIT_{role}_NAME": "Ex Ecutor", f"GIT_{role}_EMAIL": "ex@example.test"}
        if date is not None:
            env[f"GIT_{role}_DATE"] = f"{date} +0000"
    done = subprocess.run(["git", *map(str, args)], cwd=cwd, env=env, capture_output=True, check=False)
    assert done.returncode in ok, done.stderr.decode("utf-8", "replace")
    return done.stdout.decode("utf-8", "surrogateescape").strip()


def commit(folder: Path, files: dict[str, str | bytes | None], message: str, date: int | None = None) -> str:
    """Write files (None deletes one), commit them all, return the sha."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if content is None:
            path.unlink()
        elif isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(content)
    git("add", "-A", cwd=folder)
    git("commit", "-q", "--allow-empty", "-m", message, cwd=folder, date=date)
    return git("rev-parse", "HEAD", cwd=folder)


@dataclass(frozen=True)
class Remote:
    """A bare remote, and the clone of somebody who may do everything on it."""

    path: Path
    person: Path

    def sha(self, branch: str) -> str:
        return git("rev-parse", f"refs/heads/{branch}", cwd=self.path)

    def branches(self) -> set[str]:
        return set(git("for-each-ref", "--format=%(refname:short)", "refs/heads", cwd=self.path).split())

    def fetch_into(self, branch: str) -> None:
        """Put the person's branch into the remote from its own side, where no hook asks."""
        git("fetch", "-q", self.person, f"+refs/heads/{branch}:refs/heads/{branch}", cwd=self.path)

    def advance(
        self, branch: str, files: dict[str, str | bytes | None], message: str = "move", date: int | None = None
    ) -> str:
        """One more commit on a branch of the remote."""
        self.take(branch)
        sha = commit(self.person, files, message, date)
        self.fetch_into(branch)
        return sha

    def take(self, branch: str) -> None:
        """Bring the person's clone to a branch as it is on the remote."""
        git("fetch", "-q", self.path, f"+refs/heads/{branch}:refs/remotes/take", cwd=self.person)
        git("checkout", "-q", "-f", "-B", branch, "refs/remotes/take", cwd=self.person)

    def merge(self, head: str, *, into: str = "multi-tenant", how: str = "--no-ff", message: str = "Merge") -> str:
        """What a person does on a forge: merge, squash or fast-forward a branch."""
        self.take(head)
        self.take(into)
        git("merge", "-q", how, *(() if how == "--ff-only" else ("-m", message)), head, cwd=self.person)
        if how == "--squash":
            git("commit", "-q", "-m", message, cwd=self.person)
        self.fetch_into(into)
        return self.sha(into)


@dataclass(frozen=True)
class Bench:
    """A provisioned task in a fresh repository."""

    forge: LocalGitForge
    repo: Repo
    remote: Remote
    workspace: Workspace

    @property
    def tree(self) -> Path:
        return Path(self.workspace.path)

    def write(self, files: dict[str, str | bytes]) -> None:
        for name, content in files.items():
            path = self.tree / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())

    def commit(self, message: str = "infra: change") -> str:
        return self.forge.commit(self.workspace, self.forge.stage(self.workspace), message, author=AGENT)

    def pushed(self, message: str = "infra: change") -> str:
        return self.forge.push(self.repo, self.workspace, self.commit(message))


_CHILD = """
import os, sys
from pathlib import Path
from stas_tui.forges.base import Repo
from stas_tui.forges.git import Git
from stas_tui.forges.local_git import LocalGitForge
from storage.clock import ManualClock
from storage.schema_world import open_world
from storage.world import World
base, clock = Path(sys.argv[1]), ManualClock()
with open_world(base / "platform.db") as store:
    world = World(store, clock)
    forge = LocalGitForge(
        prs=world, workspaces=world, root=base / "work", archive=base / "archive", clock=clock,
        git=Git(program=str(base / "killer")),
    )
    exec(sys.argv[2])
"""


def killed_at(nth: int, base: Path, code: str) -> None:
    """Run `code` with a `forge` over the same files in a process that its own `nth` git command kills."""
    killer = base / "killer"
    killer.write_text(
        f"#!/bin/sh\nn=$(($(cat '{base}/count') + 1))\necho $n > '{base}/count'\n"
        f'[ $n -eq {nth} ] && kill -9 $PPID\nexec git "$@"\n'
    )
    killer.chmod(0o755)
    (base / "count").write_text("0")
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run([sys.executable, "-c", _CHILD, str(base), code], env=env, capture_output=True, check=False)
    assert done.returncode in (0, -9), done.stderr.decode()
    assert done.returncode == -9 or int((base / "count").read_text()) < nth, "nothing was killed"
