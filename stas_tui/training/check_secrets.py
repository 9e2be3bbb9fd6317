"""No text of a lesson looks like a secret, except those that it declares as canaries."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from stas_tui.config_errors import Loc
from stas_tui.training.places import Spot
from stas_tui.training.reading import Lesson, Problem
from storage.redact import SHORTEST_KNOWN, scan

MEND = "Take it out, or list in canaries a text that looks like a secret and is none."
_STAND_IN = "‹canary›"


def secrets(lesson: Lesson) -> Iterator[Problem]:
    """Lines of the file that look like a secret, comments included, then texts that do once escapes are read."""
    for canary in lesson.scenario.canaries:
        if len(canary.encode()) < SHORTEST_KNOWN:
            what = f"a canary has fewer than {SHORTEST_KNOWN} characters, and could not be kept out of exports"
            yield Problem(spot=lesson.places.of(("canaries",)), what=what, mend="Make it longer.")
    seen: set[str] = set()
    for hit in scan(_without_canaries(lesson, lesson.text), ""):
        seen.add(hit.rule)
        spot = Spot(int(hit.place.rpartition(":")[2]), 1)
        yield Problem(spot=spot, what=f"this looks like a secret ({hit.rule})", mend=MEND)
    for loc, text in texts_of(lesson.scenario.model_dump(mode="python", by_alias=True)):
        if loc[0] == "canaries":
            continue
        for rule in sorted({hit.rule for hit in scan(_without_canaries(lesson, text), "")} - seen):
            yield Problem(spot=lesson.places.of(loc), what=f"this text looks like a secret ({rule})", mend=MEND)


def _without_canaries(lesson: Lesson, text: str) -> str:
    for canary in sorted(filter(None, lesson.scenario.canaries), key=len, reverse=True):
        text = text.replace(canary, _STAND_IN)
    return text


def texts_of(value: Any, loc: Loc = ()) -> Iterator[tuple[Loc, str]]:
    """Every text inside a value with its place."""
    if isinstance(value, str):
        yield loc, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from texts_of(item, (*loc, str(key)))
    elif isinstance(value, list | tuple):
        for n, item in enumerate(value):
            yield from texts_of(item, (*loc, n))
