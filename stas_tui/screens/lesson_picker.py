"""The list of lessons, and the door of the demo: what there is, what came of it, enter runs it.

The program ends with what was chosen; whoever started it runs that, because a lesson needs a process of its own.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.screen import Screen

from stas_tui.screens.common import ClickedKeys
from stas_tui.screens.lesson_picker_page import PickerPage
from stas_tui.screens.lesson_picker_rows import ALL, COLUMNS, DEMO, Choice, Offer, begin_with, door, everything
from stas_tui.screens.little import LittleApp
from stas_tui.screens.told_line import ToldLine
from storage.errors import StasError
from widgets.keybar import KeyBar
from widgets.paint import ASCII_CLASS
from widgets.panel import Count, Panel, PanelModel
from widgets.paper import Paper
from widgets.rows import StaticRows
from widgets.title_line import TitleLine
from widgets.virtual_list import VirtualList

if TYPE_CHECKING:
    from stas_tui.training.ledger import Entry
    from stas_tui.training.shelf import Shelf

NONE_YET = "No run has ended yet. {key} on a lesson runs it; its result stands here afterwards."


class PickerScreen(ClickedKeys, ToldLine, Screen[None]):
    """One list and what is known of the row under the cursor."""

    CSS = """
    PickerScreen { background: $base; layout: vertical; }
    PickerScreen #body { height: 1fr; layout: vertical; }
    PickerScreen #rows { height: 10; }
    PickerScreen #behind { height: 1fr; border: round $rule; }
    PickerScreen #behind:focus { border: round $focus; }
    PickerScreen.-roomy #body { layout: horizontal; }
    PickerScreen.-roomy #rows { height: 1fr; width: 58%; max-width: 68; }
    PickerScreen.-roomy #behind { width: 1fr; }
    App.-ascii PickerScreen #behind { border: ascii $rule; }
    App.-ascii PickerScreen #behind:focus { border: ascii $focus; }
    """
    SCOPED_CSS: ClassVar[bool] = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("p", "progress", "progress", id="lessons.progress"),
        Binding("d", "debrief", "debrief", id="lessons.debrief"),
        Binding("n", "new", "write one", id="lessons.new"),
        Binding("q", "leave", "leave", id="lessons.leave"),
        Binding("question_mark", "app.help", "help", id="app.help", tooltip="Show every key that works here."),
    ]
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-roomy")]
    HELP = (
        "Opening a row runs it; afterwards you come back here. tab goes to the description and back.\n"
        "  ✓ passed   ‖ run, and not passed yet   ○ never run   ✖ its file is wrong\n"
        "Best is the best of your own runs. It is kept on this machine, and nothing sends it anywhere."
    )

    def __init__(self, shelf: Shelf, home: Path, *, at_door: bool, key: str = "", told: str = "") -> None:
        """`home` is `runs.training_dir`; `key` is the row to begin on."""
        super().__init__()
        self._shelf, self._home, self._at_door = shelf, home, at_door
        self._key, self._first_words = key, told
        self._offers: dict[str, Offer] = {}
        self._rows = StaticRows()

    app: PickerApp

    def compose(self) -> ComposeResult:
        """Title, list, description, what is said, keys."""
        yield TitleLine(self._title())
        with Container(id="body"):
            yield Panel(VirtualList(self._rows, COLUMNS, id="rows-list"), model=PanelModel(""), id="rows")
            yield Paper(id="behind")
        yield self.told_line()
        yield KeyBar(ranks={"lessons.leave": 2, "lessons.new": 1})

    def on_mount(self) -> None:
        """Show it."""
        self.table.focus()
        self._show()
        self.tell("\n".join(filter(None, (self._first_words, *self._shelf.told))))

    @property
    def table(self) -> VirtualList:
        """The list."""
        return self.query_one("#rows-list", VirtualList)

    @property
    def offer(self) -> Offer | None:
        """What the cursor is on."""
        return self._offers.get(self.table.selected or "")

    def _title(self) -> str:
        return "Where do you want to begin?" if self._at_door else "TRAINING: lessons"

    def _show(self) -> None:
        offers = door(self._shelf) if self._at_door else everything(self._shelf)
        self._offers = {offer.key: offer for offer in offers}
        self._rows.replace([offer.row for offer in offers])
        self.query_one(TitleLine).rename(self._title())
        passed = sum(1 for lesson in self._shelf.lessons if lesson.passed)
        counts = (Count(f"{self._runs} runs it", ink="focus"), Count(f"{passed} of {len(self._shelf.lessons)} passed"))
        self.query_one("#rows", Panel).model = PanelModel("Begin" if self._at_door else "Lessons", counts=counts)
        key = self._key or (begin_with(self._shelf) if self._at_door else "")
        self.table.select(key if key in self._offers else next(iter(self._offers), ""))
        self.table.changed()
        self._describe()

    def on_virtual_list_highlighted(self, message: VirtualList.Highlighted) -> None:
        """Another row, another description."""
        message.stop()
        self._describe()

    def _describe(self) -> None:
        offer = self.offer
        self.query_one("#behind", Paper).show(offer.blocks if offer else (), another=True)
        self.refresh_bindings()

    @property
    def _runs(self) -> str:
        """The key that runs something."""
        return self.app.keys["list.details"][0]

    # choosing -------------------------------------------------------------------------------------

    def on_virtual_list_opened(self, message: VirtualList.Opened) -> None:
        """Enter: run it, or show all lessons."""
        offer = self._offers.get(message.key)
        if offer is None:
            return
        if offer.kind == ALL:
            self._at_door, self._key = False, ""
            self.table.action_clear_filter()
            self._show()
        elif offer.kind == DEMO:
            self.app.choose(Choice(DEMO, key=offer.key))
        elif offer.lesson is not None and offer.lesson.problem:
            self.tell(f"It cannot be run: stas train check {offer.lesson.path} says what is wrong.", error=True)
        elif offer.lesson is not None:
            path, title = str(offer.lesson.path), offer.lesson.title
            self.app.choose(Choice(offer.kind, path, title, offer.key, not self._at_door))

    def action_leave(self) -> None:
        """Leave; nothing is run."""
        self.app.exit()

    # reading --------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Grey what has nothing to show."""
        return None if self.disabled_reason(action) else True

    def disabled_reason(self, action: str) -> str | None:
        """Why a key is greyed."""
        if action == "debrief" and self.is_mounted and (self.offer is None or self.offer.lesson is None):
            return "only a lesson has a debrief"
        return None

    def action_progress(self) -> None:
        """The runs over time."""
        from stas_tui.training.shelf import progress_text

        entries: tuple[Entry, ...] = self._shelf.entries
        ascii_only = self.app.has_class(ASCII_CLASS)
        none = NONE_YET.format(key=self._runs)

        def text(width: int) -> str:
            return progress_text(entries, width=width, ascii_only=ascii_only) if entries else none

        self.app.push_screen(PickerPage("TRAINING: your runs over time", text))

    @work(exclusive=True, group="debrief")
    async def action_debrief(self) -> None:
        """The debrief of the last run of this lesson."""
        offer = self.offer
        if offer is None or offer.lesson is None:
            return
        name, title = offer.lesson.id, offer.lesson.title
        try:
            text, odd = await asyncio.to_thread(_last_debrief, self._home, name)
        except StasError as error:
            self.tell(str(error), error=True)
            return
        if not text:
            self.tell(f"«{title}» was never run here; {self._runs} runs it.")
            return
        self.tell(odd)
        await self.app.push_screen_wait(PickerPage(f"Debrief: {title}", lambda _: text, markdown=True))

    def action_new(self) -> None:
        """How to write one."""
        from stas_tui.training.shelf import HOW_TO_WRITE

        self.app.push_screen(PickerPage("TRAINING: how to write a lesson", lambda _: HOW_TO_WRITE))


def _last_debrief(home: Path, lesson: str) -> tuple[str, str]:
    """(the text, what is odd about it); an empty text if the lesson was never run. Raises `StasError`."""
    from stas_tui.screens.markdown_page import page
    from stas_tui.training.shelf import last_run, sheet_of

    path = last_run(home, lesson)
    if path is None:
        return "", ""
    sheet, odd = sheet_of(path)
    return page(sheet.markdown()), " ".join(odd)


class PickerApp(LittleApp):
    """The list; `choice` is what was chosen, None if somebody left."""

    CSS = LittleApp.CSS + PickerScreen.CSS
    TITLE = "stas TRAINING"

    def __init__(
        self,
        shelf: Shelf,
        home: Path,
        *,
        at_door: bool = False,
        key: str = "",
        told: str = "",
        **look: Any,
    ) -> None:
        """`at_door` offers the demo and a few lessons instead of all lessons; `look` is what `LittleApp` takes.

        Raises `KeymapError`.
        """
        super().__init__(**look)
        self.title = "stas" if at_door else self.TITLE
        self.choice: Choice | None = None
        self._first = PickerScreen(shelf, home, at_door=at_door, key=key, told=told)

    def get_default_screen(self) -> Screen[None]:
        """The only screen."""
        return self._first

    def choose(self, choice: Choice) -> None:
        """End with a choice."""
        self.choice = choice
        self.exit()
