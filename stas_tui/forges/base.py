"""What Stas needs of the place where branches and pull requests live."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from storage.errors import StasError
from storage.records import Changes, FileChange, Merge, OriginProof, PullRequest, PullReview, Workspace


class ForgeError(StasError):
    """git or the forge refused or could not answer; `remote` holds the lines the remote printed."""

    sent: bool = True
    """Whether a write may have been carried out all the same; False is proof that it was not."""

    def __init__(self, what: str, mend: str = "", *, remote: Sequence[str] = ()) -> None:
        super().__init__(what, mend)
        self.remote = tuple(remote)


class RepositoryMissing(ForgeError):
    """The configured path or URL holds no git repository."""


class BranchMissing(ForgeError):
    """The repository has no such branch (R4: «target branch not found»)."""

    def __init__(self, branch: str, where: str) -> None:
        super().__init__(
            f"Target branch not found: {where} has no branch {branch}.", "Create it, or configure another base branch."
        )
        self.branch = branch


class PushRefused(ForgeError):
    """The remote said no: a hook, a non-fast-forward, credentials."""


class WorkspaceUnsafe(ForgeError):
    """The workspace is not what was recorded: moved branch, rewritten history, foreign repository."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repo:
    """One project's repository as the configuration names it."""

    project_id: str
    url: str
    """Path or URL of the remote that holds the branches and receives the pushes."""
    base: str = "multi-tenant"
    main: str = "main"
    checkout: str = ""
    """The user's own working copy, if the profile was made from one; only ever read."""
    github: str = ""
    """`owner/name` on GitHub, if its pull requests live there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """What a commit would hold; `tree` is git's tree id, so the same list can be committed later and no other."""

    tree: str
    parent: str
    files: tuple[FileChange, ...]
    added_text: str
    """The added lines of the diff as `path:line: text`, for the secret scan; capped."""
    cut: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PullObjects:
    """Where the commits of a change can be read; nothing there is ever checked out or run."""

    git_dir: Path
    base: str
    """Commit where the head left its base branch."""
    head: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftover:
    """A workspace of a task that ended, and what deleting it would lose."""

    workspace: Workspace
    unpushed: int
    uncommitted: int
    live_pid: int | None
    merged: bool


class ForgeReader(Protocol):
    """The read-only side; checks and screens see no more than this."""

    def branch_head(self, repo: Repo, branch: str) -> str:
        """Sha of a branch on the remote. Raises `BranchMissing`, `RepositoryMissing`."""
        ...

    def objects(self, workspace: Workspace) -> Path:
        """Our git directory that holds the workspace's base and head, to be read only. Raises `WorkspaceUnsafe`."""
        ...

    def origin_proof(self, repo: Repo, workspace: Workspace) -> OriginProof:
        """The commit-set test of R5 for a workspace's head, against fresh remote refs."""
        ...

    def changes(self, workspace: Workspace) -> Changes:
        """What the executor did, read through our own git directory only."""
        ...

    def read_pr(self, repo: Repo, number: int) -> PullRequest | None:
        """A pull request with fresh head sha and mergeability; None if there is none (404)."""
        ...

    def find_pr(self, repo: Repo, head: str) -> PullRequest | None:
        """The open pull request of a head branch."""
        ...

    def prs(self, repo: Repo) -> list[PullRequest]:
        """Open pull requests, newest first."""
        ...

    def pr_files(self, repo: Repo, number: int) -> list[str]:
        """Paths a pull request changes."""
        ...

    def pull_objects(self, repo: Repo, pr: PullRequest) -> PullObjects:
        """The commits of a pull request, fetched into our own git directory. Raises `ForgeError`."""
        ...

    def landed_objects(self, repo: Repo, sha: str) -> PullObjects:
        """A commit of the base branch with its first parent. Raises `ForgeError`."""
        ...

    def reviews(self, repo: Repo, number: int) -> list[PullReview]:
        """Verdicts on a pull request, oldest first and all of them. Raises `ForgeError`."""
        ...

    def merges_since(self, repo: Repo, since: int) -> list[Merge]:
        """What landed on the base branch after `since`, newest first, each sha once."""
        ...

    def paths_at(self, repo: Repo, ref: str) -> frozenset[str]:
        """All file paths of a commit or branch."""
        ...

    def read_file(self, repo: Repo, ref: str, path: str) -> bytes | None:
        """A file's content at a commit or branch; None if it is not there."""
        ...


class Forge(ForgeReader, Protocol):
    """Reads and writes. Only the door (`toolbox`) and the executor's verification hold one of these."""

    def provision(self, repo: Repo, task_id: str, title: str) -> Workspace:
        """A clone on a new feature branch cut from the base branch; the same task gets the same clone again.

        Raises `BranchMissing`, `RepositoryMissing`, `WorkspaceUnsafe` (never a workspace cut from main).
        """
        ...

    def workspace(self, task_id: str) -> Workspace | None:
        """The recorded workspace of a task, if there is one."""
        ...

    def stage(self, workspace: Workspace) -> Staged:
        """What `git add -A` would commit, without touching the executor's own index."""
        ...

    def commit(self, workspace: Workspace, staged: Staged, message: str, *, author: str) -> str:
        """Commit exactly the staged tree on the feature branch, in our git directory; returns the sha.

        The same tree on the same parent with the same message is committed once.
        """
        ...

    def head(self, workspace: Workspace) -> str:
        """The head of the feature branch as our git directory records it."""
        ...

    def push(self, repo: Repo, workspace: Workspace, sha: str) -> str:
        """Push one sha to the feature branch of the remote, never forced, never to main or the base branch.

        Returns the sha read back from the remote. Raises `PushRefused` with the remote's lines.
        """
        ...

    def open_pr(
        self, repo: Repo, workspace: Workspace, *, title: str, body: str, head_sha: str, author: str, key: str
    ) -> PullRequest:
        """Open a pull request on the base branch; an open one of the same head is returned instead."""
        ...

    def retarget_pr(self, repo: Repo, number: int, base: str) -> PullRequest:
        """Change the base of a pull request."""
        ...

    def review_pr(
        self, repo: Repo, number: int, *, event: str, body: str, commit_sha: str, author: str, key: str
    ) -> PullReview:
        """Send a `comment` or a `request changes` about one commit; one of the same key is returned instead.

        No forge of Stas can approve. Raises `ForgeError`; where its `sent` is true, look with `reviews` first.
        """
        ...

    def checkout_for_verification(self, workspace: Workspace, staged: Staged, into: Path) -> None:
        """Write the would-be commit into a fresh folder, without hooks, filters or the executor's configuration."""
        ...

    def leftovers(self, is_live: Callable[[Workspace], int | None]) -> list[Leftover]:
        """Workspaces on disk, with what deleting them would lose."""
        ...

    def archive_and_remove(self, leftover: Leftover) -> Path | None:
        """Bundle and patch what is unpushed into the archive folder, then delete; returns the archive, if any.

        Raises `WorkspaceUnsafe` for a workspace with a live process.
        """
        ...
