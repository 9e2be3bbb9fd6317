"""The screens as the eye reads them: text goldens at both sizes, and pictures for the colours."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion
from textual.app import App
from textual.pilot import Pilot

from tests.widgets import demo, samples
from tests.widgets.tiny import NARROW, WIDE, TinyApp, screen_text
from widgets.tokens import GLYPHS, ORNAMENTS

Snap = Callable[..., bool]


def unlocked(app: demo.GateDemo) -> Callable[[Pilot[Any]], Awaitable[None]]:
    """Let the gate's hold pass before the picture is taken."""

    async def run(pilot: Pilot[Any]) -> None:
        await pilot.pause()
        app.clock.advance(2_000)
        for _ in range(200):
            if app.gate.view._ticker is None and app.lock.locked_because() is None:
                break
            await pilot.pause(0.01)
        await pilot.pause()

    return run


TEXTS: dict[str, tuple[Callable[[], TinyApp], tuple[int, int]]] = {
    "main-120x36": (demo.WideDemo, WIDE),
    "main-80x24": (demo.NarrowDemo, NARROW),
    "main-160x45": (demo.WideDemo, (160, 45)),
    "main-120x36-ascii": (lambda: demo.WideDemo(ascii_only=True), WIDE),
    "main-80x24-ascii": (lambda: demo.NarrowDemo(ascii_only=True), NARROW),
    "gate-120x36-locked": (lambda: demo.GateDemo(samples.LONG_GATE), WIDE),
    "gate-80x24-locked": (lambda: demo.GateDemo(samples.LONG_GATE, wide=False), NARROW),
    "gate-80x24-ascii": (lambda: demo.GateDemo(samples.LONG_GATE, wide=False, ascii_only=True), NARROW),
}


@pytest.mark.parametrize("name", TEXTS)
async def test_screen_as_text(name: str, golden_text: SnapshotAssertion) -> None:
    make, size = TEXTS[name]
    app = make()
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        await pilot.pause()
        text = screen_text(app)
    assert text == golden_text
    assert all(len(line) <= size[0] for line in text.splitlines())


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["120x36", "80x24"])
async def test_open_gate_as_text(size: tuple[int, int], golden_text: SnapshotAssertion) -> None:
    app = demo.GateDemo(wide=size == WIDE)
    async with app.run_test(size=size) as pilot:
        await unlocked(app)(pilot)
        text = screen_text(app)
    assert text == golden_text
    assert "read to the end" in text


@pytest.mark.parametrize("make", [demo.WideDemo, demo.NarrowDemo])
async def test_ascii_mode_is_ascii_and_still_says_what_matters(make: Callable[..., TinyApp]) -> None:
    app = make(ascii_only=True)
    async with app.run_test(size=WIDE if make is demo.WideDemo else NARROW) as pilot:
        await pilot.pause()
        text = screen_text(app)
    assert text.isascii(), sorted({char for char in text if not char.isascii()})
    assert "* 1 WAITS FOR YOU" in text
    assert "X" in text
    assert "o live 2s" in text


async def test_no_more_than_two_filled_blocks_at_rest_and_one_for_a_leak() -> None:
    app = demo.WideDemo()
    async with app.run_test(size=WIDE) as pilot:
        await pilot.pause()
        filled = []
        for row in app.screen._compositor.render_strips():
            for segment in row:
                if segment.style and segment.style.bgcolor and segment.style.bgcolor.triplet:
                    hexes = segment.style.bgcolor.triplet.hex
                    if hexes not in {"#0d1015", "#12161d", "#1a202a", "#182c42"}:
                        filled.append(segment.text.strip())
    assert filled == ["◆ 1 WAITS FOR YOU", "✖"]


def test_no_glyph_is_drawn_that_has_no_ascii_twin() -> None:
    twins = {look.glyph for look in GLYPHS.values()} | {normal for normal, _ in ORNAMENTS.values()}
    assert {"●", "▲", "✖", "◌", "✓", "◆", "○", "▶", "‖"} <= twins


# pictures -----------------------------------------------------------------------------------------


PICTURES: dict[str, tuple[Callable[[], App[Any]], tuple[int, int]]] = {
    "main-night": (demo.WideDemo, WIDE),
    "main-day": (lambda: demo.WideDemo(day=True), WIDE),
    "main-narrow": (demo.NarrowDemo, NARROW),
    "main-narrow-ascii": (lambda: demo.NarrowDemo(ascii_only=True), NARROW),
    "gate-locked": (lambda: demo.GateDemo(samples.LONG_GATE, wide=False), NARROW),
}


@pytest.mark.parametrize("name", PICTURES)
def test_screen_as_picture(name: str, snap_compare: Snap) -> None:
    make, size = PICTURES[name]
    assert snap_compare(make(), terminal_size=size)


@pytest.mark.parametrize("day", [False, True], ids=["night", "day"])
def test_open_gate_as_picture(day: bool, snap_compare: Snap) -> None:
    app = demo.GateDemo(day=day)
    assert snap_compare(app, terminal_size=WIDE, run_before=unlocked(app))


def test_screen_without_colour_as_picture(snap_compare: Snap, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert snap_compare(demo.WideDemo(), terminal_size=WIDE)
