"""A pull request on GitHub, from the dashboard: read, answered once, found again; what GitHub does not say is said."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from github_double import GithubDouble
from github_world import TOKEN

from stas_tui.app import StasApp
from stas_tui.config import load
from stas_tui.screens.change_review import ChangeReviewScreen
from stas_tui.screens.change_review_send import VerdictScreen
from stas_tui.screens.change_reviews import ReviewsScreen
from stas_tui.screens.dialogs import Ask
from stas_tui.screens.gate import GateScreen
from stas_tui.wiring import build, policy_digest
from storage.records import Mode
from tests.door.shop import BASE, Shop, commit, git, make_template
from tests.screens.hands import HOLD_MS, Hands, SkippingClock

NAME = "acme/shop"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[GithubDouble, Shop]]:
    """GitHub with Lena's pull request, and a profile that reads it there."""
    monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
    shop = Shop(tmp_path / "shop", make_template(tmp_path / "template"))
    git("checkout", "-q", "-b", "infra/edge", cwd=shop.person_clone)
    compose = "services:\n  edge:\n    image: caddy:latest\n    privileged: true\n"
    commit(shop.person_clone, {"docker-compose.yml": compose}, "infra: edge")
    git("push", "-q", shop.remote, "infra/edge", cwd=shop.person_clone)
    shop.close()
    with GithubDouble(shop.remote, now=SkippingClock().now, name=NAME).running() as double:
        shop.configure(extra=f'\n[project.ci]\ngithub = "{NAME}"\n\n[github]\napi = "{double.url}"\n')
        double.pull("infra/edge", BASE, login="lena")
        yield double, shop
    assert double.wrong == []


@asynccontextmanager
async def dashboard(shop: Shop) -> AsyncIterator[Hands]:
    """A dashboard in a pulse that has just begun."""
    clock, settings = SkippingClock(), load(shop.profile)
    with build(shop.profile, settings, clock=clock) as application:
        if application.machine.current() is None:
            digest = policy_digest(settings)
            application.machine.begin(operator=application.person, mode=Mode.SUPERVISED, policy_digest=digest)
        app = StasApp(application, environ={})
        try:
            async with app.run_test(size=(120, 36), notifications=True) as pilot:
                hands = Hands(app, pilot, clock)
                await hands.quiet()
                yield hands
        finally:
            app.hand.close()


async def reviewed(hands: Hands) -> ChangeReviewScreen:
    await hands.press("v")
    await hands.on(ReviewsScreen)
    await hands.sees("#1 shop")
    await hands.press("enter")
    await hands.on(ChangeReviewScreen)
    screen = hands.screen
    assert isinstance(screen, ChangeReviewScreen)
    await hands.until(lambda: screen.known is not None and screen.known.whole, "everything was asked")
    return screen


async def approved(hands: Hands) -> None:
    """A request for changes, written, approved; GitHub has not answered yet."""
    await hands.press("V")
    await hands.on(Ask)
    await hands.press("r")
    await hands.on(VerdictScreen)
    await hands.press("ctrl+o")
    await hands.on(GateScreen)
    await hands.sees("Request changes on pull request #1")
    await hands.read()
    hands.clock.advance(HOLD_MS)
    await hands.until(lambda: hands.gate.gate_lock.locked_because() is None, "unlocked")
    await hands.press("A")
    await hands.on(ChangeReviewScreen)


async def test_R101_a_verdict_is_one_review_on_github(hub: tuple[GithubDouble, Shop]) -> None:
    double, shop = hub
    async with dashboard(shop) as hands:
        await reviewed(hands)
        await hands.sees("docker-compose.yml:3 edge: takes whatever caddy:latest", "edge: runs privileged")
        await approved(hands)
        await hands.sees("done and read back", "sent «request changes» about this commit")
        [sent] = double.seen("POST")
        assert sent.payload["event"] == "REQUEST_CHANGES"
        assert len(double.reviews[1]) == 1
        await hands.press("q")
        await hands.sees("lena request changes")


async def test_an_answer_that_was_lost_is_told_and_found_by_the_next_start(hub: tuple[GithubDouble, Shop]) -> None:
    double, shop = hub
    async with dashboard(shop) as hands:
        await reviewed(hands)
        double.fail("lost", "POST")
        double.dies_after_a_write = True
        await approved(hands)
        await hands.sees("whether it happened cannot be seen yet", "Sent verdicts unknown")
        double.dies_after_a_write = False
    async with dashboard(shop) as hands:
        await hands.until(lambda: "had happened before the interruption" in hands.said, "it is told")
        await reviewed(hands)
        await hands.sees("sent «request changes» about this commit")
    assert len(double.reviews[1]) == len(double.seen("POST")) == 1


async def test_reviews_that_github_does_not_list_are_unknown_and_not_none(hub: tuple[GithubDouble, Shop]) -> None:
    double, shop = hub
    async with dashboard(shop) as hands:
        await hands.press("v")
        await hands.on(ReviewsScreen)
        await hands.sees("#1 shop")
        double.fail("500", "GET", "/reviews")
        await hands.press("enter")
        await hands.on(ChangeReviewScreen)
        await hands.sees("Sent verdicts unknown")
