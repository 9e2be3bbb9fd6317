"""Screens as text: who is needed, what is broken, how fresh it is, without any colour."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion
from textual.command import CommandPalette

from stas_tui.app import StasApp
from stas_tui.screens.dialogs import Ask, AskReason, ShowText
from stas_tui.screens.edit_args import EditTray
from stas_tui.screens.gate import GateScreen
from stas_tui.screens.help import HelpScreen
from stas_tui.screens.small import TooSmall
from stas_tui.wiring import Application
from tests.screens.hands import Hands
from tests.screens.scenes import SCENES, at_gate, at_health, fixed_application, play

LARGE = (160, 45)


@pytest.fixture
def fixed(tmp_path: Path) -> Iterator[Application]:
    with fixed_application(tmp_path / "home") as application:
        yield application


async def drawn(application: Application, scene: str, size: tuple[int, int], *keys: str, on: type | None = None) -> str:
    """The scene as text, after more keys that lead to another screen."""
    app = StasApp(application, environ={})
    try:
        async with app.run_test(size=size, notifications=True) as pilot:
            hands = await play(scene, app, pilot)
            if keys:
                await hands.press(*keys)
            if on is not None:
                await hands.on(on)
                await hands.quiet()
            text = hands.text
            _fits(text, size[0])
            return text
    finally:
        app.hand.close()


def _fits(text: str, width: int) -> None:
    from rich.cells import cell_len

    assert all(cell_len(row) <= width for row in text.splitlines())


@pytest.mark.parametrize("scene", ["main", "gate"])
async def test_large(scene: str, fixed: Application, golden_text: SnapshotAssertion) -> None:
    SCENES[scene][0](fixed)
    assert await drawn(fixed, scene, LARGE) == golden_text


async def test_before_a_pulse(fixed: Application, golden_text: SnapshotAssertion) -> None:
    assert await drawn(fixed, "main", (120, 36)) == golden_text


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("question_mark", HelpScreen),
        ("ctrl+p", CommandPalette),
        ("S", AskReason),
        ("q", Ask),
        ("L", ShowText),
        ("enter", ShowText),
    ],
    ids=["help", "palette", "skip", "leave", "log", "task"],
)
async def test_over_the_main_screen(key: str, kind: type, fixed: Application, golden_text: SnapshotAssertion) -> None:
    at_gate(fixed)
    assert await drawn(fixed, "main", (80, 24), key, on=kind) == golden_text


@pytest.mark.parametrize("key", ["1", "3", "4", "0", "z", "e"])
async def test_panels_on_a_small_terminal(key: str, fixed: Application, golden_text: SnapshotAssertion) -> None:
    at_health(fixed)
    assert await drawn(fixed, "main", (80, 24), key) == golden_text


async def test_tray_and_a_window_that_is_too_small(fixed: Application, golden_text: SnapshotAssertion) -> None:
    at_health(fixed)
    pulse = fixed.machine.current()
    assert pulse is not None
    items = [
        {"title": f"infra: proposal {n}", "description": "", "priority": "P2", "why": "seen while working"}
        for n in (1, 2, 3)
    ]
    fixed.context.toolbox.call(
        "create_follow_ups", {"projectId": "ledger", "items": items}, pulse_id=pulse.id, caller=fixed.context.agent
    )
    app = StasApp(fixed, environ={})
    try:
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            hands = Hands(app, pilot, fixed.clock)
            await hands.quiet()
            await hands.open(GateScreen)
            await hands.press("E")
            await hands.on(EditTray)
            await hands.press("down", "space")
            await hands.sees("out")
            tray = hands.text
            await pilot.resize_terminal(40, 10)
            await hands.on(TooSmall)
            assert tray + hands.text == golden_text
    finally:
        app.hand.close()
