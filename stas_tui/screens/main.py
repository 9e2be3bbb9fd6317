"""The main screen: who waits, where the pulse stands, four panels, and the detail of what the cursor is on."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Horizontal, Vertical
from textual.events import AppFocus
from textual.screen import Screen

from stas_tui.pulse.view import View
from stas_tui.screens import models
from stas_tui.screens.flow import Flow
from stas_tui.screens.hand import FALLBACK_S
from stas_tui.screens.inbox_rows import PAGE, InboxRows
from storage.records import Message, Mode
from widgets.detail import Detail, DetailModel
from widgets.keybar import KeyBar
from widgets.matrix import Matrix
from widgets.panel import Panel, PanelModel
from widgets.printable import flat
from widgets.rows import StaticRows
from widgets.stepline import PanelTabs, StepLine
from widgets.stepper import Stepper
from widgets.topbar import TopBar, TopBarModel
from widgets.virtual_list import VirtualList

if TYPE_CHECKING:
    from stas_tui.app import StasApp

PANELS = ("inbox", "queue", "infra", "isolation")
TICK_S = 15.0
"""How often ages are drawn anew while nothing happens."""
KEY_RANKS = {
    "main.filter": 3,
    "main.zoom": 4,
    "list.evidence": 5,
    "main.run": 4,
    "main.log": 6,
    "main.summary": 5,
}


class MainScreen(Screen[None]):
    """One pulse. Reads what it shows in a thread and hands every act to the flow."""

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-roomy")]
    VERTICAL_BREAKPOINTS = [(0, "-low"), (30, "-tall")]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("g", "gate", "gate", id="main.gate", tooltip="Open what waits for you; opening decides nothing."),
        Binding("space", "step", "step", id="main.step", tooltip="Let the pulse do one step."),
        Binding("p", "pause", "pause", id="app.pause", tooltip="Stop new effects at once; again to go on."),
        Binding("r", "run", "run", id="main.run", tooltip="Let the pulse run to the next gate."),
        Binding("1", "panel('inbox')", "panel", id="main.panel_1", key_display="1-4"),
        Binding("2", "panel('queue')", "queue", id="main.panel_2", show=False),
        Binding("3", "panel('infra')", "infra", id="main.panel_3", show=False),
        Binding("4", "panel('isolation')", "isolation", id="main.panel_4", show=False),
        Binding("tab", "next_panel(1)", "next panel", id="main.next_panel", show=False),
        Binding("shift+tab", "next_panel(-1)", "previous panel", id="main.previous_panel", show=False),
        Binding("z", "zoom", "zoom", id="main.zoom", tooltip="The focused panel alone, or all again."),
        Binding("slash", "filter", "filter", id="list.filter", key_display="/"),
        Binding("e", "evidence", "evidence", id="list.evidence", show=False),
        Binding("y", "copy", "copy", id="list.copy", show=False),
        Binding("o", "open", "open in editor", id="list.open", show=False),
        Binding("a", "acknowledge", "acknowledge", id="inbox.acknowledge", show=False),
        Binding("t", "take", "take this task first", id="queue.take", show=False),
        Binding("s", "summary", "summary", id="main.summary", show=False),
        Binding("l", "output", "executor output", id="main.output", show=False),
        Binding("L", "log", "log", id="main.log", show=False),
        Binding("S", "skip", "skip step", id="main.skip", show=False),
        Binding("m", "mode", "lower the mode", id="main.mode", show=False),
        Binding("left_square_bracket", "recorded(-1)", "earlier pulse", id="main.back", show=False),
        Binding("right_square_bracket", "recorded(1)", "later pulse", id="main.forward", show=False),
        Binding("ctrl+p", "app.command_palette", "commands", id="app.palette", key_display="^p"),
        Binding("question_mark", "app.help", "help", id="app.help", key_display="?"),
        Binding("q", "quit", "quit", id="app.quit", show=False),
    ]
    HELP = "The pulse of the agent: the stepper on the left, four panels, and the detail of what the cursor is on."

    app: StasApp

    def __init__(self) -> None:
        super().__init__()
        self.view: View | None = None
        self.recorded: str | None = None
        """The id of an ended pulse that is shown instead of the open one."""
        self.active = "inbox"
        self.flow = Flow(self)
        self.inbox = InboxRows(self._want_page, self._want_narrow)
        self._filter = ""
        self.queue_rows = StaticRows()
        self.infra_rows = StaticRows()

    @property
    def demo(self) -> bool:
        """Whether this is the demo profile."""
        return self.app.application.settings.demo.enabled

    # layout ---------------------------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        """Both layouts in one tree; the size decides what is displayed."""
        now = self.app.application.clock.now
        yield TopBar(TopBarModel(environment=self.app.application.settings.environment))
        yield StepLine()
        yield PanelTabs()
        with Horizontal(id="body"):
            yield Stepper()
            with Vertical(id="right"):
                with Container(id="panels"):
                    yield Panel(
                        VirtualList(self.inbox, models.INBOX_COLUMNS, now=now, id="inbox-list"),
                        model=PanelModel("Inbox", "1"),
                        id="inbox",
                    )
                    yield Panel(
                        VirtualList(self.queue_rows, models.QUEUE_COLUMNS, id="queue-list"),
                        model=PanelModel("Queue", "2"),
                        id="queue",
                    )
                    yield Panel(
                        VirtualList(self.infra_rows, models.INFRA_COLUMNS, now=now, id="infra-list"),
                        model=PanelModel("Infra", "3"),
                        id="infra",
                    )
                    yield Panel(Matrix(id="matrix"), model=PanelModel("Isolation", "4"), id="isolation")
                yield Detail(DetailModel(empty="Reading…"))
        yield KeyBar(ranks=KEY_RANKS, human="main.gate")

    def on_mount(self) -> None:
        """Start looking."""
        self._show_panel("inbox")
        self.watch_changes()
        self.set_interval(TICK_S, self.draw_time)

    @work(exclusive=True, group="watch")
    async def watch_changes(self) -> None:
        """Look whenever somebody rings or the databases changed, at most once at a time."""
        hand = self.app.hand
        first = True
        with self.app.application.bell.listen() as ear:
            while True:
                if await hand.look(hand.changed) or first:
                    await self.reload()
                if first:
                    first = False
                    self.flow.start()
                await hand.wait_for(ear.wait, FALLBACK_S)

    async def reload(self) -> None:
        """Look now and draw what changed."""
        hand = self.app.hand
        view = await hand.look(hand.view, self.recorded)
        ids = await hand.look(self._inbox_ids)
        self.inbox.forget()
        self.inbox.set_order(ids)
        messages = await hand.look(self._read_page, ids[:PAGE])
        self.inbox.loaded(messages)
        self.show(view)

    def _want_page(self, ids: Sequence[str]) -> None:
        self._fetch_page(ids)

    def _want_narrow(self, text: str) -> None:
        self._narrow_inbox(text)

    def _inbox_ids(self) -> list[str]:
        application = self.app.application
        return application.world.inbox_order(application.settings.agent_name, self._filter)

    def _read_page(self, ids: Sequence[str]) -> list[Message]:
        application = self.app.application
        return application.world.messages_of(ids, application.settings.agent_name)

    @work(group="page")
    async def _fetch_page(self, ids: Sequence[str]) -> None:
        messages = await self.app.hand.look(self._read_page, ids)
        self.inbox.loaded(messages)
        self.query_one("#inbox-list", VirtualList).changed()

    @work(exclusive=True, group="narrow")
    async def _narrow_inbox(self, text: str) -> None:
        self._filter = text
        ids = await self.app.hand.look(self._inbox_ids)
        self.inbox.set_order(ids)
        self.query_one("#inbox-list", VirtualList).changed()

    # drawing --------------------------------------------------------------------------------------

    def show(self, view: View) -> None:
        """Draw a look; widgets repaint only what differs."""
        self.view = view
        now = self.app.application.clock.now()
        steps = models.steps(view, now=now)
        self.query_one(Stepper).show(steps, models.today(view))
        self.query_one(StepLine).show(steps)
        self.queue_rows.replace(models.queue_rows(view))
        self.infra_rows.replace(models.infra_rows(view))
        panels = self._panels(view)
        for name, panel in zip(PANELS, panels, strict=True):
            self.query_one(f"#{name}", Panel).model = panel
        for name in ("inbox-list", "queue-list", "infra-list"):
            self.query_one(f"#{name}", VirtualList).changed()
        self.query_one(Matrix).model = models.matrix(view)
        self.query_one(PanelTabs).show(models.tabs(panels), self._key_of(self.active))
        self.draw_time()
        self.draw_detail()
        self.refresh_bindings()
        self.app.retitle(models.waits(view))

    def _panels(self, view: View) -> list[PanelModel]:
        return [
            models.inbox_panel(view),
            models.queue_panel(view),
            models.infra_panel(view),
            models.isolation_panel(view),
        ]

    def draw_time(self) -> None:
        """The clock and the ages."""
        if self.view is None:
            return
        application = self.app.application
        self.query_one(TopBar).model = models.top_bar(
            self.view,
            environment=application.settings.environment,
            demo=self.demo,
            read_only=not application.person,
            now=application.clock.now(),
            doing=self.flow.doing,
        )

    def draw_detail(self) -> None:
        """What the cursor of the focused panel is on."""
        view = self.view
        if view is None:
            return
        now = self.app.application.clock.now()
        detail = self.query_one(Detail)
        if view.problem:
            detail.model = DetailModel(key="store", title="cannot be read", raw=view.problem, empty=view.problem)
            return
        key = self._selected()
        if self.active == "inbox" and key and (message := self.inbox.message(key)):
            detail.model = models.message_detail(message, self._remarks(key), now=now)
        elif self.active == "queue" and key:
            detail.model = models.task_detail(view, key, now=now)
        elif self.active == "infra" and key:
            finding = next((f for f in view.health if f.subject == key), None)
            detail.model = models.finding_detail(finding, now=now) if finding else DetailModel(key=key)
        elif self.active == "isolation" and (cell := self.query_one(Matrix).selected):
            detail.model = models.cell_detail(view, *cell, now=now)
        else:
            detail.model = models.pulse_detail(view, agent=self.app.application.settings.agent_name)

    def _remarks(self, key: str) -> list[str]:
        if self.view is None or not self.view.steps:
            return []
        remarks: list[str] = self.view.steps[0].data.get("remarks", {}).get(key, [])
        return remarks

    def _selected(self) -> str | None:
        if self.active == "isolation":
            return None
        return self.query_one(f"#{self.active}-list", VirtualList).selected

    # panels ---------------------------------------------------------------------------------------

    @staticmethod
    def _key_of(name: str) -> str:
        return str(PANELS.index(name) + 1)

    def _show_panel(self, name: str) -> None:
        self.active = name
        for each in PANELS:
            self.query_one(f"#{each}").set_class(each == name, "-active")
        if self.view is not None:
            self.query_one(PanelTabs).show(models.tabs(self._panels(self.view)), self._key_of(name))
            self.draw_detail()

    def action_panel(self, name: str) -> None:
        """Go to a panel."""
        self._show_panel(name)
        target = "#matrix" if name == "isolation" else f"#{name}-list"
        self.query_one(target).focus()

    def action_next_panel(self, step: int) -> None:
        """The next or previous panel, then the detail."""
        order = [*PANELS, "detail"]
        here = "detail" if self.query_one(Detail).has_focus else self.active
        name = order[(order.index(here) + step) % len(order)]
        if name == "detail":
            self.query_one(Detail).focus()
        else:
            self.action_panel(name)

    def on_descendant_focus(self) -> None:
        """The panel that has the keyboard is the active one."""
        for name in PANELS:
            if self.query_one(f"#{name}").has_focus_within and name != self.active:
                self._show_panel(name)

    def on_panel_tabs_tab_chosen(self, message: PanelTabs.TabChosen) -> None:
        """A clicked tab."""
        self.action_panel(PANELS[int(message.key) - 1])

    def on_virtual_list_highlighted(self) -> None:
        """The cursor moved."""
        self.draw_detail()

    def on_matrix_cell_highlighted(self) -> None:
        """The cursor moved."""
        self.draw_detail()

    def on_virtual_list_opened(self) -> None:
        """Enter: everything about the item, on a screen of its own."""
        self.flow.open_detail(self.query_one(Detail).model)

    def on_matrix_cell_opened(self) -> None:
        """Enter on a cell."""
        self.flow.open_detail(self.query_one(Detail).model)

    def on_detail_evidence_opened(self, message: Detail.EvidenceOpened) -> None:
        """A piece of evidence."""
        self.flow.open_evidence(message.key)

    def on_stepper_step_chosen(self, message: Stepper.StepChosen) -> None:
        """A clicked step shows what it found."""
        if self.view is not None and self.view.steps:
            now = self.app.application.clock.now()
            self.query_one(Detail).model = models.step_detail(self.view, self.view.steps[message.n - 1], now=now)

    def on_top_bar_gate_asked(self) -> None:
        """The badge was clicked."""
        self.action_gate()

    def on_key_bar_pressed(self, message: KeyBar.Pressed) -> None:
        """A clicked key."""
        self.call_later(self.run_action, message.hint.action)

    def on_key_bar_refused(self, message: KeyBar.Refused) -> None:
        """A greyed key says why."""
        self.app.say(message.hint.reason)

    def action_zoom(self) -> None:
        """The focused panel alone, or all again."""
        self.toggle_class("-zoomed")
        if self.has_class("-zoomed"):
            self._show_panel(self.active)

    def action_filter(self) -> None:
        """Filter the focused list."""
        if self.active != "isolation":
            self.action_panel(self.active)
            self.query_one(f"#{self.active}-list", VirtualList).action_filter()

    def action_evidence(self) -> None:
        """The evidence of the item."""
        detail = self.query_one(Detail)
        detail.show_tab("Evidence")
        detail.focus()

    def action_copy(self) -> None:
        """The item's text to the clipboard."""
        from stas_tui.screens.outside import copy

        copy(self.app, models.as_text(self.query_one(Detail).model))

    def action_open(self) -> None:
        """A read-only copy of the item in the editor."""
        from stas_tui.screens.outside import open_read_only

        model = self.query_one(Detail).model
        open_read_only(self.app, model.key or "stas", models.as_text(model))

    # acts -----------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Grey what cannot be done now; `disabled_reason` says why."""
        return None if self.disabled_reason(action) else True

    def disabled_reason(self, action: str) -> str | None:
        """Why a key is greyed, for the key bar."""
        view = self.view
        if view is None:
            return "still reading" if action in ("gate", "step", "run", "pause") else None
        needs = models.needs_of(view)
        if action == "gate" and not models.waits(view) and needs != "paused":
            return "nothing waits for you"
        if action in ("step", "run"):
            if self.recorded:
                return "a recorded pulse is only looked at; ] goes back"
            if view.halted:
                return "paused; p resumes"
        if action in ("acknowledge",) and (self.active != "inbox" or not self._selected()):
            return "select a message first"
        if action == "take" and (self.active != "queue" or not self._selected()):
            return "select a task first"
        return None

    def action_gate(self) -> None:
        """Open what waits."""
        self.flow.open_waiting()

    def action_step(self) -> None:
        """One step."""
        self.flow.step()

    def action_run(self) -> None:
        """Run to the next gate."""
        self.flow.run()

    def action_pause(self) -> None:
        """Pause at once, or resume with a reason."""
        self.flow.pause_or_resume()

    def action_skip(self) -> None:
        """Skip the step that is due."""
        self.flow.skip()

    def action_mode(self) -> None:
        """Lower the mode at once, or raise it with a reason."""
        self.flow.change_mode(self.view.mode if self.view else Mode.OBSERVE)

    def action_summary(self) -> None:
        """The Pulse Summary as it stands."""
        self.flow.show_summary()

    def action_output(self) -> None:
        """The executor's output."""
        self.flow.show_output()

    def action_log(self) -> None:
        """The hash-chained log."""
        self.flow.show_log()

    def action_acknowledge(self) -> None:
        """Take the message off the inbox."""
        if key := self._selected():
            self.flow.acknowledge(key)

    def action_take(self) -> None:
        """Take this task before the first of the queue."""
        if key := self._selected():
            self.flow.prefer(key)

    def action_recorded(self, step: int) -> None:
        """Look at an earlier or later pulse."""
        self.flow.look_at(step)

    def action_quit(self) -> None:
        """Leave; asks while something waits."""
        self.flow.leave()

    def on_app_focus(self, event: AppFocus) -> None:
        """The window has the keyboard again: what is shown may be old."""
        self.run_worker(self.reload(), exclusive=True, group="focus")

    def told(self, sentence: str) -> None:
        """Say something from the flow and draw the state of doing."""
        if sentence:
            self.app.say(flat(sentence))
        self.draw_time()


async def settled(screen: MainScreen) -> None:
    """Wait until the flow has nothing under way: for tests and demonstrations."""
    while screen.flow.doing or screen.view is None:
        await asyncio.sleep(0.01)
