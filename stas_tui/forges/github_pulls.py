"""GitHub's pull requests as records: what is read from an answer, and the mark that Stas leaves in a text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote, unquote

from stas_tui.forges.base import Repo
from stas_tui.forges.github_api import shapeless
from stas_tui.forges.github_errors import plain
from stas_tui.forges.names import is_sha
from storage.records import PullRequest
from storage.redact import redact

BODY_LIMIT = 65_536
"""Characters of a pull request's text that GitHub takes."""
TITLE_LIMIT = 256
_MARK = re.compile(r"\s*<!-- stas ((?:[a-z]+=[A-Za-z0-9._~%]*)(?: [a-z]+=[A-Za-z0-9._~%]*)*) -->")


@dataclass(frozen=True, slots=True)
class Mark:
    """What Stas writes at the end of a pull request's text to know it again."""

    key: str = ""
    task_id: str = ""
    author: str = ""

    def text(self) -> str:
        """A comment that no reader of the rendered text sees; only letters, digits and `%._~` in its values."""
        pairs = {"key": self.key, "task": self.task_id, "author": self.author}
        return f"<!-- stas {' '.join(f'{name}={_quoted(value)}' for name, value in pairs.items())} -->"


def marked(body: str, mark: Mark) -> str:
    """A text with the mark at its end, cut with a pointer if GitHub would not take it whole.

    Marks that the text already holds are taken out: there is one, and it is ours.
    """
    clean, end = _MARK.sub("", body).rstrip(), f"\n\n{mark.text()}\n"
    if len(clean) + len(end) > BODY_LIMIT:
        pointer = f"\n\n… cut: {{}} more characters are in the record of Stas, action {mark.key or 'unknown'}."
        room = BODY_LIMIT - len(end) - len(pointer) - 20
        clean = clean[:room].rstrip() + pointer.format(len(clean) - room)
    return clean + end


def unmarked(body: str) -> tuple[str, Mark]:
    """The text without any mark, and the last mark in it: others may have written below ours."""
    found = _MARK.findall(body)
    if not found:
        return body, Mark()
    pairs = dict(pair.split("=", 1) for pair in found[-1].split(" "))
    key, task, author = (unquote(pairs.get(name, "")) for name in ("key", "task", "author"))
    return _MARK.sub("", body).rstrip(), Mark(key, task, author)


def _quoted(value: str) -> str:
    return quote(value, safe="").replace("-", "%2D")


def ms_of(value: object) -> int | None:
    """GitHub's time as UTC ms; None for anything that is none."""
    if not isinstance(value, str):
        return None
    try:
        return int(datetime.fromisoformat(value).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None


def member(data: object, *path: str) -> Any:
    """A member of nested objects; None wherever something on the way is missing or no object."""
    for name in path:
        if not isinstance(data, Mapping):
            return None
        data = data.get(name)
    return data


def is_own(data: Mapping[str, Any]) -> bool:
    """Whether the head branch is in the repository itself; a deleted fork has no repository at all."""
    head, base = member(data, "head", "repo", "id"), member(data, "base", "repo", "id")
    return head is not None and head == base


def web_link(value: object) -> str:
    """An http or https address, or nothing."""
    text = plain(value, 500)
    return text if re.match(r"https?://[^\s@]+$", text) else ""


def pull_of(data: Mapping[str, Any], repo: Repo, *, me: str) -> PullRequest:
    """A record of one of GitHub's objects. Raises `GithubError` for another shape.

    `me` is the login that Stas writes as; a mark in somebody else's pull request is no mark of ours. With `me`
    unknown (some kinds of token may not ask) it is believed for the key, not for the author.
    """
    number, base, head = data.get("number"), member(data, "base", "ref"), member(data, "head", "ref")
    sha, state = member(data, "head", "sha"), data.get("state")
    if (
        not isinstance(number, int)
        or isinstance(number, bool)
        or not (isinstance(base, str) and isinstance(head, str) and isinstance(sha, str) and is_sha(sha))
        or state not in ("open", "closed")
    ):
        raise shapeless(f"/repos/{repo.github}")
    body = data.get("body")
    text, mark = unmarked(body.replace("\r\n", "\n") if isinstance(body, str) else "")
    login = plain(member(data, "user", "login"), 80)
    ours = is_own(data) and (not me or login == me)
    merged_at = ms_of(data.get("merged_at"))
    merge_sha = data.get("merge_commit_sha")
    mergeable = data.get("mergeable")
    return PullRequest(
        number=number,
        project_id=repo.project_id,
        title=plain(data.get("title"), 500),
        body=redact(text),
        base=plain(base, 250),
        head=plain(head, 250) if is_own(data) else f"{_fork(data)}:{plain(head, 250)}",
        head_sha=sha,
        state="merged" if merged_at is not None else state,
        mergeable=mergeable if isinstance(mergeable, bool) and state == "open" else None,
        url=web_link(data.get("html_url")),
        author=mark.author if ours and me and mark.author else login,
        created_at=ms_of(data.get("created_at")) or 0,
        merged_at=merged_at,
        merge_sha=merge_sha if merged_at is not None and isinstance(merge_sha, str) and is_sha(merge_sha) else None,
        key=mark.key if ours else "",
        task_id=mark.task_id or None if ours else None,
    )


def _fork(data: Mapping[str, Any]) -> str:
    if member(data, "head", "repo") is None:
        return "deleted fork"
    return plain(member(data, "head", "repo", "owner", "login"), 80) or "fork"
