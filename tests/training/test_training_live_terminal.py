"""`stas train run` in a real terminal, with an instructor on the socket: begun, gone back, ended, debriefed."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stas_tui.locations import Locations
from stas_tui.training.control_client import Client, live
from stas_tui.training.runs import recorded, runs
from storage.records import Json

pytestmark = pytest.mark.pty
ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 60.0


class Terminal:
    """A lesson in a pseudo-terminal, and every byte that it wrote."""

    def __init__(self, home: Path) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        keep = {name: value for name, value in os.environ.items() if not name.startswith("STAS_")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "stas_tui", "train", "run", "tests/training/small.toml", "--home", str(home)],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=ROOT,
            env={**keep, "TERM": "xterm-256color", "LANG": "C.UTF-8", "HOME": str(home)},
            start_new_session=True,
        )
        os.close(slave)
        self.written = b""

    def until(self, seen: Callable[[bytes], object], what: str, press: bytes = b"") -> None:
        """Read until it was seen in what comes from now on; `press` is pressed whenever nothing comes."""
        started, begin = time.monotonic(), len(self.written)
        while not seen(self.written[begin:]):
            assert time.monotonic() - started < PATIENCE_S, (what, self.written[-2_000:])
            if not self._read() and press and self.process.poll() is None:
                os.write(self.master, press)

    def _read(self) -> bool:
        start = len(self.written)
        while select.select([self.master], [], [], 0.3)[0]:
            try:
                piece = os.read(self.master, 65_536)
            except OSError:
                break
            if not piece:
                break
            self.written += piece
        return len(self.written) > start


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    opened = Terminal(tmp_path / "home")
    try:
        yield opened
    finally:
        if opened.process.poll() is None:
            opened.process.kill()
        opened.process.wait()
        os.close(opened.master)


def test_a_lesson_from_its_briefing_to_its_debrief(terminal: Terminal, tmp_path: Path) -> None:
    places = Locations.find(tmp_path / "home")
    terminal.until(lambda new: b"Time begins" in new, "the briefing")
    with Client(live(places)[0]) as client:

        def order(what: str, body: Json | None = None) -> str:
            return str(client.ask(what, body or {}).get("said"))

        def state() -> Json:
            found: Json = client.ask("state", {})["state"]
            return found

        assert state()["paused"], "no time passes before it was told what it is about"
        terminal.until(lambda _: not state()["paused"], "the lesson begins", press=b"\x1b")
        while "a1" not in [row["on"] for row in state()["open"]]:
            order("jump")
        terminal.until(lambda new: b"WAITS FOR YOU" in new, "the gate")
        order("rewind", {"to": "+12s"})
        terminal.until(lambda new: b"paused" in new, "another dashboard")
        assert state()["now"] == 12_000
        order("play")
        order("mark", {"text": "from here"})
        order("end")
    terminal.until(lambda new: b"Not passed" in new, "the debrief")
    terminal.until(lambda _: terminal.process.poll() is not None, "the end", press=b"\x1b")
    assert terminal.process.returncode == 0
    assert b"\x1b]2;stas TRAINING" in terminal.written
    folder = runs(places.data_dir / "training")[-1]
    assert {path.name for path in folder.iterdir()} >= {"lesson.toml", "inputs.jsonl", "log.jsonl", "debrief.md"}
    assert not (folder / "profile").exists(), "the simulated world does not stay"
    kept = recorded(folder)
    assert kept.ended == "the instructor ended it"
    assert (folder / "log.jsonl").read_text("utf-8").count("\n") == len(kept.again().lines)
