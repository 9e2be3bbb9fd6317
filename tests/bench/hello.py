"""The smallest Textual program that shows a text and answers a key: the floor that everything is compared with."""

from __future__ import annotations

from typing import ClassVar

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Static


class Hello(App[None]):
    """A text and a counter."""

    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [Binding("down", "count", "count"), Binding("q", "quit", "quit")]
    pressed = 0

    def compose(self) -> ComposeResult:
        """The text."""
        yield Static("hello, ready")

    def action_count(self) -> None:
        """Show another text."""
        self.pressed += 1
        self.query_one(Static).update(f"pressed {self.pressed}")


if __name__ == "__main__":
    Hello().run()
