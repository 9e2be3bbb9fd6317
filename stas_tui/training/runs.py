"""The folder of a run: `<home>/training/runs/<lesson>-<utc time>/`.

| file | what |
|---|---|
| `lesson.toml` | the lesson as it was |
| `inputs.jsonl` | first the run's seed and time, then what people did, appended as it happened |
| `log.jsonl` | the sealed log, written at the end |
| `debrief.md`, `debrief.json` | written at the end |
| `notes.jsonl` | free notes |

A run that was cut off can be played again as far as `inputs.jsonl` goes.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stas_tui import exit_codes
from stas_tui.config_errors import shown
from stas_tui.locations import Locations, private_dir, write_private
from stas_tui.training.engine import Act, Engine, Order, play
from stas_tui.training.inputs import MOST_BYTES, Input, InputWrong, as_json, from_json, standing
from stas_tui.training.leftovers import hold
from stas_tui.training.reading import Lesson, load
from storage.clock import iso_seconds
from storage.errors import StasError
from storage.records import Event, Json
from storage.redact import redact

LESSON, INPUTS, LOG, NOTES = "lesson.toml", "inputs.jsonl", "log.jsonl", "notes.jsonl"
LEDGER = "ledger.jsonl"
"""The person's own ledger, below `training_dir`."""
DEBRIEF_MD, DEBRIEF_JSON = "debrief.md", "debrief.json"
_NAME = re.compile(r"[a-z0-9-]{1,60}-\d{8}T\d{6}Z(?:-\d{1,3})?")


class RunUnknown(StasError):
    """There is no such run."""

    exit_code = exit_codes.USAGE


class RunUnreadable(StasError):
    """A run's folder does not hold what it must."""


def training_dir(places: Locations) -> Path:
    """Where everything of training is kept, whatever the profile."""
    return places.data_dir / "training"


def clean(thing: Input) -> Input:
    """What a person typed without secrets. Give the engine what comes out of here: only that can be played again."""
    return clean_act(thing) if isinstance(thing, Act) else thing


def clean_act(act: Act) -> Act:
    """The same of an act."""
    return dataclasses.replace(act, text=redact(act.text), detail=_clean(act.detail))


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {name: _clean(item) for name, item in value.items()}
    return [_clean(item) for item in value] if isinstance(value, list) else value


class RunFolder:
    """A run while it goes on. Closed once; what was appended is kept whatever happens to the process."""

    def __init__(self, path: Path, handle: int, began: int) -> None:
        self.path = path
        self._handle = handle
        self._began = began

    @classmethod
    def create(cls, home: Path, lesson: Lesson, *, seed: int, began: int) -> RunFolder:
        """A new folder below `home` (see `training_dir`); `began` is the wall clock, UTC ms. Raises `StasError`."""
        runs = private_dir(private_dir(home) / "runs")
        stamp = iso_seconds(began).replace("-", "").replace(":", "")
        for n in range(1, 1_000):
            path = runs / (f"{lesson.scenario.id}-{stamp}" + (f"-{n}" if n > 1 else ""))
            try:
                path.mkdir(mode=0o700)
            except FileExistsError:
                continue
            break
        else:
            raise RunUnreadable(f"{runs} holds a thousand runs of this second.", "Remove what you do not need.")
        write_private(path / LESSON, lesson.text)
        handle = os.open(path / INPUTS, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        hold(handle)
        folder = cls(path, handle, began)
        folder._append({"run": 1, "lesson": lesson.scenario.id, "seed": seed, "file": lesson.digest, "began": began})
        return folder

    @property
    def name(self) -> str:
        """By which commands know it."""
        return self.path.name

    def add(self, thing: Input) -> None:
        """Keep what somebody did, without secrets; give the engine only what went through `clean`."""
        self._append(as_json(clean(thing)))

    def reached(self, at: int) -> None:
        """Keep how far the run went, in its own time, for one that is cut off."""
        self._append({"reached": at})

    def finish(self, engine: Engine) -> Path:
        """Keep the log and how it ended, write the debrief and, if it came to its end, the line of the ledger.

        Returns the debrief's Markdown. The ledger has the time when the run began. Called again after an error, it does
        what is still to do.
        """
        from stas_tui.training import ledger
        from stas_tui.training.debrief import debrief
        from stas_tui.training.score import score

        if self._handle >= 0:
            self._append({"ended": engine.ended, "at": engine.now})
            os.fsync(self._handle)
            self.close()
        write_private(self.path / LOG, "".join(event_line(event) + "\n" for event in engine.lines))
        written = load(self.path / LESSON)
        sheet = debrief(written, engine, notes=notes_of(self.path))
        write_private(self.path / DEBRIEF_MD, sheet.markdown())
        write_private(self.path / DEBRIEF_JSON, sheet.json_text())
        result = score(engine)
        if result.whole:
            entry = ledger.entry_of(engine, result, at=self._began, run=self.name)
            ledger.append(self.path.parent.parent / LEDGER, entry)
        return self.path / DEBRIEF_MD

    def close(self) -> None:
        """Let go of the file."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def _append(self, value: Json) -> None:
        line = json.dumps(value, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"
        if os.write(self._handle, line) != len(line):
            raise RunUnreadable(f"{self.path / INPUTS} cannot be written: the disk is full.", "Free some space.")


def event_line(event: Event) -> str:
    """An event of the log as one line of JSON."""
    return json.dumps(dataclasses.asdict(event), ensure_ascii=True, separators=(",", ":"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A run that was kept."""

    path: Path
    lesson: Lesson
    seed: int
    began: int
    """Wall clock, UTC ms."""
    inputs: tuple[Input, ...]
    until: int
    """How far it went, ms since its start."""
    ended: str
    """Why it ended; empty if it was cut off."""
    sealed: str = ""
    """The digest of the log that was kept at its end; empty if none was."""
    torn: str = ""
    """What could not be read of it, one sentence; empty if all could."""

    def again(self) -> Engine:
        """Play it again. Raises `StasError` if what was done does not fit the lesson."""
        engine = play(self.lesson.scenario, self.lesson.digest, self.inputs, seed=self.seed, until=self.until)
        if self.ended:
            engine.end(self.ended)
        return engine


def runs(home: Path) -> Sequence[Path]:
    """The folders of all runs, the latest last."""
    folder = home / "runs"
    if not folder.is_dir():
        return []
    return sorted((p for p in folder.iterdir() if _NAME.fullmatch(p.name)), key=_by_time)


def find(home: Path, name: str = "") -> Path:
    """The folder of a run, or of the last one. Raises `RunUnknown`."""
    known = runs(home)
    if not known:
        raise RunUnknown("No lesson was run yet.", "`stas train run ID` runs one.")
    if not name:
        return known[-1]
    found = [path for path in known if path.name == name] or [p for p in known if p.name.startswith(name)][-1:]
    if not found:
        raise RunUnknown(f"There is no run {shown(name)}.", f"The last one is {known[-1].name}.")
    return found[0]


def recorded(path: Path) -> Recorded:
    """What a run's folder holds. Raises `RunUnreadable`, `ScenarioError`."""
    lesson = load(path / LESSON)
    rows, torn = _rows(path / INPUTS)
    head = rows[0] if rows else {}
    seed, began = head.get("seed"), head.get("began")
    if head.get("run") != 1 or not isinstance(seed, int) or not isinstance(began, int):
        raise RunUnreadable(f"{path / INPUTS} does not begin as a run does.", "It cannot be played again.")
    if head.get("file") != lesson.digest:
        raise RunUnreadable(f"{path / LESSON} is not the file that was run.", "It cannot be played again.")
    done: list[Input] = []
    until, ended = 0, ""
    for number, row in enumerate(rows[1:], 2):
        try:
            if "reached" in row or "ended" in row:
                until, ended = _whole(row.get("reached", row.get("at"))), str(row.get("ended", ""))
                continue
            done.append(thing := from_json(row))
        except InputWrong as error:
            raise RunUnreadable(f"{path / INPUTS}, line {number}: {error.what}.") from None
        until = thing.at if isinstance(thing, Order) and thing.what == "rewind" else max(until, thing.at)
    return Recorded(
        path=path,
        lesson=lesson,
        seed=seed,
        began=began,
        inputs=tuple(standing(done)),
        until=until,
        ended=ended,
        sealed=_sealed(path / LOG),
        torn=torn,
    )


def notes_of(path: Path) -> tuple[str, ...]:
    """The free notes of a run."""
    rows, _ = _rows(path / NOTES) if (path / NOTES).exists() else ([], "")
    return tuple(str(row.get("note", "")) for row in rows)


def add_note(path: Path, text: str) -> None:
    """Append a free note, without secrets."""
    line = json.dumps({"note": redact(text)}, ensure_ascii=True).encode() + b"\n"
    handle = os.open(path / NOTES, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(line)


def _rows(path: Path) -> tuple[list[Json], str]:
    """The lines of a file; a last one that is not whole is left out and told."""
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise RunUnreadable(f"{path} cannot be read: {error.strerror}.") from error
    if len(data) > MOST_BYTES:
        raise RunUnreadable(f"{path} is larger than {MOST_BYTES // 1_000_000} MB.")
    *lines, rest = data.split(b"\n")
    rows = list(_objects(lines, path))
    return rows, "Its last line was not whole and was left out." if rest else ""


def _objects(lines: Iterable[bytes], path: Path) -> Iterable[Json]:
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        if not isinstance(row, dict):
            raise RunUnreadable(f"{path}, line {number}: this is no object of JSON.")
        yield row


def _sealed(path: Path) -> str:
    rows, _ = _rows(path) if path.exists() else ([], "")
    return str(rows[-1].get("hash", "")) if rows else ""


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise InputWrong("this is no time")
    return value


def _by_time(path: Path) -> tuple[str, int, str]:
    """Folders of one second are in the order of their numbers."""
    lesson, stamp, number = re.fullmatch(r"(.*)-(\d{8}T\d{6}Z)(?:-(\d+))?", path.name).groups()  # type: ignore[union-attr]
    return stamp, int(number or 1), lesson
