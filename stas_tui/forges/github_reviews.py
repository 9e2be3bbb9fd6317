"""Reviews of pull requests on GitHub: read whole, sent once, found again by our mark. None of them approves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stas_tui.forges.base import Repo
from stas_tui.forges.github_api import GithubApi, GithubError, GithubMissing, shapeless
from stas_tui.forges.github_errors import plain
from stas_tui.forges.github_pulls import Mark, marked, member, ms_of, unmarked, web_link
from stas_tui.forges.names import is_sha
from storage.records import PullReview
from storage.redact import redact

EVENTS = {"comment": "COMMENT", "request changes": "REQUEST_CHANGES"}
"""Our words for the only two events that are ever sent."""
_STATES = {"COMMENTED": "comment", "CHANGES_REQUESTED": "request changes"}


def reviews_of(api: GithubApi, repo: Repo, number: int, *, me: str) -> list[PullReview]:
    """Every review, oldest first; none for a pull request that is not there. Raises `GithubError`.

    A list that is not read to its end raises: what is not in it might be behind its end.
    """
    path = f"/repos/{repo.github}/pulls/{number:d}/reviews"
    try:
        listed = api.listed(path)
    except GithubMissing:
        return []
    if listed.cut:
        raise GithubError("list cut", f"{repo.github} #{number}: {listed.remark} of its reviews.", "Look there.")
    return [review_of(data, repo, number, me=me) for data in listed.items]


def send(
    api: GithubApi, repo: Repo, number: int, *, me: str, event: str, body: str, commit_sha: str, mark: Mark
) -> PullReview:
    """Send a review about one commit; one with the key of our mark is returned instead. Raises `GithubError`."""
    for known in reviews_of(api, repo, number, me=me):
        if known.key == mark.key:
            return known
    payload = {"commit_id": commit_sha, "event": EVENTS[event], "body": marked(body, mark)}
    data = api.write("POST", f"/repos/{repo.github}/pulls/{number:d}/reviews", payload)
    try:
        return review_of(data, repo, number, me=me)
    except GithubError as error:
        raise GithubError(error.word, error.what, error.mend, sent=True) from error


def review_of(data: Mapping[str, Any], repo: Repo, number: int, *, me: str) -> PullReview:
    """A record of one of GitHub's objects; a mark in somebody else's is no mark of ours. Raises `GithubError`."""
    id_, state, commit = data.get("id"), data.get("state"), data.get("commit_id")
    if not isinstance(id_, int) or isinstance(id_, bool) or not isinstance(state, str):
        raise shapeless(f"/repos/{repo.github}")
    body = data.get("body")
    text, mark = unmarked(body.replace("\r\n", "\n") if isinstance(body, str) else "")
    login = plain(member(data, "user", "login"), 80)
    ours = not me or login == me
    return PullReview(
        project_id=repo.project_id,
        number=number,
        id=str(id_),
        event=_STATES.get(state, plain(state, 40).lower().replace("_", " ")),
        commit_sha=commit if isinstance(commit, str) and is_sha(commit) else "",
        body=redact(text),
        author=mark.author if ours and me and mark.author else login,
        at=ms_of(data.get("submitted_at")) or 0,
        key=mark.key if ours else "",
        url=web_link(data.get("html_url")),
    )
