"""The diff of one file of a pull request, at the line that a finding names."""

from __future__ import annotations

from stas_tui.forges.git import Git
from stas_tui.review.base import ChangedFile
from stas_tui.review.changes import patch_of
from stas_tui.review.codec import Arriving
from stas_tui.screens.dialogs import ShowText
from storage.redact import redact
from widgets.text_view import TextView

LONGEST_TERM = 60
"""Characters of a line that are looked for."""


def read_patch(known: Arriving, file: ChangedFile) -> str:
    """The difference of a file as text without secrets. Raises `ForgeError`."""
    review = known.review
    text = patch_of(Git(), known.git_dir, review.base, review.head, [file.old_path, file.path])
    return redact(text) or "Nothing of its lines changed: it was moved, or only its mode is another."


class DiffScreen(ShowText):
    """A diff; the line that a finding is about is marked and in view."""

    def __init__(self, path: str, patch: str, line: str = "") -> None:
        super().__init__(f"Diff of {path}", patch)
        self._line = line.strip().split("\n", 1)[0].strip()[:LONGEST_TERM]

    def on_mount(self) -> None:
        """Go to the line."""
        super().on_mount()
        if self._line and self._line in self._text:
            self.call_after_refresh(self.query_one(TextView).search, self._line)
