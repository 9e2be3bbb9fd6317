"""A page beside the list of lessons: progress, a debrief, how to write one. Read, searched, and left."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen
from textual.widgets import Static

from stas_tui.screens.common import HELP_KEY, ClickedKeys
from widgets.content import safe
from widgets.keybar import KeyBar
from widgets.markdown_view import MarkdownView
from widgets.printable import flat
from widgets.text_view import TextView

MARGIN = 4
"""Cells of a row that no text stands in: padding and scroll bar."""


class PickerPage(ClickedKeys, ModalScreen[None]):
    """One text, made for the width of the window."""

    CSS = """
    PickerPage { background: $base; layout: vertical; }
    PickerPage > Static { height: 1; background: $bar; color: $ink; text-style: bold; padding: 0 1; }
    PickerPage > TextView { height: 1fr; padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "leave", "back", id="page.back"),
        Binding("slash", "search", "search", id="text.search"),
        HELP_KEY,
    ]

    def __init__(self, title: str, text: Callable[[int], str], *, markdown: bool = False) -> None:
        """`text` gives the text for a width in cells."""
        super().__init__()
        self._title, self._text = title, text
        self._view = MarkdownView("") if markdown else TextView("")
        self._width = 0

    def compose(self) -> ComposeResult:
        """Title, text, keys."""
        yield Static(safe(flat(self._title)))
        yield self._view
        yield KeyBar()

    def on_mount(self) -> None:
        """The text has the keyboard."""
        self._view.focus()

    def on_resize(self, event: events.Resize) -> None:
        """Another width, another text; the place in it stays if it is the same."""
        if event.size.width != self._width:
            self._width = event.size.width
            self._view.show(self._text(max(event.size.width - MARGIN, 1)))

    def action_search(self) -> None:
        """Find a word."""
        self._view.action_search()

    def action_leave(self) -> None:
        """Back to the list."""
        self.dismiss(None)
