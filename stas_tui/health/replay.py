"""Recorded answers, played back: a world for demonstrations and tests that asks nobody. Always marked as replayed.

A recording is a folder with one JSON file for each source:

    {"format": "stas.replay/1", "source": "alertmanager", "kind": "alerts", "project": "", "every_s": 3,
     "recorded_at": 0,
     "answers": [{"after_s": 0, "state": "empty", "reason": "", "things": []},
                 {"after_s": 8, "state": "ok", "things": [{"kind": "alert", "key": "…", "starts_at": -60000, …}]}]}

`after_s` counts from the start of the playing; the last answer stays. Without `things`, what was known stays known, as
for a source that does not answer. Times are milliseconds and are shifted so that `recorded_at` is the start.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stas_tui.health.base import Answer
from storage.clock import SECOND
from storage.errors import StasError
from storage.records import DataState, Json
from storage.watch_records import KINDS, Observed, SourceKind

FORMAT = "stas.replay/1"
LARGEST = 4 * 1024 * 1024
"""Bytes of one file."""
TIMES = frozenset({"starts_at", "updated_at", "ends_at", "since", "at", "merged_at"})
"""Members of the nouns that are times."""


class ReplayWrong(StasError):
    """A recording cannot be read or holds something else."""


class Reel:
    """When the playing began: the same moment for all sources of one process, that of the first question."""

    def __init__(self) -> None:
        self._started: int | None = None

    def started(self, now: int) -> int:
        """The start; the first call sets it. UTC milliseconds."""
        if self._started is None:
            self._started = now
        return self._started


@dataclass(frozen=True, slots=True)
class _Recorded:
    after_ms: int
    state: DataState
    reason: str
    things: tuple[Observed, ...] | None
    retry_after_s: float | None
    detail: Json


class ReplaySource:
    """One source of a recording."""

    replayed = True

    def __init__(self, path: Path, reel: Reel) -> None:
        """Read the file. Raises `ReplayWrong`."""
        self._reel = reel
        data = _loaded(path)
        try:
            self.name = str(data["source"])
            self.kind = SourceKind(data["kind"])
            self.project_id = str(data.get("project", ""))
            self.every_s = float(data.get("every_s", 5.0))
            self._recorded_at = int(data.get("recorded_at", 0))
            self._answers = sorted((_recorded(one) for one in data["answers"]), key=lambda one: one.after_ms)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ReplayWrong(
                f"The recording {path.name} holds something else than answers of a source: {type(error).__name__} "
                f"{str(error)[:100]}.",
                "Record it again.",
            ) from error
        if not self.name or not self._answers or not 0.1 <= self.every_s <= 3_600:
            raise ReplayWrong(f"The recording {path.name} names no source, no answer or no interval.", "Mend it.")

    def ask(self, now: int) -> Answer:
        """The answer that is due."""
        started = self._reel.started(now)
        due = [one for one in self._answers if one.after_ms <= now - started]
        if not due:
            return Answer(state=DataState.UNKNOWN, reason="the recording has not come to it yet")
        one, shift = due[-1], started - self._recorded_at
        return Answer(
            state=one.state,
            things=None if one.things is None else [_shifted(thing, shift) for thing in one.things],
            reason=one.reason,
            retry_after_s=one.retry_after_s,
            detail=one.detail,
        )

    def close(self) -> None:
        """Nothing is open."""


def replayed_sources(folder: Path) -> list[ReplaySource]:
    """Every source of a recording, by file name. Raises `ReplayWrong` if there is none or one is wrong."""
    reel = Reel()
    try:
        files = sorted(folder.glob("*.json"))
    except OSError as error:
        raise ReplayWrong(f"The recording {folder} cannot be read: {error.strerror}.", "Mend [watch] replay.") from None
    if not files:
        raise ReplayWrong(f"There is no recording in {folder}.", "Mend [watch] replay, or take it out.")
    sources = [ReplaySource(path, reel) for path in files]
    names = [source.name for source in sources]
    for name in names:
        if names.count(name) > 1:
            raise ReplayWrong(f"Two files of the recording {folder.name} play the source {name}.", "Keep one.")
    return sources


def _loaded(path: Path) -> Json:
    try:
        if path.stat().st_size > LARGEST:
            raise ReplayWrong(f"The recording {path.name} is larger than {LARGEST // 1024} KiB.", "Shorten it.")
        data = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ReplayWrong(f"The recording {path.name} cannot be read: {error.strerror}.", "Mend it.") from error
    except (ValueError, RecursionError) as error:
        raise ReplayWrong(f"The recording {path.name} is not JSON.", "Record it again.") from error
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise ReplayWrong(f"{path.name} is no recording of the format {FORMAT}.", "Record it again.")
    return data


def _recorded(data: Json) -> _Recorded:
    things = data.get("things")
    retry = data.get("retry_after_s")
    return _Recorded(
        after_ms=int(float(data.get("after_s", 0)) * SECOND),
        state=DataState(data.get("state", "ok")),
        reason=str(data.get("reason", "")),
        things=None if things is None else tuple(_thing(one) for one in things),
        retry_after_s=None if retry is None else float(retry),
        detail=dict(data.get("detail", {})),
    )


def _thing(data: Json) -> Observed:
    kind = KINDS[data["kind"]]
    return kind.from_json({name: value for name, value in data.items() if name != "kind"})


def _shifted(thing: Observed, shift: int) -> Observed:
    data = thing.to_json()
    moved = {name: value + shift for name, value in data.items() if name in TIMES and _is_time(name, value, thing)}
    return type(thing).from_json({**data, **moved}) if moved else thing


def _is_time(name: str, value: Any, thing: Observed) -> bool:
    """A time that was given; one that was left out stays what it is."""
    default = type(thing).__dataclass_fields__[name].default
    return isinstance(value, int) and value != default


def record_of(name: str, kind: SourceKind, things: Sequence[Observed], *, at: int, project: str = "") -> Json:
    """What was observed at a time, as a recording of one answer."""
    return {
        "format": FORMAT,
        "source": name,
        "kind": kind.value,
        "project": project,
        "recorded_at": at,
        "answers": [
            {
                "after_s": 0,
                "state": "ok" if things else "empty",
                "things": [{"kind": thing.kind, **thing.to_json()} for thing in things],
            }
        ],
    }
