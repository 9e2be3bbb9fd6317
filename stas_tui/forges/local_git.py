"""A forge without a server: a repository with branches, and pull requests as records (R4-R8, R45, R92-R95, R99).

The repository is any git remote, usually a bare one with the hook of `hooks.py`. Pull requests live where the world of
the local platform lives; merging them stays a human act on the repository, and is recognised here by what landed.
git itself is driven as a subprocess throughout; `git.py` says why.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from stas_tui.forges.archive import Archivist, Loss, files_below
from stas_tui.forges.base import (
    BranchMissing,
    Forge,
    ForgeError,
    Leftover,
    PullObjects,
    Repo,
    Staged,
    WorkspaceUnsafe,
)
from stas_tui.forges.commits import Signature, commit_tree, write_out
from stas_tui.forges.git import Git
from stas_tui.forges.inspect import Inspector, Site
from stas_tui.forges.locks import locked
from stas_tui.forges.merged import is_ancestor
from stas_tui.forges.names import is_sha, printable, raw_path
from stas_tui.forges.pulls import MERGES_LISTED, PullRequests, Pulls
from stas_tui.forges.remote import Mirror, Remote, Tag, shown
from stas_tui.forges.workspaces import Builder, Places, delete, read_card, remove
from storage.clock import Clock
from storage.records import Changes, Merge, OriginProof, PullRequest, PullReview, Workspace


class WorkspaceBook(Protocol):
    """Where it is recorded which task has which workspace."""

    def put_workspace(self, workspace: Workspace) -> object:
        """Record it, in place of an older record of the task."""
        ...

    def get_workspace(self, task_id: str) -> Workspace | None:
        """The record of a task."""
        ...

    def workspaces(self) -> list[Workspace]:
        """All records."""
        ...

    def drop_workspace(self, task_id: str) -> None:
        """Forget one; nothing happens if there is none."""
        ...


class LocalGitForge(Forge):
    """Branches in a git repository, pull requests in a book. Safe for several processes at once.

    `root` holds the workspaces and mirrors, `archive` what was kept of deleted ones.
    """

    def __init__(
        self,
        *,
        prs: PullRequests,
        workspaces: WorkspaceBook,
        root: Path,
        archive: Path,
        clock: Clock,
        git: Git | None = None,
    ) -> None:
        self._prs = prs
        self._book = workspaces
        self._clock = clock
        self._git = git or Git()
        self._places = Places(root.absolute())
        self._pulls = Pulls(self._git, prs, clock)
        self._inspector = Inspector(self._git)
        self._builder = Builder(self._git, self._places, self._inspector)
        self._archivist = Archivist(self._git, self._inspector, archive.absolute())

    def _mirror(self, repo: Repo) -> Mirror:
        return Mirror(self._git, repo, self._places.mirrors, self._clock)

    def _fresh(self, repo: Repo) -> Mirror:
        mirror = self._mirror(repo)
        mirror.fetch()
        return mirror

    # reading the repository -----------------------------------------------------------------------

    def branch_head(self, repo: Repo, branch: str) -> str:
        """Sha of a branch, asked of the remote itself. Raises `BranchMissing`, `RepositoryMissing`, `ForgeError`."""
        return Remote(self._git, repo).head(branch)

    def paths_at(self, repo: Repo, ref: str) -> frozenset[str]:
        """All file paths of a commit or branch, as `names.printable` writes them. A branch is fetched first."""
        mirror = self._mirror(repo)
        done = self._git.run("ls-tree", "-r", "-z", "--name-only", mirror.commit(ref), git_dir=mirror.dir)
        return frozenset(printable(path) for path in done.items)

    def read_file(self, repo: Repo, ref: str, path: str) -> bytes | None:
        """A file's content at a commit or branch; None if it is not there or no file. A link is its target's name."""
        mirror = self._mirror(repo)
        name = mirror.commit(ref).encode() + b":" + raw_path(path).lstrip(b"/")
        asked = self._git.run("cat-file", "-t", name, git_dir=mirror.dir, ok=(0, 128))
        if asked.text != "blob":
            return None
        return self._git.run("cat-file", "blob", name, git_dir=mirror.dir).out

    def merges_since(self, repo: Repo, since: int) -> list[Merge]:
        """What landed on the base branch after `since` (ms), newest first, each sha once; see `pulls.Pulls`."""
        return self._pulls.merges_since(self._fresh(repo), since)

    def tags(self, repo: Repo) -> list[Tag]:
        """Tags of commits, newest first; see `remote.Mirror.tags`."""
        return self._mirror(repo).tags()

    def write_commit(self, repo: Repo, sha: str, into: Path) -> None:
        """Write a commit's files into a fresh folder, without hooks, filters or links to any repository."""
        mirror = self._mirror(repo)
        write_out(self._git, mirror.dir, mirror.commit(sha), into.absolute())

    # pull requests --------------------------------------------------------------------------------

    def read_pr(self, repo: Repo, number: int) -> PullRequest | None:
        """A pull request with fresh head, mergeability and state; None if there is none."""
        pr = self._prs.get_pr(repo.project_id, number)
        return None if pr is None else self._pulls.refreshed(self._fresh(repo), pr)

    def find_pr(self, repo: Repo, head: str) -> PullRequest | None:
        """The open pull request of a head branch; None once it is merged."""
        pr = self._prs.open_pr_of(repo.project_id, head)
        if pr is None:
            return None
        fresh = self._pulls.refreshed(self._fresh(repo), pr)
        return fresh if fresh.state == "open" else None

    def prs(self, repo: Repo) -> list[PullRequest]:
        """Open pull requests, newest first."""
        mirror = self._fresh(repo)
        fresh = [self._pulls.refreshed(mirror, pr) for pr in self._prs.open_prs(repo.project_id)]
        return sorted((pr for pr in fresh if pr.state == "open"), key=lambda pr: pr.number, reverse=True)

    def pr_files(self, repo: Repo, number: int) -> list[str]:
        """Paths a pull request changes against the point where it left its base. Empty for an unknown number."""
        pr = self._prs.get_pr(repo.project_id, number)
        return [] if pr is None else self._pulls.files(self._fresh(repo), pr)

    def open_pr(
        self, repo: Repo, workspace: Workspace, *, title: str, body: str, head_sha: str, author: str, key: str
    ) -> PullRequest:
        """Open a pull request on the base branch; an open one of the head, or one of the same key, is returned instead.

        Raises `ForgeError` if the head branch on the remote is not at `head_sha`, `BranchMissing` without a base.
        """
        wanted = PullRequest(
            number=0,
            project_id=repo.project_id,
            title=title,
            body=body,
            base=repo.base,
            head=workspace.branch,
            head_sha=head_sha,
            author=author,
            created_at=self._clock.now(),
            key=key,
            task_id=workspace.task_id,
        )
        return self._pulls.open(self._fresh(repo), wanted)

    def retarget_pr(self, repo: Repo, number: int, base: str) -> PullRequest:
        """Change the base of an open pull request. Raises `ForgeError` for main (R8), `BranchMissing`."""
        if base == repo.main and base != repo.base:
            raise ForgeError(f"A pull request never targets {base}.", f"Use {repo.base}.")
        pr = self._prs.get_pr(repo.project_id, number)
        if pr is None or pr.state != "open":
            raise ForgeError(f"There is no open pull request {number} in {repo.project_id}.", "Look at the list.")
        mirror = self._fresh(repo)
        if mirror.tip(base) is None:
            raise BranchMissing(base, shown(mirror.url))
        return self._pulls.refreshed(mirror, self._prs.update_pr(repo.project_id, number, base=base))

    def pull_objects(self, repo: Repo, pr: PullRequest) -> PullObjects:
        """The commits of a pull request, in our mirror of the remote. Raises `BranchMissing`, `ForgeError`."""
        return self._pulls.objects(self._fresh(repo), pr)

    def landed_objects(self, repo: Repo, sha: str) -> PullObjects:
        """A commit of the base branch with its first parent. Raises `ForgeError`."""
        mirror = self._mirror(repo)
        commit = mirror.commit(sha)
        parent = self._git.run("rev-parse", "--verify", f"{commit}^1", git_dir=mirror.dir, ok=(0, 128))
        if parent.code:
            raise ForgeError(f"{commit[:12]} is the first commit; there is nothing to compare it with.", "")
        return PullObjects(git_dir=mirror.dir, base=parent.text, head=commit)

    def reviews(self, repo: Repo, number: int) -> list[PullReview]:
        """Verdicts on a pull request, oldest first."""
        return self._prs.reviews(repo.project_id, number)

    def review_pr(
        self, repo: Repo, number: int, *, event: str, body: str, commit_sha: str, author: str, key: str
    ) -> PullReview:
        """Keep a verdict with the pull request, and tell its author in the same moment. Raises `ForgeError`."""
        review = PullReview(
            project_id=repo.project_id,
            number=number,
            id="",
            event=event,
            commit_sha=commit_sha,
            body=body,
            author=author,
            at=0,
            key=key,
        )
        return self._pulls.reviewed(review)

    # workspaces -----------------------------------------------------------------------------------

    def provision(self, repo: Repo, task_id: str, title: str) -> Workspace:
        """A clone on a new feature branch cut from the base branch; the same task gets the same clone again.

        A feature branch that was pushed for the task before is gone on with. Raises `BranchMissing`,
        `RepositoryMissing`, `WorkspaceUnsafe` (an existing workspace that was moved onto main and holds work).
        """
        with locked(self._places.lock(task_id)):
            mirror = self._fresh(repo)
            if mirror.tip(repo.base) is None:
                raise BranchMissing(repo.base, shown(mirror.url))
            site = self._places.site(task_id)
            workspace = self._builder.existing(site, repo, self._book.get_workspace(task_id))
            if workspace is not None:
                reason = self._builder.unsafe(site, workspace, mirror)
                if not reason:
                    self._book.put_workspace(workspace)
                    return workspace
                if not self._archivist.loss(site, workspace, mirror).nothing:
                    raise WorkspaceUnsafe(
                        f"The workspace of {task_id} cannot be used: {reason}",
                        "It holds unpushed work: archive and remove it, then claim again.",
                    )
                remove(self._places, site)
            workspace = self._builder.build(site, repo, task_id, title, mirror)
            self._book.put_workspace(workspace)
            return workspace

    def workspace(self, task_id: str) -> Workspace | None:
        """The recorded workspace of a task, if it is still on disk."""
        workspace = self._book.get_workspace(task_id)
        return workspace if workspace is not None and Path(workspace.path).is_dir() else None

    def origin_proof(self, repo: Repo, workspace: Workspace) -> OriginProof:
        """The commit-set test of R5 for the workspace's heads, ours and the clone's, against fresh remote refs."""
        with locked(self._places.lock(workspace.task_id)):
            site = self._places.site_of(workspace)
            return self._builder.proof(site, workspace, self._fresh(repo))

    def changes(self, workspace: Workspace) -> Changes:
        """What the executor did, read through our own git directory only."""
        with locked(self._places.lock(workspace.task_id)):
            return self._inspector.changes(self._places.site_of(workspace), workspace)

    def stage(self, workspace: Workspace) -> Staged:
        """What `git add -A` would commit, against the recorded base; the executor's own index is not touched."""
        with locked(self._places.lock(workspace.task_id)):
            return self._inspector.stage(self._places.site_of(workspace), workspace)

    def commit(self, workspace: Workspace, staged: Staged, message: str, *, author: str) -> str:
        """Commit exactly the staged tree on the feature branch of our git directory; returns the sha.

        Nothing new is made if the branch holds the tree already: the executor's own commit, or ours, is the answer.
        Raises `WorkspaceUnsafe` if the branch moved since it was staged, `ForgeError` if there is nothing to commit.
        """
        with locked(self._places.lock(workspace.task_id)):
            site = self._places.site_of(workspace)
            head = self.head(workspace)
            signed = Signature(author=author, message=message, at=self._clock.now())
            return commit_tree(self._git, site.ours, workspace, staged, head=head, signed=signed)

    def objects(self, workspace: Workspace) -> Path:
        """Our git directory that holds the workspace's base and head. Raises `WorkspaceUnsafe`."""
        ours = self._places.site_of(workspace).ours
        if not ours.is_dir():
            raise WorkspaceUnsafe(f"The workspace of {workspace.task_id} is gone.", "Provision it again.")
        return ours

    def head(self, workspace: Workspace) -> str:
        """The head of the feature branch as our git directory records it."""
        ours = self.objects(workspace)
        return self._git.run("rev-parse", "--verify", f"refs/heads/{workspace.branch}^{{commit}}", git_dir=ours).text

    def push(self, repo: Repo, workspace: Workspace, sha: str) -> str:
        """Push one commit of the feature branch, never forced, never to main or the base branch (R8, R93).

        Returns the sha read back from the remote. Raises `PushRefused` with the remote's lines.
        """
        site = self._places.site_of(workspace)
        if is_sha(sha) and not is_ancestor(self._git, site.ours, sha, self.head(workspace)):
            raise WorkspaceUnsafe(f"{sha[:12]} is not on {workspace.branch} of this workspace.", "Commit first.")
        never = (repo.main, repo.base, workspace.base)
        return Remote(self._git, repo).push(site.ours, sha, workspace.branch, never=never)

    def checkout_for_verification(self, workspace: Workspace, staged: Staged, into: Path) -> None:
        """Write the staged tree into a fresh folder, without hooks, filters or the executor's configuration."""
        write_out(self._git, self._places.site_of(workspace).ours, staged.tree, into.absolute())

    # leaving --------------------------------------------------------------------------------------

    def leftovers(self, is_live: Callable[[Workspace], int | None]) -> list[Leftover]:
        """All workspaces on disk with what deleting them would lose; the caller knows which tasks have ended.

        A remote that cannot be reached makes everything since the base count as unpushed; a workspace that git
        cannot read counts each of its files as uncommitted.
        """
        found = []
        for site in self._places.sites():
            card = read_card(site)
            if card is None:
                continue
            workspace = self._book.get_workspace(card[0].task_id) or card[0]
            with locked(self._places.lock(workspace.task_id)):
                loss = self._loss(site, workspace, card[1])
            found.append(
                Leftover(
                    workspace=workspace,
                    unpushed=loss.unpushed if loss else 0,
                    uncommitted=loss.uncommitted if loss else files_below(site.tree),
                    live_pid=is_live(workspace),
                    merged=loss.merged if loss else False,
                )
            )
        return found

    def _loss(self, site: Site, workspace: Workspace, repo: Repo) -> Loss | None:
        """What would be lost; None if git cannot read the workspace at all."""
        mirror = self._reached(repo)
        try:
            return self._archivist.loss(site, workspace, mirror)
        except ForgeError:
            return None

    def _reached(self, repo: Repo) -> Mirror | None:
        try:
            return self._fresh(repo)
        except ForgeError:
            return None

    def archive_and_remove(self, leftover: Leftover) -> Path | None:
        """Keep what is unpushed and uncommitted in the archive folder, then delete; returns the archive, if any.

        What would be lost is counted again first. Killed at any point, a second call finishes; nothing is lost.
        Raises `WorkspaceUnsafe` for a workspace with a live process.
        """
        workspace = leftover.workspace
        if leftover.live_pid is not None:
            raise WorkspaceUnsafe(
                f"Process {leftover.live_pid} still works in the workspace of {workspace.task_id}.",
                "Stop the run first.",
            )
        with locked(self._places.lock(workspace.task_id)):
            site = self._places.site_of(workspace)
            kept = None
            card = read_card(site)
            if card is not None:
                loss = self._loss(site, workspace, card[1])
                if loss is None:
                    kept = self._archivist.keep_files(site, workspace)
                elif not loss.nothing:
                    kept = self._archivist.keep(site, workspace, card[1], loss)
                remove(self._places, site)
            else:
                kept = self._archivist.find(workspace.task_id)
            grave = self._places.trash / site.folder.name
            if grave.exists():
                delete(grave)
            self._book.drop_workspace(workspace.task_id)
            return kept


__all__ = ["MERGES_LISTED", "LocalGitForge", "PullRequests", "WorkspaceBook"]
