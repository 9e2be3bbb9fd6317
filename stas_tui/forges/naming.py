"""Names of feature branches."""

from __future__ import annotations

import re

_NOT_WORD = re.compile(r"[^a-z0-9]+")
_UNSAFE_ID = re.compile(r"[^A-Za-z0-9_-]+")


def slug(text: str, limit: int = 40) -> str:
    """Lower-case words joined by hyphens, cut at a word; empty for text without any ASCII letter or digit."""
    words = _NOT_WORD.sub("-", text.lower().removeprefix("infra:")).strip("-")
    if len(words) <= limit:
        return words
    return words[: limit + 1].rsplit("-", 1)[0][:limit].strip("-")


def feature_branch(task_id: str, title: str) -> str:
    """The branch on which a task is worked: `infra/T-301-cap-the-pool`."""
    tail = slug(title)
    name = _UNSAFE_ID.sub("-", task_id).strip("-") or "task"
    return f"infra/{name}-{tail}" if tail else f"infra/{name}"
