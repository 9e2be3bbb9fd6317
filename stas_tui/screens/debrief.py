"""The debrief of a lesson: read, searched, copied, exported; leaving it leaves the lesson."""

from __future__ import annotations

from stas_tui.screens.handover import MarkdownScreen

SETTLE_S = 1.5
"""How long it stands before a key can close it."""


class DebriefScreen(MarkdownScreen):
    """What was done beside what would have been right. Blameless: it names controls, not people."""

    HELP = (
        "The debrief. e writes it into the exports as Markdown, y copies it, escape leaves the lesson.\n"
        "It is kept in the folder of the run; `stas train debrief` shows it again."
    )

    def __init__(self, title: str, text: str) -> None:
        super().__init__(f"Debrief: {title}", text, "debrief")
        self._settled = False

    def on_mount(self) -> None:
        """It comes by itself: a key that was meant for what stood here before does not close it."""
        super().on_mount()
        self.tell("The lesson is over. This is the debrief; escape leaves.")
        self.set_timer(SETTLE_S, self._settle)

    def _settle(self) -> None:
        self._settled = True

    def action_leave(self) -> None:
        """Leave the lesson."""
        if self._settled:
            self.dismiss(None)
