"""G17: every git action of the local forge against the plain commands it stands for, on a repository of 2,000 files.

The forge proves on the way what the bare command does not: that the branch comes from the base, that nothing hostile
lies in the clone, that what was pushed is what stands on the remote.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rounds import Bench, ratio, run
from terminal import Metrics

from stas_tui.forges.base import Repo
from stas_tui.forges.hooks import init_remote
from stas_tui.forges.local_git import LocalGitForge
from storage.clock import SystemClock
from storage.records import Workspace
from storage.schema_world import open_world
from storage.world import World

AGENT = "Bench <bench@example.test>"
CHANGED = 20


def git(*args: str | Path, cwd: Path) -> str:
    """The command-line program itself."""
    env = {
        "PATH": os.environ["PATH"],
        "HOME": "/nonexistent",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        **{f"GIT_{role}_{what}": "bench" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
    }
    done = subprocess.run(["git", *map(str, args)], cwd=cwd, env=env, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@dataclass
class Site:
    """A remote with a base branch, and the forge that works on it."""

    folder: Path
    repo: Repo
    forge: LocalGitForge
    number: int = 0


def make_site(folder: Path, world: World, files: int) -> Site:
    """A repository of this many small files with 30 commits."""
    person = folder / "person"
    person.mkdir()
    git("init", "-q", "--initial-branch=main", cwd=person)
    for n in range(files):
        path = person / f"pkg{n % 40:02}" / f"mod{n:04}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"VALUE = {n}\n" + "def work():\n    return VALUE\n" * 20)
    git("add", "-A", cwd=person)
    git("commit", "-q", "-m", "first", cwd=person)
    git("checkout", "-q", "-b", "multi-tenant", cwd=person)
    for n in range(30):
        (person / "pkg00" / "mod0000.py").write_text(f"VALUE = {n}\n")
        git("commit", "-q", "-am", f"infra: step {n}", cwd=person)
    remote = init_remote(folder / "remote.git", seed=person)
    clock = SystemClock()
    forge = LocalGitForge(prs=world, workspaces=world, root=folder / "clones", archive=folder / "archive", clock=clock)
    return Site(folder, Repo(project_id="ledger", url=str(remote)), forge)


def change(tree: Path, salt: str) -> None:
    """What an executor leaves: twenty files changed, one new."""
    for n in range(CHANGED):
        with (tree / f"pkg{n % 40:02}" / f"mod{n:04}.py").open("a") as file:
            file.write(f"# {salt}\n")
    (tree / f"new-{salt}.py").write_text("VALUE = 1\n")


class Clock:
    """Collects how long each named action took."""

    def __init__(self) -> None:
        self.took: Metrics = {}

    def __call__(self, name: str, act: Callable[[], object]) -> object:
        before = time.perf_counter()
        answer = act()
        self.took[name] = (time.perf_counter() - before) * 1000
        return answer


def by_forge(site: Site) -> Metrics:
    """One task from the clone to the pull request, by the forge."""
    site.number += 1
    task, clock, forge, repo = f"T-{site.number}", Clock(), site.forge, site.repo
    workspace = clock("provision", lambda: forge.provision(repo, task, "a piece of work"))
    assert isinstance(workspace, Workspace)
    change(Path(workspace.path), task)
    clock("changes", lambda: forge.changes(workspace))
    staged = forge.stage(workspace)
    clock("stage", lambda: forge.stage(workspace))
    sha = str(clock("commit", lambda: forge.commit(workspace, staged, f"infra: {task}", author=AGENT)))
    clock("push", lambda: forge.push(repo, workspace, sha))
    clock(
        "open_pr",
        lambda: forge.open_pr(repo, workspace, title=f"infra: {task}", body="", head_sha=sha, author=AGENT, key=task),
    )
    shutil.rmtree(workspace.path)
    return clock.took


def by_hand(site: Site) -> Metrics:
    """The same with the bare commands."""
    site.number += 1
    clock, name = Clock(), f"hand-{site.number}"
    tree = site.folder / name
    clock("provision", lambda: _clone(site, tree, name))
    change(tree, name)
    clock("changes", lambda: (git("add", "-A", "-N", cwd=tree), git("diff", "HEAD", cwd=tree)))
    git("reset", "-q", cwd=tree)
    clock("stage", lambda: (git("add", "-A", cwd=tree), git("write-tree", cwd=tree), git("diff", "--cached", cwd=tree)))
    clock("commit", lambda: git("commit", "-q", "-m", name, cwd=tree))
    clock("push", lambda: git("push", "-q", "origin", f"HEAD:refs/heads/feat/{name}", cwd=tree))
    clock("open_pr", lambda: _mergeable(site, name))
    shutil.rmtree(tree)
    return clock.took


def _clone(site: Site, tree: Path, name: str) -> None:
    git("clone", "-q", "--no-hardlinks", "--branch", "multi-tenant", site.repo.url, tree, cwd=site.folder)
    git("checkout", "-q", "-b", f"feat/{name}", cwd=tree)


def _mergeable(site: Site, name: str) -> None:
    """Bring the refs up to date and try the merge; a pull request is a row beside that."""
    tree = site.folder / name
    git("fetch", "-q", "origin", cwd=tree)
    git("merge-tree", "--write-tree", "origin/multi-tenant", f"origin/feat/{name}", cwd=tree)


def bench(bench: Bench) -> None:
    """The forge and the bare commands in turn."""
    with open_world(bench.folder / "platform.db") as store:
        site = make_site(bench.folder, World(store, SystemClock()), 200 if bench.quick else 2_000)
        taken = bench.take_turns({"forge": lambda: by_forge(site), "cli": lambda: by_hand(site)})
    bench.table(taken)
    for name in taken["cli"][0]:
        bench.say("G17", f"{name}, times the bare commands", ratio(taken["forge"], taken["cli"], name), 1.3)


if __name__ == "__main__":
    run("git", bench, rounds=7, quick_rounds=2)
