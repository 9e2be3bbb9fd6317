"""What stands in the list of lessons: rows, and everything about the one under the cursor. Pure: no widget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from widgets.detail import Field
from widgets.paper import Block, Heading
from widgets.rows import Cell, Column, ListRow
from widgets.tokens import Mark

if TYPE_CHECKING:
    from stas_tui.training.shelf import Shelf, Shelved

LESSON, DEMO, ALL = "lesson", "demo", "all"
"""What can be chosen: one lesson, the demo, or the whole list."""
FIRST = ("s01", "s02", "s03")
"""The lessons that stand at the door beside the tutorial."""
COLUMNS = (
    Column("what"),
    Column("takes", 6, right=True, ink="ink-2"),
    Column("level", 6, right=True, ink="ink-2"),
    Column("best", 6, right=True, ink="ink-2"),
)


@dataclass(frozen=True, slots=True)
class Choice:
    """What somebody chose."""

    kind: str
    """`lesson` or `demo`."""
    file: str = ""
    """The lesson's file."""
    title: str = ""
    key: str = ""
    """The row, to come back to it."""
    whole: bool = False
    """Whether it was chosen in the whole list."""


@dataclass(frozen=True, slots=True)
class Offer:
    """One row: what it runs, how it is drawn, and what is known of it."""

    kind: str
    row: ListRow
    blocks: tuple[Block, ...]
    lesson: Shelved | None = None

    @property
    def key(self) -> str:
        """Its name in the list."""
        return self.row.key


def door(shelf: Shelf) -> list[Offer]:
    """What a first visitor is offered: the tutorial, the demo, three lessons, and the way to all of them."""
    from stas_tui.training.shelf import TUTORIAL

    tutorial = shelf.lesson(TUTORIAL)
    first = [lesson_offer(tutorial)] if tutorial is not None else []
    some = [lesson for name in FIRST if (lesson := shelf.lesson(name)) is not None]
    return [*first, _demo(), *map(lesson_offer, some), _all(len(shelf.lessons))]


def begin_with(shelf: Shelf) -> str:
    """The row at the door that is selected: the tutorial until it was passed, then the demo."""
    from stas_tui.training.shelf import TUTORIAL

    tutorial = shelf.lesson(TUTORIAL)
    return str(tutorial.path) if tutorial is not None and shelf.first_time else DEMO


def everything(shelf: Shelf) -> list[Offer]:
    """Every lesson."""
    return [lesson_offer(lesson) for lesson in shelf.lessons]


def lesson_offer(lesson: Shelved) -> Offer:
    """The row of a lesson; its file is its key, because two files can have one id."""
    cells = (
        Cell(lesson.title),
        Cell(f"{lesson.minutes} min" if lesson.minutes else ""),
        Cell(f"{lesson.difficulty} of 5" if lesson.difficulty else ""),
        Cell("–" if lesson.best is None else f"{lesson.best:.0f} %", ink="ok" if lesson.passed else ""),
    )
    row = ListRow(str(lesson.path), f"{lesson.runs}/{lesson.passed}/{lesson.best}", cells, _mark(lesson))
    return Offer(LESSON, row, tuple(about(lesson)), lesson)


def _mark(lesson: Shelved) -> Mark:
    if lesson.problem:
        return Mark.FAIL
    return Mark.DONE if lesson.passed else Mark.HELD if lesson.runs else Mark.TODO


def about(lesson: Shelved) -> Sequence[Block]:
    """Everything that is told of a lesson before it is run."""
    blocks: list[Block] = [Heading(lesson.title, lesson.id + (", your own" if lesson.own else ""))]
    if lesson.problem:
        mend = Field("Mend", f"stas train check {lesson.path}")
        return [*blocks, Field("Wrong", lesson.problem, mark=Mark.FAIL), mend]
    blocks += [
        Field("Takes", f"{lesson.minutes} minutes, difficulty {lesson.difficulty} of 5"),
        Field("Yours", results(lesson)),
    ]
    paragraphs = [part for part in lesson.about.split("\n\n") if part.strip()]
    blocks += [Field("" if n else "About", part) for n, part in enumerate(paragraphs)]
    blocks += [Field("" if n else "After", source) for n, source in enumerate(lesson.grounded_in)]
    blocks += [Field("" if n else "Learn", f"- {what}") for n, what in enumerate(lesson.teaches)]
    return blocks


def results(lesson: Shelved) -> str:
    """What came of it so far, one line."""
    if lesson.best is None:
        return "no run has ended yet"
    runs = "1 run" if lesson.runs == 1 else f"{lesson.runs} runs"
    return f"best {lesson.best:g} %, last {lesson.last:g} %, {runs}, {lesson.passed or 'none'} passed"


def _demo() -> Offer:
    row = ListRow(DEMO, 1, (Cell("A real pulse on a real git repository"), Cell(""), Cell(""), Cell("")), Mark.RUN)
    return Offer(
        DEMO,
        row,
        (
            Heading("A real pulse on a real git repository", "the demo"),
            Field("What", "The dashboard as on a working day: a scripted agent walks through the eleven steps."),
            Field("", "It claims a task, works in a clone, commits and opens a pull request, each after your yes."),
            Field("Real", "The repository, the commits, the record and every check. Nothing leaves this machine."),
            Field("Keys", "space lets the pulse do one step, g opens a gate, ? shows every key, q leaves."),
            Field("Again", "It is made anew each time. stas demo opens it without this list."),
        ),
    )


def _all(count: int) -> Offer:
    cells = (Cell(f"All {count} lessons"), Cell(""), Cell(""), Cell(""))
    return Offer(
        ALL,
        ListRow(ALL, count, cells, Mark.NONE),
        (
            Heading(f"All {count} lessons", "stas train"),
            Field("What", "Enter shows them all here, with your results, your progress and your debriefs."),
            Field("Later", "stas train opens the same list; stas train list prints it."),
            Field("Two", "An instructor joins at a second terminal: stas train control."),
            Field("Read", "docs/training.md says how to run an hour, read a debrief and write a lesson."),
        ),
    )
