"""The instructor's terminal: how a live lesson stands, what came, what comes, and a key for every order."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.screen import Screen
from textual.widgets import Static

from stas_tui.screens.common import HELP_KEY, ClickedKeys
from stas_tui.screens.dialogs import DIALOG_CSS, Ask, AskReason
from stas_tui.screens.instructor_parts import Came, Coming, Open, Strip
from stas_tui.screens.little import LittleApp
from stas_tui.screens.told_line import ToldLine
from stas_tui.training.control_client import Client, ControlGone
from stas_tui.training.orders import USAGE, OrderWrong, split
from storage.records import DataState, Json
from widgets.content import safe
from widgets.keybar import KeyBar
from widgets.panel import Count, Panel, PanelModel
from widgets.rows import Column
from widgets.virtual_list import VirtualList

SIDE_BY_SIDE = 160
"""Cells from which on what came stands beside what comes: both are sentences."""
LOOK_S = 0.5
"""Seconds between two looks at the lesson."""

PALETTE = {
    "p": ("something planned", "inject ", "The ref of an inject that has not come yet, e.g. inject m2"),
    "m": ("a new message", "inject message ", "Who sends it, then the text, e.g. inject message qa The shop is slow"),
    "d": ("a source goes down", "inject down ", "Its name, then why, e.g. inject down prometheus no route"),
    "r": ("a source recovers", "inject recovered ", "Its name, e.g. inject recovered prometheus"),
    "k": ("a number", "inject metric ", "Series and value, e.g. inject metric http_5xx_ratio{tenant=acme} 0.31"),
    "x": (
        "a result of the executor",
        "inject result ",
        "Task, outcome, report: inject result T-31 BLOCKED It needs Finn",
    ),
}
"""By key: what it is, how its order begins, and what to type."""


class Wire:
    """One connection to the lesson, asked on a thread beside the interface, one order at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._client: Client | None = None
        self._lock = threading.Lock()

    async def ask(self, what: str, body: Json | None = None) -> Json:
        """The answer to an order. Raises `ControlGone`."""
        return await asyncio.to_thread(self._ask, what, body)

    def _ask(self, what: str, body: Json | None) -> Json:
        with self._lock:
            if self._client is None:
                self._client = Client(self._path)
            try:
                return self._client.ask(what, body)
            except ControlGone:
                self._client.close()
                self._client = None
                raise

    def close(self) -> None:
        """Hang up."""
        with self._lock:
            if self._client is not None:
                self._client.close()
                self._client = None


class AskOrder(AskReason):
    """One order, begun already; what stands there is not cut at its end."""

    CSS = DIALOG_CSS.format(name="AskOrder")

    def __init__(self, hint: str, begun: str) -> None:
        super().__init__("Order", hint, label="Order")
        self._begun = begun

    def on_mount(self) -> None:
        """The line has the keyboard, behind what stands there."""
        super().on_mount()
        self._line.input.value = self._begun
        self._line.input.cursor_position = len(self._begun)


class InstructorScreen(ClickedKeys, ToldLine, Screen[None]):
    """One live lesson."""

    CSS = """
    InstructorScreen { background: $base; layout: vertical; }
    InstructorScreen Strip { height: 1; }
    InstructorScreen Open { height: auto; max-height: 5; }
    InstructorScreen #body { height: 1fr; layout: vertical; }
    InstructorScreen.-roomy #body { layout: horizontal; }
    InstructorScreen Panel { height: 1fr; width: 1fr; }
    InstructorScreen #whole { height: auto; max-height: 3; padding: 0 1; color: $ink-2; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "pause", "pause / play", id="instructor.pause"),
        Binding("1", "speed(1)", "×1", id="instructor.slow", show=False),
        Binding("2", "speed(5)", "×5", id="instructor.fast", show=False),
        Binding("3", "speed(20)", "×20", id="instructor.fastest", show=False),
        Binding("n", "send('jump')", "jump", id="instructor.jump"),
        Binding("b", "typed('rewind +')", "back", id="instructor.rewind"),
        Binding("i", "inject", "inject", id="instructor.inject"),
        Binding("s", "typed('say ')", "say", id="instructor.say"),
        Binding("h", "hints", "hints", id="instructor.hints"),
        Binding("m", "typed('mark ')", "mark", id="instructor.mark"),
        Binding("colon", "typed('')", "order", id="instructor.order", show=False),
        Binding("X", "send('end')", "stop all", id="instructor.abort"),
        Binding("q", "leave", "leave", id="instructor.leave"),
        HELP_KEY,
    ]
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (SIDE_BY_SIDE, "-roomy")]

    def __init__(self, wire: Wire) -> None:
        super().__init__()
        self._wire = wire
        self.state: Json = {}
        """How the lesson stood when it was last asked."""
        self._coming = Coming()

    def compose(self) -> ComposeResult:
        """The strip, what has to be decided, what came, what comes, the keys."""
        columns = (Column("when", 9, ink="ink-2"), Column("ref", 8, ink="ink-2", rank=1), Column("what comes"))
        yield Strip()
        yield Open()
        with Container(id="body"):
            yield Panel(Came(), model=PanelModel("What came"), id="came")
            yield Panel(VirtualList(self._coming, columns, id="next"), model=PanelModel("What comes"), id="comes")
        yield Static("", id="whole")
        yield self.told_line()
        yield KeyBar(ranks={"instructor.leave": 3, "instructor.hints": 2, "instructor.mark": 1})

    def on_mount(self) -> None:
        """Look at once, then twice a second."""
        self.query_one(VirtualList).focus()
        self.look()
        self.set_interval(LOOK_S, self.look)

    # looking --------------------------------------------------------------------------------------

    @work(exclusive=True, group="look")
    async def look(self) -> None:
        """Ask how it stands; a screen on its way out draws nothing."""
        gone, answer = "", {}
        try:
            answer = await self._wire.ask("state")
        except ControlGone as error:
            gone = str(error)
        if not self.display:
            return
        if gone:
            self._gone(gone)
        elif answer.get("ok") and isinstance(answer.get("state"), dict):
            self.show(answer["state"])
        else:
            self.tell(str(answer.get("said", "It gave no answer.")), error=True)

    def show(self, state: Json) -> None:
        """Draw a state."""
        self.state = state
        self.query_one(Strip).show(state)
        self.query_one(Open).show(state)
        self.query_one(Came).show(state)
        self._coming.show(state)
        listed = self.query_one(VirtualList)
        if listed.gone is not None and len(self._coming):
            listed.select(self._coming.row(0).key)
        listed.changed()
        self._show_whole()
        sure = sum(1 for row in state.get("next", []) if row.get("sure"))
        depend = len(self._coming) - sure
        panel = self.query_one("#comes", Panel)
        if sure or depend:
            panel.model = PanelModel("What comes", counts=(Count(f"{sure} certain"), Count(f"{depend} if")))
        else:
            panel.model = PanelModel("What comes", state=DataState.EMPTY, sentence="Nothing more comes.")

    def _show_whole(self) -> None:
        """The row under the cursor, uncut."""
        self.query_one("#whole", Static).update(safe(self._coming.whole(self.query_one(VirtualList).selected or "")))

    def on_virtual_list_highlighted(self, message: VirtualList.Highlighted) -> None:
        """Another row."""
        message.stop()
        self._show_whole()

    def _gone(self, why: str) -> None:
        self.query_one(Strip).gone()
        self.tell(f"{why} q leaves.", error=True)

    # ordering -------------------------------------------------------------------------------------

    @work(group="order")
    async def send(self, what: str, body: Json | None = None) -> None:
        """Order it, say the answer, look again."""
        try:
            answer = await self._wire.ask(what, body)
        except ControlGone as error:
            self._gone(str(error))
            return
        self.tell(str(answer.get("said", "")), error=not answer.get("ok"))
        self.look()

    def action_send(self, what: str) -> None:
        """An order without words."""
        self.send(what)

    def action_pause(self) -> None:
        """Stand still, or go on."""
        self.send("play" if self.state.get("paused") else "pause")

    def action_speed(self, times: int) -> None:
        """As fast as that."""
        self.send("speed", {"times": times})

    def action_hints(self) -> None:
        """On if they are off."""
        self.send("hints", {"on": not self.state.get("hints")})

    @work(group="dialog", exclusive=True)
    async def action_inject(self) -> None:
        """Choose from the palette, then say what exactly."""
        known = f"Sources: {', '.join(self.state.get('sources', [])) or 'none'}."
        tasks = f"Tasks: {', '.join(self.state.get('tasks', [])) or 'none'}."
        choice = await self.app.push_screen_wait(
            Ask("Have what happen now?", f"{known}\n{tasks}", {key: label for key, (label, _, _) in PALETTE.items()})
        )
        if choice is not None:
            _, begin, hint = PALETTE[choice]
            await self._typed(begin, hint)

    @work(group="dialog", exclusive=True)
    async def action_typed(self, begin: str) -> None:
        """An order with words."""
        word = begin.split(" ", maxsplit=1)[0]
        hint = USAGE.get(word, "; ".join(USAGE))
        if word == "rewind" and (marks := self.state.get("marks")):
            hint += f"\nMarks: {', '.join(str(mark['text']) for mark in marks)}"
        if word == "say" and (people := self.state.get("people")):
            hint += f"\nIn this lesson: {', '.join(people)}, Sky"
        await self._typed(begin, hint)

    async def _typed(self, begin: str, hint: str) -> None:
        line = begin
        wrong = ""
        while True:
            typed = await self.app.push_screen_wait(AskOrder(f"{wrong}\n{hint}".strip(), line))
            if typed is None:
                return
            try:
                what, body = split(typed.split())
            except OrderWrong as error:
                line, wrong = typed, str(error)
                continue
            if what == "state":
                self.look()
            else:
                self.send(what, body)
            return

    def on_virtual_list_opened(self, message: VirtualList.Opened) -> None:
        """Enter on what comes: begin the order that has it come now."""
        ref = self._coming.ref_of(message.key)
        if ref:
            self.action_typed(f"inject {ref}")
        else:
            self.tell("This inject has no ref, so it cannot be called for.")

    # saying ---------------------------------------------------------------------------------------

    def action_leave(self) -> None:
        """Leave; the lesson goes on."""
        self.app.exit()


class InstructorApp(LittleApp):
    """The second terminal."""

    CSS = LittleApp.CSS + InstructorScreen.CSS
    """Of a screen that is there from the beginning the application has to bring the styles."""
    TITLE = "stas TRAINING instructor"

    def __init__(self, path: Path, **look: Any) -> None:
        """`path` is the control socket of a live lesson, `look` what `LittleApp` takes. Raises `KeymapError`."""
        super().__init__(**look)
        self._wire = Wire(path)

    def get_default_screen(self) -> Screen[None]:
        """The only screen."""
        return InstructorScreen(self._wire)

    async def on_unmount(self) -> None:
        """Hang up."""
        self._wire.close()
