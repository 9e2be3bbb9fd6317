"""Pictures of the screens at both sizes, night and day, and without colour: hue, fill and ink are looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from textual.pilot import Pilot

from stas_tui.app import StasApp
from stas_tui.wiring import Application
from tests.screens.scenes import SCENES, fixed_application, play
from widgets import themes

WIDE, NARROW = (120, 36), (80, 24)
PICTURES = [
    *((scene, size, "night") for scene in SCENES for size in (WIDE, NARROW)),
    *((scene, WIDE, "day") for scene in ("main", "gate", "review", "oncall")),
    ("main", WIDE, "none"),
    ("gate", NARROW, "none"),
    ("main", WIDE, "ascii"),
    ("oncall", NARROW, "none"),
    ("oncall", NARROW, "ascii"),
]


@pytest.fixture
def fixed(tmp_path: Path) -> Iterator[Application]:
    with fixed_application(tmp_path / "home") as application:
        yield application


@pytest.mark.parametrize(
    ("scene", "size", "look"), PICTURES, ids=[f"{s}-{w}x{h}-{look}" for s, (w, h), look in PICTURES]
)
def test_picture(
    scene: str,
    size: tuple[int, int],
    look: str,
    fixed: Application,
    snap_compare: Callable[..., bool],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if look == "none":
        monkeypatch.setenv("NO_COLOR", "1")
    SCENES[scene][0](fixed)
    app = StasApp(fixed, environ={"TERM": "linux"} if look == "ascii" else {})
    if look == "day":
        app.theme = themes.DAY

    async def before(pilot: Pilot[None]) -> None:
        await play(scene, app, pilot)

    try:
        assert snap_compare(app, terminal_size=size, run_before=before)
    finally:
        app.hand.close()
