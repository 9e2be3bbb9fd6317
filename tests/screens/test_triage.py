"""The on-call list by keys: what is seen first, the laws of cursor and marks, filters and views."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from stas_tui.screens.dialogs import ShowText
from stas_tui.screens.main import MainScreen
from stas_tui.screens.triage import OnCallScreen
from stas_tui.screens.triage_rows import DIVIDER
from stas_tui.wiring import Application
from storage.clock import HOUR, MINUTE, SECOND, ManualClock
from storage.records import DataState
from storage.watch_records import SourceKind
from tests.screens.hands import Hands
from tests.screens.oncall_world import (
    ACME,
    INITECH,
    alert,
    alerts,
    answers,
    burning,
    chooses,
    go_to,
    listing,
    on_call,
    owners,
    status,
)
from tests.screens.scenes import at_gate, fixed_application

SIZES = [(80, 24), (120, 36)]


@pytest.fixture
def night(tmp_path: Path) -> Iterator[Application]:
    with fixed_application(tmp_path / "home") as application:
        at_gate(application)
        burning(application)
        yield application


def fire(application: Application, *more: object) -> None:
    """The same alerts again, and these."""
    now = application.clock.now()
    application.watch.record(status("alertmanager", SourceKind.ALERTS, now), [*alerts(now), *more])  # type: ignore[list-item]


def row_of_cursor(hands: Hands) -> int:
    table = listing(hands).table
    return table.cursor - table.top


# what is seen --------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
async def test_the_first_look_answers_what_burns_whose_it_is_and_what_can_be_believed(
    size: tuple[int, int], night: Application
) -> None:
    async with on_call(night, size) as hands:
        await hands.sees(
            "P0 2 (2 unowned",
            "gates 1 (due",
            "deploys 24h 1 (1 suspect)",
            "tenant acme read rows",
            "nobody",
            "8 need a person · 2 put aside",
            "AGENT ◆ step 7 Work: waits for your decision since 11:07Z",
            "prometheus error: refused the connection (answered 4m ago)",
        )
        await go_to(hands, ACME)
        await hands.sees("6m after Share the pool (9f2c41a00)", "nobody owns it; O takes it")


async def test_a_key_leads_from_the_dashboard_to_the_list_and_back(night: Application) -> None:
    from stas_tui.app import StasApp

    app = StasApp(night, environ={})
    try:
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            hands = Hands(app, pilot, night.clock)
            await hands.quiet()
            await hands.sees("c on call", "2 P0", "8 need a person", "prometheus error")
            for leave in ("c", "q", "escape"):
                await hands.press("c")
                await hands.on(OnCallScreen)
                await hands.sees("8 need a person")
                await hands.press(leave)
                await hands.on(MainScreen)
    finally:
        app.hand.close()


async def test_an_empty_list_with_dead_sources_is_not_called_calm(tmp_path: Path) -> None:
    """E5: nothing is green while a source is dead, or while nobody asks."""
    with fixed_application(tmp_path / "home") as application:
        for message in application.world.messages_of(application.world.inbox_order("Stas", ""), "Stas"):
            application.world.acknowledge(message.id, "Stas")
        for task in application.world.tasks("ledger"):
            application.world.put_task(replace(task, status="done"))
        now = application.clock.now()
        application.watch.record(
            status("alertmanager", SourceKind.ALERTS, now, DataState.ERROR, at=None, reason="timed out")
        )
        async with on_call_of_little(application) as hands:
            await hands.sees("alertmanager error: timed out (never answered)")
            assert "ll clear" not in hands.words
            assert "● alertmanager" not in hands.words


def on_call_of_little(application: Application):  # type: ignore[no-untyped-def]
    """The list may hold nothing but its dead source."""
    return on_call(application)


async def test_what_is_put_aside_folds_under_a_line(night: Application) -> None:
    async with on_call(night) as hands:
        screen = listing(hands)
        await go_to(hands, DIVIDER)
        await hands.sees("2 put aside ── enter shows them")
        assert "certificate of ledger" not in hands.text
        await hands.press("enter")
        await hands.until(lambda: "enter folds them" in hands.text, "unfolded")
        await hands.press("end")
        await hands.sees("silenced until", "child of tenant acme")
        assert screen.disabled_reason("act('own')") is None
        await go_to(hands, DIVIDER)
        await hands.press("enter")
        await hands.until(lambda: "silenced until" not in hands.text, "folded again")


async def test_detail_says_seen_and_said_apart_with_their_ages(night: Application) -> None:
    async with on_call(night) as hands:
        await go_to(hands, "message:M-501")
        await hands.sees("Said qa: 503 for four tenants while acme imports (6m ago)")
        await hands.sees("Seen ◌ nothing that Stas collected itself")
        await go_to(hands, ACME)
        await hands.sees("Seen alertmanager: CrossTenantRead, critical", "(2s ago)")
        await hands.press("e", "enter")
        await hands.on(ShowText)


# the laws of the cursor ----------------------------------------------------------------------------


async def test_new_items_raise_a_counter_and_never_move_the_cursor(night: Application) -> None:
    async with on_call(night) as hands:
        screen = listing(hands)
        now = night.clock.now()
        many = [alert(f"b{n}", "Slow", f"endpoint {n} is slow", began=now - n * MINUTE) for n in range(20)]
        fire(night, *many)
        night.bell.ring()
        await hands.sees("28 need a person")
        await go_to(hands, INITECH)
        place = row_of_cursor(hands)
        worst = [
            alert(f"f{n}", "DataLoss", f"rows of tenant {n} are gone", severity="critical", began=now - HOUR)
            for n in range(3)
        ]
        fire(night, *many, *worst)
        night.bell.ring()
        await hands.sees("3 new above (3 P0)", "n goes there")
        assert screen.table.selected == INITECH
        assert row_of_cursor(hands) == place
        await hands.press("n")
        await hands.until(lambda: screen.table.selected == "alert:f0", "on the first new one")
        await hands.until(lambda: "new above" not in hands.text, "seen")


async def test_an_item_that_leaves_takes_no_act_with_it(night: Application) -> None:
    async with on_call(night) as hands:
        screen = listing(hands)
        await go_to(hands, "message:M-501")
        night.world.acknowledge("M-501", "Stas")
        night.bell.ring()
        await hands.sees("message:M-501 is gone, move to go on")
        assert screen.disabled_reason("act('own')") == "select an item first"
        await hands.press("O")
        await hands.press("j")
        await hands.until(lambda: screen.table.selected is not None, "somewhere again")
        assert not owners(night)


async def test_filter_cursor_and_marks_survive_leaving_and_a_restart(night: Application) -> None:
    async with on_call(night) as hands:
        await hands.press("slash")
        await hands.type("tenant")
        await hands.press("enter")
        await hands.sees("/ tenant")
        await go_to(hands, INITECH)
        await hands.press("space")
        await hands.sees("+incident", "1 marked")
        await hands.press("enter")
        await hands.on(ShowText)
        await hands.press("escape")
        await hands.on(OnCallScreen)
        assert listing(hands).table.selected == INITECH
        await hands.press("c")
        await hands.on(MainScreen)
        await hands.until(lambda: night.desk.place().get("cursor") == INITECH, "kept")
        await hands.press("c")
        await hands.on(OnCallScreen)
        await hands.sees("/ tenant", "1 marked")
        await hands.until(lambda: listing(hands).table.selected == INITECH, "the same item")
    async with on_call(night) as hands:
        await hands.sees("/ tenant", "1 marked")
        await hands.until(lambda: listing(hands).table.selected == INITECH, "the same item after a restart")


async def test_a_place_is_kept_without_leaving(night: Application) -> None:
    async with on_call(night) as hands:
        await go_to(hands, INITECH)
        await hands.until(lambda: night.desk.place().get("cursor") == INITECH, "kept once the cursor rests")


# filter and views ----------------------------------------------------------------------------------


async def test_a_filter_that_cannot_be_read_says_so_and_typing_goes_on(night: Application) -> None:
    async with on_call(night) as hands:
        screen = listing(hands)
        await hands.press("slash")
        await hands.type("zone:eu")
        await hands.sees("There is no filter zone:")
        await hands.press("ctrl+u")
        await hands.type("zzz")
        await hands.sees("Nothing matches the filter; 8 items outside it need a person.", "0 of 8 need a person")
        assert screen.table.has_focus
        await hands.press("escape")
        await hands.sees("8 need a person")
        await hands.until(lambda: screen.table.selected is not None, "on a row again")


async def test_a_filter_is_saved_used_and_removed_as_a_view(night: Application) -> None:
    async with on_call(night) as hands:
        await hands.press("v")
        await hands.sees("No view is saved.")
        await hands.press("slash")
        await hands.type("class:gate")
        await hands.press("enter")
        await hands.sees("1 of 8 needs a person")
        await hands.press("v")
        await chooses(hands, "s", "save this filter: class:gate")
        await answers(hands, "gates")
        await hands.sees("Saved as gates.")
        await hands.press("escape")
        await hands.sees("8 need a person")
        await hands.press("v")
        await chooses(hands, "1", "gates: class:gate")
        await hands.sees("/ class:gate", "1 of 8 needs a person")
        await hands.press("v")
        await chooses(hands, "d", "remove a view")
        await chooses(hands, "1", "Remove which view?")
        await hands.sees("The view gates is removed.")
        assert night.desk.views() == []


# the rest of the screen ------------------------------------------------------------------------------


async def test_sources_page_names_every_source_with_its_reason(night: Application) -> None:
    async with on_call(night, (120, 36)) as hands:
        await hands.press("s")
        await hands.on(ShowText)
        await hands.sees("prometheus error: refused the connection", "7 failed answers in a row", "asked again in 1m")


async def test_ages_go_on_while_nothing_else_happens(night: Application) -> None:
    assert isinstance(night.clock, ManualClock)
    async with on_call(night) as hands:
        await go_to(hands, ACME)
        await hands.sees("3m ago")
        night.clock.advance(30 * MINUTE + 5 * SECOND)
        await hands.sees("33m ago", "stale")


async def test_a_record_that_cannot_be_read_leaves_the_list_with_its_age(night: Application) -> None:
    """What was known stays in view, and is no longer drawn as known."""
    async with on_call(night) as hands:
        screen = listing(hands)
        await go_to(hands, ACME)
        night.stores[0].close()
        assert isinstance(night.clock, ManualClock)
        night.clock.advance(MINUTE)
        night.bell.ring()
        await hands.sees("stale 1m old", "tenant acme read rows", "the record cannot be read")
        assert screen.disabled_reason("act('own')") == "the list cannot be read just now"
        assert "✖ incident" not in hands.text, "its glyphs are hollow"
