"""Sources as people read them: the strip's marks, and the page with everything that is known about each."""

from __future__ import annotations

import json
from collections.abc import Sequence

from storage.clock import MINUTE, SECOND, age, hhmmss
from storage.records import DataState
from storage.watch_records import SourceStatus
from widgets.source_strip import SourceMark, StripModel
from widgets.tokens import Mark

STEP_MS = 5 * SECOND
"""Ages in lists grow in steps, so that a quiet screen is not painted every second."""
FRESH_MS = 15 * SECOND
"""A good answer younger than this is as fresh as any: its seconds are not counted on the strip."""
NONE_CONFIGURED = "No source is set up: nothing outside is asked. `stas doctor` says how."

_MARKS = {
    DataState.OK: Mark.OK,
    DataState.EMPTY: Mark.OK,
    DataState.STALE: Mark.WARN,
    DataState.ERROR: Mark.FAIL,
    DataState.DENIED: Mark.FAIL,
    DataState.UNKNOWN: Mark.UNKNOWN,
}
_RANK = (Mark.FAIL, Mark.WARN, Mark.UNKNOWN, Mark.OK)


def source_mark(status: SourceStatus, now: int) -> SourceMark:
    """One source: its word as of now, and the age of its last good answer."""
    believed = status.believed(now)
    mark = _MARKS[believed]
    word = believed.value
    if believed is DataState.UNKNOWN:
        word = status.reason or "never asked"
    elif believed not in (DataState.OK, DataState.EMPTY):
        word = f"{believed.value}: {status.reason}" if status.reason else believed.value
    if believed in (DataState.OK, DataState.EMPTY):
        told = fresh_age(now - status.at) if status.at is not None else ""
    elif believed is DataState.UNKNOWN:
        told = ""
    else:
        told = f"(answered {fresh_age(now - status.at)} ago)" if status.at is not None else "(never answered)"
    return SourceMark(status.name, word, mark, told, status.replayed and status.asked_at is not None)


def fresh_age(ms: int) -> str:
    """An age in steps: `<15s`, `15s`, `30s`, `45s`, then minutes."""
    return f"<{FRESH_MS // SECOND}s" if ms < FRESH_MS else age(ms - ms % FRESH_MS if ms < MINUTE else ms)


def marks(statuses: Sequence[SourceStatus], now: int) -> tuple[SourceMark, ...]:
    """All sources, the worst first, then by name."""
    found = [source_mark(status, now) for status in statuses]
    return tuple(sorted(found, key=lambda each: (_RANK.index(each.mark), each.name)))


def strip(statuses: Sequence[SourceStatus], now: int) -> StripModel:
    """The strip of the on-call screen."""
    return StripModel(sources=marks(statuses, now), sentence=NONE_CONFIGURED)


def sources_text(statuses: Sequence[SourceStatus], now: int) -> str:
    """The page: each source with state, reason, ages, and what its adapter knows."""
    if not statuses:
        return NONE_CONFIGURED
    lines = [f"As of {hhmmss(now)}Z. What was not asked is unknown, never fine.", ""]
    order = {mark.name: place for place, mark in enumerate(marks(statuses, now))}
    for status in sorted(statuses, key=lambda each: order[each.name]):
        believed = status.believed(now)
        head = f"{status.name}   {believed.value}"
        head += f": {status.reason}" if status.reason else ""
        lines.append(head + ("   REPLAYED: a recorded answer, not the world" if status.replayed else ""))
        last = f"{age(now - status.at)} ago" if status.at is not None else "never"
        asked = f"{age(now - status.asked_at)} ago" if status.asked_at is not None else "never"
        about = f" for {status.project_id}" if status.project_id else ""
        every = age(status.every_ms)
        lines.append(f"    {status.kind.value}{about}; asked {asked}, last good answer {last}, every {every}")
        if status.failures:
            lines.append(f"    {status.failures} failed answers in a row")
        if status.next_at is not None and status.next_at > now:
            lines.append(f"    asked again in {age(status.next_at - now)}")
        lines += [f"    {name}: {_plain(value)}" for name, value in sorted(status.detail.items())]
        lines.append("")
    return "\n".join(lines)


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
