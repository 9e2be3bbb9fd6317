"""How well questions are put and answered, as a page: each number with its unit and its window. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from storage.clock import HOUR, MINUTE, SECOND, age, hhmmss, iso_seconds
from storage.records import Json

WINDOWS_H = (24, 7 * 24)
"""Hours that are counted unless others are asked for: the last day, the last week."""
LABEL, CELL = 24, 26
NOTHING = "Nothing is recorded yet, so there is nothing to count."
EXPLAINED = """\
Decided and median: by a person, from the question to the answer.
Under 3 s: hardly read. Expired: nobody answered in time, nothing happened.
Locks: what a person overrode with a reason. Leases: nobody renewed them.
Without an owner: all P0 together, those that wait now included."""


def numbers_text(found: Sequence[Json], *, began: int | None, now: int, plain: bool = False) -> str:
    """The numbers of windows, the shortest first; `began` is when the record begins, None for an empty one.

    A window that is longer than the record counts only what is recorded; a longer one says nothing new and is left out.
    `plain` has a sentence for each number instead of columns.
    """
    if began is None:
        return NOTHING
    lines = [f"Counted {hhmmss(now)}Z. The log begins {iso_seconds(began)}, {age(max(now - began, 0))} ago."]
    columns: list[tuple[Json, int]] = []
    for numbers in found:
        known = int(numbers["recorded_s"]) * SECOND
        columns.append((numbers, known))
        if known < round(float(numbers["hours"]) * HOUR):
            lines.append("What was before that is not known.")
            break
    lines.append("")
    for label, cell in _ROWS:
        cells = [cell(numbers, known) for numbers, known in columns]
        if plain:
            lines.append(f"{label}: {', '.join(cells)}.")
        else:
            lines.append(f"{label:<{LABEL}}" + "".join(f"{text:<{CELL}}" for text in cells).rstrip())
    return "\n".join([*lines, "", EXPLAINED])


_Cell = Callable[[Json, int], str]
"""From the numbers of a window, and how much of it is recorded in ms."""


def _many(name: str, one: str, many: str) -> _Cell:
    def cell(numbers: Json, known: int) -> str:
        value = numbers[name]
        return f"{value} {one if value == 1 else many} in {age(known)}"

    return cell


def _an_hour(numbers: Json, known: int) -> str:
    value = numbers["gates_per_hour"]
    return f"too early after {age(known)}" if value is None else f"{value:g} an hour in {age(known)}"


def _median(numbers: Json, known: int) -> str:
    value = numbers["median_decide_s"]
    return f"{'nothing decided' if value is None else _span(float(value))} in {age(known)}"


def _hasty(numbers: Json, known: int) -> str:
    approvals = numbers["approvals"]
    said = f"{numbers['approvals_under_3_s']} of {approvals}" if approvals else "nothing approved"
    return f"{said} in {age(known)}"


def _unowned(numbers: Json, known: int) -> str:
    """What waits now may be older than the record."""
    seconds = float(numbers["unowned_p0_s"])
    return f"{_span(seconds)} in {age(known) if seconds * SECOND <= known else 'all'}"


def _span(seconds: float) -> str:
    """Seconds with a tenth below a minute, then one unit."""
    return f"{seconds:g} s" if seconds < MINUTE / SECOND else age(round(seconds * SECOND))


_ROWS: tuple[tuple[str, _Cell], ...] = (
    ("Gates asked for", _many("gates", "gate", "gates")),
    ("How often", _an_hour),
    ("Decided", _many("decided", "decision", "decisions")),
    ("Median time to decide", _median),
    ("Expired unanswered", _many("expired", "gate", "gates")),
    ("Approved in under 3 s", _hasty),
    ("Locks overridden", _many("overrides", "lock", "locks")),
    ("Leases that ran out", _many("lapsed_leases", "lease", "leases")),
    ("P0 without an owner", _unowned),
)
