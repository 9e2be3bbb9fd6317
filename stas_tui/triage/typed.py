"""Half-typed texts: each kept in a file of its own while somebody types, until it is written down or dropped.

They are no part of the record: nothing is decided by them, and the folder can be deleted at any time.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from stas_tui.locations import LocationError, private_dir, write_private
from storage.canonical import well_formed
from storage.clock import DAY, Clock
from storage.redact import redact

LONGEST = 64_000
"""Characters of one text; what is behind them is not kept."""
KEPT_MS = 7 * DAY
"""After this time nobody goes on with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """A text that somebody began and did not send."""

    what: str
    """A noun for it, e.g. `a note on tenant acme`."""
    text: str
    at: int
    """When it was kept last."""


class Typed:
    """The half-typed texts of one person on one profile. Raises `LocationError` where the disk refuses."""

    def __init__(self, folder: Path, person: str, clock: Clock) -> None:
        self._folder = folder
        self._person = person
        self._clock = clock

    def keep(self, place: str, text: str, *, what: str) -> None:
        """Keep what stands at a place so far, without secrets; an empty text is dropped."""
        clean = redact(well_formed(text))[:LONGEST]
        if not clean.strip():
            self.drop(place)
            return
        private_dir(self._folder)
        body = {"at": self._clock.now(), "by": self._person, "what": redact(well_formed(what))[:200], "text": clean}
        write_private(self._file(place), json.dumps(body, ensure_ascii=False))

    def left(self, place: str) -> Left | None:
        """What was left there; None if nothing was, too long ago, or if the file is not one of ours."""
        with self._asking():
            return self._read(self._file(place))

    def all_left(self) -> list[Left]:
        """Everything that this person left anywhere, the oldest first."""
        with self._asking():
            files = sorted(self._folder.glob("*.json")) if self._folder.is_dir() else []
            found = [left for file in files if (left := self._read(file)) is not None]
        return sorted(found, key=lambda left: (left.at, left.what))

    def drop(self, place: str) -> None:
        """Forget it: it was written down, or left on purpose."""
        with self._asking():
            self._file(place).unlink(missing_ok=True)

    def _file(self, place: str) -> Path:
        name = hashlib.sha256(f"{self._person}\0{place}".encode("utf-8", "replace")).hexdigest()[:32]
        return self._folder / f"{name}.json"

    def _read(self, file: Path) -> Left | None:
        try:
            body = json.loads(file.read_text("utf-8"))
            left = Left(what=str(body["what"]), text=str(body["text"])[:LONGEST], at=int(body["at"]))
            mine = body["by"] == self._person
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None
        return left if mine and left.text.strip() and self._clock.now() - left.at < KEPT_MS else None

    @contextmanager
    def _asking(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise LocationError(
                f"What is half typed in {self._folder} cannot be reached: {error.strerror}.", "Check permissions."
            ) from error
