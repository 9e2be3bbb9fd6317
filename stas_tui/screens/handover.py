"""The hand-over: a sheet written from the log, read to its end, and accepted by the next person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Static

from stas_tui.screens.common import HELP_KEY, PAUSE_KEY, ClickedKeys
from stas_tui.screens.markdown_page import page
from stas_tui.screens.text_edit import TEXT_CSS
from stas_tui.screens.told_line import ToldLine
from stas_tui.screens.typed_line import NOT_KEPT, Keeper, begun, written
from storage.clock import hhmm
from storage.errors import StasError
from storage.triage_records import HandOver
from widgets.content import safe
from widgets.editor import SafeEditor
from widgets.gate_lock import GateLock
from widgets.keybar import KeyBar
from widgets.markdown_view import MarkdownView
from widgets.printable import flat, safe_text
from widgets.text_view import BuiltScroll, TextView

if TYPE_CHECKING:
    from stas_tui.app import StasApp
    from stas_tui.triage.typed import Left

LOCK_LOOK_S = 0.5
PLACES = {"tried": "hand-over tried", "questions": "hand-over questions"}
"""The texts of the form, and where they are kept while they are typed."""


async def hand_over(app: StasApp) -> None:
    """Write a sheet, or read the one that nobody accepted yet. Raises `StasError`."""
    desk, person = app.application.desk, app.application.person
    sheet = await app.hand.look(desk.pending_hand_over)
    while True:
        if sheet is None:
            left, problem = await _left(app)
            typed = await app.push_screen_wait(HandOverForm(left, problem))
            if typed is None:
                await written(app, *PLACES.values())
                return
            tried, questions = typed
            sheet = await app.hand.answer(desk.hand_over, by=person, tried=tried, questions=questions)
            await written(app, *PLACES.values())
        answer = await app.push_screen_wait(HandOverScreen(sheet))
        if answer == "accept":
            sheet = await app.hand.answer(desk.accept, sheet.id, digest=sheet.digest, by=person)
            app.say(f"Taken over from {sheet.made_by}: what was theirs is yours.")
            return
        if answer != "again":
            return
        sheet = None


async def _left(app: StasApp) -> tuple[dict[str, Left], str]:
    """What was typed into the form and never written, by the name of its text; or why that cannot be seen."""
    try:
        return dict(await begun(app, [(place, name) for name, place in PLACES.items()])), ""
    except StasError as error:
        return {}, str(error)


class HandOverForm(ClickedKeys, ToldLine, Screen[tuple[str, str] | None]):
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
    HELP = (
        "The sheet is written from the log. Add what only you know; tab goes to the other text, ctrl+o writes it.\n"
        "What you type is kept on this machine as you type, until the sheet is written or you leave with escape."
    )

    app: StasApp

    def __init__(self, left: Mapping[str, Left], problem: str = "") -> None:
        """`left` is what was typed before and never written, by the name of its text."""
        super().__init__()
        self._left, self._problem = left, problem
        self._keeper = Keeper(self, self._not_kept)
        self._asked = False

    def compose(self) -> ComposeResult:
        """Two texts, and what is known of them."""
        yield Static(safe("Hand over: the log tells the rest; ctrl+o writes the sheet"), classes="title")
        yield Static(safe("What I tried"), classes="label")
        yield SafeEditor(self._text("tried"), id="tried")
        human = self.app.application.context.rules.human
        yield Static(safe(f"Questions, for the next person or {human}"), classes="label")
        yield SafeEditor(self._text("questions"), id="questions")
        yield self.told_line()
        yield KeyBar()

    def _text(self, name: str) -> str:
        left = self._left.get(name)
        return left.text if left else ""

    def on_mount(self) -> None:
        """The first text has the keyboard; tab goes on instead of indenting."""
        for editor in self.query(SafeEditor):
            editor.tab_behavior = "focus"
        self.query_one("#tried", SafeEditor).focus()
        if self._problem:
            self._not_kept(self._problem)
        elif self._left:
            at = hhmm(max(left.at for left in self._left.values()))
            self.tell(f"You typed this at {at} and wrote no sheet from it; it was kept.")
        else:
            self.tell("What you type is kept here until the sheet is written.")

    def _not_kept(self, problem: str) -> None:
        self.tell(f"{NOT_KEPT} {problem}", error=True)

    def on_text_area_changed(self, event: SafeEditor.Changed) -> None:
        """Keep it in a moment."""
        event.stop()
        name, editor = event.text_area.id or "", event.text_area
        if name in PLACES and editor.text != safe_text(self._text(name)):
            self._asked = False
            self._keeper.soon(PLACES[name], f"a hand-over sheet ({name})", lambda: editor.text)

    def action_save(self) -> None:
        """Write the sheet."""
        self._keeper.stop()
        self.dismiss((self.query_one("#tried", SafeEditor).text, self.query_one("#questions", SafeEditor).text))

    def action_leave(self) -> None:
        """Back, nothing is written; what was typed is dropped by a second escape only."""
        typed = any(editor.text.strip() for editor in self.query(SafeEditor))
        if typed and not self._asked:
            self._asked = True
            self.tell("Nothing is written yet: ctrl+o writes the sheet, escape again drops what you typed.")
            return
        self._keeper.stop()
        self.dismiss(None)


class MarkdownScreen(ClickedKeys, ToldLine, Screen[str | None]):
    """A generated Markdown text: read without its escapes, searched; copied and exported as Markdown."""

    CSS = """
    MarkdownScreen { background: $base; layout: vertical; }
    MarkdownScreen > .title { height: 1; background: $bar; color: $ink; text-style: bold; padding: 0 1; }
    MarkdownScreen > MarkdownView { height: 1fr; padding: 0 1; }
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
        yield MarkdownView(page(self.markdown))
        yield self.told_line()
        yield KeyBar(ranks={"page.open": 2, "page.copy": 1})

    def on_mount(self) -> None:
        """The text has the keyboard."""
        self.query_one(TextView).focus()

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
