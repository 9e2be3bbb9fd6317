"""The isolation matrix on the whole screen: the cells, what each check says, how far a round is, what moved."""

from __future__ import annotations

from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Static

from stas_tui.isolation.base import POINTS, UNDECLARED
from stas_tui.isolation.cells import Board
from stas_tui.isolation.cells_take import Look
from stas_tui.isolation.trend import Seen
from stas_tui.pulse.matrix import MatrixLine, lines
from stas_tui.screens import isolation_panel, isolation_rows, models
from stas_tui.screens.hand import FALLBACK_S
from stas_tui.screens.isolation_acts import IsolationActs, Target
from stas_tui.screens.isolation_keys import KEY_RANKS, SHARED, IsolationKeys
from stas_tui.screens.isolation_rows import CELL, CHECK_COLUMNS, FILTERS, MOVED, CheckEntry
from stas_tui.screens.told_line import ToldLine
from storage.check_records import ALL_TENANTS
from storage.clock import age
from storage.errors import StasError
from widgets.content import safe
from widgets.detail import Detail, DetailModel
from widgets.keybar import KeyBar
from widgets.matrix import Matrix
from widgets.panel import Panel, PanelModel
from widgets.rows import StaticRows
from widgets.steady_list import SteadyList
from widgets.topbar import TopBar, TopBarModel

TICK_S = 0.5
LOOK_S = 15.0
"""So often the matrix is looked at although nobody wrote anything: answers run out."""
TOLD_S = 8.0
MOST_ROWS = 12
"""Rows of the matrix on the screen; the rest is scrolled to."""


class IsolationScreen(IsolationKeys, ToldLine):
    """Cells above, the checks of the cell below them, the check under the cursor last."""

    CSS_PATH = "isolation.tcss"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-roomy")]
    VERTICAL_BREAKPOINTS = [(0, "-low"), (30, "-tall")]
    HELP = (
        "Rows are tenants, columns points of the routine. A cell is as bad as the worst that a check says in it.\n"
        "  ✖ leak: grave, and nobody accepted it   ▲ flagged   ‖ flagged and accepted   ◌ unknown, never green\n"
        "  ✓ verified by something that ran and has not run out   · n/a by declaration   + better   - worse"
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "switch", "matrix / checks", id="isolation.switch", tooltip="To the checks, or back."),
        Binding("r", "act('scan')", "rescan", id="isolation.scan", tooltip="Run what no longer holds."),
        Binding("R", "act('scan_all')", "rescan all", id="isolation.scan_all", tooltip="Run every check again."),
        Binding("t", "act('scan_tenant')", "rescan tenant", id="isolation.scan_tenant", tooltip="The row's checks."),
        *SHARED,
        Binding("v", "filter", "flagged / unknown", id="isolation.filter", tooltip="All of the row that is so."),
        Binding("n", "moved", "what moved", id="isolation.moved", tooltip="What came, went, got better or worse."),
        Binding("D", "act('draft')", "draft tenancy", id="isolation.draft", tooltip="Draft the tenancy file."),
        Binding("P", "project", "project", id="isolation.project", tooltip="The next project."),
    ]

    def __init__(self, at: tuple[str, str] | None = None) -> None:
        """`at` is the row's key and the point's label where the cursor begins."""
        super().__init__()
        self.acts = IsolationActs(self)
        self._at = at
        self.look: Look | None = None
        self.problem = ""
        self.rows = StaticRows()
        self.showing = CELL
        self._lines: tuple[MatrixLine, ...] = ()
        self._entries: dict[str, CheckEntry] = {}
        self._place: tuple[str, str] = (ALL_TENANTS, POINTS[0])
        self._listed: tuple[tuple[str, str], str] | None = None
        self._looked_at = 0
        self._hush = 0
        self._project = at[0].partition("/")[0] if at else ""

    # layout ---------------------------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        """From the whole to the part."""
        now = self.app.application.clock.now
        yield TopBar(TopBarModel(environment=self.app.environment, quiet="reading…"))
        yield Static("", id="problem")
        with Vertical(id="work"):
            yield Panel(Matrix(id="cells"), model=PanelModel("Isolation", sentence="Reading…"), id="board")
            yield Panel(
                SteadyList(self.rows, CHECK_COLUMNS, now=now, id="checks"), model=PanelModel("Checks"), id="list"
            )
            yield Detail(DetailModel(empty="Reading…"))
        yield self.told_line()
        yield KeyBar(ranks=KEY_RANKS)

    def on_mount(self) -> None:
        """Start looking."""
        if not self._project:
            self._project = next(iter(self.app.application.rounds.projects()), "")
        self.query_one(Matrix).focus()
        self.watch_changes()
        self.set_interval(TICK_S, self._tick)

    # looking --------------------------------------------------------------------------------------

    @work(exclusive=True, group="watch")
    async def watch_changes(self) -> None:
        """Look whenever somebody rings or the record changed."""
        hand, first = self.app.hand, True
        with self.app.application.bell.listen() as ear:
            while self.is_mounted:
                late = self._now() - self._looked_at >= LOOK_S * 1000
                if await hand.look(hand.changed, "isolation") or first or late:
                    await self.reload()
                first = False
                await hand.wait_for(ear.wait, FALLBACK_S)

    async def reload(self) -> None:
        """Look now and draw what changed; a matrix that cannot be read stays, and says so."""
        if not self._project:
            self.problem = "No project is configured; add one to stas.toml."
            self._draw()
            return
        try:
            look = await self.app.hand.look(self.app.application.rounds.look, self._project)
        except StasError as error:
            self.problem = str(error)
        else:
            self.problem = ""
            if look.board.project_id == self._project:
                self.look, self._looked_at = look, self._now()
        self._draw()

    def _now(self) -> int:
        return self.app.application.clock.now()

    @property
    def board(self) -> Board | None:
        """The matrix that is shown."""
        return self.look.board if self.look is not None else None

    # drawing --------------------------------------------------------------------------------------

    def _draw(self) -> None:
        if not self.query(Matrix):
            return
        matrix = self.query_one(Matrix)
        if self.look is not None:
            board = self.look.board
            self._lines = lines([self.look], (), {})
            matrix.model = isolation_panel.model(self._lines, POINTS)
            self.query_one("#board").styles.height = min(len(self._lines), MOST_ROWS) + 3
            if self._at is not None:
                matrix.select(*self._at)
                self._at = None
            self._take_place(board)
            self._draw_problem(board)
        self._draw_borders()
        self._draw_list()
        self._draw_top()
        self.refresh_bindings()

    def _take_place(self, board: Board) -> None:
        selected = self.query_one(Matrix).selected
        if selected is not None:
            tenant = selected[0].partition("/")[2]
            point = isolation_panel.POINTS_OF_LABELS.get(selected[1], selected[1])
            if (tenant, point) in board.cells:
                self._place = tenant, point

    def _draw_top(self) -> None:
        view = self.app.main.view
        if view is not None:
            self.query_one(TopBar).model = models.top_bar(
                view,
                environment=self.app.environment,
                world=self.app.main.world,
                read_only=not self.app.application.person,
                now=self._now(),
                looked_at=self._looked_at or self._now(),
                doing=self.app.main.flow.doing,
            )

    def _draw_borders(self) -> None:
        now, look = self._now(), self.look
        under = self.app.application.rounds.under(self._project)
        old = age(now - self._looked_at) if self._looked_at else ""
        self.query_one("#board", Panel).model = isolation_panel.whole(look, self._lines, under, now, self.problem, old)

    def _draw_list(self) -> None:
        look, shown = self.look, self.query_one("#checks", SteadyList)
        if look is None:
            return
        if self.showing == MOVED:
            self._entries = {}
            self.rows.replace(isolation_rows.moved_rows(look.trend, look.board))
        else:
            found = isolation_rows.entries(look.board, *self._place, self.showing)
            self._entries = {entry.key: entry for entry in found}
            self.rows.replace(isolation_rows.check_rows(found, self._now()))
        if (self._place, self.showing) != self._listed:
            self._listed = self._place, self.showing
            shown.restart()
            shown.jump(0)
        self.query_one("#list", Panel).model, empty = isolation_rows.border(look, self._place, self.showing)
        shown.say_empty(empty)
        shown.changed()
        self._draw_detail()

    def _draw_detail(self) -> None:
        look = self.look
        if look is None or not self.query(Detail):
            return
        self.query_one(Detail).model = isolation_rows.check_detail(self.entry(), self._now(), self._instead())

    def _instead(self) -> str:
        """What stands in the detail while no check is under the cursor."""
        seen = self._seen()
        if seen is not None:
            place = f"{seen.lead.place}: " if seen.lead.place else ""
            return f"{seen.check} {place}{seen.lead.text}"
        return "Nothing is selected."

    def _draw_problem(self, board: Board) -> None:
        """Why nothing can be said by the tenancy file, and where it is."""
        told = ""
        if board.problem:
            does = "; D does it here" if board.problem == UNDECLARED else ""
            told = f"{board.problem[0].upper()}{board.problem[1:].rstrip('.')}{does}."
            file = str(self.app.application.rounds.file(self._project))
            told += "" if file in told else f" The file: {file}"
        for line in self.query("#problem").results(Static):
            line.update(safe(told))
            line.set_class(bool(told), "-said")

    def _seen(self) -> Seen | None:
        key = self.query_one("#checks", SteadyList).selected
        return isolation_rows.seen_of(self.look.trend, key) if self.look is not None and key else None

    def entry(self) -> CheckEntry | None:
        """The check under the cursor of the list."""
        key = self.query_one("#checks", SteadyList).selected
        return self._entries.get(key) if key else None

    def target(self) -> Target | None:
        """The check under the cursor, in the row of the matrix."""
        entry, board = self.entry(), self.board
        if entry is None or board is None:
            return None
        return Target(board.project_id, self._place[0], entry.said)

    def as_text(self) -> str:
        """Everything that stands behind the cell."""
        from stas_tui.isolation.report import evidence

        board = self.board
        return "\n".join(evidence(board.cell(*self._place), board.at)) + "\n" if board is not None else self.problem

    def _tick(self) -> None:
        """How far a round is, and ages."""
        if self.app.screen is not self or self.look is None:
            return
        self._draw_borders()
        self._draw_top()
        self.query_one("#checks", SteadyList).changed()
        if self._hush and self._now() >= self._hush:
            self.tell("")

    def tell(self, sentence: str, *, error: bool = False) -> None:
        """A sentence above the keys; nothing lies over the matrix."""
        super().tell(sentence, error=error)
        self._hush = self._now() + int(TOLD_S * 1000) if sentence else 0

    # keys -----------------------------------------------------------------------------------------

    def on_matrix_cell_highlighted(self) -> None:
        """The cursor is on another cell."""
        if self.board is not None:
            self._take_place(self.board)
            if self.showing == MOVED:
                self.showing = CELL
            self._draw_list()
            self.refresh_bindings()

    def on_matrix_cell_opened(self) -> None:
        """Enter on a cell: its checks have the keyboard."""
        self.query_one("#checks", SteadyList).focus()

    def on_virtual_list_highlighted(self) -> None:
        """The cursor is on another check."""
        self._draw_detail()
        self.refresh_bindings()

    def on_virtual_list_entity_gone(self) -> None:
        """The check under the cursor left; nothing acts until the person moves."""
        self._draw_detail()
        self.refresh_bindings()

    def on_virtual_list_opened(self) -> None:
        """Enter on a check: its evidence; on what moved: the lead, or the cell."""
        entry, board = self.entry(), self.board
        if entry is not None and board is not None:
            from stas_tui.screens.isolation_check import CheckScreen

            self.app.push_screen(CheckScreen(self, board.project_id, self._place[0], entry.key, entry.said))
            return
        key = self.query_one("#checks", SteadyList).selected or ""
        if key.startswith("cell/"):
            _, tenant, point = key.split("/", 2)
            row = f"{self._project}/{tenant}"
            self.query_one(Matrix).select(row, isolation_panel.POINT_LABELS.get(point, point))
            self.query_one(Matrix).focus()
        elif (seen := self._seen()) is not None:
            from stas_tui.screens.dialogs import ShowText

            text = f"{seen.check} {seen.lead.place}\n{seen.lead.text}\n\n{seen.lead.code}\n"
            self.app.push_screen(ShowText(f"{seen.check} {seen.lead.place}", text))

    def on_detail_evidence_opened(self) -> None:
        """A piece of evidence in the detail: the same as enter on the check."""
        self.on_virtual_list_opened()

    def action_switch(self) -> None:
        """From the matrix to the checks to the detail, and round again."""
        order = [self.query_one(Matrix), self.query_one("#checks", SteadyList), self.query_one(Detail)]
        here = next((n for n, each in enumerate(order) if each.has_focus), -1)
        order[(here + 1) % len(order)].focus()

    def action_filter(self) -> None:
        """The cell's checks, then all of the row that is flagged, then all that is unknown."""
        here = FILTERS.index(self.showing) if self.showing in FILTERS else -1
        self._show(FILTERS[(here + 1) % len(FILTERS)])

    def action_moved(self) -> None:
        """What moved since the last pulse, or the cell's checks again."""
        self._show(CELL if self.showing == MOVED else MOVED)

    def _show(self, what: str) -> None:
        self.showing = what
        self._draw_list()
        if what != CELL and len(self.rows):
            self.query_one("#checks", SteadyList).focus()
        self.refresh_bindings()

    def action_project(self) -> None:
        """The next project."""
        projects = list(self.app.application.rounds.projects())
        if len(projects) > 1:
            here = projects.index(self._project) if self._project in projects else -1
            self._project = projects[(here + 1) % len(projects)]
            self.look, self.showing = None, CELL
            self.run_worker(self.reload(), group="project", exclusive=True)

    def action_clear(self) -> None:
        """The cell's checks again, else the matrix, else back."""
        if self.showing != CELL:
            self._show(CELL)
        elif not self.query_one(Matrix).has_focus:
            self.query_one(Matrix).focus()
        else:
            self.action_back()
