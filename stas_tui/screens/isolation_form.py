"""Accepting a flag: a reason and the last day, typed by a person; nothing is accepted by opening the form."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from stas_tui.screens.common import ClickedKeys
from stas_tui.screens.dialogs import DIALOG_CSS
from widgets.content import safe
from widgets.form import LabelledInput
from widgets.keybar import KeyBar

if TYPE_CHECKING:
    from stas_tui.app import StasApp


class AcceptForm(ClickedKeys, ModalScreen[tuple[str, date] | None]):
    """Result: the reason and the last day, or None."""

    CSS = DIALOG_CSS.format(name="AcceptForm")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+o", "save", "save", id="edit.save"),
        Binding("escape", "leave", "back", id="edit.back"),
    ]
    HELP = "Accept a flag until a day, with a reason. The flag stays visible with your name; ctrl+o accepts it."

    app: StasApp

    def __init__(self, what: str, covers: str, today: date, until: date) -> None:
        """`covers` says what the acceptance is about; `until` is offered as the last day."""
        super().__init__()
        self._what, self._covers, self._today, self._until = what, covers, today, until

    def compose(self) -> ComposeResult:
        """What is accepted, then the two lines."""
        with Vertical():
            yield Static(safe(self._what), classes="title")
            yield Static(safe(self._covers), classes="hint")
            yield LabelledInput("Reason", id="reason")
            yield LabelledInput("Until the end of", self._until.isoformat(), id="until")
            yield Static("", classes="wrong", id="wrong")
        yield KeyBar()

    def on_mount(self) -> None:
        """The reason has the keyboard."""
        self.query_one("#reason", LabelledInput).input.focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter goes to the other line; it accepts nothing."""
        event.stop()
        first, second = self.query_one("#reason", LabelledInput), self.query_one("#until", LabelledInput)
        (second if event.input is first.input else first).input.focus()

    def action_save(self) -> None:
        """Accept, if both lines can be used."""
        reason = self.query_one("#reason", LabelledInput).value.strip()
        text = self.query_one("#until", LabelledInput).value.strip()
        if not reason:
            self._wrong("A reason is needed; escape goes back without one.")
            return
        try:
            until = date.fromisoformat(text)
        except ValueError:
            self._wrong("The last day is written as 2027-01-31.")
            return
        if until < self._today:
            self._wrong("The last day lies in the past.")
        elif (until - self._today).days > 365:
            self._wrong("A flag is accepted for a year at most; name an earlier day.")
        else:
            self.dismiss((reason, until))

    def _wrong(self, sentence: str) -> None:
        self.query_one("#wrong", Static).update(safe(sentence))

    def action_leave(self) -> None:
        """Back, nothing is accepted."""
        self.dismiss(None)
