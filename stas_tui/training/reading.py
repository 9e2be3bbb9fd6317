"""Reads a lesson's file: strictly, and with every problem at once, each with line and column."""

from __future__ import annotations

import hashlib
import math
import os
import re
import stat
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from stas_tui.config_errors import Loc, shown
from stas_tui.training.explain import complaints
from stas_tui.training.places import Places, Spot
from stas_tui.training.scenario import Scenario
from storage.errors import StasError

MOST_BYTES = 1_000_000
"""The largest file that is read."""
MOST_TOLD = 50
"""So many problems are told; the rest is counted."""
DEEPEST = 12
"""So many tables and lists inside one another."""
WHOLE_LIMIT = 2**53
_LONG_KEY = re.compile(rf"(?<![\w-])(?:(?:[\w-]+|\"[^\"\n]*\"|'[^'\n]*')[ \t]*\.[ \t]*){{{2 * DEEPEST}}}")
_AT = re.compile(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something wrong with a file."""

    spot: Spot
    what: str
    """What is wrong, one sentence without its full stop."""
    mend: str = ""
    """What to do, a sentence; empty if it is plain."""

    def said(self, file: object) -> str:
        """`file:line:column: sentence`."""
        tail = f" {self.mend}" if self.mend else ""
        return f"{shown(file, 300)}:{self.spot.line}:{self.spot.column}: {self.what}.{tail}"


class ScenarioError(StasError):
    """A lesson's file cannot be used; `problems` says where and why."""

    def __init__(self, path: Path, problems: tuple[Problem, ...]) -> None:
        told = [problem.said(path) for problem in problems[:MOST_TOLD]]
        more = len(problems) - len(told)
        super().__init__("\n".join([*told, *([f"… and {more} more."] if more else [])]))
        self.path = path
        self.problems = problems


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """A lesson and the file it came from."""

    scenario: Scenario
    digest: str
    """SHA-256 of the file's bytes, hex."""
    path: Path
    text: str
    """All of it, so that it can be written as the same bytes."""
    places: Places = field(repr=False, compare=False)


def load(path: Path) -> Lesson:
    """The lesson of a file. Raises `ScenarioError`, also for a file that cannot be read."""
    return parse(_bytes_of(path), path)


def parse(data: bytes, path: Path) -> Lesson:
    """The lesson of a file's bytes; `path` is what errors call it. Raises `ScenarioError`."""
    text = _text_of(data, path)
    raw = _tables(text, path)
    places = Places(text)
    problems = [Problem(spot=places.of(loc), what=what) for loc, what in _unsealable(raw)]
    scenario: Scenario | None = None
    try:
        scenario = Scenario.model_validate(_as_tuples(raw), strict=True, by_alias=True, by_name=False)
    except ValidationError as error:
        problems += [Problem(spot=places.of(loc), what=what) for loc, what in complaints(error, raw)]
    if scenario is not None and not 2000 <= scenario.clock_start.year < 2100:
        problems.append(Problem(spot=places.of(("clock_start",)), what="clock_start is in this century"))
    if problems or scenario is None:
        raise ScenarioError(path, tuple(sorted(problems, key=lambda problem: problem.spot)))
    digest = hashlib.sha256(data).hexdigest()
    return Lesson(scenario=scenario, digest=digest, path=path, text=data.decode(), places=places)


def _refused(path: Path, what: str, mend: str = "", *, line: int = 1, column: int = 1) -> ScenarioError:
    return ScenarioError(path, (Problem(spot=Spot(line, column), what=what, mend=mend),))


def _bytes_of(path: Path) -> bytes:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise _refused(path, "this is no file", "Name a TOML file.")
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise _refused(path, f"it cannot be read: {error.strerror}", "Name a TOML file.") from error
    except ValueError as error:
        raise _refused(path, "this is no name of a file", "Name a TOML file.") from error
    if len(data) > MOST_BYTES:
        raise _refused(path, f"it is larger than {MOST_BYTES // 1_000} kB", "A lesson is a few hundred lines.")
    return data


def _text_of(data: bytes, path: Path) -> str:
    if len(data) > MOST_BYTES:
        raise _refused(path, f"it is larger than {MOST_BYTES // 1_000} kB", "A lesson is a few hundred lines.")
    try:
        return data.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        line, column = before.count(b"\n") + 1, error.start - before.rfind(b"\n")
        raise _refused(path, "this is not UTF-8", "Save the file as UTF-8.", line=line, column=column) from None


def _tables(text: str, path: Path) -> dict[str, Any]:
    if long := _LONG_KEY.search(text):
        line = text.count("\n", 0, long.start()) + 1
        raise _refused(path, "a key has too many parts", "Write tables inside one another as headers.", line=line)
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise _refused(path, "lists or tables are nested too deeply", f"Use at most {DEEPEST}.") from None
    except ValueError as error:
        found = _AT.fullmatch(str(error))
        last = max(len(text.splitlines()), 1)
        raise _refused(
            path,
            f"this is not TOML: {shown(found[1] if found else error, 200)}",
            'Texts stand in quotation marks (at = "+40s"), lists in brackets, one setting on a line.',
            line=int(found[2]) if found and found[2] else last,
            column=int(found[3]) if found and found[3] else 1,
        ) from None


def _unsealable(raw: dict[str, Any]) -> Iterator[tuple[Loc, str]]:
    """Values that two machines could write down differently, so that no log could be sealed over them."""
    stack: list[tuple[Loc, Any]] = [((), raw)]
    while stack:
        loc, value = stack.pop()
        if isinstance(value, dict | list):
            if len(loc) > DEEPEST:
                yield loc, f"this is nested more than {DEEPEST} deep"
                continue
            pairs = value.items() if isinstance(value, dict) else enumerate(value)
            stack.extend(((*loc, key), item) for key, item in pairs)
        elif isinstance(value, float) and not math.isfinite(value):
            yield loc, "this must be a finite number"
        elif isinstance(value, int) and abs(value) >= WHOLE_LIMIT:
            yield loc, "this number is too large; whole numbers go to 2^53"


def _as_tuples(value: Any, key: str = "") -> Any:
    """Lists as tuples, which is what the model holds; what an action is asked with stays as it was written."""
    if key == "args":
        return value
    if isinstance(value, dict):
        return {name: _as_tuples(item, name) for name, item in value.items()}
    return tuple(_as_tuples(item) for item in value) if isinstance(value, list) else value
