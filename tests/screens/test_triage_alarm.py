"""What time brings on call rings by the one path: merged with the rest, quiet in quiet hours unless it is a P0."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from stas_tui.app import StasApp
from stas_tui.notify.terminal import Kind
from stas_tui.wiring import Application
from storage.clock import HOUR, MINUTE, SECOND
from tests.screens.hands import Hands
from tests.screens.oncall_world import ACME, INITECH, SHA, burning
from tests.screens.scenes import at_health, fixed_application

CHANGE = f"deploy:ledger/{SHA}"


class Heard(StasApp):
    """The application, with how often it rang."""

    rung = 0

    def bell(self) -> None:
        self.rung += 1
        super().bell()


@pytest.fixture
def night(tmp_path: Path) -> Iterator[Application]:
    with fixed_application(tmp_path / "home") as application:
        at_health(application)
        burning(application)
        yield application


@asynccontextmanager
async def dashboard(night: Application) -> AsyncIterator[tuple[Hands, Heard]]:
    """The dashboard, after what burns from the start has rung and the five seconds of merging are over."""
    app = Heard(night)
    try:
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            hands = Hands(app, pilot, night.clock)
            await hands.quiet()
            await hands.until(lambda: app.main.on_call.known, "the list was looked at")
            await later(hands, 10 * SECOND)
            app.rung = 0
            app.clear_notifications()
            yield hands, app
    finally:
        app.hand.close()


async def later(hands: Hands, ms: int) -> None:
    """Time passes, the sources go on answering, and the line has looked at least once since."""
    looks = hands.app.main.on_call._looks
    hands.clock.advance(ms)
    burning(hands.app.application)
    hands.app.application.bell.ring()
    await hands.until(lambda: hands.app.main.on_call._looks > looks, "looked again")
    await hands.pilot.pause()


def at_all_hours(application: Application) -> None:
    """Quiet hours round the clock."""
    application.settings = application.settings.model_copy(update={"quiet_hours": "00:00-23:59"})


async def test_a_lease_that_runs_out_rings_once(night: Application) -> None:
    night.desk.own([INITECH], by="kim")
    async with dashboard(night) as (hands, app):
        await later(hands, 4 * HOUR)
        await hands.sees("ran out")
        assert app.rung == 1
        await later(hands, MINUTE)
        assert app.rung == 1, "said once, rung once"


async def test_what_comes_within_five_seconds_is_merged_into_one_bell(night: Application) -> None:
    async with dashboard(night) as (hands, app):
        now = night.clock.now()
        for n, key in enumerate((INITECH, CHANGE)):
            night.desk.snooze([key], by="kim", reason="r", until=now + MINUTE + 2 * n * SECOND)
        await later(hands, MINUTE)
        await hands.sees("«tenant initech")
        assert app.rung == 1
        await later(hands, 2 * SECOND)
        await hands.sees("«9f2c41a0")
        assert app.rung == 1, "two seconds later it waits for the next bell"
        await hands.until(lambda: app.rung == 2, "which rings for what was merged")


async def test_a_new_p0_and_what_time_brings_ring_together(night: Application) -> None:
    async with dashboard(night) as (hands, app):
        night.desk.snooze([ACME], by="kim", reason="r", until=night.clock.now() + MINUTE)
        await later(hands, SECOND)
        assert app.rung == 0
        await later(hands, MINUTE)
        await hands.sees("«tenant acme read rows")
        await later(hands, 10 * SECOND)
        assert app.rung == 1, "the sentence and the P0 that is back are one thing"


@pytest.mark.parametrize(("key", "rings"), [(INITECH, 0), (ACME, 1)], ids=["warning", "P0"])
async def test_in_quiet_hours_only_a_p0_sounds(key: str, rings: int, night: Application) -> None:
    at_all_hours(night)
    night.desk.own([key], by="kim")
    async with dashboard(night) as (hands, app):
        await later(hands, 4 * HOUR)
        await hands.sees("ran out")
        await later(hands, 10 * SECOND)
        assert app.rung == rings


async def test_a_bell_that_is_switched_off_stays_off(night: Application) -> None:
    notices = night.settings.notices.model_copy(update={"bell": False})
    night.settings = night.settings.model_copy(update={"notices": notices})
    night.desk.own([INITECH], by="kim")
    async with dashboard(night) as (hands, app):
        await later(hands, 4 * HOUR)
        await hands.sees("ran out")
        assert app.rung == 0


async def test_what_happened_rings_although_the_list_cannot_be_read(night: Application) -> None:
    async with dashboard(night) as (hands, app):
        line = app.main.on_call
        night.context.journal.store.close()
        line._once.add(Kind.STEP)
        night.bell.ring()
        await hands.until(lambda: line.problem, "the record cannot be read")
        assert app.rung == 1
