"""The line above the keys in which a screen says a sentence, so that nothing is laid over what has to be read."""

from __future__ import annotations

from textual.widgets import Static

from stas_tui.screens.common import Told
from widgets.content import safe


class SaidLine(Static):
    """The line itself; it takes no room while nothing is said."""

    DEFAULT_CSS = """
    SaidLine { display: none; height: auto; max-height: 4; padding: 0 1; background: $bar; color: $ink; }
    SaidLine.-said { display: block; }
    SaidLine.-wrong { color: $crit; text-style: bold; }
    """

    def show(self, sentence: str, *, wrong: bool) -> None:
        """Show a sentence; an empty one takes the line away."""
        self.update(safe(sentence))
        self.set_class(bool(sentence), "-said")
        self.set_class(wrong, "-wrong")


class ToldLine(Told):
    """A screen that composes `told_line()`; what is told before it was composed stands in it then."""

    told_text = ""
    """What stands in the line."""
    told_wrong = False
    """Whether it says that something went wrong."""
    _told: SaidLine | None = None

    def told_line(self) -> SaidLine:
        """The line, with what was told already."""
        self._told = SaidLine(id="told")
        self._told.show(self.told_text, wrong=self.told_wrong)
        return self._told

    def tell(self, sentence: str, *, error: bool = False) -> None:
        """Show a sentence until the next; an empty one takes the line away."""
        self.told_text, self.told_wrong = sentence, error
        if self._told is not None:
            self._told.show(sentence, wrong=error)
