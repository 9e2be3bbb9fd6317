"""A demo world of one's own, and hands that drive the real dashboard by keys."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode
from textual.widgets import Input

from stas_tui.app import StasApp
from stas_tui.config import load
from stas_tui.demo.profile import make_demo
from stas_tui.locations import Locations, Profile
from stas_tui.wiring import Application
from tests.screens.hands import Hands, SkippingClock, open_application

Open = Callable[..., AbstractAsyncContextManager[Hands]]


class GoldenText(SingleFileSnapshotExtension):
    """Each golden is one readable text file."""

    _file_extension = "txt"
    _write_mode = WriteMode.TEXT


@pytest.fixture
def golden_text(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    """`assert hands.text == golden_text` shows a line diff when a screen changes."""
    return snapshot.use_extension(GoldenText)


@pytest.fixture(autouse=True)
def plain_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing blinks, the executor does not dawdle, and the terminal of whoever runs the tests does not matter."""
    monkeypatch.setattr(Input, "_toggle_cursor", lambda self: None)
    for name in ("NO_COLOR", "COLORFGBG", "LC_ALL", "LC_CTYPE", "LANG", "TMUX", "STY", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("DEMO_SPEED", "0")


@pytest.fixture
def clock() -> SkippingClock:
    """The real time, which a test may move forward."""
    return SkippingClock()


@pytest.fixture
def demo(tmp_path: Path) -> Profile:
    """A fresh demo profile."""
    return make_demo(Locations.find(tmp_path / "home"), seed=1)


@pytest.fixture
def application(demo: Profile, clock: SkippingClock) -> Iterator[Application]:
    """The parts of the demo, for walking the pulse before the dashboard opens."""
    with open_application(demo, clock=clock) as opened:
        yield opened


@pytest.fixture
def dashboard(demo: Profile, clock: SkippingClock) -> Open:
    """`async with dashboard() as hands:` opens the dashboard; `settings` are changed ones."""

    @asynccontextmanager
    async def opened(
        size: tuple[int, int] = (120, 36),
        *,
        application: Application | None = None,
        environ: dict[str, str] | None = None,
        **settings: object,
    ) -> AsyncIterator[Hands]:
        own = application is None
        parts = application or open_application(demo, clock=clock, settings=load(demo, dict(settings)))
        app = StasApp(parts, environ=environ)
        try:
            async with app.run_test(size=size, notifications=True) as pilot:
                hands = Hands(app, pilot, parts.clock)
                await hands.quiet()
                yield hands
        finally:
            app.hand.close()
            if own:
                parts.close()

    return opened
