"""Task workspaces: a clone for the executor beside a git directory of ours, made whole or not at all (R5, R7, R45).

    <root>/<task>/tree            the executor's clone, on its feature branch, push disabled
    <root>/<task>/ours.git        ours: everything is read and committed through it
    <root>/<task>/workspace.json  what the workspace is, should its record be lost
    <root>/.mirrors, .locks, .making, .trash

A workspace is built in `.making` and renamed into place, so a crash leaves either nothing or all of it.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import time
from dataclasses import asdict
from pathlib import Path

from stas_tui.forges.base import BranchMissing, ForgeError, Repo, WorkspaceUnsafe
from stas_tui.forges.git import Git
from stas_tui.forges.inspect import Inspector, Site
from stas_tui.forges.merged import absorbed, is_ancestor
from stas_tui.forges.names import id_slug, is_branch, without_userinfo
from stas_tui.forges.naming import feature_branch
from stas_tui.forges.origin import prove
from stas_tui.forges.remote import Mirror, shown
from storage.records import OriginProof, Workspace

NO_PUSH = "disabled://stas-pushes-for-you"
"""The push address of an executor's clone; no transport of this name exists."""

ORPHAN_S = 10.0
"""Seconds for which a git that outlived its Stas is waited for before a deletion fails."""


class Places:
    """Where everything lies below the workspace root."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.mirrors = root / ".mirrors"
        self.making = root / ".making"
        self.trash = root / ".trash"

    def site(self, task_id: str) -> Site:
        """The place of a task's workspace."""
        return Site(self.root / id_slug(task_id))

    def site_of(self, workspace: Workspace) -> Site:
        """The place of a recorded workspace. Raises `WorkspaceUnsafe` if the record points anywhere else."""
        site = self.site(workspace.task_id)
        if Path(workspace.path) != site.tree:
            raise WorkspaceUnsafe(
                f"The record of {workspace.task_id} points to {workspace.path}, not to its place below {self.root}.",
                "Provision the workspace again.",
            )
        return site

    def lock(self, task_id: str) -> Path:
        """The lock file of a task's workspace."""
        return self.root / ".locks" / id_slug(task_id)

    def sites(self) -> list[Site]:
        """Every finished workspace on disk."""
        if not self.root.is_dir():
            return []
        return [
            Site(entry)
            for entry in sorted(self.root.iterdir())
            if not entry.name.startswith(".") and (entry / "workspace.json").is_file()
        ]


def write_card(site: Site, workspace: Workspace, repo: Repo) -> None:
    """Keep beside the workspace what it is and where it came from; no credentials."""
    card = {"workspace": asdict(workspace), "repo": {**asdict(repo), "url": without_userinfo(repo.url)}}
    site.card.write_text(json.dumps(card, indent=1, ensure_ascii=True) + "\n", encoding="ascii")


def read_card(site: Site) -> tuple[Workspace, Repo] | None:
    """What `write_card` wrote; None if there is none or it is unreadable."""
    try:
        card = json.loads(site.card.read_text(encoding="ascii"))
        return Workspace(**card["workspace"]), Repo(**card["repo"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


class Builder:
    """Makes workspaces. The caller holds the task's lock."""

    def __init__(self, git: Git, places: Places, inspector: Inspector) -> None:
        self.git = git
        self.places = places
        self.inspector = inspector

    def existing(self, site: Site, repo: Repo, recorded: Workspace | None) -> Workspace | None:
        """The finished workspace at a place, recorded or left by a crash before it was; None if there is none.

        Raises `WorkspaceUnsafe` for one of another project, or a folder that Stas did not make.
        """
        if not os.path.lexists(site.folder):
            return None
        card = read_card(site)
        if card is None:
            raise WorkspaceUnsafe(
                f"{site.folder} exists and is no workspace of Stas.", "Move it away, then provision again."
            )
        workspace = recorded or card[0]
        if workspace.project_id != repo.project_id:
            raise WorkspaceUnsafe(
                f"The workspace of {workspace.task_id} belongs to project {workspace.project_id}, "
                f"not to {repo.project_id}.",
                "Archive it first.",
            )
        return workspace

    def unsafe(self, site: Site, workspace: Workspace, mirror: Mirror) -> str:
        """Why an existing workspace cannot be worked in (R5, R7); empty if it can. The mirror is fresh."""
        heads = self.inspector.heads(site, workspace)
        main, base = mirror.tip(mirror.repo.main), mirror.base_tip()
        for head in (heads.at, heads.theirs):
            if head and head == main and head not in (base, workspace.base_sha):
                return f"Its head is the tip of {mirror.repo.main}, not of {mirror.repo.base}."
        proof = self.proof(site, workspace, mirror)
        if proof.foreign:
            return f"It holds {len(proof.foreign)} commit(s) of {mirror.repo.main} that are not on {mirror.repo.base}."
        return "" if proof.fork_point else f"It has no commit in common with {mirror.repo.base}."

    def proof(self, site: Site, workspace: Workspace, mirror: Mirror) -> OriginProof:
        """The commit-set test for our head and both of the clone's, in one. The mirror is fresh."""
        heads = self.inspector.heads(site, workspace)
        base, main = mirror.base_tip(), mirror.tip(mirror.repo.main)
        fetch_ours(self.git, site.ours, mirror)
        known = [head for head in (heads.parent, heads.ours, heads.theirs, heads.at) if head]
        return prove(self.git, site.ours, list(dict.fromkeys(known)), base=(mirror.repo.base, base), main=main)

    def build(self, site: Site, repo: Repo, task_id: str, title: str, mirror: Mirror) -> Workspace:
        """Make the workspace from the fresh mirror and rename it into place.

        Raises `BranchMissing`, and `WorkspaceUnsafe` if the remote's branch of that name is not usable.
        """
        base = mirror.tip(repo.base)
        if base is None:
            raise BranchMissing(repo.base, shown(mirror.url))
        branch = feature_branch(task_id, title)
        if not is_branch(branch) or branch in (repo.base, repo.main):
            raise ForgeError(f"{branch!r} is no usable branch name.", "Give the task a plain id.")
        start, cut = self._start(mirror, branch, base)
        workspace = Workspace(
            project_id=repo.project_id,
            task_id=task_id,
            path=str(site.tree),
            branch=branch,
            base=repo.base,
            base_sha=cut,
        )
        making = Site(self.places.making / site.folder.name)
        if making.folder.exists():
            delete(making.folder)
        making.folder.mkdir(parents=True)
        self._make_ours(making, mirror, workspace, start)
        self._make_tree(making, mirror, workspace, start)
        write_card(making, workspace, repo)
        making.folder.rename(site.folder)
        return workspace

    def _start(self, mirror: Mirror, branch: str, base: str) -> tuple[str, str]:
        """(head, base commit) of the new feature branch: the base's tip, or what was pushed for this task before."""
        theirs = mirror.tip(branch)
        if theirs is None or is_ancestor(self.git, mirror.dir, theirs, base):
            return base, base
        proof = prove(self.git, mirror.dir, [theirs], base=(mirror.repo.base, base), main=mirror.tip(mirror.repo.main))
        if not proof.holds or proof.fork_point is None or absorbed(self.git, mirror.dir, theirs, base):
            raise WorkspaceUnsafe(
                f"{shown(mirror.url)} already has a branch {branch} whose commits cannot be built on.",
                "Delete or rename that branch on the remote, then provision again.",
            )
        return theirs, proof.fork_point

    def _make_ours(self, site: Site, mirror: Mirror, workspace: Workspace, start: str) -> None:
        self.git.run("init", "--quiet", "--bare", "--template=", str(site.ours))
        (site.ours / "info").mkdir(exist_ok=True)
        (site.ours / "info" / "exclude").write_text("/.stas/\n", encoding="ascii")
        fetch_ours(self.git, site.ours, mirror, workspace.branch)
        for ref, sha in (("refs/stas/base", workspace.base_sha), (f"refs/heads/{workspace.branch}", start)):
            self.git.run("update-ref", ref, sha, git_dir=site.ours)

    def _make_tree(self, site: Site, mirror: Mirror, workspace: Workspace, start: str) -> None:
        self.git.run(
            "clone", "--quiet", "--no-hardlinks", "--no-checkout", "--no-tags", "--template=", "--origin=origin",
            f"--branch={workspace.base}", "--", str(mirror.dir), str(site.tree),
        )  # fmt: skip
        inside, tree = site.tree / ".git", site.tree
        url = without_userinfo(mirror.url)
        self.git.run("remote", "set-url", "origin", url, git_dir=inside, work_tree=tree)
        self.git.run("remote", "set-url", "--push", "origin", NO_PUSH, git_dir=inside, work_tree=tree)
        info = site.tree / ".git" / "info"
        info.mkdir(exist_ok=True)
        (info / "exclude").write_text("/.stas/\n", encoding="ascii")
        self.git.run("checkout", "--quiet", "--no-track", "-b", workspace.branch, start, git_dir=inside, work_tree=tree)
        (site.tree / ".git" / "hooks").mkdir(exist_ok=True)


def fetch_ours(git: Git, ours: Path, mirror: Mirror, *more: str) -> None:
    """Copy the mirror's base, main and `more` branches into our git directory, below `refs/remotes/origin/`."""
    branches = [name for name in (mirror.repo.base, mirror.repo.main, *more) if mirror.tip(name)]
    git.run(
        "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--", str(mirror.dir),
        *(f"+refs/heads/{name}:refs/remotes/origin/{name}" for name in dict.fromkeys(branches)),
        git_dir=ours,
    )  # fmt: skip


def remove(places: Places, site: Site) -> None:
    """Delete a workspace: out of its place at once, then from the disk."""
    places.trash.mkdir(parents=True, exist_ok=True)
    grave = places.trash / site.folder.name
    if grave.exists():
        delete(grave)
    site.folder.rename(grave)
    delete(grave)


def delete(folder: Path) -> None:
    """Delete a folder of ours with all it holds, also folders that an executor made read-only; follows no link.

    A git that outlived a killed Stas may still be writing there; it is waited for, for a while.
    """
    deadline = time.monotonic() + ORPHAN_S
    while True:
        try:
            _delete(folder)
            return
        except OSError as error:
            if error.errno != errno.ENOTEMPTY or time.monotonic() >= deadline:
                raise
        time.sleep(0.05)


def _delete(folder: Path) -> None:
    try:
        shutil.rmtree(folder)
    except PermissionError:
        _open_up(folder)
        shutil.rmtree(folder)
    except RecursionError:  # folders nested deeper than Python's stack
        subprocess.run(["rm", "-rf", "--", folder], check=True)


def _open_up(folder: Path) -> None:
    waiting = [folder]
    while waiting:
        place = waiting.pop()
        place.chmod(0o700)
        waiting += [Path(entry) for entry in os.scandir(place) if entry.is_dir(follow_symlinks=False)]
