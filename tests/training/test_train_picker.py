"""`stas train` and `stas demo --choose`: in a terminal they offer, without one they do what scripts expect."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stas_tui.cli import main, parser
from stas_tui.commands.train_picker import command
from stas_tui.training import ledger
from tests.terminals import Terminal, environment, stas

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


def in_a_terminal(home: Path, *words: str) -> Terminal:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("STAS_")}
    return Terminal(stas("--home", str(home), *words), environment(kept, HOME=str(home)), rows=30, columns=100)


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[list[Terminal]]:
    made: list[Terminal] = []
    yield made
    for terminal in made:
        terminal.close()


@pytest.mark.pty
def test_a_lesson_from_the_door_and_back_to_it_and_then_the_demo(tmp_path: Path, opened: list[Terminal]) -> None:
    home = tmp_path / "home"
    terminal = in_a_terminal(home, "demo", "--choose")
    opened.append(terminal)
    terminal.sees(b"enter runs it")
    os.write(terminal.master, b"\r")
    terminal.sees(b"Time begins when you close")
    terminal.sees(b"left", press=b"\x1b")
    terminal.sees(b"Leave the lesson?", press=b"q")
    os.write(terminal.master, b"y")
    terminal.sees(b"left before its end")
    terminal.sees(b"is over. d shows its debrief", press=b"\x1b")
    assert ledger.read(home / "training" / "ledger.jsonl") == ([], []), "what was left says nothing about progress"
    assert len(list((home / "training" / "runs").glob("s00-first-shift-*/debrief.md"))) == 1
    terminal.sees(b"Keys that work here", press=b"?")  # by then every escape was heard, and none joins the next key
    terminal.press(b"\x1b", b"enter runs it")
    terminal.press(b"\x1b[B", b"It is made anew each time")
    os.write(terminal.master, b"\r")
    terminal.sees(b"no pulse")
    assert (home / "profiles" / "demo").is_dir(), "the lesson's guard holds for the lesson alone"
    assert terminal.ended(b"q") == 0


@pytest.mark.pty
def test_the_list_is_left_without_a_run(tmp_path: Path, opened: list[Terminal]) -> None:
    terminal = in_a_terminal(tmp_path / "home", "train")
    opened.append(terminal)
    terminal.sees(b"TRAINING: lessons")
    assert terminal.ended(b"q") == 0
    assert not (tmp_path / "home" / "training" / "runs").exists()
