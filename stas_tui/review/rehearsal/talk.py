"""Talking to the child in the jail: one request, one answer, and an end when its time is over."""

from __future__ import annotations

import json
import os
import selectors
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stas_tui.review.rehearsal import walls
from storage.clock import SECOND, Clock

_HERE = Path(__file__).parent
_FILES = ("child.py", "child_alembic.py", "child_postgres.py", "child_sqlite.py")
_LONGEST_ANSWER = 64 * 1024 * 1024
_LOG_BYTES = 4_000


class ChildGone(Exception):
    """The child ended without an answer; the text says what it printed last."""


class TimeOver(Exception):
    """The time of the whole rehearsal is over."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a rehearsal may go on, and who may end it."""

    clock: Clock
    until: int
    """Monotonic milliseconds."""
    seconds: float
    """The whole time that was given, for sentences."""
    step: Callable[[str], None] = lambda _: None
    """Says what happens now. Raises `Cancelled` if a person ended it."""

    @property
    def left_s(self) -> float:
        """Seconds that are left. Raises `TimeOver` if there are none."""
        left = (self.until - self.clock.monotonic()) / SECOND
        if left <= 0:
            raise TimeOver
        return left


class Child:
    """A program in the jail that does one kind of thing."""

    def __init__(
        self,
        here: walls.Place,
        kind: str,
        settings: Mapping[str, Any],
        limits: Limits,
        *,
        python: Path | None = None,
        env: Mapping[str, str] | None = None,
        keep: tuple[Path, ...] = (),
        network: bool = False,
    ) -> None:
        """Raises `ChildGone`, `TimeOver`, `WallsMissing`; `about` then holds its first answer."""
        python = python or Path(sys.executable)
        programs = here.made("programs")
        for name in _FILES:
            shutil.copyfile(_HERE / name, programs / name)
            (programs / name).chmod(0o644)
        self._limits = limits
        self._log = here.folder / f"{kind}.log"
        marked = {walls.MARKER: here.folder.name}
        with self._log.open("wb") as log:
            self._jailed = walls.start(
                here,
                [str(python), "-I", "-B", "-X", "utf8", str(programs / "child.py"), kind],
                env=walls.environment(here, {**(env or {}), **marked}),
                keep=(*walls.interpreter_folders(python), *keep),
                network=network,
                seconds=limits.left_s,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log.fileno(),
            )
        self.walls = self._jailed.walls
        self._waiting = b""
        try:
            self.about = self.ask(settings)
        except BaseException:
            self.close()
            raise

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The answer. Raises `ChildGone`, `TimeOver`, `Cancelled`."""
        process = self._jailed.process
        assert process.stdin is not None
        if self._waiting:
            raise ChildGone("it said more than it was asked")
        try:
            process.stdin.write(json.dumps(dict(request)).encode() + b"\n")
            process.stdin.flush()
        except OSError:
            raise ChildGone(self._last_words()) from None
        line = self._line()
        try:
            answer = json.loads(line)
        except ValueError:
            raise ChildGone("it answered with something that is no answer") from None
        if not isinstance(answer, dict):
            raise ChildGone("it answered with something that is no answer")
        return answer

    def _line(self) -> bytes:
        process = self._jailed.process
        assert process.stdout is not None
        pieces = [self._waiting]
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while b"\n" not in pieces[-1]:
                if not selector.select(min(self._limits.left_s, 0.5)):
                    self._limits.step("")
                    continue
                data = os.read(process.stdout.fileno(), 1 << 16)
                if not data:
                    process.wait()
                    raise ChildGone(self._last_words())
                pieces.append(data)
                if sum(map(len, pieces)) > _LONGEST_ANSWER:
                    raise ChildGone("its answer is too long")
        line, _, self._waiting = b"".join(pieces).partition(b"\n")
        return line

    def _last_words(self) -> str:
        with self._log.open("rb") as log:
            log.seek(0, os.SEEK_END)
            log.seek(max(0, log.tell() - _LOG_BYTES))
            lines = log.read().decode("utf-8", "replace").strip().split("\n")
        return lines[-1].strip() or f"it ended with status {self._jailed.process.returncode} and said nothing"

    def close(self) -> None:
        """End it with everything that it started."""
        walls.end(self._jailed.process)

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
