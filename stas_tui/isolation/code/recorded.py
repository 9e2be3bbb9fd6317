"""The record of a test run as a source of executed statements: what the application's own code ran in it."""

from __future__ import annotations

import json
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stas_tui.isolation.base import LIVE_MS
from stas_tui.isolation.code.sql.text import touches_rows
from stas_tui.isolation.code.statement_log import MOST_SHAPES, Ran, Window, shape

if TYPE_CHECKING:
    from stas_tui.isolation.base import World
    from stas_tui.isolation.code.words import Words
    from stas_tui.isolation.declared import Tenancy

MOST_BYTES = 64 * 1024 * 1024
"""Bytes of a record that are read."""
MOST_LINE = 1024 * 1024
MOST_PLACES = 50_000
MOST_COUNT = 10**12


class RecordUnreadable(Exception):
    """The record could not be read; the text says why, as a clause."""


@dataclass(slots=True)
class Record:
    """What a test run executed."""

    statements: list[Ran] = field(default_factory=list)
    left_out: int = 0
    """Statements that the tests themselves, tools of the staff, or files that are not read ran."""
    commit: str = ""
    """Head of the repository in which it ran; empty if nobody knows."""
    last: int = 0
    """When it was written last, UTC milliseconds."""
    problems: list[str] = field(default_factory=list)
    """Why it proves nothing, as clauses."""


def read_record(path: Path, words: Words) -> Record:
    """What a record says. Raises `RecordUnreadable`."""
    try:
        with open(path, "rb", opener=_no_wait) as file:
            info = os.fstat(file.fileno())
            if not stat.S_ISREG(info.st_mode):
                raise RecordUnreadable(f"{path} is no file")
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise RecordUnreadable(f"{path} cannot be read: {error.strerror}") from None
    except ValueError:
        raise RecordUnreadable("the path of the record is none") from None
    reading = _Reading()
    lines = data[:MOST_BYTES].split(b"\n")
    for line in lines[:-1]:
        reading.take(line)
    reading.torn += bool(lines[-1]) and len(data) <= MOST_BYTES
    return reading.record(words, info.st_mtime_ns // 1_000_000, cut=len(data) > MOST_BYTES)


def record_of(world: World, tenancy: Tenancy) -> Path | None:
    """The record that is to be looked at: the one that a person named, the declared one, or that of the profile."""
    if world.test_run is not None:
        return world.test_run
    named = Path(tenancy.code.test_run) if tenancy.code.test_run else None
    if named is not None and not named.is_absolute() and world.root is not None:
        return world.root / named
    return named


def add_record(world: World, window: Window, record: Record, name: str) -> None:
    """Put a record beside what another source has; one that proves nothing stays out where there is another."""
    problems = [*record.problems]
    commit = world.tree.commit.rstrip("+") if world.tree is not None else ""
    if commit and record.commit and commit != record.commit:
        problems.append(f"the tests ran at commit {record.commit[:12]}, and {commit[:12]} is looked at")
    if world.clock.now() - record.last > LIVE_MS:
        problems.append("the test run is more than a day old")
    said = f"the record of the test run {name}"
    if problems and window.source:
        window.remarks.append(f"{said} was left out: {', '.join(problems)}")
        return
    at = f" at commit {record.commit[:12]}" if record.commit else ""
    window.source = ", ".join(part for part in (window.source, f"test run {name}{at}") if part)
    window.statements += record.statements
    window.left_out += record.left_out
    window.recorded = len(record.statements)
    window.problems += [f"{said}: {problem}" for problem in problems]


def _no_wait(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)


@dataclass(slots=True)
class _Said:
    sql: str
    path: str
    function: str
    calls: int
    long: bool


@dataclass(slots=True)
class _Reading:
    begun: dict[str, Any] = field(default_factory=dict)
    ended: dict[str, Any] = field(default_factory=dict)
    said: dict[tuple[str, int], _Said] = field(default_factory=dict)
    torn: int = 0
    trouble: set[str] = field(default_factory=set)
    unheard: set[str] = field(default_factory=set)
    cut: bool = False

    def take(self, line: bytes) -> None:
        entry: Any = None
        try:
            entry = json.loads(line) if len(line) <= MOST_LINE else None
        except (ValueError, RecursionError):
            self.torn += 1
            return
        match entry:
            case {"v": 1, "begun": int(), "commit": str()}:
                self.begun = entry
            case {"ended": int(), "status": int()}:
                self.ended = entry
            case {"p": str(process), "k": int(key), "n": int(calls), "sql": str(sql), "at": [str(path), str(function)]}:
                if len(self.said) >= MOST_PLACES:
                    self.cut = True
                    return
                calls = min(max(calls, 0), MOST_COUNT)
                self.said[process, key] = _Said(sql, path, function, calls, entry.get("long") is True)
            case {"p": str(process), "k": int(key), "n": int(calls)} if (process, key) in self.said:
                known = self.said[process, key]
                known.calls = max(known.calls, min(calls, MOST_COUNT))
            case {"p": str(), "trouble": str(what)}:
                self.trouble.add(what[:40])
            case {"p": str(), "unheard": str(what)}:
                self.unheard.add(what[:60])
            case {"p": str(), "more": True}:
                self.cut = True
            case _:
                self.torn += 1

    def record(self, words: Words, last: int, *, cut: bool) -> Record:
        """What it all means."""
        record = Record(commit=str(self.begun.get("commit", "")), last=last)
        shapes: dict[tuple[str, str], Ran] = {}
        for one in self.said.values():
            if one.path and (not words.wanted(one.path) or words.is_staff(one.path, one.function)):
                record.left_out += 1
            elif one.long or touches_rows(one.sql):
                place = f"{one.path}, {one.function}" if one.path else ""
                key = (shape(one.sql), place)
                if key not in shapes and len(shapes) >= MOST_SHAPES:
                    cut = True
                    continue
                shapes.setdefault(key, Ran(one.sql, place=place, sure=bool(one.path), recorded=True)).calls += one.calls
        record.statements = list(shapes.values())
        record.problems = list(self._problems(cut=cut or self.cut))
        return record

    def _problems(self, *, cut: bool) -> list[str]:
        parts = []
        if not self.begun:
            parts.append("it does not say at which commit the tests ran; make it with `stas isolation record`")
        elif not self.ended:
            parts.append("the test run has not ended, or was killed")
        elif self.ended["status"]:
            parts.append(f"the test run ended with status {self.ended['status']}")
        if self.begun.get("changed"):
            parts.append("the working copy had changes that no commit holds")
        if self.torn:
            parts.append(f"{self.torn} of its lines cannot be read")
        if self.trouble:
            parts.append(f"recording broke off in a process ({', '.join(sorted(self.trouble)[:3])})")
        if self.unheard:
            parts.append(f"not listened to were {', '.join(sorted(self.unheard)[:3])}")
        if cut:
            parts.append("there were more different statements than are read")
        return parts
