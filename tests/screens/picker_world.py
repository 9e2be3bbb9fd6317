"""A shelf that is the same on every machine, and an application on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stas_tui.screens.lesson_picker import PickerApp
from stas_tui.training.ledger import Entry
from stas_tui.training.shelf import Shelf, Shelved

FOLDER = Path("/lessons")
TUTORIAL = "s00-first-shift"
RUNS = (("s01-alike", 40.0, False), (TUTORIAL, 92.0, True), ("s01-alike", 71.5, True), ("s02-ticket", 18.9, False))


def lesson(id_: str, title: str, **more: object) -> Shelved:
    """A lesson with the results of `RUNS`."""
    mine = [run for run in RUNS if run[0] == id_]
    facts: dict[str, object] = {
        "minutes": 12,
        "difficulty": 3,
        "about": f"What {title} is about, long enough to be wrapped on the narrow side of the screen.\n\nMore of it.",
        "teaches": ("the target of a command is part of the command", "say only what was proved"),
        "grounded_in": ("An incident in public, 31 January 2017",),
        "own": False,
        "runs": len(mine),
        "passed": sum(run[2] for run in mine),
        "best": max((run[1] for run in mine), default=None),
        "last": mine[-1][1] if mine else None,
    }
    return Shelved(id=id_, path=FOLDER / f"{id_}.toml", title=title, **{**facts, **more})  # type: ignore[arg-type]


def a_shelf(*, fresh: bool = False) -> Shelf:
    """Six lessons; `fresh` is that of somebody who never ran one."""
    none = {"runs": 0, "passed": 0, "best": None, "last": None} if fresh else {}
    lessons = (
        lesson(TUTORIAL, "Your first shift", minutes=5, difficulty=1, grounded_in=(), **none),
        lesson("s01-alike", "Two terminals alike", **none),
        lesson("s02-ticket", "The message that gives orders", difficulty=2, **none),
        lesson("s03-regex", "One regex for everyone", minutes=15, **none),
        lesson("s04-forward", "The migration that only goes forward", difficulty=4, **none),
        lesson("mine", "[bold]mine[/] \x1b]52;c;x\x07", own=True, **none),
        Shelved(id="broken", path=FOLDER / "broken.toml", title="broken.toml", own=True, problem="broken.toml:1:5: no"),
    )
    entries = tuple(
        Entry(
            at=1_795_000_000_000 + n * 86_400_000,
            lesson=id_,
            version=1,
            seed=1,
            percent=percent,
            passed=passed,
            instant_fail=False,
            parts={},
            hints=0,
            digest="",
            run="",
        )
        for n, (id_, percent, passed) in enumerate(RUNS)
    )
    return Shelf(lessons=lessons, entries=() if fresh else entries)


def an_app(look: str = "night", *, at_door: bool = False, fresh: bool = False, **more: Any) -> PickerApp:
    """The picker on it."""
    return PickerApp(
        a_shelf(fresh=fresh),
        Path("/nowhere"),
        at_door=at_door,
        theme="day" if look == "day" else "night",
        environ={"TERM": "linux"} if look == "ascii" else {},
        **more,
    )
