"""A program that prints 50,000 lines into one widget, for `bench_output.py`: which widget is its first argument.

It starts on the key `g`, writes `lines` in batches of 2,000 with a turn of the loop between them, and says `done`.
"""

from __future__ import annotations

import asyncio
import sys
from typing import ClassVar

from textual import work
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import Log, RichLog, Static

BATCH = 2_000
LINE = "12:00:01 [worker 7] step {n} of the migration: table ledger_entries, 4,096 rows, checksum ok"
EDGE = 122
"""Where each line says `EDGE`: beyond a screen of 120 columns until one scrolls sideways."""


class Stream(App[None]):
    """A status line and one of four widgets."""

    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [Binding("g", "go", "go"), Binding("t", "trickle", "trickle")]

    def __init__(self, kind: str, lines: int) -> None:
        self.kind, self.lines = kind, lines
        super().__init__()

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """The colours that our view asks for."""
        from widgets import themes

        return themes.variable_defaults(True) if self.kind == "ours" else {}

    def compose(self) -> ComposeResult:
        """The status and the widget."""
        yield Static("stream ready", id="status")
        yield self.view()

    def on_mount(self) -> None:
        """The keys go to the view."""
        self.query_one("Log, RichLog, LogView").focus()

    def view(self) -> Widget:
        """The widget under measurement."""
        if self.kind == "log":
            return Log(max_lines=10_000)
        if self.kind == "richlog":
            return RichLog(max_lines=10_000)
        from widgets.log_view import LogView

        return LogView(max_lines=10_000)

    def write(self, first: int, count: int) -> None:
        """Lines into the widget, as it takes them best."""
        lines = [LINE.format(n=n).ljust(EDGE) + "EDGE" for n in range(first, first + count)]
        view = self.query_one("Log, RichLog, LogView")
        if isinstance(view, RichLog):
            for line in lines:
                view.write(line)
        else:
            view.write_lines(lines)  # type: ignore[attr-defined]

    @work
    async def action_go(self) -> None:
        """Everything, as fast as it goes."""
        for first in range(0, self.lines, BATCH):
            self.write(first, min(BATCH, self.lines - first))
            await asyncio.sleep(0)
        await asyncio.sleep(0.1)
        self.query_one("#status", Static).update("stream done")

    @work
    async def action_trickle(self) -> None:
        """2,000 lines a second for as long as the program runs, in batches at 20 Hz."""
        first = 0
        while True:
            self.write(first, 100)
            first += 100
            await asyncio.sleep(0.05)


if __name__ == "__main__":
    Stream(sys.argv[1], int(sys.argv[2])).run()
