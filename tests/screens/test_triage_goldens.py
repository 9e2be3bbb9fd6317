"""The on-call screens as text: everything a tired person has to know stands there without any colour."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.cells import cell_len
from syrupy.assertion import SnapshotAssertion

from stas_tui.app import StasApp
from stas_tui.wiring import Application
from tests.screens.scenes import SCENES, fixed_application, play

SIZES = [(80, 24), (120, 36), (60, 18)]


@pytest.fixture
def fixed(tmp_path: Path) -> Iterator[Application]:
    with fixed_application(tmp_path / "home") as application:
        yield application


@pytest.mark.parametrize("look", ["glyphs", "ascii"])
@pytest.mark.parametrize("size", SIZES, ids=[f"{w}x{h}" for w, h in SIZES])
@pytest.mark.parametrize("scene", ["oncall", "incident", "handover"])
async def test_scene(
    scene: str, size: tuple[int, int], look: str, fixed: Application, golden_text: SnapshotAssertion
) -> None:
    SCENES[scene][0](fixed)
    app = StasApp(fixed, environ={"TERM": "linux"} if look == "ascii" else {})
    try:
        async with app.run_test(size=size, notifications=True) as pilot:
            hands = await play(scene, app, pilot)
            assert all(cell_len(row) <= size[0] for row in hands.text.splitlines())
            if look == "ascii":
                assert not set("●▲✖◌✓◆○▶‖│╭╰─┃▌↑▼") & set(hands.text)
            assert hands.text == golden_text
    finally:
        app.hand.close()


@pytest.mark.parametrize("keys", ["Z", "W", "E", "T", "s", "N", "question_mark"])
async def test_over_the_list(keys: str, fixed: Application, golden_text: SnapshotAssertion) -> None:
    SCENES["oncall"][0](fixed)
    app = StasApp(fixed, environ={})
    try:
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            hands = await play("oncall", app, pilot)
            below = hands.screen
            await hands.press(keys)
            await hands.until(lambda: hands.screen is not below, "another screen")
            await hands.pilot.pause()
            assert hands.text == golden_text
    finally:
        app.hand.close()
