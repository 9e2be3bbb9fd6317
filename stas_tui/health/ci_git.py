"""What plain git knows of deployments: what landed on the base branch, and tags (R37, R99, R137)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from stas_tui.forges.base import ForgeReader, Repo
from stas_tui.forges.remote import Tag
from storage.clock import DAY
from storage.records import Merge
from storage.redact import redact
from storage.watch_records import Deploy

LOOKED_BACK = 2 * DAY
"""How far deployments are told back; the summary counts the last 24 hours of them (D23)."""


class GitReader(ForgeReader, Protocol):
    """A forge that can also read tags and write a commit's files into a folder."""

    def tags(self, repo: Repo) -> list[Tag]:
        """Tags of commits, newest first."""
        ...

    def write_commit(self, repo: Repo, sha: str, into: Path) -> None:
        """Write a commit's files into a fresh folder."""
        ...


def git_deploys(forge: GitReader, repo: Repo, now: int) -> list[Deploy]:
    """Merges and tags of the last two days as deployments whose outcome nobody recorded. Raises `ForgeError`.

    A tag of something that landed in that time is told with it, not beside it. `now` is UTC ms.
    """
    since = now - LOOKED_BACK
    tags: dict[str, list[Tag]] = {}
    for tag in forge.tags(repo):
        tags.setdefault(tag.sha, []).append(tag)
    merges = forge.merges_since(repo, since)
    found = [_merge(merge, tags.pop(merge.sha, ()), now) for merge in merges]
    for sha, some in tags.items():
        recent = [tag for tag in some if tag.at >= since]
        if recent:
            found.append(_tag(repo, sha, recent, now))
    return found


def _merge(merge: Merge, tags: Sequence[Tag], now: int) -> Deploy:
    return Deploy(
        key=f"{merge.project_id}/{merge.sha}",
        project_id=merge.project_id,
        sha=merge.sha,
        at=min(merge.at, now),
        what=redact(merge.subject[:500] + (f" ({_names(tags)})" if tags else "")),
        state="merged",
        author=redact(merge.author[:200]),
        pr_number=merge.pr_number,
    )


def _tag(repo: Repo, sha: str, tags: Sequence[Tag], now: int) -> Deploy:
    return Deploy(
        key=f"{repo.project_id}/{sha}",
        project_id=repo.project_id,
        sha=sha,
        at=min(max(tag.at for tag in tags), now),
        what=redact(_names(tags)),
        state="merged",
    )


def _names(tags: Sequence[Tag]) -> str:
    return ", ".join(f"tag {tag.name[:80]}" for tag in tags[:3])
