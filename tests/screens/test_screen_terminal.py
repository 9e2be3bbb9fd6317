"""What the real dashboard writes to a real terminal."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stas_tui.locations import Locations
from tests.screens.hands import approve, open_application
from tests.screens.stage import SECRET
from tests.terminals import PATIENCE_S, Terminal, environment

pytestmark = pytest.mark.pty
FIXED = re.compile(rb"stas DEMO(?:: \d+ (?:P0|gates?|steps?)(?:, \d+ (?:gates?|steps?))*)?")
TITLES = re.compile(rb"\x1b\]([0-9]+);([^\x07\x1b]*)(?:\x07|\x1b\\)")


def staged(scene: str, home: Path, **size: int) -> Terminal:
    """A scene of the stage."""
    argv = [sys.executable, "-m", "tests.screens.stage", scene, str(home)]
    return Terminal(argv, environment(os.environ, DEMO_SPEED="0"), **size)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Callable[..., Terminal]]:
    opened: list[Terminal] = []

    def start(scene: str, **size: int) -> Terminal:
        opened.append(staged(scene, tmp_path / "home", **size))
        return opened[-1]

    yield start
    for terminal in opened:
        terminal.close()


def test_no_hostile_text_of_the_world_acts_on_the_terminal(stage: Callable[..., Terminal]) -> None:
    terminal = stage("hostile")
    terminal.until(lambda new: b"WAITS FOR YOU" in new, "the main screen")
    terminal.read(0.5)
    for keys in (b"j", b"e", b"2", b"j", b"\r", b"\x1b", b"3", b"j", b"4", b"0", b"\x10", b"take", b"\x1b", b"1"):
        terminal.press(keys)
    terminal.press(b"\r")
    terminal.press(b"\x1b")
    for keys in (b"L", b"\x1b", b"x", b"\x1b", b"s", b"\x1b", b"?", b"\x1b", b"g", b"\x1b"):
        terminal.press(keys)
    terminal.press(b"w")
    terminal.press(b"\x1b")
    written = terminal.written
    assert written.count(b"aGFja2Vk") >= 10, "the text itself is shown"
    assert b"[@click=app.quit]quit[/]" in written, "brackets are text"
    assert b"\x1b]52;c;aGFja2Vk" not in written
    assert b"\x1b]0;HACKED" not in written
    assert b"\xc2\x9b" not in written
    assert b"\x00" not in written
    for mark in "\u202e\u2066\u200b":
        assert mark.encode() not in written
    assert terminal.process.poll() is None, "it is still alive"
    titles = {title for number, title in TITLES.findall(written) if number in (b"0", b"2")}
    assert titles
    assert [title for title in titles if not FIXED.fullmatch(title)] == []


def test_a_decision_in_another_process_closes_the_gate_within_a_second(
    stage: Callable[..., Terminal], tmp_path: Path
) -> None:
    terminal = stage("gate", rows=24, columns=80)
    terminal.until(lambda new: b"WAITS FOR YOU" in new, "the main screen")
    terminal.until(lambda new: b"EXACTLY THIS WILL RUN" in new, "the gate", press=b"g")
    terminal.read(0.5)
    with open_application(Locations.find(tmp_path / "home").profile("demo")) as other:
        [action] = other.context.journal.pending()
        approve(other, action)
        took = terminal.until(lambda new: f"approved by {other.person}".encode() in new, "the decider's name")
    assert took < 1.5


def test_what_waits_rings_once_and_renames_the_window_with_fixed_words(stage: Callable[..., Terminal]) -> None:
    terminal = stage("gate")
    terminal.until(lambda new: b"\x1b]2;stas DEMO: 1 gate\x07" in new, "the title")
    terminal.read(0.5)
    assert TITLES.sub(b"", terminal.written).count(b"\x07") == 1


def test_a_terminal_that_went_away_ends_the_program(stage: Callable[..., Terminal]) -> None:
    """No signal tells of it, because the terminal is no session's own."""
    terminal = stage("gate")
    terminal.sees(b"WAITS FOR YOU")
    terminal.hang_up()
    ignored = 128 + signal.SIGHUP  # where whoever started the tests has the signal ignored
    assert terminal.process.wait(PATIENCE_S) in (-signal.SIGHUP, ignored)


def test_a_crash_report_shows_no_local_variables(stage: Callable[..., Terminal]) -> None:
    terminal = stage("crash")
    terminal.until(lambda new: b"Inbox" in new, "the main screen")
    terminal.until(lambda new: b"RuntimeError" in new, "the crash report", press=b"L")
    terminal.until(lambda new: terminal.process.poll() is not None, "the end")
    assert b"a bug beside a token of" in terminal.written
    assert SECRET.encode() not in terminal.written


def test_no_hostile_text_of_a_source_acts_on_the_terminal(stage: Callable[..., Terminal]) -> None:
    """E6: every field of every source, on the list, in the detail, on the incident and on the hand-over sheet."""
    terminal = stage("attacked", rows=24, columns=80)
    terminal.until(lambda new: b"need a person" in new and b"aGFja2Vk" in new, "the on-call list")
    for keys in (
        b"j",
        b"e",
        b"\t",
        b"j",
        b"z",
        b"z",
        b"\r",
        b"\x1b",
        b"s",
        b"\x1b",
        b"I",
        b"y",
        b"\x1b",
        b"H",
        b"\x1b",
    ):
        terminal.press(keys)
    for keys in (b"/aGF", b"\r", b"\x1b", b"j", b"Z", b"\x1b", b"E", b"\x1b", b"T", b"\x1b", b"D", b"\x1b", b"c"):
        terminal.press(keys)
    written = terminal.written
    assert written.count(b"aGFja2Vk") >= 10, "the text itself is shown"
    assert b"\x1b]52;c;aGFja2Vk" not in written
    assert b"\x1b]0;HACKED" not in written
    assert b"\xc2\x9b" not in written
    assert b"\x1b[2J\xc2" not in written
    for mark in "\u202e\u2066\u200b":
        assert mark.encode() not in written
    assert terminal.process.poll() is None, "it is still alive"
