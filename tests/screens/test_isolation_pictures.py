"""Pictures of the isolation panel and its screens: what is filled, what is bold, which ink a state has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from textual.pilot import Pilot

from stas_tui.app import StasApp
from stas_tui.pulse.matrix import lines
from stas_tui.screens.isolation_panel import model
from stas_tui.wiring import Application
from tests.screens.hands import Hands
from tests.screens.isolation_world import with_answers
from tests.screens.scenes import at_gate, fixed_application
from tests.screens.test_isolation_goldens import SCENES
from widgets import themes

WIDE, NARROW = (120, 36), (80, 24)
PICTURES = [
    ("panel", WIDE, "night"),
    ("panel", WIDE, "day"),
    ("panel", NARROW, "night"),
    ("matrix", WIDE, "night"),
    ("matrix", NARROW, "day"),
    ("matrix", NARROW, "none"),
    ("check", WIDE, "night"),
]


@pytest.fixture
def fixed(tmp_path: Path) -> Iterator[Application]:
    with fixed_application(tmp_path / "home") as application:
        at_gate(application)
        with_answers(application)
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
    app = StasApp(fixed, environ={})
    if look == "day":
        app.theme = themes.DAY

    async def before(pilot: Pilot[None]) -> None:
        hands = Hands(app, pilot, fixed.clock)
        await hands.quiet()
        await hands.until(lambda: app.main.on_call.known, "the on-call line is drawn")
        app.clear_notifications()
        await SCENES[scene](hands)
        await hands.quiet()
        app.clear_notifications()
        await pilot.pause()

    try:
        assert snap_compare(app, terminal_size=size, run_before=before)
    finally:
        app.hand.close()


async def test_only_a_leak_of_a_tenant_that_nobody_accepted_is_filled(fixed: Application) -> None:
    app = StasApp(fixed, environ={})
    async with app.run_test(size=WIDE) as pilot:
        hands = Hands(app, pilot, fixed.clock)
        await hands.quiet()
        view = hands.main.view
        assert view is not None
        drawn = model(view.isolation, view.points)
        assert {(row.id, check) for row in drawn.rows for check in row.leaks} == {("ledger/cobalt", 1)}
    app.hand.close()
    fixed.rounds.accept(
        "ledger", "D10", tenant="", fingerprint="", reason="known", by="kim", until=fixed.clock.now() + 1_000_000
    )
    drawn = model(lines([fixed.rounds.look("ledger")], (), {}), view.points)
    assert not any(row.leaks for row in drawn.rows)
