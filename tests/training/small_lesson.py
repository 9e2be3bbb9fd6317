"""A small lesson for tests, and its parts by name."""

from __future__ import annotations

from pathlib import Path

from stas_tui.training.reading import Lesson, parse
from stas_tui.training.template import template

TEXT = template("small-one")
"""m1 at 20 s asks for help (d0: own, 3 m); a1 at 40 s goes to main (d1: reject, 2 m); a2 follows a rejection (d2)."""


def lesson(*changes: tuple[str, str], text: str = TEXT, path: Path = Path("small-one.toml")) -> Lesson:
    """The small lesson with pieces of its text replaced, each of which must be there."""
    return parse(changed(*changes, text=text).encode(), path)


def changed(*changes: tuple[str, str], text: str = TEXT) -> str:
    """The text of the small lesson with pieces replaced."""
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return text
