"""The pull requests that want a review before their merge: those of step 8, and those that somebody asks for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Static

from stas_tui.forges.base import ForgeError
from stas_tui.screens.change_review import REVIEW_CSS
from stas_tui.screens.common import HELP_KEY, PAUSE_KEY, ClickedKeys, Told
from stas_tui.texts.lines import count, one_line, redacted
from storage.clock import hhmm
from storage.errors import StasError
from storage.records import DataState, Json
from widgets.content import safe
from widgets.keybar import KeyBar
from widgets.panel import Count, Panel, PanelModel
from widgets.rows import Cell, Column, ListRow, StaticRows
from widgets.title_line import TitleLine
from widgets.tokens import Mark
from widgets.virtual_list import VirtualList

if TYPE_CHECKING:
    from stas_tui.app import StasApp
    from stas_tui.pulse.context import Context

COLUMNS = (
    Column("pull request", 14),
    Column("what"),
    Column("why", 40, ink="ink-2", rank=1),
    Column("author", 10, ink="ink-3", rank=2),
    Column("age", 4, right=True, ink="ink-3"),
)
CHECK_STEP = 8
ASKING = PanelModel("Reviews", state=DataState.EMPTY, sentence="Asking the forges…")
MARKS = {"flagged": Mark.WARN, "unknown": Mark.UNKNOWN}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One row: a pull request, or a request for one that is not there."""

    project: str
    number: int
    row: ListRow
    asked_by: str = ""
    message_id: str = ""
    why: str = ""
    """Why nothing can be opened; empty for a pull request."""


def read_wanted(context: Context) -> tuple[list[Wanted], list[str]]:
    """What the forges have now, with what step 8 last read of it, and which forge did not answer."""
    from stas_tui.pulse.reviewing import due

    known = {(row["project"], row["number"]): row for row in _of_step(context)}
    found: list[Wanted] = []
    problems: list[str] = []
    for project, repo in context.rules.repos.items():
        try:
            wanted, missing = due(context, project, repo)
        except ForgeError as error:
            problems.append(f"{project} was not asked: {error}")
            continue
        for one in wanted:
            read = known.get((project, one.pr.number), {})
            same = read.get("head") == one.pr.head_sha
            mark = MARKS.get(read.get("verdict", ""), Mark.UNKNOWN) if same else Mark.HUMAN
            asked = one.asked[0] if one.asked else None
            found.append(
                Wanted(
                    project=project,
                    number=one.pr.number,
                    row=_row(
                        f"{project}#{one.pr.number}",
                        f"#{one.pr.number} {project}",
                        one.pr.title,
                        one.why,
                        one.pr.author,
                        one.pr.created_at,
                        mark,
                    ),
                    asked_by=one_line(redacted(asked.sender), 40) if asked else "",
                    message_id=asked.id if asked else "",
                )
            )
        for lost in missing:
            key = f"{project}#{lost.number} {lost.message.id}"
            name, sender = f"#{lost.number} {project}", lost.message.sender
            found.append(
                Wanted(
                    project=project,
                    number=lost.number,
                    row=_row(key, name, lost.text, "not found", sender, lost.message.at, Mark.WARN),
                    message_id=lost.message.id,
                    why=f"{lost.text}; the message stays open.",
                )
            )
    return found, problems


def _of_step(context: Context) -> list[Json]:
    """What step 8 of the latest pulse that has one said of each."""
    for pulse in context.pulses.latest(5):
        rows = context.pulses.steps(pulse.id)[CHECK_STEP - 1].data.get("reviews")
        if rows is not None:
            return list(rows)
    return []


def _row(key: str, name: str, title: str, why: str, author: str, at: int, mark: Mark) -> ListRow:
    texts = [one_line(redacted(text), 200) for text in (title, why, author)]
    cells = (Cell(name), Cell(texts[0], bold=True), Cell(texts[1]), Cell(texts[2]), Cell(at=at or None))
    return ListRow(key=key, version="".join([*texts, mark]), cells=cells, state=mark)


class ReviewsScreen(ClickedKeys, Told, Screen[None]):
    """The list. Enter opens one; nothing here changes anything."""

    CSS = REVIEW_CSS.format(name="ReviewsScreen")
    SCOPED_CSS: ClassVar[bool] = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "details", id="list.details"),
        Binding("r", "again", "look again", id="change.again"),
        Binding("slash", "filter", "filter", id="list.filter"),
        Binding("q", "leave", "back", id="change.back"),
        Binding("escape", "clear", "clear filter", id="list.clear_filter", show=False),
        PAUSE_KEY,
        HELP_KEY,
    ]
    HELP = (
        "Open pull requests of others that touch container files, CI, configuration or migrations, and those that a "
        "message asks about. A diamond was not read since its head moved; a triangle is flagged."
    )

    app: StasApp

    def __init__(self) -> None:
        super().__init__()
        self._rows = StaticRows()
        self._wanted: dict[str, Wanted] = {}
        self._problems: list[str] = []

    def compose(self) -> ComposeResult:
        """Title, list, what could not be asked."""
        yield TitleLine("Pull requests to review before their merge")
        now = self.app.application.clock.now
        yield Panel(VirtualList(self._rows, COLUMNS, now=now, id="rows-list"), model=ASKING, id="rows")
        yield Static("", id="told")
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
        self.tell("\n".join(self._problems), error=bool(self._problems))
        self.refresh_bindings()

    def _border(self, number: int) -> PanelModel:
        if number:
            return PanelModel("Reviews", counts=(Count(count(number, "pull request")),))
        if self._problems:
            return PanelModel("Reviews", state=DataState.ERROR, sentence="\n".join(self._problems))
        return PanelModel("Reviews", state=DataState.EMPTY, sentence="No open pull request wants a review.")

    def tell(self, sentence: str, *, error: bool = False) -> None:
        """A sentence above the keys, until the next."""
        for told in self.query("#told").results(Static):
            told.update(safe(sentence))
            told.set_class(bool(sentence), "-said")
            told.set_class(error, "-wrong")

    def on_virtual_list_opened(self) -> None:
        """Enter, or a second click."""
        self.action_open()

    def action_open(self) -> None:
        """Review it."""
        from stas_tui.screens.change_review import ChangeReviewScreen

        one = self._wanted.get(self.table.selected or "")
        if one is not None and one.why:
            self.tell(one.why, error=True)
        elif one is not None:
            self.app.push_screen(
                ChangeReviewScreen(one.project, one.number, asked_by=one.asked_by, message_id=one.message_id)
            )

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
