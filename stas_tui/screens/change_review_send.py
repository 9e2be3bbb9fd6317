"""From a review to a verdict: a comment or a request for changes, edited by a person, then a gate. Nothing approves."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Static

from stas_tui.gates.contract import Answer, Refusal
from stas_tui.review.codec import Arriving
from stas_tui.review.report import comment
from stas_tui.review.runner import COMMENT, REQUEST_CHANGES
from stas_tui.screens.asked import after_gate
from stas_tui.screens.common import ClickedKeys, Told
from stas_tui.screens.dialogs import Ask
from stas_tui.screens.text_edit import TEXT_CSS
from stas_tui.screens.triage_door import NO_PULSE
from stas_tui.screens.typed_line import NOT_KEPT, Keeper, begun, written
from storage.clock import hhmm
from storage.errors import StasError
from storage.records import ActionState, Json
from widgets.content import safe
from widgets.editor import SafeEditor
from widgets.keybar import KeyBar
from widgets.printable import safe_text

if TYPE_CHECKING:
    from stas_tui.app import StasApp
    from stas_tui.screens.change_review import ChangeReviewScreen
    from stas_tui.triage.typed import Left

EVENTS = {"c": COMMENT, "r": REQUEST_CHANGES}


async def send_verdict(screen: ChangeReviewScreen, known: Arriving) -> None:
    """Ask which verdict, let the person edit its text, and put it before them as a gate."""
    app = screen.app
    view = app.main.view
    if view is None or view.pulse is None or view.pulse.ended_at is not None:
        screen.tell(NO_PULSE, error=True)
        return
    proposal = known.review.proposal
    key = await app.push_screen_wait(
        Ask(
            f"Which verdict on #{known.pull.number}?",
            f"The checks propose: {proposal}. Approving and merging stay with people on the forge.",
            {"c": "Comment: it blocks nothing", "r": "Request changes"},
        )
    )
    event = EVENTS.get(key or "")
    if event is None:
        return
    place = f"verdict {known.review.project_id} {known.pull.number} {known.pull.head_sha[:12]}"
    left, problem = await _left(app, place)
    editor = VerdictScreen(f"{event.capitalize()} on #{known.pull.number}", comment(known.review), place, left, problem)
    body = await app.push_screen_wait(editor)
    if body is None:
        await written(app, place)
        return
    args: Json = {
        "projectId": known.review.project_id,
        "number": known.pull.number,
        "headSha": known.review.head,
        "event": event,
        "body": body,
    }
    toolbox = app.application.context.toolbox
    try:
        answer = await app.hand.act(
            toolbox.call,
            "review_verdict",
            args,
            pulse_id=view.pulse.id,
            caller=app.application.person,
            caused_by=screen.message_id,
        )
        await _decided(screen, answer, place)
    except (StasError, Refusal) as error:
        screen.tell(f"Not sent: {error}", error=True)


async def _left(app: StasApp, place: str) -> tuple[Left | None, str]:
    """What was typed at this place and never sent; or why that cannot be seen."""
    try:
        found = await begun(app, [(place, "V")])
    except StasError as error:
        return None, str(error)
    return (found[0][1] if found else None), ""


async def _decided(screen: ChangeReviewScreen, answer: Answer, place: str) -> None:
    """Open the gate at once; what became of it is said."""
    from stas_tui.screens.gate import GateScreen

    app = screen.app
    if answer.status == "conflict":
        screen.tell("Another verdict on it waits already; it is opened. Decide it first.")
    elif answer.status not in ("pending", "ok"):
        screen.tell(f"Not sent: {answer.reason or answer.status}", error=True)
        return
    await written(app, place)
    if answer.action is None or answer.action.state is not ActionState.PENDING:
        screen.tell("It was sent already.")
        return
    decided = await app.push_screen_wait(GateScreen(answer.action))
    await after_gate(app, decided, answer.action)
    if decided == "approved" and screen.alive:
        screen.action_again()


class VerdictScreen(ClickedKeys, Told, Screen[str | None]):
    """The text of a verdict, to be edited. Result: the text, or None."""

    CSS = (
        TEXT_CSS.format(name="VerdictScreen")
        + """
    VerdictScreen #told { display: none; height: auto; max-height: 4; padding: 0 1; background: $bar; color: $ink; }
    VerdictScreen #told.-said { display: block; }
    VerdictScreen #told.-wrong { color: $crit; text-style: bold; }
    """
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+o", "save", "save", id="edit.save"),
        Binding("f4", "editor", "editor", id="edit.editor"),
        Binding("escape", "leave", "back", id="edit.back"),
    ]
    HELP = (
        "The text as it will be sent, byte for byte; ctrl+o asks for the gate that sends it.\n"
        "What you type is kept on this machine as you type, until it is sent or you leave with escape."
    )

    app: StasApp

    def __init__(self, title: str, text: str, place: str, left: Left | None, problem: str = "") -> None:
        super().__init__()
        self._title, self._place, self._left, self._problem = title, place, left, problem
        self._text = safe_text(left.text if left else text)
        self._keeper = Keeper(self, self._not_kept)
        self._asked = False

    def compose(self) -> ComposeResult:
        """Title, text, keys."""
        yield Static(safe(f"{self._title}: edit it, then ctrl+o asks for the gate"), classes="title")
        yield SafeEditor(self._text, id="text")
        yield Static("", id="told")
        yield KeyBar()

    def on_mount(self) -> None:
        """The text has the keyboard."""
        self.query_one(SafeEditor).focus()
        if self._left is not None:
            self.tell(f"You typed this at {hhmm(self._left.at)} and did not send it; it was kept.")
        if self._problem:
            self._not_kept(self._problem)

    def _not_kept(self, problem: str) -> None:
        self.tell(f"{NOT_KEPT} {problem}", error=True)

    def tell(self, sentence: str, *, error: bool = False) -> None:
        """A sentence above the keys."""
        for told in self.query("#told").results(Static):
            told.update(safe(sentence))
            told.set_class(bool(sentence), "-said")
            told.set_class(error, "-wrong")

    @property
    def text(self) -> str:
        """The text as it stands."""
        return self.query_one(SafeEditor).text

    def on_text_area_changed(self, event: SafeEditor.Changed) -> None:
        """Keep it in a moment."""
        event.stop()
        if self.text != self._text:
            self._asked = False
            self._keeper.soon(self._place, f"a verdict ({self._title})", lambda: self.text)

    def action_save(self) -> None:
        """Ask for the gate."""
        if not self.text.strip():
            self.tell("A verdict without words helps nobody; write why.", error=True)
            return
        self._keeper.stop()
        self.dismiss(self.text)

    def action_editor(self) -> None:
        """The text in the person's own editor."""
        from stas_tui.screens.outside import open_for_editing

        edited = open_for_editing(self.app, "verdict", self.text)
        if edited is not None:
            self.query_one(SafeEditor).text = edited

    def action_leave(self) -> None:
        """Back, nothing is sent; what was changed is dropped by a second escape only."""
        if self.text != self._text and not self._asked:
            self._asked = True
            self.tell("Nothing is sent yet: ctrl+o asks for the gate, escape again drops what you changed.")
            return
        self._keeper.stop()
        self.dismiss(None)
