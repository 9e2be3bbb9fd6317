"""A debrief as Markdown. What came from a lesson or a person is made harmless for Markdown and for a terminal."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from stas_tui.training.facts import seconds
from storage.records import Json

WIDTH: Final = 64
"""Characters of the drawn tracks."""
_MARKS: Final = "123456789abcdefghijklmnopqrstuvwxyz"
_SPECIAL = re.compile(r"([\\`*_\[\]<>|#~])")
_OUTCOMES: Final = {
    "expected": "as expected",
    "also ok": "accepted too",
    "wrong": "otherwise",
    "deadly": "ends in a fail",
    "missed": "not in its time",
    "open": "does not count",
}


def plain(text: object) -> str:
    """One line that means nothing to Markdown and nothing to a terminal."""
    line = " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())
    return _SPECIAL.sub(r"\\\1", line)


def offset(ms: int | None) -> str:
    """`+1:05`; `—` for never."""
    return "—" if ms is None else f"+{ms // 60_000}:{ms // 1_000 % 60:02d}"


def markdown(data: Json) -> str:
    """The text of a debrief."""
    parts = (
        _head, _result, _tracks, _decisions, _behaviour, _missed, _controls, _instructor, _known, _questions, _notes,
        _follow_up,
    )  # fmt: skip
    return "\n\n".join("\n".join(lines) for part in parts if (lines := list(part(data)))) + "\n"


def _head(data: Json) -> Iterator[str]:
    lesson, run = data["lesson"], data["run"]
    yield f"# TRAINING: {plain(lesson['title'])}"
    yield ""
    yield (
        f"Lesson {plain(lesson['id'])}, version {lesson['version']}, seed {run['seed']}. Nothing here happened outside "
        f"of a lesson."
    )
    yield (
        f"It began at {run['began']} on its own clock and took {seconds(run['length_ms'])}; it ended because "
        f"{plain(run['ended'])}. Log {run['digest'][:16]}."
    )


def _result(data: Json) -> Iterator[str]:
    result = data["result"]
    yield "## Result"
    yield ""
    for fail in result["instant_fails"]:
        yield f"- **{plain(fail)}**"
    if result["instant_fails"]:
        yield ""
    yield f"**{plain(result['why'])}**"
    yield ""
    yield "| part | percent | counts for |"
    yield "|---|---:|---:|"
    for name, part in result["parts"].items():
        percent = "nothing of it came up" if part["percent"] is None else f"{part['percent']:g} %"
        yield f"| {name} | {percent} | {part['weight']:.0%} |"
    yield f"| **all** | **{result['percent']:g} %** | needed {result['pass_percent']} % |"


def _tracks(data: Json) -> Iterator[str]:
    decisions = data["decisions"]
    if not decisions:
        return
    length = max(data["run"]["length_ms"], *(one["ideal_at"] or 0 for one in decisions), 1)
    yield "## Two tracks"
    yield ""
    yield "```text"
    yield f"{'':8}0:00{f'{offset(length)[1:]}':>{WIDTH - 4}}"
    yield f"{'came':8}{_track(decisions, 'could_be_known_at', length)}"
    yield f"{'ideal':8}{_track(decisions, 'ideal_at', length)}"
    yield f"{'actual':8}{_track(decisions, 'decided_at', length)}"
    yield "```"
    yield ""
    yield "Each sign is a decision below, in its order. What stands in no track was not decided."


def _track(decisions: Sequence[Json], key: str, length: int) -> str:
    cells = ["."] * WIDTH
    timed = [(one[key], mark) for one, mark in zip(decisions, _MARKS, strict=False) if one[key] is not None]
    for at, mark in sorted(timed):
        wanted = min(at * WIDTH // length, WIDTH - 1)
        free = [cell for cell in range(WIDTH) if cells[cell] == "."]
        if free:
            cells[min(free, key=lambda cell: (abs(cell - wanted), cell))] = mark
    return "".join(cells)


def _decisions(data: Json) -> Iterator[str]:
    if not data["decisions"]:
        return
    yield "## Decisions"
    for n, one in enumerate(data["decisions"]):
        mark = f"{_MARKS[n]}. " if n < len(_MARKS) else ""
        yield ""
        yield f"### {mark}{plain(one['on'])}: {plain(one['what'])}"
        yield ""
        yield from _decision(one)
    if data["never_came_up"]:
        yield ""
        yield f"Never came up, and does not count: {', '.join(plain(one) for one in data['never_came_up'])}."


def _decision(one: Json) -> Iterator[str]:
    decided = f"{_verb(one['verb'])} {offset(one['decided_at'])}" if one["decided_at"] is not None else "nothing"
    outcome = _OUTCOMES[one["outcome"]] + (", late" if one["late"] else "")
    yield f"- outcome: **{outcome}**, {one['points']:g} of {one['of']} points"
    yield f"- ideal: {_verb(one['expected'])} {offset(one['ideal_at'])}; decided: {decided}"
    seen = _evidence(one) or "none was asked for"
    yield f"- could be known: {offset(one['could_be_known_at'])}; evidence opened: {seen}"
    if one["also_accepted"]:
        yield f"- also accepted: {', '.join(_verb(verb) for verb in one['also_accepted'])}"
    yield ""
    yield plain(one["why"])


def _evidence(one: Json) -> str:
    return ", ".join(
        f"{plain(item['evidence'].removeprefix('opened:'))} "
        + ("never" if item["opened_at"] is None else offset(item["opened_at"]))
        + ("" if item["in_time"] or item["opened_at"] is None else " (after)")
        for item in one["evidence"]
    )


def _verb(verb: str) -> str:
    return verb.replace("_", " ")


def _behaviour(data: Json) -> Iterator[str]:
    yield from _list("What was done", data["behaviour"])


def _missed(data: Json) -> Iterator[str]:
    rows = [f"{one['evidence'].removeprefix('opened:')}, for {one['decision']}" for one in data["missed_evidence"]]
    yield from _list("Evidence that was not opened in time", rows)


def _controls(data: Json) -> Iterator[str]:
    rows = [
        f"{one['decision']}: {one['trap']}. The control that would have caught this is {one['control']}."
        for one in data["controls"]
    ]
    yield from _list("Controls", rows)


def _instructor(data: Json) -> Iterator[str]:
    rows = []
    for one in data["instructor"]:
        more = ", ".join(f"{key} {value}" for key, value in one.items() if key not in ("at", "what"))
        rows.append(f"INSTRUCTOR {offset(one['at'])} {one['what']}{f': {more}' if more else ''}")
    yield from _list("The instructor", rows)


def _known(data: Json) -> Iterator[str]:
    if not data["grounded_in"] and not data["known"]:
        return
    yield "## What is publicly known"
    yield ""
    for one in data["grounded_in"]:
        yield f"- {plain(one)}"
    for paragraph in re.split(r"\n\s*\n", data["known"].strip()):
        if paragraph.strip():
            yield ""
            yield plain(paragraph)


def _questions(data: Json) -> Iterator[str]:
    yield from _list("Questions", data["questions"])


def _notes(data: Json) -> Iterator[str]:
    yield from _list("Notes", data["notes"])


def _follow_up(data: Json) -> Iterator[str]:
    one = data["follow_up"]
    yield "## Proposed follow-up"
    yield ""
    yield f"`{one['title'].replace('`', ' ')}` {one['priority']}"
    yield ""
    yield plain(one["description"])


def _list(title: str, rows: Sequence[Any]) -> Iterator[str]:
    if not rows:
        return
    yield f"## {title}"
    yield ""
    for row in rows:
        yield f"- {plain(row)}"
