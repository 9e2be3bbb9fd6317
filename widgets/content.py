"""The only ways in which outside text becomes something a stock widget draws."""

from __future__ import annotations

from rich.text import Text
from textual.content import Content

from widgets.printable import safe_text


def safe(raw: object) -> Content:
    """Any value as `Content` without markup, escapes or hidden characters."""
    return Content(safe_text(raw))


def safe_rich(raw: object) -> Text:
    """Any value as rich `Text` without markup, escapes or hidden characters; for table cells."""
    return Text(safe_text(raw))
