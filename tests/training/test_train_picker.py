"""`stas train` and `stas demo --choose`: in a terminal they offer, without one they do what scripts expect."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from stas_tui.cli import main, parser
from stas_tui.commands.train_picker import command
from stas_tui.training import ledger

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 60.0


def test_without_a_terminal_the_lessons_are_printed_and_what_to_type(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "--home", str(tmp_path / "home")]) == 0
    said = capsys.readouterr()
    assert said.out.startswith("s00-first-shift ")
    assert "stas train run s00-first-shift" in said.err
    assert main(["train", "--json", "--home", str(tmp_path / "home")]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)[0]["id"] == "s00-first-shift"
    assert said.err == ""


def test_without_a_terminal_the_demo_offers_nothing(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "stas_tui", "demo", "--choose", "--home", str(tmp_path / "home")],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        cwd=ROOT,
        env={**os.environ, "DEMO_SPEED": "0"},
    )
    assert done.returncode == 0, done.stderr
    assert "No terminal: the pulse runs as lines of text" in done.stderr
    assert "Pulse 1 stays open" in done.stdout
    assert not (tmp_path / "home" / "training").exists()


def test_a_lesson_is_run_with_the_flags_of_the_list() -> None:
    flags = ["--home", "/x/h", "--profile", "p", "--theme", "day", "--ascii", "--no-mouse"]
    words = command(parser().parse_args([*flags, "train"]), "/x/-l.toml")
    assert words[:3] == [sys.executable, "-m", "stas_tui"]
    again = parser().parse_args(words[3:])
    assert (again.command, again.what, again.id) == ("train", "run", "/x/-l.toml")
    assert (str(again.home), again.profile, again.theme, again.ascii, again.mouse) == ("/x/h", "p", "day", True, False)
    bare = parser().parse_args(command(parser().parse_args(["demo", "--choose"]), "f.toml")[3:])
    assert (bare.home, bare.profile, bare.theme, bare.ascii, bare.mouse) == (None, None, None, False, True)


class Terminal:
    """A command in a pseudo-terminal."""

    def __init__(self, home: Path, *words: str) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
        keep = {name: value for name, value in os.environ.items() if not name.startswith("STAS_")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "stas_tui", "--home", str(home), *words],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=ROOT,
            env={**keep, "TERM": "xterm-256color", "LANG": "C.UTF-8", "HOME": str(home)},
            start_new_session=True,
        )
        os.close(slave)
        self.written = b""

    def until(self, wanted: bytes, press: bytes = b"") -> None:
        """Read until it was written from now on; `press` is pressed whenever nothing comes."""
        begin, end = len(self.written), time.monotonic() + PATIENCE_S
        while wanted not in self.written[begin:]:
            assert time.monotonic() < end, (wanted, self.written[-2_000:])
            if not self._read() and press and self.process.poll() is None:
                os.write(self.master, press)

    def ended(self, press: bytes) -> int:
        """Press until it has ended; the exit status."""
        end = time.monotonic() + PATIENCE_S
        while self.process.poll() is None:
            assert time.monotonic() < end, self.written[-2_000:]
            if not self._read() and self.process.poll() is None:
                os.write(self.master, press)
        return self.process.returncode

    def calm(self) -> None:
        """Wait until nothing more is drawn: every key that was pressed before was heard, and none joins the next."""
        while self._read():
            pass

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
def opened(tmp_path: Path) -> Iterator[list[Terminal]]:
    made: list[Terminal] = []
    yield made
    for terminal in made:
        if terminal.process.poll() is None:
            terminal.process.kill()
        terminal.process.wait()
        os.close(terminal.master)


@pytest.mark.pty
def test_a_lesson_from_the_door_and_back_to_it_and_then_the_demo(tmp_path: Path, opened: list[Terminal]) -> None:
    home = tmp_path / "home"
    terminal = Terminal(home, "demo", "--choose")
    opened.append(terminal)
    terminal.until(b"enter runs it")
    os.write(terminal.master, b"\r")
    terminal.until(b"Time begins when you close")
    terminal.until(b"left", press=b"\x1b")
    terminal.until(b"Leave the lesson?", press=b"q")
    os.write(terminal.master, b"y")
    terminal.until(b"left before its end")
    terminal.until(b"is over. d shows its debrief", press=b"\x1b")
    assert ledger.read(home / "training" / "ledger.jsonl") == ([], []), "what was left says nothing about progress"
    assert len(list((home / "training" / "runs").glob("s00-first-shift-*/debrief.md"))) == 1
    terminal.calm()
    os.write(terminal.master, b"\x1b[B")
    terminal.until(b"It is made anew each time")
    os.write(terminal.master, b"\r")
    terminal.until(b"no pulse")
    assert (home / "profiles" / "demo").is_dir(), "the lesson's guard holds for the lesson alone"
    assert terminal.ended(b"q") == 0


@pytest.mark.pty
def test_the_list_is_left_without_a_run(tmp_path: Path, opened: list[Terminal]) -> None:
    terminal = Terminal(tmp_path / "home", "train")
    opened.append(terminal)
    terminal.until(b"TRAINING: lessons")
    assert terminal.ended(b"q") == 0
    assert not (tmp_path / "home" / "training" / "runs").exists()
