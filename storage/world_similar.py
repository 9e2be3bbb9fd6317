"""How alike two task titles are, for the search for duplicates (R120, D29). Pure."""

from __future__ import annotations

import re

THRESHOLD = 0.35
"""Titles less alike than this are not offered as duplicates."""

_WORD = re.compile(r"[^\W_]+")
_PREFIX = re.compile(r"^\s*infra\s*:", re.IGNORECASE)
_EMPTY = frozenset({"a", "an", "the", "of", "for", "to", "in", "on", "and", "or", "is", "are", "with", "by", "at"})
_READ = 500
"""Characters of a title that are compared."""


class Likeness:
    """A title prepared for comparison; the prefix `infra:` does not count."""

    __slots__ = ("trigrams", "words")

    def __init__(self, title: str) -> None:
        words = [word.casefold() for word in _WORD.findall(_PREFIX.sub("", title[:_READ]))]
        meant = [word for word in words if word not in _EMPTY] or words
        self.words = frozenset(_singular(word) for word in meant)
        padded = f"  {' '.join(meant)} "
        self.trigrams = frozenset(padded[i : i + 3] for i in range(len(padded) - 2)) if meant else frozenset()

    def to(self, other: Likeness) -> float:
        """From 0, nothing in common, to 1, the same words; the mean of shared words and shared trigrams."""
        if not self.words or not other.words:
            return 0.0
        if self.words == other.words:
            return 1.0
        tokens = len(self.words & other.words) / len(self.words | other.words)
        letters = 2 * len(self.trigrams & other.trigrams) / (len(self.trigrams) + len(other.trigrams))
        return min((tokens + letters) / 2, 0.99)


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word
