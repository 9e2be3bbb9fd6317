"""The isolation panel and its screens as text: what leaks, what nobody knows, how old it is, without any colour."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.cells import cell_len
from syrupy.assertion import SnapshotAssertion

from stas_tui.app import StasApp
from stas_tui.screens.isolation_check import CheckScreen
from stas_tui.screens.isolation_form import AcceptForm
from stas_tui.wiring import Application
from tests.screens.hands import Hands
from tests.screens.isolation_world import open_matrix, with_answers
from tests.screens.scenes import at_gate, fixed_application
from widgets.steady_list import SteadyList

SIZES = [(80, 24), (120, 36)]


@pytest.fixture
def fixed(tmp_path: Path) -> Iterator[Application]:
    with fixed_application(tmp_path / "home") as application:
        at_gate(application)
        with_answers(application)
        yield application


async def panel(hands: Hands) -> None:
    """The panel, with the cursor on the leak."""
    await hands.press("4", "down", "down", "down", "right")


async def matrix(hands: Hands) -> None:
    """The whole screen, on the leak."""
    await open_matrix(hands, 3, 1)


async def flagged(hands: Hands) -> None:
    """All that is flagged for one tenant, what was accepted too."""
    await open_matrix(hands, 3, 1)
    await hands.press("v")


async def moved(hands: Hands) -> None:
    """What moved since the round before."""
    await open_matrix(hands)
    await hands.press("n")


async def check(hands: Hands) -> None:
    """What one check rests on."""
    screen = await open_matrix(hands, 3, 1)
    table = screen.query_one("#checks", SteadyList)
    table.focus()
    table.select("D10/cobalt/1")
    await hands.pilot.pause()
    await hands.press("enter")
    await hands.on(CheckScreen)


async def accept(hands: Hands) -> None:
    """The form of an acceptance."""
    await check(hands)
    await hands.press("A")
    await hands.on(AcceptForm)


SCENES = {each.__name__: each for each in (panel, matrix, flagged, moved, check, accept)}


async def drawn(application: Application, scene: str, size: tuple[int, int], environ: dict[str, str]) -> str:
    """A scene as text."""
    app = StasApp(application, environ=environ)
    try:
        async with app.run_test(size=size, notifications=True) as pilot:
            hands = Hands(app, pilot, application.clock)
            await hands.quiet()
            await hands.until(lambda: app.main.on_call.known, "the on-call line is drawn")
            app.clear_notifications()
            await SCENES[scene](hands)
            await hands.quiet()
            app.clear_notifications()
            await pilot.pause()
            assert all(cell_len(row) <= size[0] for row in hands.text.splitlines())
            return hands.text
    finally:
        app.hand.close()


@pytest.mark.parametrize("size", SIZES, ids=[f"{w}x{h}" for w, h in SIZES])
@pytest.mark.parametrize("scene", SCENES)
async def test_scene(scene: str, size: tuple[int, int], fixed: Application, golden_text: SnapshotAssertion) -> None:
    assert await drawn(fixed, scene, size, {}) == golden_text


@pytest.mark.parametrize("scene", ["panel", "matrix"])
async def test_without_our_glyphs(scene: str, fixed: Application, golden_text: SnapshotAssertion) -> None:
    text = await drawn(fixed, scene, (80, 24), {"TERM": "linux"})
    assert not set("●▲✖◌✓◆○▶‖│╭╰─┃▌↑▼·") & set(text)
    assert text == golden_text
