"""The line above the keys in which a screen says a sentence, so that nothing is laid over what has to be read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from textual.widgets import Static

from stas_tui.screens.common import Told
from widgets.content import safe

if TYPE_CHECKING:
    from textual.screen import Screen

TOLD_CSS = """
{name} #told {{ display: none; height: auto; max-height: 4; padding: 0 1; background: $bar; color: $ink; }}
{name} #told.-said {{ display: block; }}
{name} #told.-wrong {{ color: $crit; text-style: bold; }}
"""


class ToldLine(Told):
    """A screen that composes `told_line()` above its key bar and has `TOLD_CSS` in its own."""

    said = ""
    """What stands in the line."""

    def told_line(self) -> Static:
        """The line; it takes no room while nothing is said."""
        return Static("", id="told")

    def tell(self: Screen[Any], sentence: str, *, error: bool = False) -> None:  # type: ignore[misc]
        """Show a sentence until the next; an empty one takes the line away."""
        self.said = sentence  # type: ignore[attr-defined]
        for told in self.query("#told").results(Static):
            told.update(safe(sentence))
            told.set_class(bool(sentence), "-said")
            told.set_class(error, "-wrong")
