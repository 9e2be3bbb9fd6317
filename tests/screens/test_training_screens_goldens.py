"""The instructor's terminal and going through a log again, as text, at both sizes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.cells import cell_len
from syrupy.assertion import SnapshotAssertion
from textual.pilot import Pilot

from stas_tui.locations import Locations
from stas_tui.screens.instructor import InstructorApp
from stas_tui.screens.replay import ReplayApp
from stas_tui.training.control import Control
from stas_tui.training.control_client import path_for
from stas_tui.training.engine import Act, play
from stas_tui.training.replay import Timeline, timeline_of
from tests.training.seat import Seat, screen_text, short_home
from tests.training.test_control_screen import sees
from tests.training.worlds import small

SIZES = pytest.mark.parametrize("size", [(120, 36), (80, 24)], ids=["wide", "narrow"])


async def drawn(pilot: Pilot[None], *words: str) -> str:
    """What stands on the screen once these words do and nothing moves; it fits, and nothing acts on the terminal."""
    await sees(pilot, *words)
    last, same = "", 0
    while same < 3:
        await pilot.pause(0.06)
        text = screen_text(pilot.app)
        same = same + 1 if text == last else 0
        last = text
    text = "\n".join(row.rstrip() for row in last.split("\n")) + "\n"
    assert all(cell_len(row) <= pilot.app.size.width for row in text.splitlines())
    assert "\x1b" not in text
    return text


@pytest.fixture
def seat() -> Seat:
    return Seat()


@pytest.fixture
def socket(seat: Seat) -> Iterator[Path]:
    with short_home() as home, Control(seat, path_for(Locations.find(home), "r1")) as control:
        yield control.path


@SIZES
async def test_the_instructor_at_a_gate(
    seat: Seat, socket: Path, size: tuple[int, int], golden_text: SnapshotAssertion
) -> None:
    seat.until(100_000)
    seat.order("mark", {"text": "she read the base aloud"})
    async with InstructorApp(socket, environ={}).run_test(size=size) as pilot:
        assert await drawn(pilot, "d1 on a1", "she read the base aloud", "1 certain") == golden_text


@SIZES
async def test_the_instructor_before_anything_came(
    seat: Seat, socket: Path, size: tuple[int, int], golden_text: SnapshotAssertion
) -> None:
    seat.order("pause", {})
    seat.order("hints", {"on": False})
    async with InstructorApp(socket, environ={}).run_test(size=size) as pilot:
        assert await drawn(pilot, "paused", "Nothing has to be decided now", "3 certain") == golden_text


async def test_the_instructor_chooses_what_happens(seat: Seat, socket: Path, golden_text: SnapshotAssertion) -> None:
    async with InstructorApp(socket, environ={}).run_test(size=(80, 24)) as pilot:
        await sees(pilot, "3 certain")
        await pilot.press("i")
        assert await drawn(pilot, "Have what happen now?") == golden_text


@SIZES
async def test_the_instructor_after_the_end(
    seat: Seat, socket: Path, size: tuple[int, int], golden_text: SnapshotAssertion
) -> None:
    seat.until(100_000)
    seat.order("end", {})
    async with InstructorApp(socket, environ={}).run_test(size=size) as pilot:
        assert await drawn(pilot, "over: the instructor ended it", "Nothing more comes.") == golden_text


async def test_the_instructor_of_a_plain_terminal(seat: Seat, socket: Path, golden_text: SnapshotAssertion) -> None:
    seat.until(100_000)
    async with InstructorApp(socket, environ={}, ascii_only=True).run_test(size=(80, 24)) as pilot:
        text = await drawn(pilot, "d1 on a1", "1 certain")
        assert text.replace("×", "x").isascii()
        assert text == golden_text


@pytest.fixture
def timeline() -> Timeline:
    lesson = small()
    acts = [
        Act(at=95_000, verb="open", target="a1"),
        Act(at=100_000, verb="approve", target="a1", text="looks fine"),
        Act(at=130_000, verb="pause_pulse"),
    ]
    return timeline_of(play(lesson.scenario, lesson.digest, acts).lines, title="A run of s01")


@SIZES
async def test_a_replay_at_its_beginning(
    timeline: Timeline, size: tuple[int, int], golden_text: SnapshotAssertion
) -> None:
    async with ReplayApp(timeline, environ={}).run_test(size=size) as pilot:
        assert await drawn(pilot, "line 1 of", "more lines") == golden_text


@SIZES
async def test_a_replay_at_a_gate(timeline: Timeline, size: tuple[int, int], golden_text: SnapshotAssertion) -> None:
    async with ReplayApp(timeline, environ={}).run_test(size=size) as pilot:
        await pilot.press("right_square_bracket")
        assert await drawn(pilot, "What would you have done?", "open_pull_request") == golden_text


@SIZES
async def test_a_replay_after_an_answer_and_at_its_end(
    timeline: Timeline, size: tuple[int, int], golden_text: SnapshotAssertion
) -> None:
    async with ReplayApp(timeline, environ={}).run_test(size=size) as pilot:
        await pilot.press("right_square_bracket")
        await sees(pilot, "What would you have done?")
        await pilot.press("enter")
        await sees(pilot, "Change it, then approve")
        await pilot.press("r")
        await sees(pilot, "It will stand beside the recorded reason")
        await pilot.press(*"main", "enter")
        await sees(pilot, "you rejected")
        await pilot.press("end")
        assert await drawn(pilot, "Both answers, side by side", "agree at 0 of 1") == golden_text


async def test_a_replay_of_a_plain_terminal(timeline: Timeline, golden_text: SnapshotAssertion) -> None:
    async with ReplayApp(timeline, environ={}, ascii_only=True).run_test(size=(80, 24)) as pilot:
        await pilot.press("right_square_bracket")
        text = await drawn(pilot, "What would you have done?")
        assert text.isascii()
        assert text == golden_text
