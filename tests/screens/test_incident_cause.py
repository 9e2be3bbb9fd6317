"""Naming the cause by keys: a suspect, own words, changing it, taking it back; never over what another just said."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from stas_tui.screens.dialogs import Ask, AskReason, ShowText
from stas_tui.screens.handover import MarkdownScreen
from stas_tui.screens.incident import IncidentScreen
from stas_tui.screens.incident_text import cause_field, page_text, state_blocks
from stas_tui.screens.typed_line import typed_of
from stas_tui.wiring import Application
from storage.clock import MINUTE, ManualClock
from storage.triage_records import Incident, IncidentEntry, ItemClass, TriageItem
from tests.screens.oncall_world import ACME, SHA, answers, burning, chooses, go_to, on_call
from tests.screens.scenes import at_gate, fixed_application
from tests.screens.test_incident import opened

NAMED = "Share the pool (9f2c41a00)"


@pytest.fixture
def night(tmp_path: Path) -> Iterator[Application]:
    with fixed_application(tmp_path / "home") as application:
        at_gate(application)
        burning(application)
        yield application


def cause(application: Application) -> IncidentEntry | None:
    incident = application.desk.incident(ACME)
    assert incident is not None
    return incident.cause


async def test_a_suspect_becomes_the_named_cause_and_is_taken_back_again(night: Application) -> None:
    assert isinstance(night.clock, ManualClock)
    async with on_call(night, (120, 36)) as hands:
        await opened(hands)
        await hands.sees("Cause ◌ no cause is named yet: C", f"Change suspected: {NAMED}: 6m before it began")
        await hands.press("C")
        await hands.on(Ask)
        await hands.sees("No cause is named yet.", "never who", NAMED, "own words")
        assert "take the named cause back" not in hands.text
        await hands.press("1")
        await hands.on(IncidentScreen)
        await hands.sees("The cause is named. The status is still investigating: s changes it.")
        night.clock.advance(3 * MINUTE)
        await hands.sees(f"Cause ◆ {NAMED} (cause named by kim at 11:07Z, 3m ago)", f"cause: {NAMED} (kim)")
        rows = hands.text.splitlines()
        assert next(n for n, row in enumerate(rows) if "named by kim" in row) < next(
            n for n, row in enumerate(rows) if "suspected" in row
        )
        [event] = night.context.journal.events(kinds=["incident.cause"])
        assert event.body["sha"] == SHA
        await hands.press("c")
        await hands.on(ShowText)
        await hands.sees(f"{NAMED}: cause named by kim at 11:07Z.", "What Stas suspects")
        await hands.press("escape")
        await hands.on(IncidentScreen)
        await hands.press("C")
        await chooses(hands, "t", f"Now: {NAMED} (cause named by kim at 11:07Z)")
        await answers(hands, "it goes on after the rollback", "What speaks against it?")
        await hands.sees("The cause is taken back", "Cause ◌ no cause is named yet: C", "it goes on after the rollback")
    assert cause(night) is None


async def test_own_words_start_from_the_cause_that_stands_and_the_postmortem_has_them(night: Application) -> None:
    async with on_call(night, (120, 36)) as hands:
        await opened(hands)
        await hands.press("C")
        await chooses(hands, "w", "own words")
        await answers(hands, "the pool mixes tenants", "The cause in your words")
        await hands.sees("Cause ◆ the pool mixes tenants (cause named by kim")
        await hands.press("C")
        await chooses(hands, "w", "take the named cause back")
        await hands.sees("the pool mixes tenants")
        await answers(hands, " under load")
        await hands.sees("Cause ◆ the pool mixes tenants under load (cause named by kim")
        await hands.press("P")
        await hands.on(MarkdownScreen)
        assert isinstance(hands.screen, MarkdownScreen)
        assert "- the pool mixes tenants under load: cause named by a responder at" in hands.screen.markdown
        await hands.press("escape")
        await hands.on(IncidentScreen)
        assert isinstance(hands.screen, IncidentScreen)
        assert "Cause   the pool mixes tenants under load (cause named by kim" in hands.screen._text()


async def test_what_another_person_named_meanwhile_is_said_and_stays(night: Application) -> None:
    async with on_call(night, (120, 36)) as hands:
        await opened(hands)
        await hands.press("C")
        await hands.on(Ask)
        night.desk.name_cause(ACME, by="lena", text="the disk is full")
        await hands.press("1")
        await hands.sees("lena named a cause at 11:07Z: the disk is full", "nothing was changed")
        await hands.sees("Cause ◆ the disk is full (cause named by lena")
    found = cause(night)
    assert found is not None
    assert (found.by, found.text) == ("lena", "the disk is full")


async def test_words_that_were_refused_are_offered_again(night: Application) -> None:
    async with on_call(night, (120, 36)) as hands:
        await opened(hands)
        await hands.press("C")
        await chooses(hands, "w", "own words")
        await hands.on(AskReason)
        await hands.type("the pool mixes tenants")
        kept = typed_of(hands.app)
        place = f"incident {ACME} cause"
        await hands.until(lambda: (left := kept.left(place)) and left.text == "the pool mixes tenants", "it is kept")
        night.desk.name_cause(ACME, by="lena", text="the disk is full")
        await hands.press("enter")
        await hands.sees("lena named a cause at 11:07Z")
        await hands.press("C")
        await chooses(hands, "w", "Now: the disk is full")
        await hands.sees("You typed this at 11:07Z and did not send it.", "the pool mixes tenants")
        await hands.press("enter")
        await hands.sees("Cause ◆ the pool mixes tenants (cause named by kim")
        assert kept.left(place) is None


async def test_a_folder_that_takes_nothing_does_not_keep_anybody_from_typing(night: Application) -> None:
    night.profile.typed.write_text("in the way", "utf-8")
    async with on_call(night, (120, 36)) as hands:
        await opened(hands)
        await hands.sees("What is half typed in", "cannot be reached")
        await hands.press("n")
        await hands.on(AskReason)
        await hands.sees("Not kept as you type:")
        assert "Kept here" not in hands.text
        await hands.type("errors fall")
        await hands.press("enter")
        await hands.sees("errors fall (kim)")


async def test_escape_names_nothing_and_nobody_names_nothing(night: Application) -> None:
    async with on_call(night) as hands:
        screen = await opened(hands)
        await hands.press("C")
        await hands.on(Ask)
        await hands.press("escape")
        await hands.on(IncidentScreen)
        await hands.press("C")
        await chooses(hands, "w", "own words")
        await hands.type("half a word")
        await hands.press("escape")
        await hands.on(IncidentScreen)
        night.person = ""
        assert screen.disabled_reason("cause")
        await hands.press("C")
        await hands.pilot.pause()
        assert hands.screen is screen
    assert cause(night) is None


async def test_the_sheet_of_the_next_shift_has_it(night: Application) -> None:
    night.desk.open_incident(ACME, by="kim")
    night.desk.name_cause(ACME, by="kim", text="the pool mixes tenants")
    async with on_call(night, (120, 36)) as hands:
        await go_to(hands, ACME)
        await hands.press("H")
        await hands.pilot.pause()
        await hands.press("ctrl+o")
        await hands.sees("cause named by kim at 2026-11-18T11:07:07Z: the pool mixes tenants")


def test_hostile_words_of_a_cause_are_one_line_of_text() -> None:
    evil = "\x1b]0;HACKED\x07[red] " + "A" * 900
    entry = IncidentEntry(id=1, incident=ACME, at=0, by="kim\x1b", kind="cause", text=evil)
    incident = Incident(key=ACME, title="t", opened_at=0, opened_by="kim", entries=(entry,))
    field = cause_field(incident, MINUTE)
    assert field.label == "Cause"
    item = TriageItem(key=ACME, item_class=ItemClass.INCIDENT, title="t")
    text = page_text(incident, item, state_blocks(incident, item, (), MINUTE))
    assert "\x1b" not in text
    assert "\x07" not in text
