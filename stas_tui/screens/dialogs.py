"""Small dialogs: a sentence to read, a reason to type, a text to look at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from stas_tui.screens.common import HELP_KEY, PAUSE_KEY, ClickedKeys
from widgets.content import safe
from widgets.form import LabelledInput
from widgets.keybar import KeyBar
from widgets.paint import Line, Painted, Palette, Span
from widgets.printable import flat
from widgets.text_view import TextView

if TYPE_CHECKING:
    from stas_tui.app import StasApp

DIALOG_CSS = """
{name} {{ align: center middle; background: $base 70%; }}
{name} > Vertical {{ width: 80; max-width: 100%; height: auto; max-height: 100%; background: $dialog;
    border: round $focus; padding: 1 2; }}
{name} .title {{ text-style: bold; color: $ink; height: auto; }}
{name} .hint {{ color: $ink-2; height: auto; margin-bottom: 1; }}
{name} .wrong {{ color: $crit; text-style: bold; height: auto; }}
"""


class AskReason(ModalScreen[str | None]):
    """Asks for one line. Escape, or an empty line, is None: nothing happens."""

    CSS = DIALOG_CSS.format(name="AskReason")
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "back", id="dialog.back")]

    def __init__(self, title: str, hint: str, *, label: str = "Reason", value: str = "") -> None:
        super().__init__()
        self._title, self._hint = title, hint
        self._line = LabelledInput(label, value=value)

    def compose(self) -> ComposeResult:
        """Title, hint, the line."""
        with Vertical():
            yield Static(safe(self._title), classes="title")
            yield Static(safe(self._hint), classes="hint")
            yield self._line
            yield Static("", classes="wrong", id="wrong")

    def on_mount(self) -> None:
        """The line has the keyboard."""
        self._line.input.focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter sends the reason; an empty one is asked for again."""
        event.stop()
        if event.value.strip():
            self.dismiss(event.value.strip())
        else:
            self.query_one("#wrong", Static).update(safe("A reason is needed; escape goes back without one."))

    def action_leave(self) -> None:
        """Back, nothing decided."""
        self.dismiss(None)


class Answers(Painted):
    """The keys that answer, one below the other; none of them is selected."""

    ground = "dialog"
    DEFAULT_CSS = """
    Answers { height: auto; background: $dialog; }
    """

    def __init__(self, answers: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self._answers = tuple(answers)

    def get_content_height(self, container: object, viewport: object, width: int) -> int:
        """One row for each."""
        return len(self._answers)

    def rows(self, width: int, height: int, palette: Palette) -> Sequence[Line]:
        """Key, then label."""
        return [[Span(f"{key:>5}  ", "focus", bold=True), Span(label)] for key, label in self._answers]


class Ask(ModalScreen[str | None]):
    """A question with named keys. Escape is None."""

    CSS = DIALOG_CSS.format(name="Ask")
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "back", id="dialog.back")]

    def __init__(self, title: str, hint: str, answers: dict[str, str]) -> None:
        """`answers` maps one-letter keys to labels; the chosen key is the result."""
        super().__init__()
        self._title, self._hint, self._answers = title, hint, answers
        for key, label in answers.items():
            self._bindings.bind(key, f"answer('{key}')", label)

    def compose(self) -> ComposeResult:
        """Title, hint, the keys."""
        with Vertical():
            yield Static(safe(self._title), classes="title")
            yield Static(safe(self._hint), classes="hint")
            yield Answers([*self._answers.items(), ("esc", "Back")])

    def action_answer(self, key: str) -> None:
        """One of the keys."""
        self.dismiss(key)

    def action_leave(self) -> None:
        """Back, nothing decided."""
        self.dismiss(None)


class ShowText(ClickedKeys, ModalScreen[None]):
    """A text of any length on the whole screen."""

    app: StasApp

    CSS = """
    ShowText { background: $base; }
    ShowText > Static { height: 1; background: $bar; color: $ink; text-style: bold; padding: 0 1; }
    ShowText > TextView { height: 1fr; padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "leave", "back", id="page.back"),
        Binding("slash", "search", "search", id="text.search"),
        Binding("y", "copy", "copy", id="page.copy"),
        Binding("o", "editor", "open in editor", id="page.open"),
        PAUSE_KEY,
        HELP_KEY,
    ]

    def __init__(self, title: str, text: str) -> None:
        super().__init__()
        self._title, self._text = title, text

    def compose(self) -> ComposeResult:
        """Title, text, keys."""
        yield Static(safe(flat(self._title)))
        yield TextView(self._text)
        yield KeyBar()

    def on_mount(self) -> None:
        """The text has the keyboard."""
        self.query_one(TextView).focus()

    def action_leave(self) -> None:
        """Back to what was below."""
        self.dismiss(None)

    def action_search(self) -> None:
        """Find a word."""
        self.query_one(TextView).action_search()

    def action_editor(self) -> None:
        """A read-only copy in the editor."""
        from stas_tui.screens.outside import open_read_only

        open_read_only(self.app, self._title, self._text)

    def action_copy(self) -> None:
        """The text to the clipboard."""
        from stas_tui.screens.outside import copy

        copy(self.app, self._text)
