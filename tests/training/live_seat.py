"""A seat at the real dashboard of a lesson; the test moves its time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from stas_tui.screens.lesson import LessonApp
from stas_tui.training.director import Director
from storage.clock import ManualClock
from tests.screens.hands import Hands
from tests.training.stage_world import SMALL, lesson, profile


class Seat(Hands):
    """A trainee at the lesson's dashboard, whose time the test moves."""

    def __init__(self, app: LessonApp, pilot: object, real: ManualClock) -> None:
        super().__init__(app, pilot, real)  # type: ignore[arg-type]
        self.director = app.director

    async def pass_s(self, seconds: float) -> None:
        """Let real seconds pass, then tick, as the ticker would."""
        self.clock.advance(int(seconds * 1000))
        await asyncio.to_thread(self.director.tick)
        await self.pilot.pause()


@asynccontextmanager
async def seat(
    folder: Path, data: bytes = SMALL, *, size: tuple[int, int] = (120, 36), brief: bool = False
) -> AsyncIterator[Seat]:
    real = ManualClock()
    director = Director(lesson(data), profile(folder), real=real, person="Ada")
    if not brief:
        director.play()
    app = LessonApp(director, brief=brief)
    try:
        async with app.run_test(size=size, notifications=True) as pilot:
            hands = Seat(app, pilot, real)
            yield hands
    finally:
        app.hand.close()
        director.close()
