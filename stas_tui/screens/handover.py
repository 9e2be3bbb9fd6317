"""The hand-over: a sheet written from the log, read to its end, and accepted by the next person."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Static

from stas_tui.screens.common import HELP_KEY, PAUSE_KEY, ClickedKeys, Told
from stas_tui.screens.text_edit import TEXT_CSS
from storage.clock import hhmm
from storage.errors import StasError
from storage.triage_records import HandOver
from widgets.content import safe
from widgets.editor import SafeEditor
from widgets.gate_lock import GateLock
from widgets.keybar import KeyBar
from widgets.printable import flat
from widgets.text_view import BuiltScroll, TextView

if TYPE_CHECKING:
    from stas_tui.app import StasApp

LOCK_LOOK_S = 0.5


async def hand_over(app: StasApp) -> None:
    """Write a sheet, or read the one that nobody accepted yet. Raises `StasError`."""
    desk, person = app.application.desk, app.application.person
    sheet = await app.hand.look(desk.pending_hand_over)
    while True:
        if sheet is None:
            typed = await app.push_screen_wait(HandOverForm())
            if typed is None:
                return
            tried, questions = typed
            sheet = await app.hand.answer(desk.hand_over, by=person, tried=tried, questions=questions)
        answer = await app.push_screen_wait(HandOverScreen(sheet))
        if answer == "accept":
            sheet = await app.hand.answer(desk.accept, sheet.id, digest=sheet.digest, by=person)
            app.say(f"Taken over from {sheet.made_by}: what was theirs is yours.")
            return
        if answer != "again":
            return
        sheet = None


class HandOverForm(ClickedKeys, Screen[tuple[str, str] | None]):
    """What no log knows: what was tried, and what to ask. Result: both texts, or None."""

    CSS = (
        TEXT_CSS.format(name="HandOverForm")
        + """
    HandOverForm > .label { height: 1; color: $ink-2; padding: 0 1; margin-top: 1; }
    HandOverForm SafeEditor, HandOverForm SafeEditor:focus { background: $bar; margin: 0 1; }
    """
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+o", "save", "save", id="edit.save"),
        Binding("escape", "leave", "back", id="edit.back"),
    ]
    HELP = "The sheet is written from the log. Add what only you know; tab goes to the other text, ctrl+o writes it."

    app: StasApp

    def compose(self) -> ComposeResult:
        """Two texts."""
        yield Static(safe("Hand over: the log tells the rest; ctrl+o writes the sheet"), classes="title")
        yield Static(safe("What I tried"), classes="label")
        yield SafeEditor(id="tried")
        human = self.app.application.context.rules.human
        yield Static(safe(f"Questions, for the next person or {human}"), classes="label")
        yield SafeEditor(id="questions")
        yield KeyBar()

    def on_mount(self) -> None:
        """The first text has the keyboard; tab goes on instead of indenting."""
        for editor in self.query(SafeEditor):
            editor.tab_behavior = "focus"
        self.query_one("#tried", SafeEditor).focus()

    def action_save(self) -> None:
        """Write the sheet."""
        self.dismiss((self.query_one("#tried", SafeEditor).text, self.query_one("#questions", SafeEditor).text))

    def action_leave(self) -> None:
        """Back; nothing is written."""
        self.dismiss(None)


class MarkdownScreen(ClickedKeys, Told, Screen[str | None]):
    """A generated Markdown text: read, searched, copied, exported."""

    CSS = """
    MarkdownScreen { background: $base; layout: vertical; }
    MarkdownScreen > .title { height: 1; background: $bar; color: $ink; text-style: bold; padding: 0 1; }
    MarkdownScreen > TextView { height: 1fr; padding: 0 1; }
    MarkdownScreen #told { display: none; height: auto; max-height: 4; padding: 0 1; background: $bar; color: $ink; }
    MarkdownScreen #told.-said { display: block; }
    MarkdownScreen #told.-wrong { color: $crit; text-style: bold; }
    """
    SCOPED_CSS: ClassVar[bool] = False
    """So that it holds for the hand-over sheet as well."""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("e", "export", "export", id="handover.export"),
        Binding("slash", "search", "search", id="text.search"),
        Binding("y", "copy", "copy", id="page.copy"),
        Binding("o", "editor", "open in editor", id="page.open"),
        Binding("escape,q", "leave", "back", id="page.back"),
        PAUSE_KEY,
        HELP_KEY,
    ]
    HELP = "A text generated from the log. e writes it into the exports as Markdown, y copies it."

    app: StasApp

    def __init__(self, title: str, text: str, name: str) -> None:
        """`name` begins the name of the exported file."""
        super().__init__()
        self._title, self.markdown, self._file = title, text, name

    def compose(self) -> ComposeResult:
        """Title, text, keys."""
        yield Static(safe(flat(self._title)), classes="title")
        yield TextView(self.markdown)
        yield Static("", id="told")
        yield KeyBar(ranks={"page.open": 2, "page.copy": 1})

    def on_mount(self) -> None:
        """The text has the keyboard."""
        self.query_one(TextView).focus()

    def tell(self, sentence: str, *, error: bool = False) -> None:
        """A sentence above the keys; nothing lies over the text."""
        for told in self.query("#told").results(Static):
            told.update(safe(sentence))
            told.set_class(bool(sentence), "-said")
            told.set_class(error, "-wrong")

    def action_search(self) -> None:
        """Find a word."""
        self.query_one(TextView).action_search()

    @work(exclusive=True, group="export")
    async def action_export(self) -> None:
        """Write the Markdown into the profile's exports."""
        try:
            path = await self.app.hand.answer(self.app.application.desk.export, self._file, self.markdown)
        except StasError as error:
            self.app.say(f"Not written: {error}", error=True)
            return
        self.app.say(f"Written to {path}")

    def action_copy(self) -> None:
        """The text to the clipboard."""
        from stas_tui.screens.outside import copy

        copy(self.app, self.markdown)

    def action_editor(self) -> None:
        """A read-only copy in the editor."""
        from stas_tui.screens.outside import open_read_only

        open_read_only(self.app, self._file, self.markdown)

    def action_leave(self) -> None:
        """Back."""
        self.dismiss(None)


class HandOverScreen(MarkdownScreen):
    """One sheet. Results: `accept`, `again` (write it anew), None.

    As in a gate the accepting key is a capital, dead until the end was on screen and for a moment after that.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("A", "accept", "take over", id="handover.accept"),
        Binding("W", "again", "write again", id="handover.again"),
    ]
    HELP = (
        "A hand-over sheet. Whoever wrote it stays the owner until the next person accepts it with a capital A, after "
        "reading to the end. Nobody accepts their own sheet."
    )

    def __init__(self, sheet: HandOver) -> None:
        super().__init__(f"Hand-over by {sheet.made_by}, {hhmm(sheet.made_at)}", sheet.markdown, "hand-over")
        self.sheet = sheet

    def on_mount(self) -> None:
        """The lock counts from the first paint."""
        application = self.app.application
        self.reading = GateLock(
            application.clock.monotonic,
            int(application.settings.gates.hold_s * 1000),
            approvable=bool(application.person) and application.person != self.sheet.made_by,
        )
        self.reading.content_changed(self.sheet.digest)
        self.reading.source_connected(True)
        self.reading.evidence_fresh(True)
        self._hinted: str | None = ""
        self.call_after_refresh(self.reading.opened)
        self._hint()
        self.set_interval(LOCK_LOOK_S, self._hint)

    def _hint(self) -> None:
        why = self.disabled_reason("accept")
        if self.app.screen is self and why != self._hinted:
            self._hinted = why
            self.refresh_bindings()
            self.tell(f"A: {why}." if why else f"A takes over from {flat(self.sheet.made_by, 60)}.")

    def on_built_scroll_read_to_end(self, message: BuiltScroll.ReadToEnd) -> None:
        """The last line was on screen."""
        message.stop()
        self.reading.read_to_end()
        self._hint()

    def on_screen_resume(self) -> None:
        """Something above closed: hold once more."""
        if hasattr(self, "reading"):
            self.reading.focus_regained()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Grey what cannot be done now."""
        return None if self.disabled_reason(action) else True

    def disabled_reason(self, action: str) -> str | None:
        """Why a key is greyed."""
        person = self.app.application.person
        if action == "accept":
            if person == self.sheet.made_by:
                return "it is your own sheet; the next person accepts it"
            if not person:
                return "nobody is named who could take over"
            return self.reading.locked_because() if hasattr(self, "reading") else "still drawing"
        if action == "again" and not person:
            return "nobody is named who could write it"
        return None

    def action_accept(self) -> None:
        """Take over."""
        if self.disabled_reason("accept") is None:
            self.dismiss("accept")

    def action_again(self) -> None:
        """Write it anew."""
        self.dismiss("again")
