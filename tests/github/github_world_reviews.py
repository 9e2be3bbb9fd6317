"""What the small GitHub of the tests knows of reviews, and how it refuses one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from forge_bench import git
from github_shapes import filled

STATES = {"COMMENT": "COMMENTED", "REQUEST_CHANGES": "CHANGES_REQUESTED", "APPROVE": "APPROVED", None: "PENDING"}


def refusal_of(bare: Any, stored: dict[str, Any], others: list[dict[str, Any]], payload: Any, login: str) -> str:
    """The text with which GitHub would refuse a review; empty if it takes it."""
    event, commit, body = payload.get("event"), payload.get("commit_id"), payload.get("body") or ""
    if event == "REQUEST_CHANGES" and stored["login"] == login:
        return "Can not request changes on your own pull request"
    if event == "APPROVE" and stored["login"] == login:
        return "Can not approve your own pull request"
    if any(row["user"]["login"] == login and row["state"] == "PENDING" for row in others):
        return "User can only have one pending review per pull request"
    own = git("rev-list", f"{stored['base']}..{stored['sha']}", cwd=bare, ok=(0, 128)).split()
    if commit and commit not in own:
        return "Commit is not part of the pull request"
    if event in ("COMMENT", "REQUEST_CHANGES") and not body:
        return "Body can't be blank"
    if len(body) > 65_536:
        return "Body is too long (maximum is 65536 characters)"
    return "lock prevents review" if stored.get("locked") else ""


def review_body(
    stored: dict[str, Any], payload: Any, login: str, *, number: Callable[[], int], at: str, root: str, name: str
) -> dict[str, Any]:
    """A review as GitHub writes it."""
    id_ = number()
    pull = f"{root}/{name}/pull/{stored['number']}"
    given = {
        "id": id_, "user": {"login": login, "id": 5}, "body": payload.get("body") or "",
        "state": STATES[payload.get("event")], "commit_id": payload.get("commit_id") or stored["sha"],
        "html_url": f"{pull}#pullrequestreview-{id_}",
        "pull_request_url": f"{root}/repos/{name}/pulls/{stored['number']}",
    }  # fmt: skip
    made = filled("pull-request-review", given, root)
    if made["state"] != "PENDING":
        made["submitted_at"] = at
    return made
