"""A pull request before its merge: the routine's four questions, what was found, its files, the way to a verdict."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, Protocol

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Static

from stas_tui.review.codec import Arriving
from stas_tui.review.process import ReviewChild, review_argv
from stas_tui.screens.change_review_rows import COLUMNS, Spot, spots, tally
from stas_tui.screens.change_review_text import blocks, evidence, facts, standing, unrehearsed
from stas_tui.screens.common import HELP_KEY, PAUSE_KEY, ClickedKeys, Told
from stas_tui.screens.dialogs import ShowText
from storage.clock import hhmm
from storage.errors import StasError
from storage.records import Json
from storage.redact import redact
from widgets.content import safe
from widgets.keybar import KeyBar
from widgets.panel import Count, Panel, PanelModel
from widgets.paper import Paper
from widgets.printable import flat
from widgets.rows import StaticRows
from widgets.title_line import TitleLine
from widgets.virtual_list import VirtualList

if TYPE_CHECKING:
    from stas_tui.app import StasApp
    from stas_tui.locations import Profile


class Command(Protocol):
    """The arguments of the process that reviews a pull request."""

    def __call__(self, profile: Profile, project_id: str, number: int, *, rehearse: bool) -> list[str]:
        """Program first."""
        ...


KEY_RANKS = {"change.text": 1, "change.copy": 2, "change.again": 3, "list.filter": 4}
REVIEW_CSS = """
{name} {{ background: $base; layout: vertical; }}
{name} #facts {{ height: 1; padding: 0 1; background: $bar; color: $ink-2; }}
{name} #facts {{ text-wrap: nowrap; text-overflow: ellipsis; }}
{name} #standing {{ height: auto; max-height: 3; padding: 0 1; color: $ink; }}
{name} #standing.-wrong {{ color: $crit; text-style: bold; }}
{name} #rows {{ height: 2fr; }}
{name} #behind {{ height: 1fr; min-height: 6; border-top: solid $rule; }}
{name} #told {{ display: none; height: auto; max-height: 4; padding: 0 1; background: $bar; color: $ink; }}
{name} #told.-said {{ display: block; }}
{name} #told.-wrong {{ color: $crit; text-style: bold; }}
App.-ascii {name} #behind {{ border-top: ascii $rule; }}
"""


class ChangeReviewScreen(ClickedKeys, Told, Screen[None]):
    """One pull request. Its checks run in a process of their own; nothing here is sent on one key."""

    CSS = REVIEW_CSS.format(name="ChangeReviewScreen")
    SCOPED_CSS: ClassVar[bool] = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("V", "verdict", "verdict", id="change.verdict"),
        Binding("R", "rehearse", "rehearse", id="change.rehearse"),
        Binding("r", "again", "look again", id="change.again"),
        Binding("X", "cancel", "cancel", id="change.cancel"),
        Binding("t", "text", "its text", id="change.text"),
        Binding("tab", "behind", "list / detail", id="change.detail", show=False),
        Binding("y", "copy", "copy", id="change.copy", show=False),
        Binding("slash", "filter", "filter", id="list.filter", show=False),
        Binding("q", "leave", "back", id="change.back"),
        Binding("escape", "clear", "clear filter", id="list.clear_filter", show=False),
        PAUSE_KEY,
        HELP_KEY,
    ]
    HELP = (
        "A pull request before its merge. Enter opens the row: the diff of a file, or all evidence of a question.\n"
        "What is flagged accuses; a diamond asks you, because its rule is often wrong; unknown is never good news.\n"
        "R runs its migrations up, down and up on a scratch database in a process without network. V writes a comment "
        "or a request for changes, which waits as a gate. Approving and merging stay with people on the forge."
    )

    app: StasApp

    def __init__(self, project_id: str, number: int, *, asked_by: str = "", message_id: str = "") -> None:
        """`asked_by` and `message_id` tell who asked for it and in which message."""
        super().__init__()
        self.project_id, self.number = project_id, number
        self.asked_by, self.message_id = asked_by, message_id
        self.known: Arriving | None = None
        self.problem = ""
        self.doing = ""
        """What is being done now; empty while nothing runs."""
        self._rows = StaticRows()
        self._spots: dict[str, Spot] = {}
        self._child: ReviewChild | None = None
        self._round = 0
        self.command: Command = review_argv
        """How a review is started."""

    # layout ---------------------------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        """Title, facts, what follows, the rows, what stands behind one of them."""
        yield TitleLine(f"Pull request #{self.number}")
        yield Static("", id="facts")
        yield Static("", id="standing")
        yield Panel(VirtualList(self._rows, COLUMNS, id="rows-list"), model=PanelModel("Review"), id="rows")
        yield Paper(id="behind")
        yield Static("", id="told")
        yield KeyBar(ranks=KEY_RANKS)

    def on_mount(self) -> None:
        """Ask at once."""
        self.table.focus()
        self._draw()
        self.begin(rehearse=self._always())

    def on_unmount(self) -> None:
        """End what runs, beside the interface."""
        self._round += 1
        if self._child is not None:
            threading.Thread(target=self._child.close, name="stas-review-end", daemon=True).start()

    @property
    def table(self) -> VirtualList:
        """The rows."""
        return self.query_one("#rows-list", VirtualList)

    @property
    def alive(self) -> bool:
        """Whether the screen stands; answers may still arrive on the way out."""
        return self.is_mounted and bool(self.query("#rows-list")) and bool(self.query(KeyBar))

    def _always(self) -> bool:
        project = self.app.application.settings.project_by_id(self.project_id)
        return project is not None and project.rehearse.always

    # the checks -----------------------------------------------------------------------------------

    @work(exclusive=True, group="begin")
    async def begin(self, *, rehearse: bool) -> None:
        """Start a process that reviews; one that runs is ended first."""
        self._round += 1
        old, self._child = self._child, None
        self.doing, self.problem = "starting", ""
        self._draw()
        mine, loop, here = self._round, asyncio.get_running_loop(), contextvars.copy_context()

        def hear(line: Json) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._heard, mine, line, context=here)

        try:
            if old is not None:
                await self.app.hand.wait_for(old.close)
            child = await self.app.hand.wait_for(self._started, hear, rehearse)
        except (StasError, OSError) as error:
            self.problem, self.doing = f"The checks could not be started: {error}", ""
            self._draw()
            return
        if self.alive and mine == self._round:
            self._child = child
        else:
            await self.app.hand.wait_for(child.close)

    def _started(self, hear: Callable[[Json], None], rehearse: bool) -> ReviewChild:
        profile = self.app.application.profile
        argv = self.command(profile, self.project_id, self.number, rehearse=rehearse)
        return ReviewChild(profile, self.project_id, argv=argv, hear=hear)

    def _heard(self, mine: int, line: Json) -> None:
        """One line of the process that was started last."""
        if mine != self._round or not self.alive:
            return
        event = line.get("event")
        if event == "step":
            self.doing = flat(str(line.get("text", "")), 160)
        elif event == "begun":
            self.known = Arriving.of(line)
        elif event == "result" and self.known is not None:
            self.known.result(line["result"])
        elif event == "ended" and self.known is not None:
            self.known.whole, self.doing = True, ""
        elif event == "cancelled":
            self.doing = ""
            self.tell("Ended. What was found until then stands; r asks everything again.")
        elif event == "refused":
            self.problem, self.doing = str(line.get("reason", "")), ""
        elif event == "gone":
            self._gone(int(line.get("status") or 0))
        self._draw()

    def _gone(self, status: int) -> None:
        if self.doing and not self.problem:
            self.problem = f"The checks ended with status {status}; review.log in the profile says more."
        self.doing = ""

    # drawing --------------------------------------------------------------------------------------

    def _draw(self) -> None:
        if not self.alive:
            return
        known = self.known
        self.query_one(TitleLine).tick(hhmm(self.app.application.clock.now()))
        if known is not None:
            found = spots(known)
            self._spots = {spot.key: spot for spot in found}
            self._rows.replace([spot.row for spot in found])
            self.query_one("#facts", Static).update(safe(flat(self._facts(known), 400)))
        self.table.changed()
        self._draw_standing()
        counts = [Count(tally(known))] if known is not None else []
        self.query_one(Panel).model = PanelModel(self._title(), counts=tuple(counts))
        self._draw_behind()
        self.refresh_bindings()

    def _facts(self, known: Arriving) -> str:
        return redact(facts(known, asked_by=self.asked_by))

    def _title(self) -> str:
        return flat(redact(self.known.pull.title), 100) if self.known is not None else "Review"

    def _draw_standing(self) -> None:
        line = self.query_one("#standing", Static)
        line.set_class(bool(self.problem), "-wrong")
        if self.problem:
            stays = f" {self.message_id} stays open." if self.message_id else ""
            line.update(safe(f"{self.problem}{stays}"))
        elif self.doing:
            line.update(safe(f"Asking: {self.doing}. X ends it."))
        elif self.known is not None and not self.known.whole:
            line.update(safe("Not everything was asked; r asks again."))
        elif self.known is not None:
            line.update(safe(standing(self.known)))

    def _draw_behind(self) -> None:
        if self.known is not None:
            self.query_one("#behind", Paper).show(blocks(self.known, self.selected()), another=True)

    def selected(self) -> Spot | None:
        """What the cursor is on."""
        return self._spots.get(self.table.selected or "") if self.alive else None

    def on_virtual_list_highlighted(self) -> None:
        """The cursor moved."""
        self._draw_behind()

    def tell(self, sentence: str, *, error: bool = False) -> None:
        """A sentence above the keys, until the next."""
        for told in self.query("#told").results(Static):
            told.update(safe(sentence))
            told.set_class(bool(sentence), "-said")
            told.set_class(error, "-wrong")

    # what works now -------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Grey what cannot be done now."""
        return None if self.disabled_reason(action) else True

    def disabled_reason(self, action: str) -> str | None:
        """Why a key is greyed."""
        if action == "cancel":
            return None if self.doing else "nothing runs"
        if action in ("text", "copy", "verdict") and self.known is None:
            return self.problem or "still reading"
        if action == "rehearse":
            if self.known is None or self.doing:
                return "the checks run" if self.doing else self.problem or "still reading"
            return None if unrehearsed(self.known) else "no migration waits for a rehearsal"
        if action == "verdict":
            return self._no_verdict()
        return None

    def _no_verdict(self) -> str | None:
        if not self.app.application.person:
            return "nobody is named who could send it; add [[person]] to stas.toml"
        if self.doing or self.known is None or not self.known.whole:
            return "the checks run" if self.doing else "not everything was asked; r asks again"
        return None if self.known.pull.state == "open" else f"it is {self.known.pull.state}"

    # keys -----------------------------------------------------------------------------------------

    def on_virtual_list_opened(self) -> None:
        """Enter: the diff of a file, else everything that was said."""
        self.open_spot()

    @work(exclusive=True, group="open")
    async def open_spot(self) -> None:
        """What stands behind the row, on the whole screen."""
        from stas_tui.screens.change_review_diff import DiffScreen, read_patch

        spot, known = self.selected(), self.known
        if spot is None or known is None:
            return
        file = next((file for file in known.review.files if file.path == spot.path), None)
        if file is None:
            results = spot.answer.results if spot.answer is not None else (spot.result,) if spot.result else ()
            text = evidence(known, results) if results else _sent_text(spot)
            await self.app.push_screen_wait(ShowText(f"#{self.number} {spot.row.cells[0].text.strip()}", text))
            return
        try:
            patch = await self.app.hand.wait_for(read_patch, known, file)
        except StasError as error:
            self.tell(f"The diff cannot be read: {error}", error=True)
            return
        await self.app.push_screen_wait(DiffScreen(file.path, patch, spot.lead.code if spot.lead else ""))

    def action_verdict(self) -> None:
        """Write a verdict."""
        from stas_tui.screens.change_review_send import send_verdict

        if self.known is not None and self.disabled_reason("verdict") is None:
            self.run_worker(send_verdict(self, self.known), group="verdict", exclusive=True)

    def action_rehearse(self) -> None:
        """Ask again, with a rehearsal."""
        self.begin(rehearse=True)

    def action_again(self) -> None:
        """Read it afresh and ask everything again."""
        self.begin(rehearse=self._always())

    def action_cancel(self) -> None:
        """End what runs."""
        if self._child is not None:
            self._child.cancel()

    def action_text(self) -> None:
        """What its author wrote."""
        if self.known is not None:
            body = redact(self.known.pull.body) or "Its author wrote nothing."
            self.app.push_screen(ShowText(f"#{self.number} {self._title()}", body))

    def action_behind(self) -> None:
        """The keyboard to the detail, or back to the rows."""
        behind = self.query_one("#behind", Paper)
        (self.table if behind.has_focus else behind).focus()

    def action_copy(self) -> None:
        """The text of a comment to the clipboard."""
        from stas_tui.review.report import comment
        from stas_tui.screens.outside import copy

        if self.known is not None:
            copy(self.app, comment(self.known.review))

    def action_filter(self) -> None:
        """Filter the rows."""
        self.table.focus()
        self.table.action_filter()

    def action_clear(self) -> None:
        """The filter first; without one, back."""
        if self.table.filter_text:
            self.table.action_clear_filter()
        else:
            self.action_leave()

    def action_leave(self) -> None:
        """Back to where one came from; what runs ends."""
        self.dismiss(None)


def _sent_text(spot: Spot) -> str:
    return spot.sent.body if spot.sent is not None else spot.row.cells[2].text
