"""A person at the review of a pull request: opens it, goes to a row, writes a verdict, approves it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from stas_tui.app import StasApp
from stas_tui.screens.change_review import ChangeReviewScreen
from stas_tui.screens.change_review_send import VerdictScreen
from stas_tui.screens.change_reviews import ReviewsScreen
from stas_tui.screens.dialogs import Ask
from stas_tui.wiring import Application
from tests.screens.hands import Hands


@asynccontextmanager
async def opened(application: Application, size: tuple[int, int] = (120, 36)) -> AsyncIterator[Hands]:
    app = StasApp(application, environ={})
    try:
        async with app.run_test(size=size, notifications=True) as pilot:
            hands = Hands(app, pilot, application.clock)
            await hands.quiet()
            yield hands
    finally:
        app.hand.close()


def review(hands: Hands) -> ChangeReviewScreen:
    screen = hands.screen
    assert isinstance(screen, ChangeReviewScreen), type(screen).__name__
    return screen


async def read(hands: Hands) -> ChangeReviewScreen:
    """From the dashboard to a review in which everything was asked."""
    await hands.press("v")
    await hands.on(ReviewsScreen)
    await hands.sees("#17 ledger")
    await hands.press("enter")
    await hands.on(ChangeReviewScreen)
    screen = review(hands)
    await hands.until(lambda: screen.known is not None and screen.known.whole, "everything was asked")
    await hands.pilot.pause()
    return screen


def marked(hands: Hands) -> str:
    """The line that is marked in the text on top, as far as it is on the screen."""
    for strip in hands.screen._compositor.render_strips():
        under = "".join(segment.text for segment in strip if segment.style and segment.style.underline)
        if under:
            return under
    return ""


async def go_to(hands: Hands, start: str) -> None:
    """Put the cursor onto the first row whose key begins so."""
    screen = review(hands)
    key = next(key for key in screen._spots if key.startswith(start))
    assert screen.table.select(key)
    await hands.pilot.pause()


async def write(hands: Hands, event: str = "r") -> VerdictScreen:
    await hands.press("V")
    await hands.on(Ask)
    await hands.press(event)
    await hands.on(VerdictScreen)
    screen = hands.screen
    assert isinstance(screen, VerdictScreen)
    return screen


async def approve(hands: Hands) -> None:
    """Read the open gate, wait as long as it wants, approve it."""
    await hands.read()
    await hands.unlock()
    await hands.press("A")
    await hands.on(ChangeReviewScreen)
