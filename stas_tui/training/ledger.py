"""A person's own ledger: one line of JSON for each run that ended, appended and never changed.

It belongs to whoever trains: it stays on the machine, is readable by its owner only, and nothing sends it anywhere.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from stas_tui.training.engine import Engine
from stas_tui.training.score import PARTS, Score
from storage.clock import iso_seconds
from storage.errors import StasError
from storage.records import Json

SCHEMA = 1
MOST_BYTES = 50_000_000


class LedgerUnusable(StasError):
    """The ledger cannot be read or written; the run itself is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One run."""

    at: int
    """When it began: wall clock, UTC ms."""
    lesson: str
    version: int
    seed: int
    percent: float
    passed: bool
    instant_fail: bool
    parts: dict[str, float | None]
    """Percent by part; None where nothing of it came up."""
    hints: int
    digest: str
    """Of the log."""
    run: str
    """The run's folder; empty for one that was not kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How somebody does in one lesson."""

    lesson: str
    runs: int
    passed: int
    first: float
    best: float
    last: float
    last_at: int

    @property
    def change(self) -> float:
        """Percent from the first run to the last."""
        return round(self.last - self.first, 1)


def entry_of(engine: Engine, result: Score, *, at: int, run: str = "") -> Entry:
    """The line of a run that ended."""
    return Entry(
        at=at,
        lesson=engine.scenario.id,
        version=engine.scenario.version,
        seed=engine.seed,
        percent=result.percent,
        passed=result.passed,
        instant_fail=bool(result.instant_fails),
        parts={part.name: part.percent for part in result.parts},
        hints=result.hints,
        digest=engine.digest,
        run=run,
    )


def append(path: Path, entry: Entry) -> None:
    """Add a line and have it on the disk, one process at a time. A line that a crash cut off before stays alone.

    Raises `LedgerUnusable`.
    """
    line = json.dumps(as_json(entry), ensure_ascii=True, separators=(",", ":")).encode() + b"\n"
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            size = os.fstat(handle).st_size
            torn = size > 0 and os.pread(handle, 1, size - 1) != b"\n"
            data = (b"\n" if torn else b"") + line
            if os.write(handle, data) != len(data):
                raise LedgerUnusable(f"{path} cannot be written: the disk is full.", "Free some space.")
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        raise LedgerUnusable(f"{path} cannot be written: {error.strerror}.", "Check permissions and space.") from error


def read(path: Path) -> tuple[Sequence[Entry], Sequence[str]]:
    """(every run in the order of its end, a sentence for each line that is none). Raises `LedgerUnusable`."""
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        return [], []
    except OSError as error:
        raise LedgerUnusable(f"{path} cannot be read: {error.strerror}.", "Check permissions.") from error
    if len(data) > MOST_BYTES:
        raise LedgerUnusable(f"{path} is larger than {MOST_BYTES // 1_000_000} MB.", "Move it away.")
    entries: list[Entry] = []
    told: list[str] = []
    *lines, rest = data.split(b"\n")
    for number, line in enumerate(lines, 1):
        entry = _entry(line)
        if entry is None:
            told.append(f"{path}, line {number}: this is no run; it was skipped.")
        else:
            entries.append(entry)
    if rest:
        told.append(f"{path}, line {len(lines) + 1}: the last line is torn; it was skipped.")
    return sorted(entries, key=lambda entry: entry.at), told


def progress(entries: Sequence[Entry]) -> Iterator[Progress]:
    """By lesson, in the order of their ids."""
    for lesson in sorted({entry.lesson for entry in entries}):
        mine = [entry for entry in entries if entry.lesson == lesson]
        yield Progress(
            lesson=lesson,
            runs=len(mine),
            passed=sum(entry.passed for entry in mine),
            first=mine[0].percent,
            best=max(entry.percent for entry in mine),
            last=mine[-1].percent,
            last_at=mine[-1].at,
        )


def as_json(entry: Entry) -> Json:
    """A run as a JSON object; the keys are stable."""
    return {
        "schema": SCHEMA,
        "at": iso_seconds(entry.at),
        "ms": entry.at,
        "lesson": entry.lesson,
        "version": entry.version,
        "seed": entry.seed,
        "percent": entry.percent,
        "passed": entry.passed,
        "instant_fail": entry.instant_fail,
        "parts": entry.parts,
        "hints": entry.hints,
        "digest": entry.digest,
        "run": entry.run,
    }


def _entry(line: bytes) -> Entry | None:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(row, dict) or row.get("schema") != SCHEMA:
        return None
    texts = {name: row.get(name) for name in ("lesson", "digest", "run")}
    wholes = {"at": row.get("ms"), **{name: row.get(name) for name in ("version", "seed", "hints")}}
    parts = row.get("parts")
    percents = {name: parts.get(name) for name in PARTS} if isinstance(parts, dict) else {}
    ok = (
        isinstance(parts, dict)
        and all(isinstance(text, str) for text in texts.values())
        and all(isinstance(n, int) and not isinstance(n, bool) and 0 <= n < 2**53 for n in wholes.values())
        and all(percent is None or _is_percent(percent) for percent in percents.values())
        and _is_percent(row.get("percent"))
        and all(isinstance(row.get(name), bool) for name in ("passed", "instant_fail"))
    )
    if not ok:
        return None
    return Entry(
        **texts,  # type: ignore[arg-type]
        **wholes,  # type: ignore[arg-type]
        percent=row["percent"],
        passed=row["passed"],
        instant_fail=row["instant_fail"],
        parts=percents,
    )


def _is_percent(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 100
