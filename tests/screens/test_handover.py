"""Handing over by keys: written by one person, read to its end and accepted by another."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from stas_tui.screens.handover import PLACES, HandOverForm, HandOverScreen
from stas_tui.screens.triage import OnCallScreen
from stas_tui.screens.typed_line import typed_of
from stas_tui.texts.lines import quoted, unquoted
from stas_tui.wiring import Application
from storage.clock import ManualClock
from tests.screens.hands import HOLD_MS, Hands
from tests.screens.oncall_world import ACME, burning, go_to, listing, on_call
from tests.screens.scenes import at_gate, fixed_application
from widgets.markdown_view import MarkdownView


@pytest.fixture
def night(tmp_path: Path) -> Iterator[Application]:
    with fixed_application(tmp_path / "home") as application:
        at_gate(application)
        burning(application)
        yield application


async def written(hands: Hands) -> HandOverScreen:
    """A sheet, written by keys."""
    await hands.press("H")
    await hands.on(HandOverForm)
    await hands.type("restarted the pool")
    await hands.press("tab")
    await hands.type("is acme told")
    await hands.press("ctrl+o")
    await hands.on(HandOverScreen)
    assert isinstance(hands.screen, HandOverScreen)
    return hands.screen


async def test_a_sheet_holds_what_the_log_knows_and_what_was_typed(night: Application) -> None:
    night.desk.own([ACME], by="kim")
    async with on_call(night, (120, 36)) as hands:
        screen = await written(hands)
        await hands.sees("Hand-over by kim, 11:07Z", "Still burning", "tenant acme read rows of globex")
        assert "restarted the pool" in screen.markdown
        assert "is acme told" in screen.markdown
        await hands.press("e")
        await hands.sees("Written to")
        exported = list(night.profile.exports.glob("hand-over*.md"))
        assert [path.read_text("utf-8") for path in exported] == [screen.markdown]


async def test_nobody_accepts_their_own_sheet(night: Application) -> None:
    async with on_call(night) as hands:
        screen = await written(hands)
        await hands.sees("it is your own sheet; the next person accepts it")
        await hands.press("end", "A")
        await hands.pilot.pause()
        assert hands.screen is screen
        await hands.press("escape")
        await hands.on(OnCallScreen)
        await hands.press("H")
        await hands.on(HandOverScreen)
        await hands.press("W")
        await hands.on(HandOverForm)
        await hands.press("escape")
        await hands.on(OnCallScreen)
    pending = night.desk.pending_hand_over()
    assert pending is not None
    assert pending.accepted_by == ""


async def test_what_was_typed_is_dropped_by_a_second_escape_only(night: Application) -> None:
    async with on_call(night) as hands:
        await hands.press("H")
        await hands.on(HandOverForm)
        await hands.press("escape")
        await hands.on(OnCallScreen)
        await hands.press("H")
        await hands.on(HandOverForm)
        await hands.type("restarted the pool")
        kept = typed_of(hands.app)
        await hands.until(lambda: kept.left(PLACES["tried"]), "it is kept")
        await hands.press("escape")
        await hands.sees("Nothing is written yet: ctrl+o writes the sheet, escape again drops what you typed.")
        assert isinstance(hands.screen, HandOverForm)
        await hands.press("escape")
        await hands.on(OnCallScreen)
        await hands.until(lambda: kept.all_left() == [], "it is dropped")
        await hands.press("H")
        await hands.on(HandOverForm)
        assert "restarted" not in hands.text
    assert night.desk.pending_hand_over() is None


async def test_a_folder_that_takes_nothing_does_not_keep_anybody_from_handing_over(night: Application) -> None:
    night.profile.typed.write_text("in the way", "utf-8")
    async with on_call(night) as hands:
        await hands.press("H")
        await hands.on(HandOverForm)
        await hands.sees("Not kept as you type:")
        await hands.type("restarted")
        await hands.press("ctrl+o")
        await hands.on(HandOverScreen)
        await hands.sees("Hand-over by kim")


async def test_list_items_hang_and_every_word_is_found(night: Application) -> None:
    night.desk.hand_over(by="lena", tried="the pool was restarted " * 8, questions="")
    async with on_call(night) as hands:
        await hands.press("H")
        await hands.on(HandOverScreen)
        await hands.press("slash")
        await hands.type("restarted")
        await hands.press("enter")
        await hands.sees("1 of 8")
        rows = hands.text.splitlines()
        first = next(n for n, row in enumerate(rows) if "- the pool was" in row)
        assert rows[first + 1].startswith("    "), "it stands under its words"
        assert isinstance(hands.screen, HandOverScreen)
        assert hands.screen.query_one(MarkdownView).text == unquoted(hands.screen.markdown)


async def test_a_sheet_is_read_without_escapes_and_written_with_them(night: Application) -> None:
    typed = "_restarted_ the api -> 3 of [4] answer #17"
    night.desk.hand_over(by="lena", tried=typed, questions="")
    async with on_call(night) as hands:
        await hands.press("H")
        await hands.on(HandOverScreen)
        await hands.press("slash")
        await hands.type("_restarted_")
        await hands.press("enter")
        await hands.sees(f"- {typed}")
        await hands.press("escape")
        assert "\\" not in hands.text
        await hands.press("e")
        await hands.sees("Written to")
    [sheet] = night.profile.exports.glob("hand-over*.md")
    assert f"- {quoted(typed)}\n" in sheet.read_text("utf-8")
    assert quoted(typed) != typed


async def test_the_next_person_takes_over_after_reading_to_the_end(night: Application) -> None:
    assert isinstance(night.clock, ManualClock)
    night.desk.own([ACME], by="lena")
    night.desk.hand_over(by="lena", tried="everything\n" * 40, questions="why")
    async with on_call(night) as hands:
        await hands.press("H")
        await hands.on(HandOverScreen)
        await hands.sees("A: read to the end first.")
        await hands.press("A", "enter", "space")
        await hands.pilot.pause()
        assert isinstance(hands.screen, HandOverScreen)
        await hands.press("end")
        await hands.sees("A: opens in a moment.")
        await hands.press("A")
        await hands.pilot.pause()
        assert isinstance(hands.screen, HandOverScreen), "a key typed ahead does nothing"
        night.clock.advance(HOLD_MS)
        await hands.sees("A takes over from lena.")
        await hands.press("A")
        await hands.on(OnCallScreen)
        await hands.sees("Taken over from lena: what was theirs is yours.")
        await go_to(hands, ACME)
        await hands.sees("you since")
        assert listing(hands).selected_item() is not None
    assert night.desk.pending_hand_over() is None
