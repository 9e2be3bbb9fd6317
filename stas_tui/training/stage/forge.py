"""The forge of a lesson: pull requests of the scenario, commits made by hashing; no git, no process, no file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from stas_tui.forges.base import BranchMissing, ForgeError, Leftover, PullObjects, Repo, Staged
from stas_tui.training.prose import joined
from stas_tui.training.stage.names import digest, sha
from stas_tui.training.tables import File, PullStart
from storage.clock import Clock
from storage.records import Changes, FileChange, Merge, OriginProof, PullRequest, PullReview, Workspace

SIMULATED = "This is a simulated world: it holds no git objects."
ROOT = Path("/nowhere/training")
"""Where its workspaces would be; nothing is ever there."""


class Simulated(ForgeError):
    """What only a real repository can answer."""

    sent = False

    def __init__(self) -> None:
        super().__init__(SIMULATED, "The lesson shows what matters of it as text.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pull:
    """A pull request with the files it changes."""

    pull: PullRequest
    files: tuple[tuple[str, str], ...]
    """(path, lines of a unified difference)."""


class SimForge:
    """`forges.base.Forge` of a lesson. `put` is how the scenario changes it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._pulls: dict[tuple[str, int], Pull] = {}
        self._reviews: dict[tuple[str, int], list[PullReview]] = {}
        self._workspaces: dict[str, Workspace] = {}
        self._merges: list[Merge] = []
        self._changed: dict[str, tuple[File, ...]] = {}
        """What a run has changed, by task."""

    # the scenario's hand --------------------------------------------------------------------------

    def put(self, start: PullStart) -> Pull:
        """A pull request is opened or changed; its head moves with its files."""
        known = self._pulls.get((start.project, start.number))
        files = tuple((file.path, file.patch) for file in start.files)
        pull = PullRequest(
            number=start.number,
            project_id=start.project,
            title=start.title,
            body=start.body,
            base=start.base,
            head=start.head,
            head_sha=sha(start.project, start.head, start.number, *files),
            mergeable=True,
            url=f"https://forge.training.invalid/{start.project}/pull/{start.number}",
            author=start.author,
            created_at=known.pull.created_at if known else self._clock.now(),
        )
        self._pulls[start.project, start.number] = found = Pull(pull=pull, files=files)
        return found

    def changed(self, task_id: str, files: Sequence[File]) -> None:
        """A run has changed files in the workspace of a task."""
        self._changed[task_id] = tuple(files)

    def landed(self, merge: Merge) -> None:
        """Something landed on a base branch."""
        self._merges = [merge, *(each for each in self._merges if each.sha != merge.sha)]

    def pull(self, project_id: str, number: int) -> Pull | None:
        """A pull request with its files."""
        return self._pulls.get((project_id, number))

    # reading --------------------------------------------------------------------------------------

    def branch_head(self, repo: Repo, branch: str) -> str:
        """A commit made of the branch's name. Raises `BranchMissing` for a branch that nobody named."""
        heads = {pull.pull.head: pull.pull.head_sha for pull in self._of(repo)}
        if branch in heads:
            return heads[branch]
        if branch not in (repo.base, repo.main):
            raise BranchMissing(branch, repo.project_id)
        merged = next((each.sha for each in self._merges if each.project_id == repo.project_id), "")
        return merged or sha(repo.project_id, branch)

    def objects(self, workspace: Workspace) -> Path:
        """There are none. Raises `Simulated`."""
        raise Simulated

    def origin_proof(self, repo: Repo, workspace: Workspace) -> OriginProof:
        """Cut from the base branch: nothing else is provided here."""
        return OriginProof(
            head=workspace.base_sha,
            base=workspace.base,
            base_sha=workspace.base_sha,
            main=sha(repo.project_id, repo.main),
            foreign=(),
            fork_point=workspace.base_sha,
            ahead=0,
            behind=0,
        )

    def changes(self, workspace: Workspace) -> Changes:
        """What a run has changed there; before one reported, nobody knows."""
        files = self._changed.get(workspace.task_id)
        return Changes(
            base_sha=workspace.base_sha,
            head_sha=workspace.base_sha,
            files=tuple(_file_change(file) for file in files or ()),
            commits=(),
            uncommitted=len(files or ()),
            patch="\n".join(f"--- a/{file.path}\n+++ b/{file.path}\n{file.patch.rstrip()}\n" for file in files or ()),
            problems=(SIMULATED,) if files is None else (),
        )

    def read_pr(self, repo: Repo, number: int) -> PullRequest | None:
        """A pull request of the scenario."""
        found = self.pull(repo.project_id, number)
        return found.pull if found else None

    def find_pr(self, repo: Repo, head: str) -> PullRequest | None:
        """The open pull request of a head branch."""
        return next((each for each in self.prs(repo) if each.head == head), None)

    def prs(self, repo: Repo) -> list[PullRequest]:
        """Open pull requests, newest first."""
        found = [each.pull for each in self._of(repo) if each.pull.state == "open"]
        return sorted(found, key=lambda pull: -pull.number)

    def pr_files(self, repo: Repo, number: int) -> list[str]:
        """Paths a pull request changes."""
        found = self.pull(repo.project_id, number)
        return [path for path, _ in found.files] if found else []

    def pull_objects(self, repo: Repo, pr: PullRequest) -> PullObjects:
        """There are none. Raises `Simulated`."""
        raise Simulated

    def landed_objects(self, repo: Repo, sha: str) -> PullObjects:
        """There are none. Raises `Simulated`."""
        raise Simulated

    def reviews(self, repo: Repo, number: int) -> list[PullReview]:
        """Verdicts on a pull request, oldest first."""
        return list(self._reviews.get((repo.project_id, number), ()))

    def merges_since(self, repo: Repo, since: int) -> list[Merge]:
        """What landed after `since`, newest first."""
        return [each for each in self._merges if each.project_id == repo.project_id and each.at > since]

    def paths_at(self, repo: Repo, ref: str) -> frozenset[str]:
        """Nothing is known of files. Raises `Simulated`."""
        raise Simulated

    def read_file(self, repo: Repo, ref: str, path: str) -> bytes | None:
        """Nothing is known of files. Raises `Simulated`."""
        raise Simulated

    # writing --------------------------------------------------------------------------------------

    def provision(self, repo: Repo, task_id: str, title: str) -> Workspace:
        """A workspace by name only."""
        return self._workspaces.setdefault(
            task_id,
            Workspace(
                project_id=repo.project_id,
                task_id=task_id,
                path=str(ROOT / task_id),
                branch=f"feat/{task_id.lower()}",
                base=repo.base,
                base_sha=self.branch_head(repo, repo.base),
            ),
        )

    def workspace(self, task_id: str) -> Workspace | None:
        """The workspace of a task."""
        return self._workspaces.get(task_id)

    def stage(self, workspace: Workspace) -> Staged:
        """Nothing to commit."""
        return Staged(
            tree=digest("tree", workspace.base_sha), parent=workspace.base_sha, files=(), added_text="", cut=False
        )

    def commit(self, workspace: Workspace, staged: Staged, message: str, *, author: str) -> str:
        """Nothing can be committed. Raises `Simulated`."""
        raise Simulated

    def head(self, workspace: Workspace) -> str:
        """The commit that it was cut from."""
        return workspace.base_sha

    def push(self, repo: Repo, workspace: Workspace, sha: str) -> str:
        """Nothing can be pushed. Raises `Simulated`."""
        raise Simulated

    def open_pr(
        self, repo: Repo, workspace: Workspace, *, title: str, body: str, head_sha: str, author: str, key: str
    ) -> PullRequest:
        """A pull request under the next number."""
        known = self.find_pr(repo, workspace.branch)
        if known is not None:
            return known
        number = max((number for project, number in self._pulls if project == repo.project_id), default=0) + 1
        start = PullStart(
            number=number, project=repo.project_id, title=title, head=workspace.branch, author=author, body=body
        )
        found = self.put(start)
        pull = replace(found.pull, base=workspace.base, key=key, task_id=workspace.task_id)
        self._pulls[repo.project_id, number] = replace(found, pull=pull)
        return pull

    def retarget_pr(self, repo: Repo, number: int, base: str) -> PullRequest:
        """Change the base of a pull request. Raises `ForgeError` if there is none."""
        found = self.pull(repo.project_id, number)
        if found is None:
            raise ForgeError(f"There is no pull request #{number} in {repo.project_id}.")
        pull = replace(found.pull, base=base)
        self._pulls[repo.project_id, number] = replace(found, pull=pull)
        return pull

    def review_pr(
        self, repo: Repo, number: int, *, event: str, body: str, commit_sha: str, author: str, key: str
    ) -> PullReview:
        """Keep a verdict on a pull request; one of the same key is returned instead."""
        kept = self._reviews.setdefault((repo.project_id, number), [])
        known = next((each for each in kept if each.key == key), None)
        if known is not None:
            return known
        review = PullReview(
            project_id=repo.project_id,
            number=number,
            id=f"r-{digest(key, length=8)}",
            event=event,
            commit_sha=commit_sha,
            body=body,
            author=author,
            at=self._clock.now(),
            key=key,
        )
        kept.append(review)
        return review

    def checkout_for_verification(self, workspace: Workspace, staged: Staged, into: Path) -> None:
        """There are no files. Raises `Simulated`."""
        raise Simulated

    def leftovers(self, is_live: Callable[[Workspace], int | None]) -> list[Leftover]:
        """Nothing is on disk."""
        return []

    def archive_and_remove(self, leftover: Leftover) -> Path | None:
        """Nothing is on disk."""
        self._workspaces.pop(leftover.workspace.task_id, None)
        return None

    def _of(self, repo: Repo) -> list[Pull]:
        return [pull for (project, _), pull in self._pulls.items() if project == repo.project_id]


def _file_change(file: File) -> FileChange:
    lines = file.patch.splitlines()
    added, removed = (sum(line.startswith(sign) for line in lines) for sign in "+-")
    return FileChange(path=file.path, status="M", insertions=added, deletions=removed, size=len(file.patch.encode()))


def pull_text(found: Pull) -> str:
    """A pull request as text: what its author says, and its difference."""
    pull = found.pull
    lines = [
        f"#{pull.number} {pull.title}",
        f"{pull.author} wants to merge {pull.head} into {pull.base}",
        f"head {pull.head_sha[:12]}, {pull.state}",
        "",
        joined(pull.body).strip() or "Its author wrote nothing.",
    ]
    for path, patch in found.files:
        lines += ["", f"── {path}", patch.rstrip() or "(its lines are not part of the lesson)"]
    return "\n".join(lines)
