"""Pull requests on GitHub, branches over plain git (R4-R8, R45, R92-R96, R99).

Everything that touches commits is the business of `LocalGitForge`, whatever remote the repository has; a project that
names no repository on GitHub keeps its pull requests there too. Only pull requests are read and written through the
API. Nothing that was sent is repeated: an answer that got lost raises, and whoever sent it looks for the pull request
by its branch and by the mark of the action.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stas_tui.forges import github_reviews, merged
from stas_tui.forges.base import BranchMissing, ForgeError, PullObjects, Repo
from stas_tui.forges.git import Git
from stas_tui.forges.github_api import (
    SMALL_PAGE,
    GithubApi,
    GithubDenied,
    GithubError,
    GithubMissing,
    Listed,
    shapeless,
)
from stas_tui.forges.github_pulls import TITLE_LIMIT, Mark, is_own, marked, member, ms_of, pull_of
from stas_tui.forges.local_git import LocalGitForge, PullRequests, WorkspaceBook
from stas_tui.forges.names import is_branch, printable
from stas_tui.forges.remote import Remote, shown
from storage.clock import Clock
from storage.records import Merge, PullRequest, PullReview, Workspace

PAUSES_S = (0.5, 1.0, 2.0, 3.0, 4.0)
"""Pauses before each further look at a pull request whose mergeability GitHub has not computed yet."""
FILES_PAGES = 30
"""GitHub lists 3,000 files of a pull request and no more."""


class GithubForge(LocalGitForge):
    """A `Forge` whose pull requests live on GitHub for each `Repo` that has a `github` name.

    Blocks while it asks, and for at most the sum of `PAUSES_S` while GitHub computes; never call it on a loop.
    """

    def __init__(
        self,
        *,
        api: GithubApi,
        prs: PullRequests,
        workspaces: WorkspaceBook,
        root: Path,
        archive: Path,
        clock: Clock,
        git: Git | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__(prs=prs, workspaces=workspaces, root=root, archive=archive, clock=clock, git=git)
        self.api = api
        self._sleep = sleep
        self._login: str | None = None

    # pull requests --------------------------------------------------------------------------------

    def read_pr(self, repo: Repo, number: int) -> PullRequest | None:
        """A pull request as GitHub has it now; None if there is none.

        `mergeable` stays None if GitHub has not computed it after five more looks. Raises `GithubError` if the
        repository itself is not visible, because that says nothing about the pull request.
        """
        if not repo.github:
            return super().read_pr(repo, number)
        try:
            data = self._settled(repo, number)
        except GithubMissing:
            self._visible(repo)
            return None
        return self._with_conflicts(repo, pull_of(data, repo, me=self._me()), own=is_own(data))

    def find_pr(self, repo: Repo, head: str) -> PullRequest | None:
        """The open pull request of a head branch of the repository itself; one of a fork is not ours."""
        if not repo.github:
            return super().find_pr(repo, head)
        found = [pr for pr in self._of_head(repo, head, "open") if pr.state == "open"]
        if not found:
            return None
        best = next((pr for pr in found if pr.base == repo.base), found[0])
        return self.read_pr(repo, best.number)

    def prs(self, repo: Repo) -> list[PullRequest]:
        """Open pull requests, newest first, those of forks too. Their mergeability is not in the list, so None."""
        if not repo.github:
            return super().prs(repo)
        params = {"state": "open", "sort": "created", "per_page": SMALL_PAGE}
        listed = self.api.listed(f"/repos/{repo.github}/pulls", params)
        self.api.remark(f"pulls of {repo.github}", f"{repo.github}: {listed.remark} of its pull requests." * listed.cut)
        found = [pull_of(data, repo, me=self._me()) for data in listed.items]
        return sorted(found, key=lambda pr: pr.number, reverse=True)

    def pr_files(self, repo: Repo, number: int) -> list[str]:
        """Paths that a pull request changes; empty for an unknown number. The last line says what is not shown."""
        if not repo.github:
            return super().pr_files(repo, number)
        try:
            listed = self.api.listed(f"/repos/{repo.github}/pulls/{number}/files", most=FILES_PAGES)
        except GithubMissing:
            self._visible(repo)
            return []
        names = [row.get("filename") for row in listed.items]
        if not all(isinstance(name, str) for name in names):
            raise shapeless(f"/repos/{repo.github}")
        paths = sorted(printable(str(name).encode("utf-8", "backslashreplace")) for name in names)
        return [*paths, f"… {listed.remark}"] if listed.cut else paths

    def open_pr(
        self, repo: Repo, workspace: Workspace, *, title: str, body: str, head_sha: str, author: str, key: str
    ) -> PullRequest:
        """Open a pull request on the base branch; an open one of the head, or one of the same key, is returned instead.

        The base is sent, and what is returned was read back: compare it, GitHub may have another. Raises
        `GithubError`; where its `sent` is true, look with `find_pr` before anything else.
        """
        if not repo.github:
            return super().open_pr(repo, workspace, title=title, body=body, head_sha=head_sha, author=author, key=key)
        if known := self._known(repo, workspace.branch, key):
            return known
        refs = Remote(self._git, repo).refs(repo.base, workspace.branch)
        if repo.base not in refs:
            raise BranchMissing(repo.base, shown(repo.url))
        if refs.get(workspace.branch) != head_sha:
            now = refs.get(workspace.branch, "nothing")[:12]
            raise ForgeError(
                f"The remote's {workspace.branch} is at {now}, not at {head_sha[:12]}.",
                "Push first, then open the pull request.",
            )
        mark = Mark(key=key, task_id=workspace.task_id, author=author)
        payload = {
            "title": title[:TITLE_LIMIT],
            "head": workspace.branch,
            "base": repo.base,
            "body": marked(body, mark),
        }
        try:
            number = self.api.write("POST", f"/repos/{repo.github}/pulls", payload).get("number")
        except GithubError as error:
            if error.word == "already exists" and (known := self._known(repo, workspace.branch, key)):
                return known
            raise
        return self._read_back(repo, number)

    def retarget_pr(self, repo: Repo, number: int, base: str) -> PullRequest:
        """Change the base of an open pull request, and read it back. Raises `ForgeError` for main (R8)."""
        if not repo.github:
            return super().retarget_pr(repo, number, base)
        if base == repo.main and base != repo.base:
            raise ForgeError(f"A pull request never targets {base}.", f"Use {repo.base}.")
        pr = self.read_pr(repo, number)
        if pr is None or pr.state != "open":
            raise ForgeError(f"There is no open pull request {number} in {repo.project_id}.", "Look at the list.")
        if ":" in pr.head:
            raise ForgeError(f"Pull request {number} comes from {pr.head}: it is not ours.", "Leave it to its author.")
        if not is_branch(base) or base not in Remote(self._git, repo).refs(base):
            raise BranchMissing(base, shown(repo.url))
        if pr.base == base:
            return pr
        sent = self.api.write("PATCH", f"/repos/{repo.github}/pulls/{number}", {"base": base})
        return self._read_back(repo, sent.get("number"))

    def pull_objects(self, repo: Repo, pr: PullRequest) -> PullObjects:
        """The commits of a pull request, those of a fork too. Raises `BranchMissing`, `ForgeError`."""
        mirror = self._fresh(repo)
        if repo.github and not mirror.has(pr.head_sha):
            mirror.fetch_pull(pr.number)
        return self._pulls.objects(mirror, pr)

    def reviews(self, repo: Repo, number: int) -> list[PullReview]:
        """Verdicts on a pull request, oldest first. Raises `GithubError`."""
        if not repo.github:
            return super().reviews(repo, number)
        return github_reviews.reviews_of(self.api, repo, number, me=self._me())

    def review_pr(
        self, repo: Repo, number: int, *, event: str, body: str, commit_sha: str, author: str, key: str
    ) -> PullReview:
        """Send a comment or a request for changes about one commit. Raises `GithubError`; see its `sent`."""
        if not repo.github:
            return super().review_pr(
                repo, number, event=event, body=body, commit_sha=commit_sha, author=author, key=key
            )
        mark = Mark(key=key, author=author)
        return github_reviews.send(
            self.api, repo, number, me=self._me(), event=event, body=body, commit_sha=commit_sha, mark=mark
        )

    def merges_since(self, repo: Repo, since: int) -> list[Merge]:
        """What landed on the base branch after `since` (ms), newest first, each sha once.

        Read from git; GitHub is only asked for the numbers of pull requests that the commits do not name.
        """
        merges = super().merges_since(repo, since)
        if not repo.github or all(merge.pr_number for merge in merges):
            return merges
        try:
            numbers = self._numbers(repo, since)
        except GithubError:
            return merges
        return [
            merge if merge.pr_number else dataclasses.replace(merge, pr_number=numbers.get(merge.sha))
            for merge in merges
        ]

    # what is asked --------------------------------------------------------------------------------

    def _settled(self, repo: Repo, number: int) -> dict[str, Any]:
        """The object of a pull request, looked at again while GitHub computes whether it can be merged."""
        path = f"/repos/{repo.github}/pulls/{number:d}"
        for pause in (*PAUSES_S, None):
            data = self.api.get(path).data
            if not isinstance(data, dict):
                raise shapeless(path)
            if data.get("mergeable") is not None or data.get("state") != "open" or pause is None:
                return data
            self._sleep(pause)
        raise AssertionError

    def _read_back(self, repo: Repo, number: object) -> PullRequest:
        pr = self.read_pr(repo, number) if isinstance(number, int) and not isinstance(number, bool) else None
        if pr is None:
            raise GithubError(
                "not read back", "GitHub took the pull request, and it cannot be read back.", "Look for it.", sent=True
            )
        return pr

    def _known(self, repo: Repo, head: str, key: str) -> PullRequest | None:
        """One that this action opened already, whatever became of it, or an open one of the branch."""
        found = self._of_head(repo, head, "all")
        same = next((pr for pr in found if key and pr.key == key), None)
        best = same or next((pr for pr in found if pr.state == "open" and pr.base == repo.base), None)
        best = best or next((pr for pr in found if pr.state == "open"), None)
        return None if best is None else self.read_pr(repo, best.number)

    def _of_head(self, repo: Repo, head: str, state: str) -> list[PullRequest]:
        name = self.api.current_name(repo.github)
        listed = self._list_of_head(repo, name, head, state)
        if self.api.current_name(repo.github) != name:
            listed = self._list_of_head(repo, self.api.current_name(repo.github), head, state)
        own = [data for data in listed.items if is_own(data) and member(data, "head", "ref") == head]
        found = [pull_of(data, repo, me=self._me()) for data in own]
        return sorted(found, key=lambda pr: pr.number, reverse=True)

    def _list_of_head(self, repo: Repo, name: str, head: str, state: str) -> Listed:
        """The filter wants the owner's present name: with a former one GitHub would find nothing."""
        params = {"head": f"{name.partition('/')[0]}:{head}", "state": state, "per_page": SMALL_PAGE}
        return self.api.listed(f"/repos/{repo.github}/pulls", params)

    def _numbers(self, repo: Repo, since: int) -> dict[str, int]:
        params = {"state": "closed", "base": repo.base, "sort": "updated", "direction": "desc", "per_page": SMALL_PAGE}
        listed = self.api.listed(f"/repos/{repo.github}/pulls", params, most=1)
        recent = [data for data in listed.items if (ms_of(data.get("merged_at")) or 0) >= since]
        found = [pull_of(data, repo, me=self._me()) for data in recent]
        return {pr.merge_sha: pr.number for pr in found if pr.merge_sha}

    def _visible(self, repo: Repo) -> None:
        """Raise if the repository cannot be seen: its pull requests are then unknown, not missing."""
        try:
            self.api.get(f"/repos/{repo.github}")
        except GithubMissing as error:
            raise GithubMissing("no repository", f"GitHub shows no repository {repo.github}.", error.mend) from error

    def _me(self) -> str:
        """The login that the token belongs to; empty if there is none, or it may not ask."""
        if self._login is None:
            try:
                self._login = str(member(self.api.get("/user").data, "login") or "") if self.api.signed_in else ""
            except (GithubDenied, GithubMissing):
                self._login = ""
        return self._login

    def _with_conflicts(self, repo: Repo, pr: PullRequest, *, own: bool) -> PullRequest:
        """GitHub does not say which files conflict; git does."""
        if pr.mergeable is not False or not own:
            return pr
        mirror = self._fresh(repo)
        base = mirror.tip(pr.base)
        if base is None or not mirror.has(pr.head_sha):
            return pr
        return dataclasses.replace(pr, conflicts=merged.trial(self._git, mirror.dir, base, pr.head_sha).conflicts)
