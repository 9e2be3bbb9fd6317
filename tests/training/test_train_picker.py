"""`stas train` and `stas demo --choose`: in a terminal they offer, without one they do what scripts expect."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest

from stas_tui.cli import main, parser
from stas_tui.commands.train_picker import command
from stas_tui.locations import Locations
from stas_tui.training import ledger
from tests.interruptible import HEARING
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
    argv = [*HEARING, *stas("--home", str(home), *words)]
    return Terminal(argv, environment(kept, HOME=str(home)), rows=30, columns=100)


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


@pytest.mark.pty
def test_the_list_is_heard_by_the_keys_of_the_person(tmp_path: Path, opened: list[Terminal]) -> None:
    home = tmp_path / "home"
    profile = Locations.find(home).profile("mine")
    profile.config_file.parent.mkdir(parents=True)
    profile.config_file.write_text(
        'agent_name = "Nagare"\n[keymap]\n"lessons.leave" = "W"\n"lessons.progress" = "v"\n"list.details" = "f9"\n'
    )
    terminal = in_a_terminal(home, "--profile", "mine", "train")
    opened.append(terminal)
    terminal.sees(b"f9 runs it")
    terminal.press(b"q")
    terminal.press(b"v", b"No run has ended yet. f9 on a lesson runs it")
    terminal.press(b"\x1b", b"f9 runs it")
    assert terminal.process.poll() is None, "q leaves no more"
    assert terminal.ended(b"W") == 0


# told to end from outside ----------------------------------------------------------------------------


def in_a_lesson(home: Path, *words: str) -> tuple[Terminal, list[object], str]:
    """A terminal in whose list a lesson was chosen, how it was set before, and the process of the lesson."""
    terminal = in_a_terminal(home, *words)
    before = termios.tcgetattr(terminal.master)
    terminal.sees(b"enter runs it")
    os.write(terminal.master, b"\r")
    terminal.sees(b"Time begins when you close")
    assert termios.tcgetattr(terminal.master) != before
    [lesson] = [pid for pid in children(terminal.process.pid) if "train run" in words_of(pid)]
    return terminal, before, lesson


def children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def words_of(pid: str) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()


@pytest.mark.pty
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_whoever_ends_the_list_ends_the_lesson_that_runs_on_its_terminal(
    tmp_path: Path, opened: list[Terminal], number: signal.Signals
) -> None:
    home = tmp_path / "home"
    terminal, before, _ = in_a_lesson(home, *(("demo", "--choose") if number == signal.SIGHUP else ("train",)))
    opened.append(terminal)
    os.kill(terminal.process.pid, number)
    assert terminal.ended() == 128 + number
    terminal.is_as_it_was(before)
    [folder] = (home / "training" / "runs").glob("*")
    assert "left before its end" in (folder / "debrief.md").read_text("utf-8"), "what was done until then is kept"
    assert not (folder / "profile").exists()


@pytest.mark.pty
def test_a_lesson_that_does_not_hear_is_ended_all_the_same(tmp_path: Path, opened: list[Terminal]) -> None:
    terminal, before, lesson = in_a_lesson(tmp_path / "home", "train")
    opened.append(terminal)
    os.kill(int(lesson), signal.SIGSTOP)
    os.kill(terminal.process.pid, signal.SIGTERM)
    assert terminal.ended() == 128 + signal.SIGTERM
    terminal.is_as_it_was(before)


@pytest.mark.pty
def test_a_lesson_that_was_killed_leaves_the_terminal_as_it_was(tmp_path: Path, opened: list[Terminal]) -> None:
    terminal, before, lesson = in_a_lesson(tmp_path / "home", "train")
    opened.append(terminal)
    os.kill(int(lesson), signal.SIGKILL)
    assert terminal.ended() == 1
    assert b"The lesson ended with the status -9" in terminal.written
    terminal.is_as_it_was(before)


@pytest.mark.pty
def test_the_list_itself_gives_the_terminal_back(tmp_path: Path, opened: list[Terminal]) -> None:
    terminal = in_a_terminal(tmp_path / "home", "train")
    opened.append(terminal)
    before = termios.tcgetattr(terminal.master)
    terminal.sees(b"enter runs it")
    os.kill(terminal.process.pid, signal.SIGTERM)
    assert terminal.ended() == 128 + signal.SIGTERM
    terminal.is_as_it_was(before)
