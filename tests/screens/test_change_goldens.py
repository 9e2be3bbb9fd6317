"""The screens of reviews as text: what is flagged, where, and what follows stands there without any colour."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.cells import cell_len
from syrupy.assertion import SnapshotAssertion

from stas_tui.app import StasApp
from stas_tui.wiring import Application
from tests.screens.scenes import at_health, fixed_application, play


@pytest.fixture
def fixed(tmp_path: Path) -> Iterator[Application]:
    with fixed_application(tmp_path / "home") as application:
        at_health(application)
        yield application


@pytest.mark.parametrize("look", ["glyphs", "ascii"])
@pytest.mark.parametrize("size", [(80, 24), (120, 36), (60, 18)], ids=["80x24", "120x36", "60x18"])
@pytest.mark.parametrize("scene", ["reviews", "change"])
async def test_scene(
    scene: str, size: tuple[int, int], look: str, fixed: Application, golden_text: SnapshotAssertion
) -> None:
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
