"""The body of a gate: what exactly would happen, its risk, its evidence, and the four verbs in their fixed order.

No verb is filled or pre-selected; focus starts on the arguments. The widget draws, asks and locks; it decides nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Input

from storage.records import Mode
from widgets.form import LabelledInput
from widgets.gate_lock import OBSERVE_REASON, GateLock
from widgets.gate_model import GATE_GROUND, ROOMY, GateModel, body_rows, head_rows
from widgets.gate_verbs import GateVerbs
from widgets.paint import Line, Painted, Palette, palette_of
from widgets.printable import flat
from widgets.text_view import BuiltScroll

MOST_HEAD_ROWS = 6
LOCK_TICK = 0.1


class GateHead(Painted):
    """Verb and object, environment, risk word and what silence means."""

    ground = GATE_GROUND
    DEFAULT_CSS = """
    GateHead { height: auto; background: $dialog; }
    """

    def __init__(self, model: GateModel) -> None:
        super().__init__()
        self._model = model
        self._countdown = ""

    def show(self, model: GateModel, countdown: str) -> None:
        """Show this head; the height changes only with the model."""
        grown = model != self._model
        self._model, self._countdown = model, countdown
        if grown:
            self._strips = None
            self.refresh(layout=True)
        else:
            self.repaint()

    def get_content_height(self, container: object, viewport: object, width: int) -> int:
        """As many rows as the title needs, so that it is never shortened."""
        return min(len(head_rows(self._model, self._countdown, width - 1, palette_of(self))), MOST_HEAD_ROWS)

    def rows(self, width: int, height: int, palette: Palette) -> Sequence[Line]:
        """The rows of the head; of a title that needs more, the last row of the head is always risk and silence."""
        rows = head_rows(self._model, self._countdown, width - 1, palette)
        return rows if len(rows) <= height else [*rows[: height - 1], rows[-1]]


class GateBody(BuiltScroll):
    """Payload, risk and evidence in one scroll."""

    ground = GATE_GROUND
    DEFAULT_CSS = """
    GateBody {
        height: 1fr; background: $dialog;
        scrollbar-background: $base; scrollbar-background-hover: $base; scrollbar-background-active: $base;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "choose(-1)", "previous evidence", id="gate.evidence_previous", show=False),
        Binding("right", "choose(1)", "next evidence", id="gate.evidence_next", show=False),
        Binding("enter", "evidence", "open evidence", id="gate.evidence", show=False),
        Binding("d", "digest", "whole digest", id="gate.digest", show=False),
    ]

    @dataclass
    class EvidenceAsked(Message):
        """A person asked for a piece of evidence."""

        key: str

    class Moved(Message):
        """Other rows are on screen."""

        def can_replace(self, message: Message) -> bool:
            """Only the last position counts."""
            return isinstance(message, GateBody.Moved)

    def __init__(self, model: GateModel) -> None:
        super().__init__()
        self._model = model
        self._chosen = 0
        self._whole_digest = False
        self._rows: list[tuple[str, Line]] = []

    def show(self, model: GateModel) -> None:
        """Show another model; another digest counts as unread."""
        new = model.digest != self._model.digest
        self._model = model
        self._chosen = 0 if new else min(self._chosen, max(len(model.evidence) - 1, 0))
        self.rebuild(new_content=new)

    def build(self, width: int, palette: Palette) -> int:
        """Lay out the rows."""
        self._rows = body_rows(self._model, width - 1, palette, chosen=self._chosen, whole_digest=self._whole_digest)
        return len(self._rows)

    def line(self, index: int, width: int, palette: Palette) -> Line:
        """One row."""
        return self._rows[index][1]

    def ground_of(self, index: int) -> str:
        """The payload stands on its own ground."""
        return self._rows[index][0] or self.ground

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Tell the gate how far the person has read."""
        super().watch_scroll_y(old_value, new_value)
        self.post_message(self.Moved())

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Evidence can be opened only if there is some."""
        return bool(self._model.evidence) if action in {"choose", "evidence"} else True

    def action_choose(self, step: int) -> None:
        """The next or previous piece of evidence, brought on screen."""
        self._chosen = (self._chosen + step) % len(self._model.evidence)
        self.rebuild(new_content=False)
        row = len(self._rows) - len(self._model.evidence) + self._chosen
        if row >= self.top + self.visible_rows:
            self.jump(row - self.visible_rows + 1)

    def action_evidence(self) -> None:
        """Ask for the chosen piece of evidence. Enter never approves."""
        self.post_message(self.EvidenceAsked(self._model.evidence[self._chosen].key))

    def action_digest(self) -> None:
        """Show the digest whole, or its ends."""
        self._whole_digest = not self._whole_digest
        self.rebuild(new_content=False)


class GateView(Vertical):
    """A whole gate inside any dialog or screen.

    The screen gives the `GateLock` what only it knows, `gate_lock.evidence_fresh(...)` and
    `gate_lock.source_connected(...)`, then calls `refresh_lock()`. The widget itself tells the lock about drawing,
    reading, focus, changes and the typed name. Closing, deciding and expiring are the screen's work.
    """

    DEFAULT_CSS = """
    GateView { background: $dialog; padding: 0 0 0 1; height: 1fr; }
    GateView.-roomy { padding: 1 2 0 2; }
    GateView.-roomy > LabelledInput, GateView.-roomy > GateVerbs { margin-top: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("A", "verb('approve')", "Approve once", id="gate.approve"),
        Binding("E", "verb('edit')", "Edit", id="gate.edit"),
        Binding("R", "verb('reject')", "Reject", id="gate.reject"),
        Binding("escape", "verb('defer')", "Defer", id="gate.defer"),
        Binding("tab", "name", "type the name", id="gate.name", show=False),
    ]

    @dataclass
    class VerbChosen(Message):
        """A person answered: `approve` (the lock was open), `edit`, `reject` or `defer`, for exactly this digest.

        No other answer is taken until `answer_over` is called.
        """

        verb: str
        digest: str

    @dataclass
    class LockChanged(Message):
        """Approving became possible (`reason` is None) or impossible."""

        reason: str | None

    def __init__(self, model: GateModel, lock: GateLock, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.gate_lock = lock
        self._model = model
        self._countdown = ""
        self._head = GateHead(model)
        self._body = GateBody(model)
        name = flat(model.confirm_name)
        self._name_line = LabelledInput(f"tab, type {name}, enter: unlocks approving", accept_paste=False)
        self._verbs = GateVerbs()
        self._reason: str | None = "the gate is not drawn yet"
        self._ticker: Timer | None = None

    def compose(self) -> ComposeResult:
        """Head, body, the name to type if one is needed, verbs."""
        yield self._head
        yield self._body
        if self._model.needs_name and not self._observe:
            yield self._name_line
        yield self._verbs

    @property
    def _observe(self) -> bool:
        return self._model.mode is Mode.OBSERVE

    @property
    def model(self) -> GateModel:
        """What the gate shows."""
        return self._model

    def show(self, model: GateModel) -> None:
        """Show another revision: another digest locks approving until it was read again."""
        if model.digest != self._model.digest:
            self._name_line.input.value = ""
        self._model = model
        self.gate_lock.content_changed(model.digest)
        self._head.show(model, self._countdown)
        self._body.show(model)
        self._tick()

    def set_countdown(self, text: str) -> None:
        """The time left as text, once a second; repaints only the head."""
        if text != self._countdown:
            self._countdown = text
            self._head.show(self._model, text)

    def on_mount(self) -> None:
        """Focus starts on the arguments; the hold starts when they were drawn."""
        self._body.focus()
        self.watch(self.app, "app_focus", self._window_focus, init=False)
        self.gate_lock.content_changed(self._model.digest)
        self.call_after_refresh(self._drawn)

    def _drawn(self) -> None:
        self.gate_lock.opened()
        self._tick()

    def on_resize(self, event: events.Resize) -> None:
        """Larger verbs where there is room."""
        roomy = event.size.width >= ROOMY - 4 and event.size.height >= 26
        self.set_class(roomy, "-roomy")
        self._verbs.set_class(roomy, "-roomy")
        self.call_after_refresh(self.refresh_lock)

    def _window_focus(self, focused: bool) -> None:
        """The window has the keyboard again: hold once more."""
        if focused:
            self.regained_focus()

    def regained_focus(self) -> None:
        """Hold once more; also to be called when a screen above the gate was closed."""
        self.gate_lock.focus_regained()
        self._tick()

    def on_built_scroll_read_to_end(self, message: BuiltScroll.ReadToEnd) -> None:
        """The payload was read to its end; the message goes on to the screen."""
        self.gate_lock.read_to_end()
        self._tick()

    def on_input_changed(self, event: Input.Changed) -> None:
        """The typed name."""
        event.stop()
        self.gate_lock.typed_name(bool(self._model.confirm_name) and event.value == flat(self._model.confirm_name))
        self.refresh_lock()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter in the name line goes back to the arguments; it approves nothing."""
        event.stop()
        self._body.focus()

    def on_gate_verbs_clicked(self, message: GateVerbs.Clicked) -> None:
        """A clicked verb."""
        message.stop()
        self.action_verb(message.verb)

    def refresh_lock(self) -> None:
        """Look at the lock again and redraw the verbs."""
        reason = OBSERVE_REASON if self._observe else self.gate_lock.locked_because()
        below = 0 if self._body.last_line_seen else self._body.rows_below
        self._verbs.show(reason, below, self._observe)
        if reason != self._reason:
            self._reason = reason
            self.refresh_bindings()
            self.post_message(self.LockChanged(reason))

    def on_gate_body_moved(self, message: GateBody.Moved) -> None:
        """Update the count of rows to read."""
        message.stop()
        self.refresh_lock()

    def _tick(self) -> None:
        """Look at the lock until its hold is over."""
        self.refresh_lock()
        if self.gate_lock.remaining_ms() > 0 and self._ticker is None:
            self._ticker = self.set_interval(LOCK_TICK, self._ticked)

    def _ticked(self) -> None:
        self.refresh_lock()
        if self.gate_lock.remaining_ms() <= 0 and self._ticker is not None:
            self._ticker.stop()
            self._ticker = None

    def disabled_reason(self, action: str) -> str | None:
        """Why approving is greyed, for the key bar."""
        return self.gate_lock.locked_because() if action == "verb('approve')" else None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Approving is greyed while locked and absent in Observe."""
        if action == "name":
            return self._model.needs_name and not self._observe
        if action == "verb" and parameters == ("approve",):
            if self._observe:
                return False
            return None if self.gate_lock.locked_because() is not None else True
        return True

    def action_name(self) -> None:
        """To the line where the name is typed, and back to the arguments."""
        if self._name_line.input.has_focus:
            self._body.focus()
        else:
            self._name_line.input.focus()

    def action_verb(self, verb: str) -> None:
        """Answer, one at a time; an approval is looked at once more and is for the digest on screen."""
        if self.gate_lock.answering:
            return
        if verb == "approve" and (self._observe or self.gate_lock.locked_because() is not None):
            self.refresh_lock()
            return
        self.gate_lock.answer_begins()
        self.refresh_lock()
        self.post_message(self.VerbChosen(verb, self._model.digest))

    def answer_over(self) -> None:
        """What was answered is over and the gate is still open; to be called by whoever got `VerbChosen`."""
        self.gate_lock.answer_over()
        self._tick()
