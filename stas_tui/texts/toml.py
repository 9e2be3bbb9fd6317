"""Texts and lists as TOML writes them."""

from __future__ import annotations

import json
from collections.abc import Iterable


def quoted(text: str) -> str:
    """A text as TOML writes it."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")


def listed(texts: Iterable[str]) -> str:
    """A list of texts as TOML writes it."""
    return "[" + ", ".join(quoted(text) for text in texts) + "]"
