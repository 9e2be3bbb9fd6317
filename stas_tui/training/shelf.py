"""The lessons as somebody chooses among them: what each is, and what came of it so far."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stas_tui.training import ledger, runs
from stas_tui.training.catalog import Catalog, Entry
from stas_tui.training.prose import joined

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stas_tui.training.debrief import Debrief

TUTORIAL = "s00-first-shift"
"""The lesson that teaches the keys."""
HOW_TO_WRITE = """\
A lesson is one TOML file: a small world, what happens in it, and what is expected of a person.

    stas train new my-lesson     writes a small whole lesson with every key explained
    stas train check FILE        says what is wrong where, and plays it three times
    stas train run FILE          runs it

Begin at the end: which one decision shall somebody make better next week? Then the evidence that tells right \
from wrong, and where it can be opened. Then the smallest world in which both exist. Add noise last.

`stas train new` puts the file where this list finds it. What a real pulse went through can be the beginning of one:

    stas train record PULSE > FILE

docs/training.md explains every key.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelved:
    """One lesson of the list, or a file that should be one."""

    id: str
    path: Path
    title: str
    own: bool
    """It is the person's, not one that comes with Stas."""
    minutes: int = 0
    difficulty: int = 0
    """1 to 5."""
    about: str = ""
    teaches: tuple[str, ...] = ()
    grounded_in: tuple[str, ...] = ()
    problem: str = ""
    """Why it cannot be run; empty if it can."""
    runs: int = 0
    passed: int = 0
    """How many of the runs were passed."""
    best: float | None = None
    """Percent of the best run; None if none has ended."""
    last: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """Everything that can be chosen."""

    lessons: tuple[Shelved, ...]
    entries: tuple[ledger.Entry, ...] = ()
    """Every run that ended, in the order in which they began."""
    told: tuple[str, ...] = ()
    """What could not be read of the ledger, a sentence each."""

    def lesson(self, id: str) -> Shelved | None:
        """The lesson of an id, or of how it begins up to the first hyphen."""
        return next((one for one in self.lessons if id in (one.id, one.id.partition("-")[0])), None)

    @property
    def first_time(self) -> bool:
        """Whether the tutorial is there and was never passed."""
        tutorial = self.lesson(TUTORIAL)
        return tutorial is not None and not tutorial.problem and not tutorial.passed


def shelf(catalog: Catalog, home: Path) -> Shelf:
    """The lessons with their results; `home` is `runs.training_dir`. Raises `LedgerUnusable`."""
    entries, told = ledger.read(home / runs.LEDGER)
    done = {one.lesson: one for one in ledger.progress(entries)}
    lessons = tuple(_shelved(entry, done.get(entry.id)) for entry in catalog.entries())
    return Shelf(lessons=lessons, entries=tuple(entries), told=tuple(told))


def _shelved(entry: Entry, done: ledger.Progress | None) -> Shelved:
    if entry.lesson is None:
        problem = str(entry.error) if entry.error is not None else "It cannot be read."
        return Shelved(id=entry.id, path=entry.path, title=entry.path.name, own=not entry.bundled, problem=problem)
    scenario = entry.lesson.scenario
    return Shelved(
        id=entry.id,
        path=entry.path,
        title=scenario.title,
        own=not entry.bundled,
        minutes=scenario.minutes,
        difficulty=scenario.difficulty,
        about=joined(scenario.about),
        teaches=scenario.teaches,
        grounded_in=scenario.grounded_in,
        runs=done.runs if done else 0,
        passed=done.passed if done else 0,
        best=done.best if done else None,
        last=done.last if done else None,
    )


def last_run(home: Path, lesson: str) -> Path | None:
    """The folder of the latest run of a lesson, whether it ended or was cut off."""
    own = re.compile(re.escape(lesson) + r"-\d{8}T\d{6}Z(?:-\d+)?")
    return next((path for path in reversed(runs.runs(home)) if own.fullmatch(path.name)), None)


def sheet_of(path: Path) -> tuple[Debrief, Sequence[str]]:
    """The debrief of a run, made again from what people did, and a sentence for all that is odd about it.

    So a run that was cut off has one, and new notes count. Raises `StasError`.
    """
    from stas_tui.training.debrief import debrief

    kept = runs.recorded(path)
    engine = kept.again()
    return debrief(kept.lesson, engine, notes=runs.notes_of(path)), tuple(_odd(kept, engine.digest))


def _odd(kept: runs.Recorded, digest: str) -> Iterator[str]:
    if kept.torn:
        yield kept.torn
    if not kept.ended:
        yield "The run was cut off; this is as far as it went."
    elif kept.sealed and kept.sealed != digest:
        yield "This version of Stas plays the run otherwise than it was: compare with the debrief in its folder."
        yield str(kept.path / runs.DEBRIEF_MD)


def progress_text(entries: Sequence[ledger.Entry], *, width: int, ascii_only: bool) -> str:
    """A line for each lesson, and all runs in their order as a plot if it can be drawn. Needs at least one run."""
    from stas_tui.training import plot

    text = "\n".join(table(entries, ascii_only=ascii_only)) + "\n"
    if not plot.can_plot():
        return text
    if len(entries) < 2:
        return text
    percents = [entry.percent for entry in entries]
    drawn = plot.plot(percents, width=width, ascii_only=ascii_only)
    return f"{text}\nPercent by run, all lessons in the order in which they were run\n{drawn}\n"


def table(entries: Sequence[ledger.Entry], *, ascii_only: bool) -> Sequence[str]:
    """One line for each lesson: runs, passed, first, best, last, and all of them as a sparkline."""
    from stas_tui.training.plot import sparkline

    rows = [("lesson", "runs", "passed", "first", "best", "last", "change", "over time")]
    for one in ledger.progress(entries):
        mine = [entry.percent for entry in entries if entry.lesson == one.lesson]
        rows.append(
            (
                one.lesson,
                str(one.runs),
                str(one.passed),
                f"{one.first:g} %",
                f"{one.best:g} %",
                f"{one.last:g} %",
                f"{one.change:+g}",
                sparkline(mine[-40:], ascii_only=ascii_only),
            )
        )
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    return [
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:-1], widths[1:-1], strict=True))]
        )
        + f"  {row[-1]}"
        for row in rows
    ]
