"""A generated Markdown text as it is read, with its headings and lists made easy to find with tired eyes."""

from __future__ import annotations

from dataclasses import replace

from widgets.paint import Line, Palette, Span
from widgets.printable import wrap
from widgets.text_view import TextView

INDENT = 2
_HEADINGS = ("# ", "## ", "### ")
_NOTHING = "- none"


class MarkdownView(TextView):
    """`TextView` in which headings are bold, list items hang, and lines that say «none» stand back.

    Every character of the text stays on screen. Whoever gives a text that was made harmless for Markdown takes the
    escapes out first; the exported file keeps them.
    """

    def build(self, width: int, palette: Palette) -> int:
        """Wrap the text; rows that go on with a list item stand under its words."""
        self._rows, self._starts = [], []
        self._kinds: list[str] = []
        offset = 0
        for line in self._text.split("\n"):
            start, item = offset, line.startswith("- ")
            for number, row in enumerate(wrap(line, width - 1 - (INDENT if item else 0))):
                self._rows.append(row)
                self._starts.append(start)
                self._kinds.append("hangs" if item and number else _kind(line))
                start += len(row)
            offset += len(line) + 1
        self._roomed = self._searching
        return len(self._rows) + self._roomed

    def line(self, index: int, width: int, palette: Palette) -> Line:
        """One row, with matches marked."""
        spans = super().line(index, width, palette)
        kind = self._kinds[index] if index < len(self._kinds) else ""
        if kind == "hangs":
            return [Span(" " * INDENT), *spans]
        if kind == "heading":
            return [replace(span, bold=True) for span in spans]
        if kind == "nothing":
            return [replace(span, ink="ink-3") if not span.fill else span for span in spans]
        return spans


def _kind(line: str) -> str:
    if line.startswith(_HEADINGS):
        return "heading"
    return "nothing" if line.startswith(_NOTHING) else ""
