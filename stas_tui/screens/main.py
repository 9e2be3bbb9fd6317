"""The main screen: who waits, where the pulse stands, four panels, and the detail of what the cursor is on."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from textual import work
from textual.app import ComposeResult
from textual.containers import Container, Horizontal, Vertical
from textual.events import AppFocus

from stas_tui.pulse.view import View
from stas_tui.screens import details, isolation_panel, models, panels
from stas_tui.screens.flow import Flow
from stas_tui.screens.hand import FALLBACK_S
from stas_tui.screens.inbox_rows import PAGE, InboxRows
from stas_tui.screens.main_keys import KEY_RANKS, MainKeys
from stas_tui.screens.oncall_line import OnCallLine
from storage.records import Message
from widgets.detail import Detail, DetailModel
from widgets.keybar import KeyBar
from widgets.matrix import Matrix
from widgets.panel import Panel, PanelModel
from widgets.rows import StaticRows
from widgets.source_strip import SourceStrip
from widgets.stepline import PanelTabs, StepLine
from widgets.stepper import Stepper
from widgets.topbar import TopBar, TopBarModel
from widgets.virtual_list import VirtualList

PANELS = ("inbox", "queue", "infra", "isolation")
PULSE = "pulse"
"""The fifth place: the detail shows the pulse itself."""
TICK_S = 15.0
"""How often ages are drawn anew while nothing happens."""


class MainScreen(MainKeys):
    """One pulse. Reads what it shows in a thread and hands every act to the flow."""

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-roomy")]
    VERTICAL_BREAKPOINTS = [(0, "-low"), (30, "-tall")]
    HELP = "The pulse of the agent: the stepper on the left, four panels, and the detail of what the cursor is on."

    def __init__(self) -> None:
        super().__init__()
        self.view: View | None = None
        self.recorded: str | None = None
        """The id of an ended pulse that is shown instead of the open one."""
        self.active = "inbox"
        self.flow = Flow(self)
        self.inbox = InboxRows(self._want_page, self._want_narrow)
        self._filter = ""
        self._heard: int | None = None
        self._looked_at = 0
        self.on_call = OnCallLine(self)
        self.queue_rows = StaticRows()
        self.infra_rows = StaticRows()

    @property
    def world(self) -> str:
        """What world this is, if it is not the real one: `TRAINING`, `DEMO`, else empty."""
        application = self.app.application
        return "TRAINING" if application.training else "DEMO" if application.settings.demo.enabled else ""

    # layout ---------------------------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        """Both layouts in one tree; the size decides what is displayed."""
        now = self.app.application.clock.now
        yield TopBar(TopBarModel(environment=self.app.application.settings.environment, quiet="reading…"))
        yield StepLine()
        yield PanelTabs()
        with Horizontal(id="body"):
            yield Stepper()
            with Vertical(id="right"):
                with Container(id="panels"):
                    yield Panel(
                        VirtualList(self.inbox, panels.INBOX_COLUMNS, now=now, id="inbox-list"),
                        model=PanelModel("Inbox", "1"),
                        id="inbox",
                    )
                    yield Panel(
                        VirtualList(self.queue_rows, panels.QUEUE_COLUMNS, id="queue-list"),
                        model=PanelModel("Queue", "2"),
                        id="queue",
                    )
                    yield Panel(
                        VirtualList(self.infra_rows, panels.INFRA_COLUMNS, now=now, id="infra-list"),
                        model=PanelModel("Infra", "3"),
                        id="infra",
                    )
                    yield Panel(Matrix(id="matrix"), model=PanelModel("Isolation", "4"), id="isolation")
                yield Detail(DetailModel(empty="Reading…"))
        yield SourceStrip(id="on-call")
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
                self._looked_at = self.app.application.clock.now()
                if first:
                    first = False
                    self.call_after_refresh(self.flow.start)
                    self.on_call.watch()
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
        self._looked_at = self.app.application.clock.now()
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
        """Draw a look; widgets repaint only what differs.

        A screen that loses its parts, one by one, because it is left is not displayed any more: nothing is drawn then.
        """
        if not self.display:
            return
        self.view = view
        if self._heard is None:
            self.new_words()
        now = self.app.application.clock.now()
        steps = models.steps(view, now=now)
        self.query_one(Stepper).show(steps, models.today(view))
        self.query_one(StepLine).show(steps)
        self.queue_rows.replace(panels.queue_rows(view))
        self.infra_rows.replace(panels.infra_rows(view))
        borders = self._borders(view)
        for name, border in zip(PANELS, borders, strict=True):
            self.query_one(f"#{name}", Panel).model = border
        for name in ("inbox-list", "queue-list", "infra-list"):
            self.query_one(f"#{name}", VirtualList).changed()
        self.query_one(Matrix).model = isolation_panel.model(view.isolation, view.points)
        self.query_one(PanelTabs).show(panels.tabs(borders), self._key_of(self.active))
        self.draw_time()
        self.draw_detail()
        self.refresh_bindings()
        self.app.retitle(models.waits(view), gates=[action.id for action in view.gates])

    def _borders(self, view: View) -> list[PanelModel]:
        return [
            panels.inbox_panel(view),
            panels.queue_panel(view),
            panels.infra_panel(view),
            isolation_panel.panel(view, self.app.application.clock.now()),
        ]

    def draw_checks(self) -> None:
        """How far the round of checks is that runs now, without another look at the record."""
        if self.view is not None and self.display:
            self.view = replace(self.view, checking=self.app.application.rounds.under())
            steps = models.steps(self.view, now=self.app.application.clock.now())
            self.query_one(Stepper).show(steps, models.today(self.view))
            self.query_one(StepLine).show(steps)
            self._draw_isolation()

    def _draw_isolation(self) -> None:
        if self.view is not None:
            border = isolation_panel.panel(self.view, self.app.application.clock.now())
            self.query_one("#isolation", Panel).model = border

    def draw_time(self) -> None:
        """The clock and the ages."""
        if self.view is None or not self.display:
            return
        application = self.app.application
        if not self.recorded and self.view.checking != application.rounds.under():
            self.draw_checks()
        else:
            self._draw_isolation()
        self.query_one(TopBar).model = models.top_bar(
            self.view,
            environment=application.settings.environment,
            world=self.world,
            read_only=not application.person,
            now=application.clock.now(),
            looked_at=self._looked_at,
            doing=self.flow.doing,
            replayed=self.on_call.replayed,
            needy=self.on_call.needy,
        )
        self.on_call.draw()

    def draw_detail(self) -> None:
        """What the cursor of the active panel is on."""
        view = self.view
        if view is None:
            return
        now = self.app.application.clock.now()
        detail = self.query_one(Detail)
        if view.problem:
            detail.model = DetailModel(key="store", title="cannot be read", raw=view.problem, empty=view.problem)
            return
        key = self.selected()
        if self.active == "inbox" and key and (message := self.inbox.message(key)):
            verdict = view.verdicts.get(key)
            detail.model = details.message_detail(message, self._remarks(key), now=now, verdict=verdict)
            self.app.glanced("inbox", key)
        elif self.active == "queue" and key:
            detail.model = details.task_detail(view, key, now=now)
            self.app.glanced("queue", key)
        elif self.active == "infra" and key:
            finding = next((f for f in view.health if f.subject == key), None)
            detail.model = details.finding_detail(finding, now=now) if finding else DetailModel(key=key)
            self.app.glanced("infra", key)
        elif self.active == "isolation" and (cell := self.query_one(Matrix).selected):
            detail.model = isolation_panel.detail(
                isolation_panel.square_at(view.isolation, *cell),
                isolation_panel.name_of(view.isolation, cell[0]),
                now=now,
            )
        else:
            agent = self.app.application.settings.agent_name
            detail.model = details.pulse_detail(view, agent=agent, goes_on=self.app.GOES_ON)

    def _remarks(self, key: str) -> list[str]:
        if self.view is None or not self.view.steps:
            return []
        remarks: list[str] = self.view.steps[0].data.get("remarks", {}).get(key, [])
        return remarks

    def new_words(self) -> list[str]:
        """What the agent said since the last call, as sentences; the first call only remembers where the log is."""
        timeline = self.view.timeline if self.view else ()
        titles = self.view.titles if self.view else {}
        before = self._heard
        self._heard = max((event.seq for event in timeline), default=before or 0)
        if before is None:
            return []
        return [
            details.event_sentence(event, titles)
            for event in timeline
            if event.seq > before and event.kind == "agent.said"
        ]

    # panels ---------------------------------------------------------------------------------------

    @staticmethod
    def _key_of(name: str) -> str:
        return str(PANELS.index(name) + 1) if name in PANELS else "0"

    def _show_panel(self, name: str) -> None:
        self.active = name
        self.set_class(name == PULSE, "-pulse")
        for each in PANELS:
            self.query_one(f"#{each}").set_class(each == name, "-active")
        if self.view is not None:
            self.query_one(PanelTabs).show(panels.tabs(self._borders(self.view)), self._key_of(name))
            self.draw_detail()
            self.refresh_bindings()

    def action_panel(self, name: str) -> None:
        """Go to a panel, or to the pulse itself."""
        self._show_panel(name)
        target = {PULSE: "Detail", "isolation": "#matrix"}.get(name, f"#{name}-list")
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

    def action_zoom(self) -> None:
        """The focused panel alone, or all again; the detail too. The matrix has a screen of its own."""
        if self.query_one(Matrix).has_focus and not self.recorded:
            self.action_isolation()
            return
        zoomed = not (self.has_class("-zoomed") or self.has_class("-zoomed-detail"))
        on_detail = self.query_one(Detail).has_focus
        self.set_class(zoomed and not on_detail, "-zoomed")
        self.set_class(zoomed and on_detail, "-zoomed-detail")

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
        self.refresh_bindings()

    def on_virtual_list_entity_gone(self) -> None:
        """The item under the cursor left; nothing acts until the person moves."""
        self.draw_detail()
        self.refresh_bindings()

    def on_matrix_cell_highlighted(self) -> None:
        """The cursor moved."""
        self.draw_detail()

    def on_virtual_list_opened(self) -> None:
        """Enter: everything about the item, on a screen of its own."""
        self.flow.open_detail(self.query_one(Detail).model)

    def on_matrix_cell_opened(self) -> None:
        """Enter on a cell: its checks; of a recorded pulse what was written down."""
        if self.recorded:
            self.flow.open_detail(self.query_one(Detail).model)
        else:
            self.action_isolation()

    def on_detail_evidence_opened(self, message: Detail.EvidenceOpened) -> None:
        """A piece of evidence."""
        self.flow.open_evidence(message.key)

    def on_stepper_step_chosen(self, message: Stepper.StepChosen) -> None:
        """A clicked step shows what it found."""
        self.show_step(message.n)

    def show_step(self, n: int) -> None:
        """What one step found, in the detail."""
        if self.view is not None and self.view.steps:
            now = self.app.application.clock.now()
            self.query_one(Detail).model = details.step_detail(self.view, self.view.steps[n - 1], now=now)

    def on_top_bar_gate_asked(self) -> None:
        """The badge was clicked."""
        self.action_gate()

    def on_app_focus(self, event: AppFocus) -> None:
        """The window has the keyboard again: what is shown may be old."""
        self.run_worker(self.reload(), exclusive=True, group="focus")


async def settled(screen: MainScreen) -> None:
    """Wait until the flow has nothing under way: for tests and demonstrations."""
    while screen.flow.doing or screen.view is None:
        await asyncio.sleep(0.01)
