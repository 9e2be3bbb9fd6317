"""What deleting a workspace would lose, and keeping it first: nothing unpushed is ever deleted.

An archive is a folder `<archive>/<task>-<head>-<tree>` with `commits.bundle` (commits on no branch of the remote),
`uncommitted.patch` (binary-safe, on top of `head` in `workspace.json`) and, where git cannot say everything
(nested repositories, a damaged clone), `tree.tar.gz` with all files. Its name says its content, so doing it again
after a crash finds it. Ignored files are kept only in the last form.
"""

from __future__ import annotations

import json
import os
import tarfile
from dataclasses import asdict, dataclass
from pathlib import Path

from stas_tui.forges import diff
from stas_tui.forges.base import ForgeError, Repo
from stas_tui.forges.clone import import_commits
from stas_tui.forges.git import Git
from stas_tui.forges.inspect import Heads, Inspector, Scan, Site
from stas_tui.forges.merged import absorbed
from stas_tui.forges.names import id_slug
from stas_tui.forges.remote import Mirror
from stas_tui.forges.workspaces import delete, fetch_ours
from storage.records import Workspace


@dataclass(frozen=True, slots=True)
class Loss:
    """What deleting a workspace would lose."""

    heads: Heads
    scan: Scan
    tips: tuple[str, ...]
    """Commits of ours and of the clone that carry something no branch of the remote has."""
    unpushed: int
    uncommitted: int
    merged: bool
    unreadable: bool
    """git cannot show everything that is there."""

    @property
    def nothing(self) -> bool:
        """Whether everything is on the remote."""
        return not self.unreadable and not self.uncommitted and (self.merged or not self.unpushed)


class Archivist:
    """Inspects workspaces that are to go, and keeps what they hold. The caller holds the workspace's lock."""

    def __init__(self, git: Git, inspector: Inspector, folder: Path) -> None:
        self.git = git
        self.inspector = inspector
        self.folder = folder

    def loss(self, site: Site, workspace: Workspace, mirror: Mirror | None) -> Loss:
        """Count what is only here. Without a mirror everything since the base counts as unpushed."""
        heads = self.inspector.heads(site, workspace)
        scan = self.inspector.scan(site, heads)
        others, unread = self._others(site, workspace, heads)
        known = [sha for sha in (heads.ours, heads.theirs, heads.at, *others) if sha]
        there = [workspace.base_sha]
        base = None
        if mirror is not None:
            self._fetch_branches(site, mirror)
            there += self._remote_tips(site)
            base = mirror.tip(workspace.base)
        tips = [
            sha
            for sha in dict.fromkeys(known)
            if self.git.run("rev-list", "--count", sha, *(f"^{one}" for one in there), git_dir=site.ours).text != "0"
        ]
        unpushed = 0
        if tips:
            unpushed = int(
                self.git.run("rev-list", "--count", *tips, *(f"^{one}" for one in there), git_dir=site.ours).text
            )
        tip = heads.parent if heads.sane else heads.theirs or heads.ours
        worked = {tip, *tips} - {workspace.base_sha}
        merged = base is not None and bool(worked) and all(absorbed(self.git, site.ours, one, base) for one in worked)
        return Loss(
            heads=heads,
            scan=scan,
            tips=tuple(tips),
            unpushed=unpushed,
            uncommitted=len(diff.names(self.git, site.ours, tip, scan.tree)),
            merged=merged,
            unreadable=unread or bool(scan.problems) or heads.theirs is None,
        )

    def _others(self, site: Site, workspace: Workspace, heads: Heads) -> tuple[list[str], bool]:
        """The clone's other branches and its stash, imported; and whether something could not be read."""
        if heads.refs.problems:
            return [], True
        shas = {*heads.refs.branches.values(), *([heads.refs.stash] if heads.refs.stash else [])}
        wanted = sorted(shas - {workspace.base_sha, heads.ours, heads.theirs, heads.at})
        try:
            import_commits(self.git, site.ours, site.tree, wanted, [workspace.base_sha, heads.ours])
        except ForgeError:
            return [], True
        return wanted, False

    def _fetch_branches(self, site: Site, mirror: Mirror) -> None:
        fetch_ours(self.git, site.ours, mirror)
        self.git.run(
            "fetch", "--quiet", "--no-tags", "--prune", "--no-write-fetch-head", "--", str(mirror.dir),
            "+refs/heads/*:refs/stas/remote/*", git_dir=site.ours,
        )  # fmt: skip

    def _remote_tips(self, site: Site) -> list[str]:
        return self.git.run("for-each-ref", "--format=%(objectname)", "refs/stas/remote/", git_dir=site.ours).lines

    def find(self, task_id: str) -> Path | None:
        """The newest archive of a task, if there is one."""
        found = [
            folder
            for folder in self.folder.glob(f"{id_slug(task_id)}-*")
            if (folder / "workspace.json").is_file() and _task_of(folder) == task_id
        ]
        return max(found, key=lambda folder: (folder / "workspace.json").stat().st_mtime_ns, default=None)

    def keep(self, site: Site, workspace: Workspace, repo: Repo | None, loss: Loss) -> Path:
        """Write the archive and return its folder; complete or not there at all."""
        tip = loss.heads.parent if loss.heads.sane else loss.heads.theirs or loss.heads.ours
        name = f"{id_slug(workspace.task_id)}-{tip[:10]}-{loss.scan.tree[:10]}"
        target = self.folder / name
        if (target / "workspace.json").is_file() and not loss.unreadable:
            return target
        making = self.folder / f".{name}.making"
        if making.exists():
            delete(making)
        making.mkdir(parents=True)
        if loss.tips:
            self._bundle(site, making / "commits.bundle", workspace, loss)
        if loss.uncommitted:
            with (making / "uncommitted.patch").open("wb") as file:
                self.git.run(
                    "diff-tree", "-r", "-p", "--binary", "--full-index", "--no-renames", "--no-ext-diff",
                    "--no-textconv", tip, loss.scan.tree, git_dir=site.ours, into=file,
                )  # fmt: skip
        if loss.unreadable:
            with tarfile.open(making / "tree.tar.gz", "w:gz", dereference=False) as tar:
                tar.add(site.tree, arcname="tree")
        card = {
            "workspace": asdict(workspace),
            "repository": repo.project_id if repo else workspace.project_id,
            "head": tip,
            "tree": loss.scan.tree,
            "unpushed": loss.unpushed,
            "uncommitted": loss.uncommitted,
        }
        (making / "workspace.json").write_text(json.dumps(card, indent=1) + "\n", encoding="ascii")
        if target.exists():
            target = self._free(name)
        making.rename(target)
        return target

    def keep_files(self, site: Site, workspace: Workspace) -> Path:
        """Keep a workspace that git cannot read, whole, as `workspace.tar.gz`; returns the archive's folder."""
        name = f"{id_slug(workspace.task_id)}-damaged"
        making = self.folder / f".{name}.making"
        if making.exists():
            delete(making)
        making.mkdir(parents=True)
        with tarfile.open(making / "workspace.tar.gz", "w:gz", dereference=False) as tar:
            tar.add(site.folder, arcname="workspace")
        card = json.dumps({"workspace": asdict(workspace)}, indent=1)
        (making / "workspace.json").write_text(card + "\n", encoding="ascii")
        target = self._free(name) if (self.folder / name).exists() else self.folder / name
        making.rename(target)
        return target

    def _free(self, name: str) -> Path:
        n = 2
        while (self.folder / f"{name}-{n}").exists():
            n += 1
        return self.folder / f"{name}-{n}"

    def _bundle(self, site: Site, file: Path, workspace: Workspace, loss: Loss) -> None:
        refs = []
        for n, tip in enumerate(loss.tips):
            ref = f"refs/heads/{workspace.branch}" if tip == loss.heads.ours else f"refs/stas/keep/{n}"
            self.git.run("update-ref", ref, tip, git_dir=site.ours)
            refs.append(ref)
        self.git.run("bundle", "create", "--quiet", str(file), *refs, f"^{workspace.base_sha}", git_dir=site.ours)
        self.git.run("bundle", "verify", "--quiet", str(file), git_dir=site.ours)


def files_below(folder: Path) -> int:
    """How many files a folder holds; links are not followed."""
    return sum(len(names) for _, _, names in os.walk(folder))


def _task_of(folder: Path) -> str:
    try:
        return str(json.loads((folder / "workspace.json").read_text(encoding="ascii"))["workspace"]["task_id"])
    except (ValueError, KeyError, TypeError):
        return ""
