"""`stas train run` in a real terminal, with an instructor on the socket: begun, gone back, ended, debriefed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from stas_tui.locations import Locations
from stas_tui.training.control_client import Client, live
from stas_tui.training.runs import recorded, runs
from storage.records import Json
from tests.terminals import Terminal, environment, stas

pytestmark = pytest.mark.pty
ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 60.0


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    home = tmp_path / "home"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("STAS_")}
    argv = stas("train", "run", "tests/training/small.toml", "--home", str(home))
    opened = Terminal(argv, environment(kept, HOME=str(home)), rows=24, columns=80)
    yield opened
    opened.close()


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
