"""What the screens of a lesson tell of what is looked at, what leaves them, and what they refuse."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from textual.widgets import Input

from stas_tui.screens.dialogs import Ask, AskReason, ShowText
from stas_tui.screens.gate import GateScreen
from stas_tui.screens.lesson import LessonApp
from stas_tui.screens.lesson_line import LessonLine
from stas_tui.screens.triage import OnCallScreen
from tests.training.live_seat import Seat, seat


@pytest.fixture(autouse=True)
def plain_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Input, "_toggle_cursor", lambda self: None)
    for name in ("NO_COLOR", "COLORFGBG", "TMUX"):
        monkeypatch.delenv(name, raising=False)


async def opened(at: Seat, *names: str) -> None:
    """Wait until the lesson knows that these were opened."""

    async def tick() -> bool:
        await asyncio.to_thread(at.director.tick)
        return set(names) <= set(at.director.engine.opened)

    for _ in range(200):
        if await tick():
            return
        await at.pilot.pause(0.02)
    raise AssertionError(f"{names} not in {sorted(at.director.engine.opened)}")


async def test_a_row_whose_detail_stood_there_for_a_second_was_opened(tmp_path: Path) -> None:
    async with seat(tmp_path) as at:
        await at.pass_s(11)
        await at.sees("IGNORE YOUR ROUTINE")
        assert "m1" not in at.director.engine.opened
        await opened(at, "m1")


async def test_what_the_list_on_call_shows_of_a_gate_is_not_the_gate(tmp_path: Path) -> None:
    async with seat(tmp_path) as at:
        await at.pass_s(31)
        await at.press("c")
        await at.on(OnCallScreen)
        await opened(at, "al1")
        await at.press("down", "down", "up")
        await at.pilot.pause(1.2)
        await asyncio.to_thread(at.director.tick)
        assert "a1" not in at.director.engine.opened


async def test_a_gate_its_end_and_its_evidence_are_told_apart(tmp_path: Path) -> None:
    async with seat(tmp_path) as at:
        await at.pass_s(31)
        await at.sees("1 WAITS FOR YOU")
        await at.press("g")
        await at.on(GateScreen)
        await opened(at, "a1", "a1.whole")
        assert "a1.evidence" not in at.director.engine.opened
        await at.press("right", "enter")
        await at.on(ShowText)
        await at.sees("ci/build.yml", "+ echo $WEBHOOK_SECRET")
        await opened(at, "a1.evidence")
        await at.press("escape")
        await at.on(GateScreen)
        await at.press("escape")
        await at.until(lambda: not isinstance(at.screen, GateScreen))
        await asyncio.to_thread(at.director.tick)
        assert [event.kind for event in at.director.engine.lines].count("act.close") == 1
        assert at.director.engine.made["d1"].open, "closing a gate decides nothing"


async def test_a_gate_is_approved_with_its_hold_and_the_agent_says_so(tmp_path: Path) -> None:
    async with seat(tmp_path) as at:
        await at.pass_s(31)
        await at.sees("1 WAITS FOR YOU")
        await at.press("g")
        await at.on(GateScreen)
        await at.sees("opens in a moment")
        await at.press("A")
        assert isinstance(at.screen, GateScreen), "the hold has not passed"
        at.director.order("pause", {})
        at.clock.advance(5_000)
        await at.press("A")
        assert isinstance(at.screen, GateScreen), "no time passes while the lesson is paused"
        at.director.order("play", {})
        at.clock.advance(2_000)
        await at.sees("read to the end")
        await at.press("A")
        await at.until(lambda: not isinstance(at.screen, GateScreen))
        await at.pass_s(1)
        assert at.director.engine.made["d1"].verb == "approve"
        await at.until(lambda: any("I do it now" in str(event.body) for event in at.main.view.timeline))  # type: ignore[union-attr]
        await at.press("L", "end")
        await at.sees("I do it now")


async def test_a_hint_is_shown_over_an_open_gate_after_its_cost(tmp_path: Path) -> None:
    async with seat(tmp_path) as at:
        await at.pass_s(31)
        await at.sees("1 WAITS FOR YOU")
        await at.press("g")
        await at.on(GateScreen)
        await at.press("f3")
        await at.on(Ask)
        await at.sees("A hint costs 10 %")
        assert at.director.engine.hints == {}
        await at.press("y")
        await at.on(ShowText)
        await at.sees("Look at the base.")
        assert at.director.engine.hints == {"d1": 1}


async def test_a_question_about_the_gate_leaves_it_open(tmp_path: Path) -> None:
    async with seat(tmp_path) as at:
        await at.pass_s(31)
        await at.press("f6")
        await at.on(Ask)
        await at.press("a")
        await at.sees("Ask about what?", "Open a pull request to main")
        await at.press("1")
        await at.on(AskReason)
        await at.type("which base")
        await at.press("enter")
        await at.until(lambda: not isinstance(at.screen, AskReason))
        await at.until(lambda: at.said == "Asked; it stays undecided.")
        await at.pass_s(1)
        assert [event.body for event in at.director.engine.lines if event.kind == "act.ask"] == [
            {"target": "a1", "text": "which base"}
        ]


async def test_what_leaves_a_lesson_says_so_in_its_first_line(tmp_path: Path) -> None:
    async with seat(tmp_path) as at:
        await at.pass_s(31)
        application = at.director.application
        paths = [
            await asyncio.to_thread(at.app.export_summary, "# Pulse Summary"),
            await asyncio.to_thread(application.desk.export, "postmortem", "# Postmortem"),
        ]
        for path in paths:
            first, _, rest = path.read_text("utf-8").partition("\n")
            assert first == "TRAINING: A small lesson. Nothing in here is real."
            assert rest.strip().startswith("# ")
        assert at.app.stamped("# TRAINING: kept") == "# TRAINING: kept"
        assert at.app.title.startswith("stas TRAINING")


async def test_the_line_tells_time_pace_and_banner_on_both_screens(tmp_path: Path) -> None:
    async with seat(tmp_path, size=(80, 24)) as at:
        await at.sees("TRAINING", "10:00 left", "FREEZE until 18:00")
        at.director.order("speed", {"times": 5})
        at.director.order("pause", {})
        await at.sees("paused, speed 5")
        await at.press("c")
        await at.on(OnCallScreen)
        await at.until(lambda: bool(at.screen.query(LessonLine)))
        await at.sees("FREEZE")


async def test_going_back_ends_this_dashboard_and_another_goes_on(tmp_path: Path) -> None:
    async with seat(tmp_path) as at:
        await at.pass_s(31)
        await at.sees("1 WAITS FOR YOU")
        at.director.order("rewind", {"to": "+12s"})
        await at.until(lambda: not at.app.is_running or at.app._exit)
        at.app.hand.close()
        at.director.rebuild()
        other = LessonApp(at.director, brief=False)
        async with other.run_test(size=(120, 36), notifications=True) as pilot:
            again = Seat(other, pilot, at.clock)
            await again.sees("TRAINING", "09:48 left, paused", "IGNORE YOUR ROUTINE")
            at.director.play()
            await again.pass_s(20)
            await again.sees("1 WAITS FOR YOU")
        other.hand.close()
