"""The Pulse Summary: as a form with evidence and as the routine's exact text; confirming it ends the pulse."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Static

from stas_tui.screens.common import HELP_KEY, PAUSE_KEY, ClickedKeys
from widgets.content import safe
from widgets.keybar import KeyBar
from widgets.text_view import TextView

if TYPE_CHECKING:
    from stas_tui.app import StasApp
    from stas_tui.pulse.closing import Draft
    from stas_tui.pulse.summary import FormRow


class SummaryScreen(ClickedKeys, Screen[str | None]):
    """Result `confirmed`, or None."""

    CSS = """
    SummaryScreen { background: $base; layout: vertical; }
    SummaryScreen > .title { height: 1; background: $bar; color: $ink; text-style: bold; padding: 0 1; }
    SummaryScreen > TextView { height: 1fr; padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("C", "confirm", "confirm and end the pulse", id="summary.confirm"),
        Binding("f", "form", "form / text", id="summary.form"),
        Binding("e", "export", "export", id="summary.export"),
        Binding("y", "copy", "copy", id="summary.copy"),
        Binding("o", "editor", "open in editor", id="summary.open"),
        Binding("slash", "search", "search", id="text.search"),
        Binding("escape", "leave", "back", id="summary.leave"),
        PAUSE_KEY,
        HELP_KEY,
    ]
    HELP = "The Pulse Summary, computed from the log. Confirming ends the pulse and withdraws gates that are open."

    app: StasApp

    def __init__(self, draft: Draft, *, can_confirm: bool) -> None:
        super().__init__()
        self.text = draft.text
        self.form_text = form_text(draft.form)
        self.can_confirm = can_confirm
        self.as_form = False

    def compose(self) -> ComposeResult:
        """Title, text, keys."""
        yield Static(safe("Pulse Summary"), classes="title")
        yield TextView(self.text)
        yield KeyBar(ranks={"summary.copy": 2, "summary.open": 3, "text.search": 1})

    def on_mount(self) -> None:
        """The text has the keyboard."""
        self.query_one(TextView).focus()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only a named person ends a pulse."""
        return None if action == "confirm" and not self.can_confirm else True

    def disabled_reason(self, action: str) -> str | None:
        """Why confirming is greyed."""
        return "nobody is named who could decide" if action == "confirm" and not self.can_confirm else None

    def action_search(self) -> None:
        """Find a word."""
        self.query_one(TextView).action_search()

    def action_confirm(self) -> None:
        """End the pulse."""
        self.dismiss("confirmed")

    def action_form(self) -> None:
        """The form with evidence, or the routine's text."""
        self.as_form = not self.as_form
        self.query_one(TextView).show(self.form_text if self.as_form else self.text)
        title = "Pulse Summary, field by field with its evidence" if self.as_form else "Pulse Summary"
        self.query_one(".title", Static).update(safe(title))

    @work(exclusive=True, group="export")
    async def action_export(self) -> None:
        """Write the Markdown into the profile's exports."""
        path = await self.app.hand.look(self.app.export_summary, self.text)
        self.app.say(f"Written to {path}")

    def action_copy(self) -> None:
        """The text to the clipboard."""
        from stas_tui.screens.outside import copy

        copy(self.app, self.text)

    def action_editor(self) -> None:
        """A read-only copy in the editor."""
        from stas_tui.screens.outside import open_read_only

        open_read_only(self.app, "pulse-summary", self.text)

    def action_leave(self) -> None:
        """Back; the pulse stays open."""
        self.dismiss(None)


def form_text(form: Sequence[FormRow]) -> str:
    """Each field with its value, how far it is believed, and its evidence."""
    lines = []
    for label, value, believed, evidence in form:
        lines.append(f"{label}  [{believed}]")
        lines += [f"    {line}" for line in value.splitlines()]
        lines += [f"    E {ref}" for ref in evidence]
        lines.append("")
    return "\n".join(lines)
