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
from stas_tui.screens.asked import after_gate, outcome_words
from stas_tui.screens.change_review_sent import read_sent
from stas_tui.screens.change_review_text import WAITS
from stas_tui.screens.common import ClickedKeys
from stas_tui.screens.dialogs import Ask
from stas_tui.screens.text_edit import TEXT_CSS
from stas_tui.screens.told_line import ToldLine
from stas_tui.screens.typed_line import NOT_KEPT, Keeper, begun, typed_of, written
from stas_tui.screens.verdict_words import WAITING
from storage.clock import hhmm
from storage.errors import StasError
from storage.records import Action, ActionState, Json
from widgets.content import safe
from widgets.editor import SafeEditor
from widgets.keybar import KeyBar
from widgets.printable import safe_text

if TYPE_CHECKING:
    from stas_tui.app import StasApp
    from stas_tui.screens.change_review import ChangeReviewScreen
    from stas_tui.triage.typed import Left

NO_PULSE = "Begin a pulse first: its log has to hold the verdict. q goes back, space on the dashboard begins one."
KEPT = "What you wrote is kept; V goes on with it."
EVENTS = {"c": COMMENT, "r": REQUEST_CHANGES}


async def send_verdict(screen: ChangeReviewScreen, known: Arriving) -> None:
    """Ask which verdict, let the person edit its text, and put it before them as a gate.

    What they wrote is kept on this machine until the gate holds it.
    """
    app = screen.app
    view = app.main.view
    if view is None or view.pulse is None or view.pulse.ended_at is not None:
        screen.tell(NO_PULSE, error=True)
        return
    number, proposal = known.pull.number, known.review.proposal
    key = await app.push_screen_wait(
        Ask(
            f"Which verdict on #{number}?",
            f"The checks propose: {proposal}. Approving and merging stay with people on the forge.",
            {"c": "Comment: it blocks nothing", "r": "Request changes"},
        )
    )
    event = EVENTS.get(key or "")
    if event is None:
        return
    place = f"verdict {known.review.project_id} {number} {known.review.head[:12]}"
    title = f"{event.capitalize()} on #{number}"
    left, problem = await _left(app, place)
    body = await app.push_screen_wait(VerdictScreen(title, comment(known.review), place, left, problem))
    if body is None:
        await written(app, place)
        return
    await _keep(screen, place, title, body)
    args: Json = {
        "projectId": known.review.project_id,
        "number": number,
        "headSha": known.review.head,
        "event": event,
        "body": body,
    }
    try:
        answer = await app.hand.act(
            app.application.context.toolbox.call,
            "review_verdict",
            args,
            pulse_id=view.pulse.id,
            caller=app.application.person,
            caused_by=screen.message_id,
        )
    except (StasError, Refusal) as error:
        screen.tell(f"Not sent: {error} {KEPT}", error=True)
        return
    await _asked(screen, answer, place)


async def _left(app: StasApp, place: str) -> tuple[Left | None, str]:
    """What was typed at this place and never sent; or why that cannot be seen."""
    try:
        found = await begun(app, [(place, "V")])
    except StasError as error:
        return None, str(error)
    return (found[0][1] if found else None), ""


async def _keep(screen: ChangeReviewScreen, place: str, title: str, body: str) -> None:
    """Keep the text as it was saved: the last letters may be younger than what was kept while they were typed."""
    try:
        await screen.app.hand.answer(typed_of(screen.app).keep, place, body, what=what_of(title))
    except StasError as error:
        screen.tell(f"{NOT_KEPT} {error}", error=True)


async def _asked(screen: ChangeReviewScreen, answer: Answer, place: str) -> None:
    """Open the gate at once, or say why there is none."""
    action = answer.action
    if answer.status == "conflict":
        screen.tell(f"Another verdict on it comes first: {_state(action)}. {KEPT}")
    elif answer.status == "pending":
        await written(screen.app, place)
    elif answer.status == "ok":
        await written(screen.app, place)
        screen.tell("The same verdict was sent before; it is not sent twice.")
        await read_sent(screen)
    else:
        screen.tell(f"{outcome_words(answer)} {KEPT}", error=True)
    if action is not None and action.state is ActionState.PENDING:
        await _decide(screen, action)


def _state(action: Action | None) -> str:
    state = action.state if action is not None else ActionState.PENDING
    return WAITING.get(state, WAITING[ActionState.PENDING])[1]


async def _decide(screen: ChangeReviewScreen, action: Action) -> None:
    """The gate; approved, it is sent at once, and what became of it is said."""
    from stas_tui.screens.gate import GateScreen

    app = screen.app
    decided = await app.push_screen_wait(GateScreen(action))
    if decided == "deferred":
        screen.tell(WAITS)
    elif decided == "rejected":
        screen.tell("Nothing was sent: you rejected it.")
    elif decided == "elsewhere":
        await read_sent(screen)
    if decided != "approved":
        return
    try:
        await after_gate(app, decided, action)
    except StasError as error:
        screen.tell(
            f"It is approved, and the record cannot be written: {error} The next step carries it out.", error=True
        )
        return
    await read_sent(screen)


def what_of(title: str) -> str:
    """What a kept text is, for the list of what was begun."""
    return f"a verdict ({title})"


class VerdictScreen(ClickedKeys, ToldLine, Screen[str | None]):
    """The text of a verdict, to be edited. Result: the text, or None."""

    CSS = TEXT_CSS.format(name="VerdictScreen")
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
        yield self.told_line()
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

    @property
    def text(self) -> str:
        """The text as it stands."""
        return self.query_one(SafeEditor).text

    def on_text_area_changed(self, event: SafeEditor.Changed) -> None:
        """Keep it in a moment."""
        event.stop()
        if self.text != self._text:
            self._asked = False
            self._keeper.soon(self._place, what_of(self._title), lambda: self.text)

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
