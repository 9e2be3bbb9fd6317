"""Ids of the simulated world: made from words by hashing, so that they are the same on any machine. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from itertools import count


def digest(*words: object, length: int = 40) -> str:
    """Hexadecimal digits made from words, `length` of them, at most 64."""
    return hashlib.sha256("\0".join(map(str, words)).encode()).hexdigest()[:length]


def sha(*words: object) -> str:
    """What a commit of the simulated world is called."""
    return digest("commit", *words)


def numbered() -> Callable[[str], str]:
    """Ids `a-0001`, `a-0002`, … for each prefix."""
    counters: dict[str, count[int]] = {}

    def new(prefix: str) -> str:
        return f"{prefix}-{next(counters.setdefault(prefix, count(1))):04d}"

    return new
