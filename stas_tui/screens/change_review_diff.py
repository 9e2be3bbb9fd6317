"""The diff of one file of a pull request, at the line that a finding names."""

from __future__ import annotations

import re

from stas_tui.forges.git import Git
from stas_tui.review.base import ChangedFile
from stas_tui.review.changes import patch_of
from stas_tui.review.codec import Arriving
from stas_tui.screens.dialogs import ShowText
from storage.check_records import Lead
from storage.redact import redact
from widgets.text_view import TextView

_HUNK = re.compile(r"@@ -\d+(?:,\d+)? \+(\d+)(?:,\d+)? @@")


def read_patch(known: Arriving, file: ChangedFile) -> str:
    """The difference of a file as text without secrets. Raises `ForgeError`."""
    review = known.review
    text = patch_of(Git(), known.git_dir, review.base, review.head, [file.old_path, file.path])
    return redact(text) or "Nothing of its lines changed: it was moved, or only its mode is another."


def line_of(patch: str, lead: Lead) -> int | None:
    """Which line of a patch, from 0, a finding is about; None if that cannot be said.

    Of the lines that hold its code the one nearest to its number: numbers alone are wrong where a secret of several
    lines was taken out.
    """
    numbered = _numbered(patch, lead.line) if lead.line else None
    code = next((line.strip() for line in lead.code.splitlines() if line.strip()), "")
    holding = [n for n, line in enumerate(patch.split("\n")) if code and line[:1] in "+- " and code in line[1:]]
    if not holding:
        return numbered
    return holding[0] if numbered is None else min(holding, key=lambda n: abs(n - numbered))


def _numbered(patch: str, wanted: int) -> int | None:
    """Where a line of the new file stands in its patch."""
    at = 0
    for n, line in enumerate(patch.split("\n")):
        if match := _HUNK.match(line):
            at = int(match[1])
        elif at and line[:1] in ("+", " "):
            if at == wanted:
                return n
            at += 1
    return None


class DiffScreen(ShowText):
    """A diff; the line that a finding is about is marked and in view."""

    def __init__(self, path: str, patch: str, line: int | None = None) -> None:
        """`line` of the patch, from 0."""
        super().__init__(f"Diff of {path}", patch)
        self._line = line

    def on_mount(self) -> None:
        """Go to the line."""
        super().on_mount()
        if self._line is not None:
            self.call_after_refresh(self.query_one(TextView).mark_line, self._line)
