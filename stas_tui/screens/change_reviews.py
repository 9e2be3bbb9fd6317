"""The pull requests that want a review before their merge: those of step 8, and those that somebody asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen

from stas_tui.screens.change_review import REVIEW_CSS
from stas_tui.screens.change_reviews_read import COLUMNS, Wanted, read_wanted
from stas_tui.screens.common import HELP_KEY, PAUSE_KEY, ClickedKeys
from stas_tui.screens.told_line import ToldLine
from stas_tui.texts.lines import count
from storage.clock import hhmm
from storage.errors import StasError
from storage.records import DataState
from widgets.keybar import KeyBar
from widgets.panel import Count, Panel, PanelModel
from widgets.paper import Heading, Paper
from widgets.rows import StaticRows
from widgets.title_line import TitleLine
from widgets.virtual_list import VirtualList

if TYPE_CHECKING:
    from stas_tui.app import StasApp

ASKING = PanelModel("Reviews", state=DataState.EMPTY, sentence="Asking the forges…")


class ReviewsScreen(ClickedKeys, ToldLine, Screen[None]):
    """The list. Enter opens one; nothing here changes anything."""

    CSS = REVIEW_CSS.format(name="ReviewsScreen")
    SCOPED_CSS: ClassVar[bool] = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "again", "look again", id="change.again"),
        Binding("slash", "filter", "filter", id="list.filter"),
        Binding("q", "leave", "back", id="change.back"),
        Binding("escape", "clear", "clear filter", id="list.clear_filter", show=False),
        PAUSE_KEY,
        HELP_KEY,
    ]
    HELP = (
        "Open pull requests of others that touch container files, CI, configuration or migrations, and those that a "
        "message asks about. Enter asks every check about one.\n"
        "  ◆ not read since its head moved   ▲ flagged by step 8   ◌ read, and nothing flagged: not proven sound\n"
        "Verdict tells what was sent from here about its present head."
    )

    app: StasApp

    def __init__(self) -> None:
        super().__init__()
        self._rows = StaticRows()
        self._wanted: dict[str, Wanted] = {}
        self._problems: list[str] = []

    def compose(self) -> ComposeResult:
        """Title, list, what is known of the row, what could not be asked."""
        yield TitleLine("Pull requests to review before their merge")
        now = self.app.application.clock.now
        yield Panel(VirtualList(self._rows, COLUMNS, now=now, id="rows-list"), model=ASKING, id="rows")
        yield Paper(id="behind")
        yield self.told_line()
        yield KeyBar()

    def on_mount(self) -> None:
        """Ask at once."""
        self.table.focus()
        self.action_again()

    @property
    def table(self) -> VirtualList:
        """The list."""
        return self.query_one("#rows-list", VirtualList)

    @work(exclusive=True, group="read")
    async def action_again(self) -> None:
        """Ask the forges."""
        self.query_one(TitleLine).tick(hhmm(self.app.application.clock.now()))
        try:
            found, self._problems = await self.app.hand.wait_for(read_wanted, self.app.application.context)
        except StasError as error:
            found, self._problems = [], [str(error)]
        if not self.is_mounted or not self.query("#rows-list"):
            return
        self._wanted = {one.row.key: one for one in found}
        self._rows.replace([one.row for one in found])
        self.table.changed()
        self.query_one(Panel).model = self._border(len(found))
        self._draw_behind()
        self.tell("\n".join(self._problems), error=bool(self._problems))
        self.refresh_bindings()

    def _border(self, number: int) -> PanelModel:
        if number:
            return PanelModel("Reviews", counts=(Count(count(number, "pull request")),))
        if self._problems:
            return PanelModel("Reviews", state=DataState.ERROR, sentence="\n".join(self._problems))
        return PanelModel("Reviews", state=DataState.EMPTY, sentence="No open pull request wants a review.")

    def _draw_behind(self) -> None:
        one = self._wanted.get(self.table.selected or "")
        self.query_one("#behind", Paper).show(one.blocks if one else [Heading("Nothing is selected")], another=True)

    def on_virtual_list_highlighted(self) -> None:
        """The cursor moved."""
        self._draw_behind()

    def on_virtual_list_opened(self) -> None:
        """Enter, or a second click."""
        self.action_open()

    def action_open(self) -> None:
        """Review it."""
        one = self._wanted.get(self.table.selected or "")
        if one is not None and one.why:
            self.tell(one.why, error=True)
        elif one is not None:
            review = self.app.review_screen(one.project, one.number, asked_by=one.asked_by, message_id=one.message_id)
            self.app.push_screen(review, self._back)

    def _back(self, _: None) -> None:
        """From one of them: a verdict may be there now."""
        self.action_again()

    def action_filter(self) -> None:
        """Filter the list."""
        self.table.action_filter()

    def action_clear(self) -> None:
        """The filter first; without one, back."""
        if self.table.filter_text:
            self.table.action_clear_filter()
        else:
            self.action_leave()

    def action_leave(self) -> None:
        """Back to the dashboard."""
        self.dismiss(None)
