"""The keys of the main screen, when each of them works, and what each of them asks the flow to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.screen import Screen

from stas_tui.pulse.view import View
from stas_tui.screens import details, models
from stas_tui.screens.common import HELP_KEY, ClickedKeys
from storage.records import Json, MessageType, Mode
from widgets.detail import Detail
from widgets.matrix import Matrix
from widgets.virtual_list import VirtualList

if TYPE_CHECKING:
    from stas_tui.app import StasApp
    from stas_tui.screens.flow import Flow
    from stas_tui.screens.inbox_rows import InboxRows

KEY_RANKS = {
    "list.filter": 1,
    "main.palette": 2,
    "main.zoom": 3,
    "main.evidence": 4,
    "main.run": 5,
}
"""Which keys leave the bottom line first on a narrow screen: the highest number."""

INBOX_ACTS = ("acknowledge", "reply", "accept", "return", "file")


class MainKeys(ClickedKeys, Screen[None]):
    """Bindings and actions; drawing is the main screen's own."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("g", "gate", "gate", id="main.gate", tooltip="Open what waits for you; opening decides nothing."),
        Binding("space", "step", "step", id="main.step", tooltip="Let the pulse do one step."),
        Binding("p", "app.pause", "pause", id="app.pause", tooltip="Stop new effects at once; again to go on."),
        Binding("r", "run", "run", id="main.run", tooltip="Let the pulse run until a person is needed."),
        Binding("1", "panel('inbox')", "inbox", id="main.panel_1", show=False),
        Binding("2", "panel('queue')", "queue", id="main.panel_2", show=False),
        Binding("3", "panel('infra')", "infra", id="main.panel_3", show=False),
        Binding("4", "panel('isolation')", "isolation", id="main.panel_4", show=False),
        Binding("0", "panel('pulse')", "pulse", id="main.pulse", show=False, tooltip="Where the pulse itself stands."),
        Binding("tab", "next_panel(1)", "next panel", id="main.next_panel", show=False),
        Binding("shift+tab", "next_panel(-1)", "previous panel", id="main.previous_panel", show=False),
        Binding("z", "zoom", "zoom", id="main.zoom", tooltip="The focused panel alone, or all again."),
        Binding("slash", "filter", "filter", id="list.filter", tooltip="Show only the rows that hold a text."),
        Binding("e", "evidence", "evidence", id="main.evidence", tooltip="What Stas itself collected about the row."),
        Binding("y", "copy", "copy", id="main.copy", show=False),
        Binding("o", "open", "open in editor", id="main.open", show=False),
        Binding("a", "message('acknowledge')", "acknowledge", id="inbox.acknowledge", show=False),
        Binding("w", "message('reply')", "write back", id="inbox.reply", show=False),
        Binding("H", "message('accept')", "accept handoff", id="inbox.accept", show=False),
        Binding("B", "message('return')", "return handoff", id="inbox.return", show=False),
        Binding("V", "message('review')", "review", id="inbox.review", show=False),
        Binding("M", "message('file')", "file", id="inbox.file", show=False, tooltip="Keep the message as a memory."),
        Binding("t", "take", "take first", id="queue.take", show=False, tooltip="Take this task before the others."),
        Binding(
            "i",
            "answered",
            "answered",
            id="queue.answered",
            show=False,
            tooltip="Record what the architect answered to a Rule 4 stop of this task.",
        ),
        Binding("s", "summary", "summary", id="main.summary", show=False),
        Binding("x", "output", "output", id="main.output", show=False, tooltip="What the executor prints, live."),
        Binding("L", "log", "log", id="main.log", show=False, tooltip="Everything that happened in this pulse."),
        Binding("S", "skip", "skip", id="main.skip", show=False, tooltip="Skip the due step, with a reason."),
        Binding("u", "undo", "undo", id="main.undo", show=False, tooltip="Take the last change of a task back."),
        Binding("m", "mode", "mode", id="main.mode", show=False, tooltip="Lower the mode, or raise it by name."),
        Binding("left_square_bracket", "recorded(-1)", "back", id="main.back", show=False),
        Binding("right_square_bracket", "recorded(1)", "forward", id="main.forward", show=False),
        Binding("ctrl+p", "app.palette", "commands", id="main.palette", tooltip="Find a command by its name."),
        Binding("question_mark", "app.help", "help", id=HELP_KEY.id, tooltip=HELP_KEY.tooltip),
        Binding("c", "on_call", "on call", id="main.on_call", show=False, tooltip="Everything that needs a person."),
        Binding("T", "task", "draft a task", id="main.task", show=False, tooltip="The task that a pattern suggests."),
        Binding("I", "isolation", "isolation", id="main.isolation", show=False, tooltip="The matrix and its checks."),
        Binding("X", "cancel_checks", "cancel checks", id="main.cancel_checks", show=False),
        Binding("v", "reviews", "reviews", id="main.reviews", show=False),
        Binding("q", "quit", "quit", id="main.quit", show=False),
    ]

    app: StasApp
    view: View | None
    recorded: str | None
    active: str
    flow: Flow
    inbox: InboxRows

    def selected(self) -> str | None:
        """The key of the item under the cursor of the active list."""
        if self.active not in ("inbox", "queue", "infra"):
            return None
        return self.query_one(f"#{self.active}-list", VirtualList).selected

    def suggested(self) -> Json | None:
        """The task that the selected row of the infra panel suggests."""
        view, key = self.view, self.selected() if self.active == "infra" else None
        if view is None or view.pulse is None or self.recorded or key is None:
            return None
        from stas_tui.pulse.drafts import draft_of

        drafts = (draft_of(view.steps, finding) for finding in view.health if finding.subject == key)
        return next((draft for draft in drafts if draft is not None), None)

    # what works now -------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Grey what cannot be done now; `disabled_reason` says why. What is never done here is left out."""
        if action in self.app.LEFT_OUT:
            return False
        name = f"{action}('{parameters[0]}')" if action == "message" else action
        return None if self.disabled_reason(name) else True

    def disabled_reason(self, action: str) -> str | None:
        """Why a key is greyed, for the key bar and the palette."""
        view = self.view
        if action in self.app.LEFT_OUT:
            return self.app.GOES_ON
        if view is None:
            waits = ("gate", "step", "run", "skip", "undo", "mode", "cancel_checks")
            return "still reading" if action in waits else None
        if self.recorded and action in ("step", "run", "skip", "undo", "mode", "take", "answered", "gate"):
            return "a recorded pulse is only looked at; ] goes back"
        if action == "gate" and not models.waits(view) and models.needs_of(view) != "paused":
            return "nothing waits for you"
        if action in ("step", "run") and view.halted:
            return "paused; p resumes"
        if action in ("skip", "mode", "undo") and view.pulse is None:
            return "no pulse is open"
        if action == "skip" and not view.position:
            return "no step is due"
        if action == "output" and view.run is None:
            return "no executor has run in this pulse"
        if action == "answered" and view.pulse is None:
            return "no pulse is open"
        if action in ("take", "answered") and (self.active != "queue" or not self.selected()):
            return "select a task first"
        if action == "cancel_checks" and view.checking is None:
            return "no isolation checks run here"
        if action == "task" and self.suggested() is None:
            return "select a pattern of the infra panel first"
        if action.startswith("message("):
            return self._message_reason(action.removeprefix("message('").removesuffix("')"))
        return None

    def _message_reason(self, act: str) -> str | None:
        key = self.selected() if self.active == "inbox" else None
        message = self.inbox.message(key) if key else None
        if message is None:
            return "select a message first"
        if act in ("accept", "return") and message.type is not MessageType.HANDOFF:
            return "this message is no handoff"
        if act == "review":
            from stas_tui.texts.inbox import pr_number_of

            return "this message names no pull request" if pr_number_of(message) is None else None
        return None

    # acts -----------------------------------------------------------------------------------------

    def action_gate(self) -> None:
        """Open what waits."""
        self.flow.open_waiting()

    def action_step(self) -> None:
        """One step."""
        self.flow.step()

    def action_run(self) -> None:
        """Run to the next gate."""
        self.flow.run()

    def action_skip(self) -> None:
        """Skip the step that is due."""
        self.flow.skip()

    def action_undo(self) -> None:
        """Take the last logged change of a task back."""
        self.flow.undo()

    def action_mode(self) -> None:
        """Lower the mode at once, or raise it by name."""
        self.flow.change_mode(self.view.mode if self.view else Mode.OBSERVE)

    def action_summary(self) -> None:
        """The Pulse Summary as it stands."""
        self.flow.show_summary()

    def action_output(self) -> None:
        """The executor's output."""
        self.flow.show_output()

    def action_log(self) -> None:
        """Everything that happened."""
        self.flow.show_log()

    def action_message(self, act: str) -> None:
        """An act on the message under the cursor."""
        key = self.selected()
        if key and act == "review":
            self.flow.review(self.inbox.message(key))
        elif key:
            self.flow.with_message(act, key)

    def action_reviews(self) -> None:
        """Pull requests that want a review before their merge."""
        self.flow.show_reviews()

    def action_take(self) -> None:
        """Take this task before the first of the queue."""
        if key := self.selected():
            self.flow.prefer(key)

    def action_task(self) -> None:
        """Complete and file the task that the row suggests."""
        if draft := self.suggested():
            self.flow.draft_task(draft)

    def action_answered(self) -> None:
        """Record the architect's answer about this task."""
        if key := self.selected():
            self.flow.architect_answered(key)

    def action_recorded(self, step: int) -> None:
        """Look at an earlier or later pulse."""
        self.flow.look_at(step)

    def action_on_call(self) -> None:
        """Everything that needs a person, in one list."""
        self.app.show_on_call()

    def action_isolation(self) -> None:
        """The isolation matrix on the whole screen, at the cell under the cursor."""
        from stas_tui.screens.isolation import IsolationScreen

        if not any(isinstance(screen, IsolationScreen) for screen in self.app.screen_stack):
            self.app.push_screen(IsolationScreen(self.query_one(Matrix).selected))

    def action_cancel_checks(self) -> None:
        """End the round of isolation checks that runs beside this process."""
        self.flow.cancel_checks()

    def action_quit(self) -> None:
        """Leave; asks while something waits."""
        self.app.leave()

    def action_filter(self) -> None:
        """Filter the focused list."""
        if self.active in ("inbox", "queue", "infra"):
            rows = self.query_one(f"#{self.active}-list", VirtualList)
            rows.focus()
            rows.action_filter()

    def action_evidence(self) -> None:
        """The evidence of the item."""
        detail = self.query_one(Detail)
        detail.show_tab("Evidence")
        detail.focus()

    def action_copy(self) -> None:
        """The item's text to the clipboard."""
        from stas_tui.screens.outside import copy

        copy(self.app, details.as_text(self.query_one(Detail).model))

    def action_open(self) -> None:
        """A read-only copy of the item in the editor."""
        from stas_tui.screens.outside import open_read_only

        model = self.query_one(Detail).model
        open_read_only(self.app, model.key or "stas", details.as_text(model))
