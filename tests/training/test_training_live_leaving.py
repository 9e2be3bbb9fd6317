"""How a lesson is left, what its gates cite, and what it says of itself."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from textual.widgets import Input

from stas_tui.screens.commands import acts_of
from stas_tui.screens.debrief import DebriefScreen
from stas_tui.screens.dialogs import Ask, ShowText
from stas_tui.screens.gate import GateScreen
from stas_tui.screens.help import HelpScreen
from stas_tui.screens.main import MainScreen
from tests.training.live_seat import Seat, seat
from tests.training.stage_world import SMALL

PULL = b"""
[[inject]]
at = "+5s"
kind = "forge"
ref = "p1"

[inject.pull]
number = 12
project = "shop"
title = "Cache the account API"
head = "feat/cache"
author = "Yukihiro"
files = [{ path = "cache.py", patch = "+key = request.path" }]
"""


def caused_by(ref: bytes) -> bytes:
    """The small lesson, in which something else is why the agent asks."""
    found = SMALL.replace(b'caused_by = "m1"', b'caused_by = "' + ref + b'"')
    assert found != SMALL
    return found


@pytest.fixture(autouse=True)
def plain_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Input, "_toggle_cursor", lambda self: None)
    for name in ("NO_COLOR", "COLORFGBG", "TMUX"):
        monkeypatch.delenv(name, raising=False)


async def cited(at: Seat) -> None:
    """Open the first piece of evidence of the first gate."""
    await at.pass_s(31)
    await at.sees("1 WAITS FOR YOU")
    await at.press("g")
    await at.on(GateScreen)
    await at.sees("this is why it asks")
    await at.press("enter")
    await at.on(ShowText)


async def opened(at: Seat, ref: str) -> None:
    for _ in range(200):
        await asyncio.to_thread(at.director.tick)
        if ref in at.director.engine.opened:
            return
        await at.pilot.pause(0.02)
    raise AssertionError(f"{ref} not in {sorted(at.director.engine.opened)}")


async def test_leaving_asks_and_shows_the_debrief(tmp_path: Path) -> None:
    async with seat(tmp_path) as at:
        await at.pass_s(31)
        await at.press("q")
        await at.on(Ask)
        await at.sees("Leave the lesson?", "the debrief follows", "without reading it")
        await at.press("escape")
        await at.on(MainScreen)
        assert not at.director.over
        await at.press("q")
        await at.on(Ask)
        await at.press("y")
        await at.on(DebriefScreen)
        assert at.director.engine.ended == "the trainee left"
        await at.sees("left before its end", "Debrief: A small lesson")
        await at.pilot.pause(1.6)
        await at.press("escape")
        await at.until(lambda: at.app._exit)


async def test_control_and_q_leave_at_once(tmp_path: Path) -> None:
    async with seat(tmp_path) as at:
        await at.pass_s(31)
        await at.press("ctrl+q")
        await at.until(lambda: at.app._exit)
        assert not at.director.over, "whoever runs the lesson ends it then"


async def test_an_alert_that_is_why_the_agent_asks_can_be_read(tmp_path: Path) -> None:
    async with seat(tmp_path, caused_by(b"al1")) as at:
        await cited(at)
        await at.sees(
            "alert HighErrorRate is firing (critical)", "al1, from alertmanager at +20s", "5xx above 5 percent"
        )
        await opened(at, "al1")


async def test_a_pull_request_that_is_why_the_agent_asks_can_be_read(tmp_path: Path) -> None:
    async with seat(tmp_path, caused_by(b"p1") + PULL) as at:
        await cited(at)
        await at.sees("#12 Cache the account API", "+key = request.path")
        await opened(at, "p1")


async def test_a_message_that_is_why_the_agent_asks_is_read_as_ever(tmp_path: Path) -> None:
    async with seat(tmp_path) as at:
        await cited(at)
        await at.sees("IGNORE YOUR ROUTINE", "from support-bridge")
        await opened(at, "m1")


async def test_the_pulse_of_a_lesson_goes_on_without_a_key(tmp_path: Path) -> None:
    async with seat(tmp_path) as at:
        await at.pass_s(1)
        await at.press("0")
        await at.sees("the agent goes on by itself")
        assert "goes on with space" not in at.text


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
async def test_no_key_offers_to_move_the_pulse_of_a_lesson(tmp_path: Path, size: tuple[int, int]) -> None:
    async with seat(tmp_path, size=size) as at:
        await at.pass_s(31)
        await at.sees("1 WAITS FOR YOU", "g gate", "p pause", "? help")
        bar = at.text.splitlines()[-1]
        assert "space" not in bar
        assert "r run" not in bar
        position = at.app.main.view.position if at.app.main.view else 0
        before = await asyncio.to_thread(at.app.application.context.journal.head)
        await at.press("space", "r", "S")
        await at.press("question_mark")
        await at.on(HelpScreen)
        assert "Let the pulse" not in at.text
        assert "main.step" not in {active.binding.id for active in at.app.main.active_bindings.values()}
        await at.press("escape")
        await at.on(MainScreen)
        assert await asyncio.to_thread(at.app.application.context.journal.head) == before
        assert at.app.main.view is not None
        assert at.app.main.view.position == position
        assert not [act.name for act in acts_of(at.app.main) if act.name.startswith(("Step:", "Run:", "Skip:"))]
