"""A pull request before its merge: the routine's four questions, what was found, its files, the way to a verdict."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Static

from stas_tui.review.codec import Arriving
from stas_tui.screens.change_review_child import Rounds
from stas_tui.screens.change_review_rows import COLUMNS, Spot, spots
from stas_tui.screens.change_review_sent import watch_sent
from stas_tui.screens.change_review_text import WAITS, blocks, evidence, facts, under_way, unrehearsed
from stas_tui.screens.common import HELP_KEY, PAUSE_KEY, ClickedKeys
from stas_tui.screens.dialogs import ShowText
from stas_tui.screens.told_line import ToldLine
from storage.clock import hhmm
from storage.errors import StasError
from storage.records import Json, PullReview
from storage.redact import redact
from widgets.content import safe
from widgets.keybar import KeyBar
from widgets.panel import Count, Panel, PanelModel
from widgets.paper import Paper
from widgets.printable import flat
from widgets.rows import StaticRows
from widgets.steady_list import SteadyList
from widgets.title_line import TitleLine

if TYPE_CHECKING:
    from stas_tui.app import StasApp


KEY_RANKS = {"change.rehearse": 1, "change.again": 2, "change.text": 3, "list.filter": 4}
"""Which keys leave the bottom line first on a narrow screen: the highest number."""
REVIEW_CSS = """
{name} {{ background: $base; layout: vertical; }}
{name} #facts {{ height: 1; padding: 0 1; background: $bar; color: $ink-2; }}
{name} #facts {{ text-wrap: nowrap; text-overflow: ellipsis; }}
{name} #standing {{ height: auto; max-height: 3; padding: 0 1; color: $ink; }}
{name} #standing.-wrong {{ color: $crit; text-style: bold; }}
{name} #rows {{ height: 2fr; }}
{name} #behind {{ height: 1fr; min-height: 6; border-top: solid $rule; }}
App.-ascii {name} #behind {{ border-top: ascii $rule; }}
"""


class ChangeReviewScreen(ClickedKeys, ToldLine, Screen[None]):
    """One pull request. Its checks run in a process of their own; nothing here is sent on one key."""

    CSS = REVIEW_CSS.format(name="ChangeReviewScreen")
    SCOPED_CSS: ClassVar[bool] = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("V", "verdict", "verdict", id="change.verdict"),
        Binding("R", "rehearse", "rehearse", id="change.rehearse"),
        Binding("r", "again", "look again", id="change.again"),
        Binding("X", "cancel", "cancel", id="change.cancel", show=False),
        Binding("t", "text", "its text", id="change.text"),
        Binding("tab", "behind", "list / detail", id="change.detail", show=False),
        Binding("y", "copy", "copy", id="change.copy", show=False),
        Binding("slash", "filter", "filter", id="list.filter"),
        Binding("q", "leave", "back", id="change.back"),
        Binding("escape", "clear", "clear filter", id="list.clear_filter", show=False),
        PAUSE_KEY,
        HELP_KEY,
    ]
    HELP = (
        "A pull request before its merge: the routine's four questions, what each check found, the files, the verdicts "
        "that were sent. Enter opens the row: the diff at the place, or all evidence of a question.\n"
        "  ✖ grave   ▲ flagged   ◆ asks you, its rule is often wrong   ◌ unknown, never good news   ✓ verified\n"
        "R runs its migrations up, down and up on a scratch database in a process without network. V writes a comment "
        "or a request for changes, which waits as a gate. Approving and merging stay with people on the forge."
    )

    app: StasApp
    rounds: Rounds
    """The process that asks the checks."""

    def __init__(
        self, project_id: str, number: int, *, asked_by: str = "", message_id: str = "", rounds: Rounds | None = None
    ) -> None:
        """`asked_by` and `message_id` tell who asked for it and in which message; `rounds` asks the checks."""
        super().__init__()
        self.project_id, self.number = project_id, number
        self.asked_by, self.message_id = asked_by, message_id
        self.known: Arriving | None = None
        self.problem = ""
        self.sent_problem = ""
        """Why it is not known which verdicts were sent."""
        self.doing = ""
        """What is being done now; empty while nothing runs."""
        self._given = rounds
        self._begun = False
        """Whether `known` is what this round says."""
        self.ending = False
        """Whether a person ended it, and it has not answered yet."""
        self._rows = StaticRows()
        self._spots: dict[str, Spot] = {}
        self._place = self._meanwhile = ""
        """Row of the cursor when a round began, and where the cursor is until that row is there again."""

    # layout ---------------------------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        """Title, facts, what follows, the rows, what stands behind one of them."""
        yield TitleLine(f"Pull request #{self.number}")
        yield Static("", id="facts")
        yield Static("", id="standing")
        yield Panel(SteadyList(self._rows, COLUMNS, id="rows-list"), model=PanelModel("Review"), id="rows")
        yield Paper(id="behind")
        yield self.told_line()
        yield KeyBar(ranks=KEY_RANKS)

    def on_mount(self) -> None:
        """Ask at once."""
        self.app.opened("pull", f"{self.project_id}/{self.number}")
        self.rounds = self._given or Rounds(self.app.application.profile, self.project_id, self.number)
        self.table.focus()
        self._draw()
        self.begin(rehearse=self._always())
        self.run_worker(watch_sent(self), group="sent")

    def on_unmount(self) -> None:
        """End what runs, beside the interface."""
        self.rounds.end_beside()

    @property
    def table(self) -> SteadyList:
        """The rows."""
        return self.query_one("#rows-list", SteadyList)

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
        mine, old = self.rounds.next()
        self.doing, self.problem, self.ending = "starting", "", False
        self._begun = False
        self._place = self.table.selected or ""
        self.tell("")
        self._draw()
        loop, here = asyncio.get_running_loop(), contextvars.copy_context()

        def hear(line: Json) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._heard, mine, line, context=here)

        try:
            if old is not None:
                await self.app.hand.wait_for(old.close)
            await self.app.hand.wait_for(self.rounds.start, mine, hear, rehearse)
        except (StasError, OSError) as error:
            if self.rounds.is_now(mine):
                self.problem, self.doing = f"The checks could not be started: {error}", ""
                self._draw()

    def _heard(self, mine: int, line: Json) -> None:
        """One line of the process that was started last."""
        if not self.rounds.is_now(mine) or not self.alive:
            return
        event = line.get("event")
        if event == "step":
            self.doing = flat(str(line.get("text", "")), 160)
            self._draw_standing()
            return
        if event == "begun":
            self.known, self.sent_problem = Arriving.of(line), str(line.get("sent_problem", ""))
            self._begun = True
        elif event == "result" and self.known is not None:
            self.known.result(line["result"])
        elif event == "ended" and self.known is not None:
            self.known.whole, self.doing = True, ""
        elif event == "cancelled":
            self._ended()
        elif event == "refused":
            self.problem, self.doing = str(line.get("reason", "")), ""
        elif event == "gone":
            self._gone(int(line.get("status") or 0))
        self._draw()

    def _ended(self) -> None:
        """A person ended it."""
        self.doing, self.ending = "", False
        stands = "What was found until then stands; " if self._begun else ""
        before = "The rows are of the round before; " if self.known is not None else ""
        self.tell(f"Ended. {stands or before}r asks everything again.")

    def _gone(self, status: int) -> None:
        """The process is gone, whatever it said last."""
        if self.ending:
            self._ended()
        elif self.doing and not self.problem:
            self.problem = f"The checks ended with status {status}; review.log in the profile says more."
        self.doing = ""

    def take_sent(self, sent: Sequence[PullReview] | None, problem: str = "") -> None:
        """Take the verdicts that were sent; None leaves those known before, with why they may be others now."""
        if self.known is not None and self.alive:
            self.known.sent = tuple(sent) if sent is not None else self.known.sent
            self.sent_problem = problem
            if self.told_text == WAITS and not problem:
                self.tell("")
            self._draw()

    # drawing --------------------------------------------------------------------------------------

    def _draw(self) -> None:
        if not self.alive:
            return
        known = self.known
        self.query_one(TitleLine).tick(hhmm(self.app.application.clock.now()))
        if known is not None:
            found = spots(known, self.sent_problem)
            self._spots = {spot.key: spot for spot in found}
            self._rows.replace([spot.row for spot in found])
            self._keep_place()
            self.query_one("#facts", Static).update(safe(flat(redact(facts(known, asked_by=self.asked_by)), 400)))
        self.table.changed()
        self._draw_standing()
        counts = [Count(self.rounds.tally(known))] if known is not None else []
        self.query_one(Panel).model = PanelModel(self._title(), counts=tuple(counts))
        self._draw_behind()
        self.refresh_bindings()

    def _keep_place(self) -> None:
        """Rows leave when a round begins and come back one by one: so does the cursor, unless the person moves it."""
        self.table.settle()
        if not self._place or not self.table.select(self._place):
            self._meanwhile = self.table.selected or ""

    def _title(self) -> str:
        return flat(redact(self.known.pull.title), 100) if self.known is not None else "Review"

    def _draw_standing(self) -> None:
        line = self.query_one("#standing", Static)
        line.set_class(bool(self.problem), "-wrong")
        line.update(safe(redact(self._standing())))

    def _standing(self) -> str:
        if self.problem:
            stays = f" {self.message_id} stays open." if self.message_id else ""
            return f"{self.problem}{stays}"
        if self.doing:
            return under_way(self.known if self._begun else None, self.doing, ending=self.ending)
        return self.rounds.standing(self.known) if self.known is not None else "Nothing was asked; r asks."

    def _draw_behind(self) -> None:
        if self.known is not None:
            self.query_one("#behind", Paper).show(blocks(self.known, self.selected()), another=True)

    def selected(self) -> Spot | None:
        """What the cursor is on."""
        return self._spots.get(self.table.selected or "") if self.alive else None

    def on_virtual_list_highlighted(self) -> None:
        """The cursor moved."""
        if self.alive and self.table.selected not in (self._place, self._meanwhile):
            self._place = ""
        self._draw_behind()

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
        """Enter, or a second click: the diff of a file, else everything that was said."""
        self.open_spot()

    @work(exclusive=True, group="open")
    async def open_spot(self) -> None:
        """What stands behind the row, on the whole screen."""
        from stas_tui.screens.change_review_diff import DiffScreen, line_of

        spot, known = self.selected(), self.known
        if spot is None or known is None:
            return
        file = spot.file
        if file is None:
            results = spot.answer.results if spot.answer is not None else (spot.result,) if spot.result else ()
            text = evidence(known, results) if results else _sent_text(spot)
            await self.app.push_screen_wait(ShowText(f"#{self.number} {spot.row.cells[0].text.strip()}", text))
            return
        try:
            patch = await self.app.hand.wait_for(self.rounds.patch, known, file)
        except StasError as error:
            self.tell(f"The diff cannot be read: {error}", error=True)
            return
        line = line_of(patch, spot.lead) if spot.lead is not None else None
        await self.app.push_screen_wait(DiffScreen(file.path, patch, line))

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
        """End what runs; the second time at once."""
        child = self.rounds.child
        if child is None:
            self.rounds.next()
            self._ended()
        elif self.ending:
            self.run_worker(self.app.hand.wait_for(child.close), group="end", exclusive=True)
        else:
            self.ending = True
            child.cancel()
        self._draw()

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
