"""Pull requests as records, and what the repository says about them (R6, R94, R99)."""

from __future__ import annotations

import re
from typing import Any, Protocol

from stas_tui.forges import diff, merged
from stas_tui.forges.base import BranchMissing, ForgeError, PullObjects, Repo
from stas_tui.forges.git import Git
from stas_tui.forges.merged import is_ancestor
from stas_tui.forges.names import printable
from stas_tui.forges.remote import Mirror, shown
from storage.clock import Clock
from storage.records import Merge, PullRequest, PullReview

MERGES_LISTED = 500
"""At most so many merges are reported at once."""
_NUMBERED = re.compile(r"^Merge pull request #(\d{1,9})\b|\(#(\d{1,9})\)\s*$")


class PullRequests(Protocol):
    """Where pull requests are kept. While open, a project has one for each head branch."""

    def add_pr(self, pr: PullRequest) -> PullRequest:
        """Keep a new one under the next number; an open one of the same head is returned instead."""
        ...

    def get_pr(self, project_id: str, number: int) -> PullRequest | None:
        """One by number."""
        ...

    def open_pr_of(self, project_id: str, head: str) -> PullRequest | None:
        """The open one of a head branch."""
        ...

    def open_prs(self, project_id: str) -> list[PullRequest]:
        """All that are open."""
        ...

    def all_prs(self, project_id: str) -> list[PullRequest]:
        """All, whatever their state."""
        ...

    def update_pr(self, project_id: str, number: int, **fields: Any) -> PullRequest:
        """Change fields of one and return it."""
        ...

    def add_review(self, review: PullReview, *, tell: str = "") -> PullReview:
        """Keep a verdict and tell an agent of it, both or neither; one of the same key is returned instead."""
        ...

    def reviews(self, project_id: str, number: int) -> list[PullReview]:
        """Verdicts on one, oldest first."""
        ...


class Pulls:
    """Keeps the records true to a mirror that the caller has just fetched."""

    def __init__(self, git: Git, prs: PullRequests, clock: Clock) -> None:
        self._git = git
        self._prs = prs
        self._clock = clock

    def open(self, mirror: Mirror, wanted: PullRequest) -> PullRequest:
        """Keep a new record, unless the head has an open one or the key was used."""
        same = [pr for pr in self._prs.all_prs(wanted.project_id) if wanted.key and pr.key == wanted.key]
        if same:
            return self.refreshed(mirror, same[0])
        base = mirror.base_tip()
        there = mirror.tip(wanted.head)
        if there != wanted.head_sha:
            now = there[:12] if there else "nothing"
            raise ForgeError(
                f"The remote's {wanted.head} is at {now}, not at {wanted.head_sha[:12]}.",
                "Push first, then open the pull request.",
            )
        if is_ancestor(self._git, mirror.dir, wanted.head_sha, base):
            raise ForgeError(f"{wanted.head} has no commit that {wanted.base} lacks.", "Commit and push first.")
        return self.refreshed(mirror, self._prs.add_pr(wanted))

    def files(self, mirror: Mirror, pr: PullRequest) -> list[str]:
        """Paths that a pull request changes, or changed when it was merged."""
        fresh = self.refreshed(mirror, pr)
        if fresh.state == "merged" and fresh.merge_sha:
            return list(self._files_of(mirror, f"{fresh.merge_sha}^", fresh.merge_sha))
        base = mirror.tip(fresh.base)
        if base is None or not mirror.has(fresh.head_sha):
            raise ForgeError(f"The branches of pull request {pr.number} are not on the remote.", "Look at the remote.")
        fork = self._git.run("merge-base", base, fresh.head_sha, git_dir=mirror.dir, ok=(0, 1)).text
        return [printable(path) for path in diff.names(self._git, mirror.dir, fork or base, fresh.head_sha)]

    def objects(self, mirror: Mirror, pr: PullRequest) -> PullObjects:
        """The commits of a pull request in a mirror that holds them. Raises `BranchMissing`, `ForgeError`."""
        base = mirror.tip(pr.base)
        if base is None:
            raise BranchMissing(pr.base, shown(mirror.url))
        if not mirror.has(pr.head_sha):
            raise ForgeError(
                f"The remote has no commit {pr.head_sha[:12]}, the head of pull request {pr.number}.",
                "Read the pull request again.",
            )
        fork = self._git.run("merge-base", base, pr.head_sha, git_dir=mirror.dir, ok=(0, 1)).text
        if not fork:
            raise ForgeError(f"Pull request {pr.number} has no commit in common with {pr.base}.", "Look at its branch.")
        return PullObjects(git_dir=mirror.dir, base=fork, head=pr.head_sha)

    def reviewed(self, review: PullReview) -> PullReview:
        """Keep a verdict; the author of the pull request gets it as a message. Raises `ForgeError`."""
        pr = self._prs.get_pr(review.project_id, review.number)
        if pr is None:
            raise ForgeError(f"There is no pull request {review.number} in {review.project_id}.", "Look at the list.")
        return self._prs.add_review(review, tell=pr.author if pr.author != review.author else "")

    def refreshed(self, mirror: Mirror, pr: PullRequest) -> PullRequest:
        """The record brought up to what the fresh mirror shows: head, mergeability, merged or not."""
        if pr.state != "open":
            return pr
        fields = self._observed(mirror, pr)
        changed = {name: value for name, value in fields.items() if getattr(pr, name) != value}
        return self._prs.update_pr(pr.project_id, pr.number, **changed) if changed else pr

    def _observed(self, mirror: Mirror, pr: PullRequest) -> dict[str, Any]:
        base, tip = mirror.tip(pr.base), mirror.tip(pr.head)
        head = tip or pr.head_sha
        if base is None or not mirror.has(head):
            return {"mergeable": None, "conflicts": ()}
        moved_back = tip is not None and tip != pr.head_sha and is_ancestor(self._git, mirror.dir, tip, pr.head_sha)
        landed = None if moved_back else merged.landing(self._git, mirror.dir, head, base)
        if landed is not None:
            return {
                "head_sha": head,
                "state": "merged",
                "merge_sha": landed.sha,
                "merged_at": landed.at if landed.at is not None else self._clock.now(),
                "mergeable": None,
                "conflicts": (),
            }
        if tip is None:
            return {"mergeable": None, "conflicts": ()}
        trial = merged.trial(self._git, mirror.dir, base, tip)
        return {"head_sha": tip, "mergeable": trial.clean, "conflicts": trial.conflicts}

    def merges_since(self, mirror: Mirror, since: int) -> list[Merge]:
        """What landed on the base branch after `since` (ms), newest first, each sha once, at most `MERGES_LISTED`.

        A commit counts if its own time is not before `since`'s second, or if the base branch did not hold it when
        it was last looked at before `since`: a fast-forward brings in commits that are older than their landing.
        """
        tip = mirror.base_tip()
        before = [seen for seen in mirror.seen() if seen.at <= since]
        after = [seen.at for seen in mirror.seen() if seen.at > since]
        late: set[str] = set()
        if before and mirror.has(before[-1].sha):
            late = set(self._git.run("rev-list", "--first-parent", tip, f"^{before[-1].sha}", git_dir=mirror.dir).lines)
        log = self._git.run(
            "log", "-z", "--first-parent", f"--max-count={MERGES_LISTED}", "--format=%H%n%ct%n%an%n%P%n%s",
            tip, git_dir=mirror.dir,
        )  # fmt: skip
        numbers = self._numbers(mirror.repo)
        found = []
        for item in log.items:
            sha, stamp, author, parents, subject = item.decode("utf-8", "replace").lstrip("\n").split("\n", 4)
            at = int(stamp) * 1000
            if at // 1000 < since // 1000:
                if sha not in late:
                    continue
                at = after[0] if after else self._clock.now()
            first, *others = parents.split(" ")
            found.append(
                Merge(
                    project_id=mirror.repo.project_id,
                    sha=sha,
                    at=at,
                    author=author,
                    subject=subject,
                    pr_number=_number(sha, others, subject, numbers),
                    files=self._files_of(mirror, first, sha),
                )
            )
        return found

    def _numbers(self, repo: Repo) -> dict[str, int]:
        """Pull request numbers by the shas that can bring them in."""
        known: dict[str, int] = {}
        for pr in self._prs.all_prs(repo.project_id):
            known[pr.head_sha] = pr.number
            if pr.merge_sha:
                known[pr.merge_sha] = pr.number
        return known

    def _files_of(self, mirror: Mirror, first_parent: str, sha: str) -> tuple[str, ...]:
        if not first_parent:
            paths = self._git.run("ls-tree", "-r", "-z", "--name-only", sha, git_dir=mirror.dir).items
        else:
            paths = diff.names(self._git, mirror.dir, first_parent, sha)
        return tuple(printable(path) for path in paths)


def _number(sha: str, other_parents: list[str], subject: str, known: dict[str, int]) -> int | None:
    for one in (sha, *other_parents):
        if one in known:
            return known[one]
    found = _NUMBERED.search(subject)
    return int(found[1] or found[2]) if found else None
