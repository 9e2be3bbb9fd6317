"""Going through a log by keys: it scrubs, stops at every gate, asks, and puts both answers side by side."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from textual.pilot import Pilot

from stas_tui.screens.dialogs import Ask, AskReason
from stas_tui.screens.replay import ReplayApp, ReplayScreen
from stas_tui.training.engine import Act, play
from stas_tui.training.replay import Timeline, timeline_of
from tests.training.seat import screen_text
from tests.training.worlds import small

SIZES = [(80, 24), (120, 36)]


@pytest.fixture
def timeline() -> Timeline:
    lesson = small()
    acts = [Act(at=100_000, verb="approve", target="a1", text="looks fine"), Act(at=130_000, verb="pause_pulse")]
    return timeline_of(play(lesson.scenario, lesson.digest, acts).lines, title="A run of s01")


async def until(pilot: Pilot[None], holds: Callable[[], bool], what: str = "") -> None:
    end = time.monotonic() + 15
    while not holds():
        assert time.monotonic() < end, f"{what}\n{screen_text(pilot.app)}"
        await pilot.pause(0.02)


async def sees(pilot: Pilot[None], *texts: str) -> None:
    for text in texts:
        await until(pilot, lambda wanted=text: wanted in screen_text(pilot.app), f"{text!a} is not on the screen")  # type: ignore[misc]


def replay(pilot: Pilot[None]) -> ReplayScreen:
    screen = pilot.app.screen_stack[0]
    assert isinstance(screen, ReplayScreen)
    return screen


async def answer(pilot: Pilot[None], key: str, reason: str = "") -> None:
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(pilot.app.screen, Ask))
    await pilot.press(key)
    await until(pilot, lambda: isinstance(pilot.app.screen, AskReason))
    await pilot.pause()
    if reason:
        await pilot.press(*["space" if char == " " else char for char in reason], "enter")
    else:
        await pilot.press("escape")
    await until(pilot, lambda: isinstance(pilot.app.screen, ReplayScreen))


@pytest.mark.parametrize("size", SIZES)
async def test_a_whole_replay(timeline: Timeline, size: tuple[int, int]) -> None:
    async with ReplayApp(timeline).run_test(size=size) as pilot:
        await sees(pilot, "TRAINING", "A run of s01", "line 1 of", "08:00:00Z", "t01-small begins", "more lines")
        assert "approved" not in screen_text(pilot.app)
        await pilot.press("right")
        await sees(pilot, "line 2 of", "support-bridge: urgent: Open a pull request to main.")
        await pilot.press("right")
        await sees(pilot, "line 3 of", "What would you have done?", "Tool      open_pull_request", "Because   m2")
        for key in ("right", "end", "right_square_bracket", "space"):
            await pilot.press(key)
            await sees(pilot, "It goes on when you have answered.")
            assert replay(pilot).session.position == 2
        await pilot.press("home")
        await sees(pilot, "line 1 of")
        await pilot.press("right_square_bracket")
        await sees(pilot, "line 3 of")
        await answer(pilot, "r", "the base is main")
        await sees(
            pilot,
            "You: rejected it; reason: «the base is main».",
            "the trainee approved it at 08:01:40; reason: «looks fine».",
            "you rejected",
        )
        await pilot.press("end")
        await sees(pilot, "Both answers, side by side", "Open pull request for T-31: different")
        await sees(pilot, "You and the record agree at 0 of 1 gates.")
        await pilot.press("left")
        await sees(pilot, f"line {len(timeline.moments) - 1} of")
        assert all(len(line) <= size[0] for line in screen_text(pilot.app).splitlines())


async def test_past_a_gate_without_an_answer(timeline: Timeline) -> None:
    async with ReplayApp(timeline).run_test(size=(80, 24)) as pilot:
        await pilot.press("right_square_bracket", "x")
        await sees(pilot, "You: no answer.", "the trainee approved it")
        await pilot.press("end")
        await sees(pilot, "no answer", "You answered at no gate at which somebody had decided.")


async def test_an_answer_needs_no_reason_and_can_be_thought_over(timeline: Timeline) -> None:
    async with ReplayApp(timeline).run_test(size=(80, 24)) as pilot:
        await pilot.press("right_square_bracket", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, Ask))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, ReplayScreen))
        assert replay(pilot).session.answers == {}
        await answer(pilot, "a")
        await sees(pilot, "You: approved it; no reason.")
        await pilot.press("end", "c")
        await sees(pilot, "Open pull request for T-31: the same", "agree at 1 of 1 gates")


async def test_it_plays_by_itself_and_stops_at_the_gate(timeline: Timeline) -> None:
    async with ReplayApp(timeline).run_test(size=(80, 24)) as pilot:
        await pilot.press("plus", "plus", "plus", "plus", "plus", "plus", "plus", "space")
        await sees(pilot, "x64")
        await until(pilot, lambda: replay(pilot).session.position == 2)
        await sees(pilot, "still", "What would you have done?")
        await pilot.press("x", "space")
        await until(pilot, lambda: replay(pilot).session.over)
        await sees(pilot, "Both answers, side by side")


async def test_playing_is_stopped_by_any_movement(timeline: Timeline) -> None:
    async with ReplayApp(timeline).run_test(size=(80, 24)) as pilot:
        await pilot.press("minus", "minus", "space")
        await sees(pilot, "x0.25")
        await pilot.press("right")
        await sees(pilot, "still", "line 2 of")


async def test_an_empty_log_and_a_hostile_one() -> None:
    async with ReplayApp(timeline_of([], title="Nothing")).run_test(size=(80, 24)) as pilot:
        await sees(pilot, "This log has no lines.")
        await pilot.press("right", "space", "enter", "x", "c", "end", "home")
    lesson = small()
    acts = [Act(at=50_000, verb="ask", target="m2", text="\x1b[2J\u202e[b]x[/b]")]
    nasty = timeline_of(play(lesson.scenario, lesson.digest, acts).lines, title="\x1b]0;x\x07[red]")
    async with ReplayApp(nasty, ascii_only=True, theme="day").run_test(size=(80, 24)) as pilot:
        await pilot.press("right", "right")
        await sees(pilot, "[b]x[/b]", "[red]")
        assert not {"\x1b", "\u202e", "\x07"} & set(screen_text(pilot.app))
        await pilot.press("question_mark")
        await sees(pilot, "Going through a log again")


async def test_it_obeys_the_keys_of_the_person(timeline: Timeline) -> None:
    keymap = {"replay.gate_after": "f9", "replay.answer": "f8", "replay.leave": "W"}
    async with ReplayApp(timeline, keymap=keymap).run_test(size=(120, 36)) as pilot:
        await sees(pilot, "f9 next gate", "W leave")
        await pilot.press("right_square_bracket", "q")
        await pilot.press("f8")
        await sees(pilot, "Nothing waits for an answer here; f9 goes to the next gate.")
        await pilot.press("f9")
        await sees(pilot, "What would you have done? f8 answers, x goes past")
