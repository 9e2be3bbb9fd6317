"""One answer of one check: what it rests on, its places and statements, and the code or query behind each."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType

from stas_tui.isolation.cells import EVERYBODY, Board
from stas_tui.isolation.cells_said import Said
from stas_tui.screens import isolation_rows
from stas_tui.screens.dialogs import ShowText
from stas_tui.screens.isolation_acts import IsolationActs, Target
from stas_tui.screens.isolation_keys import KEY_RANKS, SHARED, IsolationKeys
from stas_tui.screens.isolation_rows import LEAD_COLUMNS, CheckEntry
from stas_tui.screens.told_line import ToldLine
from storage.check_records import Lead
from storage.errors import StasError
from storage.records import DataState
from widgets.detail import Detail, DetailModel
from widgets.keybar import KeyBar
from widgets.panel import Count, Panel, PanelModel
from widgets.rows import StaticRows
from widgets.virtual_list import VirtualList

if TYPE_CHECKING:
    from stas_tui.screens.isolation import IsolationScreen


class CheckScreen(IsolationKeys, ToldLine):
    """The check above, then leads and what was executed. It follows the matrix below it."""

    CSS_PATH = "isolation.tcss"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-roomy")]
    VERTICAL_BREAKPOINTS = [(0, "-low"), (30, "-tall")]
    HELP = (
        "What one check said and why it may be believed. Enter on a place shows the lines around it as they were at "
        "the commit that was read; on a statement all of it. Questions (asks) come from rules that are often wrong."
    )
    BINDINGS: ClassVar[list[BindingType]] = [*SHARED]

    def __init__(self, below: IsolationScreen, project_id: str, tenant: str, key: str, said: Said) -> None:
        """`tenant` is the row, `key` tells the answer in it."""
        super().__init__()
        self.acts = IsolationActs(self)
        self._below, self._project, self._tenant, self._key = below, project_id, tenant, key
        self.said = said
        self.rows = StaticRows()

    def compose(self) -> ComposeResult:
        """The check, then its proof."""
        yield Detail(DetailModel(empty="Reading…"), id="check")
        yield Panel(VirtualList(self.rows, LEAD_COLUMNS, id="leads"), model=PanelModel("Evidence"), id="proof")
        yield self.told_line()
        yield KeyBar(ranks=KEY_RANKS)

    def on_mount(self) -> None:
        """The evidence has the keyboard."""
        self._draw()
        self.query_one("#leads", VirtualList).focus()

    @property
    def board(self) -> Board | None:
        """The matrix below."""
        return self._below.board

    async def reload(self) -> None:
        """Look again; the answer may be another one now."""
        await self._below.reload()
        board = self.board
        if board is None or not self.is_mounted:
            return
        for cell in board.row(self._tenant):
            for entry in isolation_rows.entries(board, self._tenant, cell.point, isolation_rows.CELL):
                if entry.key == self._key:
                    self.said = entry.said
        self._draw()

    def _draw(self) -> None:
        now, said = self.app.application.clock.now(), self.said
        cell = (
            next((c for c in self.board.row(self._tenant) if c.point == said.spec.point), None) if self.board else None
        )
        if cell is not None:
            entry = CheckEntry(self._key, said, cell)
            self.query_one("#check", Detail).model = isolation_rows.check_detail(entry, now, "")
        self.rows.replace(isolation_rows.proof_rows(said))
        self.query_one("#leads", VirtualList).changed()
        executed = len(said.result.executed) if said.result is not None else 0
        places = f"{len(said.leads)} place{'' if len(said.leads) == 1 else 's'}"
        counts = (Count(places), Count(f"{executed} executed"))
        empty = "It found no place to look at and executed nothing."
        self.query_one("#proof", Panel).model = PanelModel(
            f"Evidence for {self._tenant or EVERYBODY}",
            counts=counts,
            state=DataState.OK if len(self.rows) else DataState.EMPTY,
            sentence=empty,
        )
        self.refresh_bindings()

    # what the cursor is on ------------------------------------------------------------------------

    def lead(self) -> Lead | None:
        """The lead under the cursor."""
        kind, _, number = (self.query_one("#leads", VirtualList).selected or "").partition("/")
        return self.said.leads[int(number)] if kind == "lead" and int(number) < len(self.said.leads) else None

    def target(self) -> Target | None:
        """The check, and the lead under the cursor."""
        return Target(self._project, self._tenant, self.said, self.lead() if self.query("#leads") else None)

    def as_text(self) -> str:
        """Everything about the check."""
        lead = self.lead()
        return isolation_rows.lead_text(self.said, lead) if lead is not None else isolation_rows.raw(self.said)

    def on_virtual_list_highlighted(self) -> None:
        """The cursor is on another place."""
        self.refresh_bindings()

    def on_virtual_list_opened(self, message: VirtualList.Opened) -> None:
        """Enter: the code around a place, or the whole statement."""
        kind, _, number = message.key.partition("/")
        lead = self.lead()
        if lead is not None:
            self._open(lead)
        elif kind == "run" and self.said.result is not None and int(number) < len(self.said.result.executed):
            text = self.said.result.executed[int(number)]
            self.app.push_screen(ShowText(f"{self.said.spec.id} executed {int(number) + 1}", text))

    @work(exclusive=True, group="source")
    async def _open(self, lead: Lead) -> None:
        """The lines around a lead, as they were when they were read; else the lead's own words."""
        text = isolation_rows.lead_text(self.said, lead)
        if lead.path and lead.line and self.said.commit:
            try:
                content = await self.app.hand.look(
                    self.app.application.rounds.source, self._project, self.said.commit, lead.path
                )
            except StasError as error:
                text = f"{text}\nThe file cannot be shown: {error}\n"
            else:
                if content is not None:
                    text = isolation_rows.source_text(content, lead, self.said.commit)
        self.app.push_screen(ShowText(f"{self.said.spec.id} {lead.place}", text))
