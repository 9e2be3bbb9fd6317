"""The gate: exactly what would happen, and a person's answer to exactly that."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.screen import ModalScreen

from stas_tui.gates.contract import Refusal
from stas_tui.screens import gate_text
from stas_tui.screens.common import HELP_KEY, PAUSE_KEY
from stas_tui.screens.dialogs import AskReason, ShowText
from stas_tui.screens.told_line import ToldLine
from storage.clock import HOUR, age, countdown
from storage.errors import StasError
from storage.journal import AlreadyDecided, StaleDecision
from storage.records import Action, ActionState, GateLevel, Mode
from widgets.form import PlainInput
from widgets.gate_lock import GateLock
from widgets.gate_model import GateModel
from widgets.gate_view import GateBody, GateView
from widgets.text_view import BuiltScroll

if TYPE_CHECKING:
    from stas_tui.app import StasApp

BESIDE = ("copy", "open")
"""Keys that have nothing to do with answering."""
LOOK_S = 0.5
"""How often an open gate looks whether somebody else decided it."""


class GateScreen(ToldLine, ModalScreen[str]):
    """One gate. Results: `approved`, `rejected`, `deferred`, `elsewhere` (decided, changed or expired by others)."""

    CSS = """
    GateScreen { align: center middle; background: $base 70%; }
    GateScreen > Container { width: 100%; height: 100%; background: $dialog; }
    GateScreen.-roomy > Container { width: 96; height: 90%; border: round $human; }
    GateScreen.-docked { align: right top; background: transparent; }
    GateScreen.-docked > Container { width: 45%; min-width: 72; height: 100%; }
    GateScreen #told { width: 100%; max-height: 100%; }
    App.-ascii GateScreen.-roomy > Container { border: ascii $human; }
    """
    SCOPED_CSS: ClassVar[bool] = False
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-roomy"), (160, "-docked")]
    BINDINGS: ClassVar[list[BindingType]] = [
        PAUSE_KEY,
        Binding("y", "copy", "copy", id="gate.copy", show=False),
        Binding("o", "open", "open in editor", id="gate.open", show=False),
        HELP_KEY,
    ]
    HELP = "A gate. Nothing happens until you approve these very bytes with a capital A; escape decides nothing."

    app: StasApp

    def __init__(self, action: Action) -> None:
        super().__init__()
        self.action = action
        self._left = False

    def compose(self) -> ComposeResult:
        """The gate on its own ground."""
        application = self.app.application
        view = self.app.main.view
        self.mode = view.mode if view is not None else application.mode
        model = gate_text.gate(
            self.action, environment=self.app.environment, mode=self.mode, now=application.clock.now()
        )
        self.gate_lock = GateLock(
            application.clock.monotonic,
            int(application.settings.gates.hold_s * 1000),
            needs_name=model.needs_name,
            approvable=self.mode is not Mode.OBSERVE and bool(application.person),
        )
        self.opened = application.clock.monotonic()
        yield Container(GateView(model, self.gate_lock), self.told_line())

    def on_screen_resume(self) -> None:
        """Something above the gate closed: hold once more."""
        for gate in self.query(GateView):
            gate.regained_focus()

    def on_mount(self) -> None:
        """Count down, and look whether it is still the same request."""
        self.app.opened("gate", self.action.id)
        self._count_down()
        self.set_interval(1.0, self._count_down)
        self.look_again()
        self.set_interval(LOOK_S, self.look_again)

    def on_unmount(self) -> None:
        """It is looked at no longer."""
        self.app.closed("gate", self.action.id)

    @property
    def gate(self) -> GateView:
        """The drawn gate."""
        return self.query_one(GateView)

    def _count_down(self) -> None:
        left = self.action.ask_until - self.app.application.clock.now()
        self.gate.set_countdown(age(left) if left >= HOUR else countdown(left))

    @work(exclusive=True, group="gate-look")
    async def look_again(self) -> None:
        """Close or redraw the gate when somebody else decided or changed it."""
        journal = self.app.application.context.journal
        try:
            fresh = await self.app.hand.answer(journal.get, self.action.id)
        except StasError as error:
            self.gate_lock.source_connected(False)
            self.gate.refresh_lock()
            self.app.say(str(error), error=True)
            return
        self.gate_lock.source_connected(True)
        self.gate_lock.evidence_fresh(True)
        if fresh.state is not ActionState.PENDING:
            self._leave("elsewhere", _what_became(fresh))
            return
        if fresh.ask_until <= self.app.application.clock.now():
            self._leave("elsewhere", _EXPIRED)
            return
        if fresh.digest != self.action.digest:
            self.app.say("The request changed; read it again.")
            self.action = fresh
            self.gate.show(self._model())
        self.gate.refresh_lock()

    def _model(self) -> GateModel:
        return gate_text.gate(
            self.action, environment=self.app.environment, mode=self.mode, now=self.app.application.clock.now()
        )

    # answers --------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys that came with an answer open nothing beside it."""
        return not any(gate.gate_lock.answering for gate in self.query(GateView)) if action in BESIDE else True

    def on_gate_view_verb_chosen(self, message: GateView.VerbChosen) -> None:
        """One of the four verbs, for the digest that was on screen."""
        self.answer(message.verb, message.digest)

    @work
    async def answer(self, verb: str, digest: str) -> None:
        """Give an answer to its end: other keys answer nothing until then."""
        answers = {"approve": self._approve, "reject": self._reject, "edit": self._edit, "defer": self._defer}
        try:
            if digest == self.action.digest:
                await answers[verb]()
            else:
                self.app.say("The request changed; read it again.")
        finally:
            if not self._left:
                for gate in self.query(GateView):
                    gate.answer_over()

    async def _approve(self) -> None:
        """Approve these bytes, once."""
        await self._decide("approve", "")

    async def _reject(self) -> None:
        """Reject with a reason that the agent gets back."""
        if not self.app.application.person:
            self.app.say("Nobody is named who could decide; add [[person]] to stas.toml.", error=True)
            return
        reason = await self.app.push_screen_wait(
            AskReason("Reject", "The agent is told this reason; it stands in the log and the summary.")
        )
        if reason:
            await self._decide("reject", reason)

    async def _defer(self) -> None:
        """Close it undecided: nothing runs, nothing is lost."""
        journal = self.app.application.context.journal
        try:
            await self.app.hand.answer(journal.defer, self.action.id, by=self.app.application.person or "nobody")
        except StasError as error:
            self.app.say(str(error))
        self._leave("deferred")

    async def _edit(self) -> None:
        """Change the request's own words; that is a new request with a new digest."""
        from stas_tui.screens.edit_args import editor_for

        person = self.app.application.person
        if not person:
            self.app.say("Nobody is named who could decide; add [[person]] to stas.toml.", error=True)
            return
        assert self.action.revision is not None
        args = await self.app.push_screen_wait(editor_for(self.action))
        if args is None or args == self.action.revision.args:
            return
        toolbox = self.app.application.context.toolbox
        try:
            self.action = await self.app.hand.look(
                toolbox.edit, self.action.id, rev=self.action.rev, digest=self.action.digest, args=args, author=person
            )
        except (StasError, Refusal) as error:
            self.app.say(f"Not changed: {error}", error=True)
            return
        self.gate.show(self._model())
        self.app.say("This is a new request now; read it to the end.")

    async def _decide(self, verdict: str, reason: str) -> None:
        application = self.app.application
        model = self.gate.model
        try:
            await self.app.hand.answer(
                application.context.toolbox.decide,
                self.action.id,
                rev=self.action.rev,
                digest=self.action.digest,
                verdict=verdict,
                voter=application.person,
                reason=reason,
                dwell_ms=application.clock.monotonic() - self.opened,
                typed=model.confirm_name if self.action.level is GateLevel.GATE2 and verdict == "approve" else "",
            )
        except (AlreadyDecided, StaleDecision) as error:
            self.app.say(str(error))
            self.look_again()
            return
        except StasError as error:
            self.app.say(str(error), error=True)
            return
        self._leave("approved" if verdict == "approve" else "rejected")

    def _leave(self, result: str, sentence: str = "") -> None:
        if self._left:
            return
        self._left = True
        self.app.close_covered(self, result, sentence)

    # looking --------------------------------------------------------------------------------------

    def on_gate_body_evidence_asked(self, message: GateBody.EvidenceAsked) -> None:
        """Open a piece of evidence above the gate."""
        self.show_evidence(message.key)

    @work(exclusive=True, group="gate-evidence")
    async def show_evidence(self, key: str) -> None:
        """The evidence, then hold the gate once more."""
        text = await self.app.hand.look(self.app.evidence_text, key)
        self.app.opened("gate.evidence", self.action.id)
        self.app.opened("evidence", key)
        await self.app.push_screen_wait(ShowText(f"Evidence {key}", text))

    def on_plain_input_paste_refused(self, message: PlainInput.PasteRefused) -> None:
        """A name is typed, so that it was read."""
        self.tell("A paste does not count: type the name.")

    def on_built_scroll_read_to_end(self, message: BuiltScroll.ReadToEnd) -> None:
        """Reading is the gate's own business."""
        message.stop()
        self.app.opened("gate.whole", self.action.id)

    def action_copy(self) -> None:
        """The payload to the clipboard."""
        from stas_tui.screens.outside import copy

        copy(self.app, gate_text.gate_text_of(self.action))

    def action_open(self) -> None:
        """A read-only copy in the editor."""
        from stas_tui.screens.outside import open_read_only

        open_read_only(self.app, "gate", gate_text.gate_text_of(self.action))
        self.gate.regained_focus()


_EXPIRED = "The gate expired unanswered: that is neither a yes nor a no."


def _what_became(action: Action) -> str:
    """What happened to the gate while it was open here, and who did it."""
    if action.state is ActionState.EXPIRED:
        return _EXPIRED
    by = f" by {action.decided_by}" if action.decided_by else ""
    word = action.state.value if action.state in (ActionState.REJECTED, ActionState.WITHDRAWN) else "approved"
    return f"This gate was {word}{by} elsewhere."
