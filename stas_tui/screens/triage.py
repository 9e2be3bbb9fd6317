"""The on-call screen: what burns, whose it is, what changed last, and whether the screen can be believed."""

from __future__ import annotations

from collections.abc import Sequence

from textual import work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.events import Resize
from textual.timer import Timer

from stas_tui.screens import models, sources_page, triage_detail
from stas_tui.screens.told_line import ToldLine
from stas_tui.screens.triage_acts import Acts
from stas_tui.screens.triage_keys import KEY_RANKS, TriageKeys
from stas_tui.screens.triage_place import Place
from stas_tui.screens.triage_rows import DIVIDER, NARROW_COLUMNS, WIDE_COLUMNS, TriageRows, news_words
from stas_tui.triage.arrange import calm
from stas_tui.triage.query import QueryError
from storage.clock import age
from storage.errors import StasError
from storage.records import DataState, Json
from storage.triage_records import Incident, TriageList
from storage.watch_records import SourceStatus
from widgets.detail import Detail
from widgets.keybar import KeyBar
from widgets.oncall_bar import AgentLine, OnCallBar
from widgets.panel import Count, Panel, PanelModel
from widgets.source_strip import SourceStrip
from widgets.steady_list import SteadyList
from widgets.tokens import Mark
from widgets.topbar import TopBar, TopBarModel
from widgets.virtual_list import VirtualList

WIDE = 100
TICK_S = 1.0
TOLD_S = 8.0


class OnCallScreen(TriageKeys, ToldLine):
    """The list, the detail of the item under the cursor, the agent, the sources. It never waits for any of them."""

    CSS_PATH = "triage.tcss"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (WIDE, "-roomy")]
    VERTICAL_BREAKPOINTS = [(0, "-low"), (22, "-tall")]

    def __init__(self) -> None:
        super().__init__()
        self.acts = Acts(self)
        self.problem = ""
        self.statuses: Sequence[SourceStatus] = ()
        self._looked_at = 0
        self._drawn_at = 0
        self._facts: dict[str, tuple[Incident | None, list[Json]]] = {}
        self.place = Place(self)
        self.query_text = ""
        """The filter as it is typed."""
        self._query_problem = ""
        self._first = True
        self._hush: Timer | None = None

    # layout ---------------------------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        """From the whole to the part: where, how bad, the list, one item, the agent, the sources."""
        application = self.app.application
        self.rows = TriageRows(application.person, self._narrow)
        yield TopBar(TopBarModel(environment=application.settings.environment, quiet="reading…"))
        yield OnCallBar()
        with Vertical(id="work"):
            yield Panel(
                SteadyList(self.rows, NARROW_COLUMNS, now=self._slow_now, id="triage-list"),
                model=PanelModel("On call", state=DataState.OK),
                id="triage",
            )
            yield Detail(triage_detail.calm_detail("Reading…"))
        yield AgentLine()
        yield SourceStrip()
        yield self.told_line()
        yield KeyBar(ranks=KEY_RANKS)

    def on_mount(self) -> None:
        """Start looking."""
        self._fit(self.app.size.width)
        self.table.focus()
        self._draw_time()
        self.begin()
        self.set_interval(TICK_S, self._tick)

    def on_resize(self, event: Resize) -> None:
        """A narrow list has other columns."""
        self._fit(event.size.width)

    def _fit(self, width: int) -> None:
        narrow = width < WIDE
        if narrow != self.rows.narrow or self._first:
            self.rows.narrow = narrow
            self.table.show_columns(NARROW_COLUMNS if narrow else WIDE_COLUMNS)

    def _now(self) -> int:
        return self.app.application.clock.now()

    @property
    def drawn(self) -> bool:
        """Whether what is shown is an answer to the filter as it is typed."""
        return self.alive and not self._first and not self._query_problem

    def _slow_now(self) -> int:
        """Ages below a minute grow in steps, so that a quiet list is not painted every second."""
        return self._now() - self._now() % sources_page.STEP_MS

    # looking --------------------------------------------------------------------------------------

    @work(exclusive=True, group="watch")
    async def begin(self) -> None:
        """Go back to the place where the person was, look, and follow every look of the dashboard."""
        self.query_text = await self.place.restore()
        if not self.alive:
            return
        self.table.show_filter(self.query_text)
        await self.reload()
        self.app.main.on_call.follower = self.reload

    def on_unmount(self) -> None:
        """Follow no longer."""
        self.app.main.on_call.follower = None

    async def reload(self) -> None:
        """Look now and draw what changed. A list that cannot be read stays, with its age."""
        query = self.query_text
        try:
            shown, statuses = await self.app.hand.look(self._look, query)
        except StasError as error:
            if self.alive and query == self.query_text:
                self._say_why_not(error)
            return
        if self.alive and query == self.query_text:
            self.problem = self._query_problem = ""
            self._looked_at = self._now()
            self.statuses = statuses
            if not query:
                self.app.main.on_call.take(shown, statuses)
            self._show(shown, query)

    def _say_why_not(self, error: StasError) -> None:
        if isinstance(error, QueryError):
            self._query_problem = str(error)
            self._looked_at = self._now()
        else:
            self.problem = str(error)
        self._draw_panel()
        self.refresh_bindings()

    def _look(self, query: str) -> tuple[TriageList, list[SourceStatus]]:
        desk = self.app.application.desk
        return desk.look(query), desk.sources()

    def _narrow(self, query: str) -> None:
        self.query_text = query
        self.run_worker(self.reload(), group="narrow", exclusive=True)

    # drawing --------------------------------------------------------------------------------------

    def _show(self, shown: TriageList, query: str) -> None:
        other = query != self.rows.query
        self.rows.show(shown, query)
        if other and self.rows.index_of(self.table.selected or "") is None:
            self.table.restart()
        self._facts = {key: facts for key, facts in self._facts.items() if self.rows.item(key) is not None}
        first, self._first = self._first, False
        if first and self.rows.index_of(self.place.cursor) is not None:
            self.call_after_refresh(self.table.select, self.place.cursor)
        self.table.changed()
        self._draw_panel()
        self._draw_time()
        self._draw_detail()
        self.refresh_bindings()
        self.call_after_refresh(self._news)
        if (key := self.table.selected) and key != DIVIDER:
            self._know(key)

    def _draw_panel(self) -> None:
        rows, shown = self.rows, self.rows.shown
        needy, aside = rows.needy, len(shown.items) - rows.needy
        hidden = sum(rows.item(key) is None for key in rows.marks)
        marked = f"{len(rows.marks)} marked" + (f", {hidden} hidden by the filter" if hidden else "")
        counts = [Count(self._query_problem, Mark.WARN)] if self._query_problem else []
        counts += [Count(marked, ink="focus")] if rows.marks else []
        of = f"{needy} of {shown.total}" if rows.query else str(needy)
        counts.append(Count(f"{of} need{'s' if needy == 1 else ''} a person"))
        counts += [Count(f"{aside} put aside")] if aside else []
        lost = bool(self.problem and self._looked_at)
        self.query_one(Panel).model = PanelModel(
            "On call",
            counts=() if self._first else tuple(counts),
            state=DataState.STALE if lost else DataState.OK,
            sentence=self.problem if lost else "",
            age=age(self._now() - self._looked_at) if lost else "",
            news=self._news_words(),
        )
        self.table.say_empty(self._empty())

    def _empty(self) -> str:
        if self.problem or self._query_problem:
            return self.problem or self._query_problem
        if self._first:
            return "Reading…"
        clear = " Escape shows everything again." if self.rows.query else ""
        return calm(self.rows.shown) + clear

    def _window(self) -> tuple[int, int]:
        top = self.table.top
        return top, top + max(self.table.visible_rows - 1, 1)

    def _news_words(self) -> str:
        first, last = self._window()
        return news_words(self.rows.above(first), self.rows.below(last))

    def _news(self) -> None:
        """What is new and on the screen by now was seen."""
        if not self.alive or self.app.screen is not self:
            return
        self.rows.looked_at(*self._window())
        self._draw_panel()

    def _tick(self) -> None:
        """Every second the agent; everything else only when an age can read differently."""
        if not self.alive:
            return
        main, now = self.app.main, self._now()
        self.query_one(AgentLine).model = triage_detail.agent(main.view, main.flow.doing, now)
        if now // sources_page.STEP_MS != self._drawn_at // sources_page.STEP_MS:
            self._draw_time()

    def _draw_time(self) -> None:
        """The clock, ages and deadlines; widgets repaint only rows that read differently."""
        if not self.alive:
            return
        main, now = self.app.main, self._now()
        self._drawn_at = now if main.view is not None else 0
        if main.view is not None:
            self.query_one(TopBar).model = models.top_bar(
                main.view,
                environment=self.app.environment,
                world=main.world,
                read_only=not self.rows.person,
                now=now,
                looked_at=self._looked_at or now,
                doing=main.flow.doing,
                replayed=any(status.replayed for status in self.statuses),
                needy=self.rows.needy,
            )
        self.query_one(AgentLine).model = triage_detail.agent(main.view, main.flow.doing, now)
        if self._first:
            return
        self.query_one(SourceStrip).model = sources_page.strip(self.statuses, now)
        self.query_one(OnCallBar).model = triage_detail.counts(self.rows.shown)
        self.table.changed()
        self._draw_detail()

    def _draw_detail(self) -> None:
        if self._first or not self.alive:
            return
        detail = self.query_one(Detail)
        item = self.selected_item()
        if item is None:
            on_divider = self.table.selected == DIVIDER
            words = "Put aside: silenced, snoozed, or a child of another. Enter shows or folds them."
            gone = "It left the list; move to go on." if self.table.gone else ""
            empty = words if on_divider else self.problem or gone or calm(self.rows.shown)
            detail.model = triage_detail.calm_detail(empty)
            return
        incident, suspects = self._facts.get(item.key, (None, []))
        detail.model = triage_detail.detail(
            item,
            person=self.rows.person,
            now=self._now(),
            suspects=suspects,
            incident=incident,
            members=[found.title for key in item.members if (found := self.rows.item(key))],
        )
        self.app.glanced("item", item.key)

    # what is known of one item ---------------------------------------------------------------------

    @work(exclusive=True, group="know")
    async def _know(self, key: str) -> None:
        """The incident and the suspect changes of an item, read once the cursor is on it."""
        try:
            facts = await self.app.hand.look(self._facts_of, key)
        except StasError as error:
            self.tell(str(error), error=True)
            return
        if self.alive:
            self._facts[key] = facts
            self._draw_detail()

    def _facts_of(self, key: str) -> tuple[Incident | None, list[Json]]:
        desk = self.app.application.desk
        return desk.incident(key), desk.suspects(key)

    # saying ---------------------------------------------------------------------------------------

    def tell(self, sentence: str, *, error: bool = False) -> None:
        """A sentence on lines of its own, above the keys; the list and the sources stay in view."""
        super().tell(sentence, error=error)
        if self._hush is not None:
            self._hush.stop()
        self._hush = self.set_timer(TOLD_S, lambda: self.tell("")) if sentence else None

    # keys -----------------------------------------------------------------------------------------

    def on_virtual_list_highlighted(self, message: VirtualList.Highlighted) -> None:
        """The cursor is on another item."""
        self._draw_detail()
        self.refresh_bindings()
        self._news()
        if message.key != DIVIDER:
            self._know(message.key)
        self.place.keep_soon()

    def on_virtual_list_entity_gone(self) -> None:
        """The item under the cursor left; nothing acts until the person moves."""
        self._draw_detail()
        self.refresh_bindings()

    def on_virtual_list_opened(self, message: VirtualList.Opened) -> None:
        """Enter: the gate, the incident, or everything about the item."""
        if message.key == DIVIDER:
            self.rows.fold()
            self.table.changed()
            self.place.keep_soon()
        else:
            self.acts.begin("open")

    def on_detail_evidence_opened(self, message: Detail.EvidenceOpened) -> None:
        """A piece of evidence."""
        self.app.main.flow.open_evidence(message.key)

    def action_mark(self) -> None:
        """Mark the item under the cursor, or take its mark away."""
        if (key := self.table.selected) is not None:
            self.rows.toggle(key)
            self.table.changed()
            self._draw_panel()
            self.refresh_bindings()
            self.place.keep_soon()

    def action_clear(self) -> None:
        """Marks first, then the filter; with neither, back to the dashboard."""
        if self.rows.marks:
            self.rows.marks.clear()
            self.table.changed()
            self._draw_panel()
            self.refresh_bindings()
            self.place.keep_soon()
        elif self.query_text:
            self.table.action_clear_filter()
        else:
            self.action_leave()

    def action_new(self) -> None:
        """Go to the first new item."""
        found = [*self.rows.above(self._window()[0]), *self.rows.below(self._window()[1])]
        if found:
            self.table.select(found[0].key)
            self.table.focus()

    def action_detail(self) -> None:
        """The keyboard to the detail, or back to the list."""
        (self.table if self.query_one(Detail).has_focus else self.query_one(Detail)).focus()

    def action_zoom(self) -> None:
        """The focused half alone, or both again."""
        zoomed = not (self.has_class("-zoomed") or self.has_class("-zoomed-detail"))
        on_detail = self.query_one(Detail).has_focus
        self.set_class(zoomed and not on_detail, "-zoomed")
        self.set_class(zoomed and on_detail, "-zoomed-detail")

    def action_leave(self) -> None:
        """Back to the dashboard; the list keeps its place."""
        self.place.keep()
        self.dismiss(None)

    def on_virtual_list_filtered(self) -> None:
        """Another filter is another place."""
        self.place.keep_soon()

    def use(self, query: str) -> None:
        """Show what a saved filter shows."""
        self.table.show_filter(query)
        self._narrow(query)
