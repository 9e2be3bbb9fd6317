"""The instructor's terminal on a live control socket: what it shows, and a key for every order."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from textual.pilot import Pilot

from stas_tui.locations import Locations
from stas_tui.screens.dialogs import Ask
from stas_tui.screens.instructor import AskOrder, InstructorApp, InstructorScreen
from stas_tui.screens.little import LittleTooSmall
from stas_tui.training.control import Control
from stas_tui.training.control_client import path_for
from tests.training.seat import Seat, screen_text, short_home

SIZES = [(80, 24), (120, 36)]


@pytest.fixture
def seat() -> Seat:
    return Seat()


@pytest.fixture
def path() -> Iterator[Path]:
    with short_home() as home:
        yield path_for(Locations.find(home), "r1")


@pytest.fixture
def control(seat: Seat, path: Path) -> Iterator[Control]:
    with Control(seat, path) as running:
        yield running


async def until(pilot: Pilot[None], holds: Callable[[], bool], what: str = "") -> None:
    end = time.monotonic() + 15
    while not holds():
        assert time.monotonic() < end, f"{what}\n{screen_text(pilot.app)}"
        await pilot.pause(0.02)


async def sees(pilot: Pilot[None], *texts: str) -> None:
    for text in texts:
        await until(pilot, lambda wanted=text: wanted in screen_text(pilot.app), f"{text!a} is not on the screen")  # type: ignore[misc]


@pytest.mark.parametrize("size", SIZES)
async def test_it_shows_time_decisions_past_and_future(seat: Seat, control: Control, size: tuple[int, int]) -> None:
    seat.until(100_000)
    async with InstructorApp(control.path).run_test(size=size) as pilot:
        await sees(pilot, "TRAINING", "+1m40s of +10m", "hints on", "d1 on a1", "03:50 left", "expected: reject")
        await sees(pilot, "evidence opened 0 of 2", "asks: Open pull request for T-31", "http_5xx_ratio{tenant=acme}")
        await sees(pilot, "What came", "What comes", "space pause / play", "stop all")
        width = size[0]
        assert all(len(line) <= width for line in screen_text(pilot.app).splitlines())


async def test_every_key_orders(seat: Seat, control: Control) -> None:
    async with InstructorApp(control.path).run_test(size=(120, 36)) as pilot:
        await sees(pilot, "+0s of +10m")
        await pilot.press("space")
        await until(pilot, lambda: seat.paused)
        await sees(pilot, "The lesson stands still.", "paused")
        await pilot.press("space")
        await until(pilot, lambda: not seat.paused)
        for key, speed in (("2", 5.0), ("3", 20.0), ("1", 1.0)):
            await pilot.press(key)
            await until(pilot, lambda wanted=speed: seat.speed == wanted)  # type: ignore[misc]
        await pilot.press("h")
        await until(pilot, lambda: not seat.hints)
        await pilot.press("n")
        await until(pilot, lambda: seat.engine.now == 40_000)
        await sees(pilot, "support-bri")


async def typed(pilot: Pilot[None], text: str) -> None:
    await until(pilot, lambda: isinstance(pilot.app.screen, AskOrder))
    await pilot.pause()
    await pilot.press(*["space" if char == " " else char for char in text], "enter")


async def test_orders_with_words_begin_with_what_was_asked_for(seat: Seat, control: Control) -> None:
    async with InstructorApp(control.path).run_test(size=(80, 24)) as pilot:
        await sees(pilot, "+0s of +10m")
        seat.until(60_000)
        await pilot.press("m")
        await typed(pilot, "here it began")
        await until(pilot, lambda: any(e.body.get("text") == "here it began" for e in seat.engine.lines))
        await pilot.press("s")
        await typed(pilot, "Finn wait for me")
        await sees(pilot, "Finn said it.")
        await pilot.press("i")
        await until(pilot, lambda: isinstance(pilot.app.screen, Ask))
        await sees(pilot, "Sources: prometheus, alertmanager.", "Tasks: T-31.")
        await pilot.press("d")
        await typed(pilot, "prometheus no route")
        await until(pilot, lambda: any(e.kind == "inject.source_fault" for e in seat.engine.lines))
        seat.until(80_000)
        await pilot.press("b")
        await sees(pilot, "Marks: here it began")
        await typed(pilot, "1m")
        await until(pilot, lambda: seat.engine.now == 60_000)


async def test_a_wrong_order_is_asked_again_and_escape_orders_nothing(seat: Seat, control: Control) -> None:
    async with InstructorApp(control.path).run_test(size=(80, 24)) as pilot:
        await sees(pilot, "+0s of +10m")
        await pilot.press("colon")
        await typed(pilot, "dance")
        await until(pilot, lambda: "is no order" in screen_text(pilot.app))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, InstructorScreen))
        await pilot.press("colon")
        await typed(pilot, "inject m9")
        await sees(pilot, "This lesson has no 'm9'")
        assert seat.engine.inputs == []


async def test_enter_on_what_comes_begins_its_order(seat: Seat, control: Control) -> None:
    async with InstructorApp(control.path).run_test(size=(80, 24)) as pilot:
        await sees(pilot, "m2")
        await pilot.press("down", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, AskOrder))
        assert seat.engine.inputs == [], "opening orders nothing"
        await pilot.press("enter")
        await until(pilot, lambda: "a1" in seat.engine.came)


async def test_the_abort_key_ends_it_at_once(seat: Seat, control: Control) -> None:
    async with InstructorApp(control.path).run_test(size=(80, 24)) as pilot:
        await sees(pilot, "+0s of +10m")
        await pilot.press("X")
        await sees(pilot, "over: the instructor ended it", "Nothing more comes.")
        assert seat.engine.ended == "the instructor ended it"


async def test_a_lesson_that_goes_away_is_said_and_found_again(seat: Seat, path: Path) -> None:
    control = Control(seat, path)
    control.start()
    async with InstructorApp(path).run_test(size=(80, 24)) as pilot:
        await sees(pilot, "+0s of +10m")
        await asyncio.to_thread(control.stop)
        await sees(pilot, "no answer", "q leaves.")
        again = Control(seat, path)
        again.start()
        seat.until(30_000)
        await sees(pilot, "+30s of +10m")
        await asyncio.to_thread(again.stop)


async def test_help_and_small_windows(seat: Seat, control: Control) -> None:
    async with InstructorApp(control.path, ascii_only=True, theme="day").run_test(size=(80, 24)) as pilot:
        await sees(pilot, "+0s of +10m")
        await pilot.press("question_mark")
        await sees(pilot, "At the instructor's terminal", "Twenty times as fast.")
        await pilot.press("escape")
        await pilot.resize_terminal(40, 10)
        await until(pilot, lambda: isinstance(pilot.app.screen, LittleTooSmall))
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: isinstance(pilot.app.screen, InstructorScreen))


async def test_hostile_texts_are_texts(seat: Seat, control: Control) -> None:
    seat.order("say", {"name": "Eve\x1b[2J", "text": "\u202e[bold]boo[/bold] \x1b]0;x\x07"})
    async with InstructorApp(control.path).run_test(size=(120, 36)) as pilot:
        await sees(pilot, "[bold]boo[/bold]")
        assert "\x1b" not in screen_text(pilot.app)
        assert "\u202e" not in screen_text(pilot.app)


async def test_it_obeys_the_keys_of_the_person(seat: Seat, control: Control) -> None:
    async with InstructorApp(control.path, keymap={"instructor.pause": "f9"}).run_test(size=(120, 36)) as pilot:
        await sees(pilot, "+0s of +10m", "f9 pause / play")
        await pilot.press("space")
        await pilot.press("f9")
        await until(pilot, lambda: seat.paused)


async def test_what_comes_is_read_whole_below_the_lists(seat: Seat, control: Control) -> None:
    seat.until(100_000)
    async with InstructorApp(control.path).run_test(size=(80, 24)) as pilot:
        await sees(pilot, "+5m  http_5xx_ratio{tenant=acme} is 0.2")
        await pilot.press("down")
        await sees(pilot, "alert ErrorRatio is firing (critical), +1m after d1 is approve")
