"""What an executor prints, live, redacted and bounded."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Static

from stas_tui.screens.common import HELP_KEY, PAUSE_KEY, ClickedKeys
from stas_tui.screens.dialogs import Ask
from stas_tui.screens.outside import copy, open_read_only
from storage.clock import age
from storage.errors import StasError
from storage.records import Run, RunState
from widgets.content import safe
from widgets.keybar import KeyBar
from widgets.log_view import LogView
from widgets.printable import flat

if TYPE_CHECKING:
    from stas_tui.app import StasApp

READ_S = 0.1


class OutputScreen(ClickedKeys, Screen[None]):
    """The output of one run, followed until it ends."""

    CSS = """
    OutputScreen { background: $base; layout: vertical; }
    OutputScreen > Static { height: 1; background: $bar; color: $ink; text-style: bold; padding: 0 1; }
    OutputScreen > LogView { height: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("c", "cancel", "cancel the run", id="output.cancel"),
        Binding("escape,q", "leave", "back", id="page.back"),
        Binding("y", "copy", "copy", id="page.copy"),
        Binding("o", "editor", "open in editor", id="page.open"),
        PAUSE_KEY,
        HELP_KEY,
    ]
    HELP = "The executor's output. It goes on when you leave this screen, and when you leave Stas."

    app: StasApp

    def __init__(self, run: Run) -> None:
        super().__init__()
        self.executed = run
        self._offset = 0
        self._rest = b""
        self._ended = False

    def compose(self) -> ComposeResult:
        """Title, lines, keys."""
        yield Static(safe(self.executed.id), id="head")
        yield LogView()
        yield KeyBar()

    def on_mount(self) -> None:
        """Start following."""
        self.query_one(LogView).focus()
        self.follow()

    @work(exclusive=True, group="output")
    async def follow(self) -> None:
        """Read what is new, ten times a second while there is something, until the run has ended."""
        executor = self.app.application.context.door.executor
        hand = self.app.hand
        while True:
            chunk, self._offset = await hand.wait_for(executor.tail, self.executed.id, self._offset)
            status = await hand.wait_for(executor.status, self.executed.id)
            if chunk:
                *lines, self._rest = (self._rest + chunk).split(b"\n")
                self.query_one(LogView).write_lines(line.decode("utf-8", "replace") for line in lines)
            ended = status is None or status.state is RunState.FINISHED
            self._head(status.stop if status else "lost", ended)
            if ended != self._ended:
                self._ended = ended
                self.refresh_bindings()
            if ended and not chunk:
                if self._rest:
                    self.query_one(LogView).write_lines([self._rest.decode("utf-8", "replace")])
                return
            if not chunk:
                await hand.wait_for(executor.wait, self.executed.id, READ_S)

    def _head(self, stop: str, ended: bool) -> None:
        now = self.app.application.clock.now()
        state = f"ended: {stop}" if ended else f"running for {age(now - self.executed.started_at)}"
        self.query_one("#head", Static).update(safe(flat(f"{self.executed.id}, {state}: {self.executed.program}")))

    @work(exclusive=True, group="cancel")
    async def action_cancel(self) -> None:
        """Stop the run by the cancel ladder, after asking."""
        answer = await self.app.push_screen_wait(
            Ask(
                "Cancel the run?",
                "It is interrupted, then terminated, then killed, with all it started.",
                {"y": "Cancel it"},
            )
        )
        if answer == "y":
            application = self.app.application
            try:
                told = await self.app.hand.wait_for(application.machine.cancel_run, by=application.person or "nobody")
            except StasError as error:
                self.app.say(str(error), error=True)
                return
            self.app.say(told)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only a run that works can be cancelled."""
        return None if action == "cancel" and self._ended else True

    def disabled_reason(self, action: str) -> str | None:
        """Why cancelling is greyed."""
        return "the run has ended" if action == "cancel" and self._ended else None

    def action_copy(self) -> None:
        """The whole output that is kept to the clipboard."""
        copy(self.app, self._whole())

    def action_editor(self) -> None:
        """A read-only copy of the whole output in the editor."""
        open_read_only(self.app, self.executed.id, self._whole())

    def _whole(self) -> str:
        chunk, _ = self.app.application.context.door.executor.tail(self.executed.id)
        return chunk.decode("utf-8", "replace")

    def action_leave(self) -> None:
        """Back; the run goes on."""
        self.dismiss(None)
