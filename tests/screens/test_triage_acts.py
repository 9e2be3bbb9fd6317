"""Every act on the on-call list, by keys, with what the record says afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from stas_tui.screens.dialogs import Ask, AskReason, ShowText
from stas_tui.screens.gate import GateScreen
from stas_tui.screens.task_form import TaskForm
from stas_tui.screens.triage import OnCallScreen
from stas_tui.screens.triage_rows import DIVIDER
from stas_tui.wiring import Application
from storage.clock import MINUTE, ManualClock
from storage.records import ActionState
from tests.screens.oncall_world import (
    ACME,
    INITECH,
    answers,
    burning,
    chooses,
    go_to,
    listing,
    on_call,
    owners,
)
from tests.screens.scenes import at_gate, fixed_application

SIZES = [(80, 24), (120, 36)]


@pytest.fixture
def night(tmp_path: Path) -> Iterator[Application]:
    with fixed_application(tmp_path / "home") as application:
        at_gate(application)
        burning(application)
        yield application


# acts ----------------------------------------------------------------------------------------------


async def test_marked_items_are_owned_by_one_key_and_given_back(night: Application) -> None:
    async with on_call(night) as hands:
        for key in (ACME, INITECH):
            await go_to(hands, key)
            await hands.press("space")
        await hands.sees("2 marked")
        await hands.press("O")
        await hands.sees("Yours: 2 items. R gives it back.", "you")
        assert owners(night) == {ACME: "kim", INITECH: "kim"}
        assert not listing(hands).rows.marks
        await go_to(hands, ACME)
        await hands.sees("you since 11:07Z, until 11:37Z (30m left)")
        await hands.press("R")
        await hands.sees("Nobody owns it now.")
        assert owners(night) == {INITECH: "kim"}
        await hands.press("u")
        await hands.until(lambda: owners(night) == {ACME: "kim", INITECH: "kim"}, "taken back")


async def test_what_somebody_else_owns_is_taken_with_a_typed_reason_only(night: Application) -> None:
    night.desk.own([ACME], by="lena")
    async with on_call(night) as hands:
        await go_to(hands, ACME)
        await hands.sees("lena since 11:07Z")
        await hands.press("O")
        await hands.on(AskReason)
        await hands.sees("Take over from lena?")
        await hands.press("escape")
        await hands.on(OnCallScreen)
        assert owners(night) == {ACME: "lena"}
        await hands.press("O")
        await answers(hands, "lena sleeps")
        await hands.sees("Yours: tenant acme read rows")
    assert owners(night) == {ACME: "kim"}
    told = [e for e in night.context.journal.events() if "lena sleeps" in str(e.body)]
    assert told, "the reason stands in the log"


async def test_a_p0_is_put_aside_for_15_minutes_at_most_and_woken(night: Application) -> None:
    async with on_call(night) as hands:
        await go_to(hands, ACME)
        await hands.press("Z")
        await hands.on(Ask)
        await hands.sees("A P0 is put aside for 15 minutes at most.", "1 15 minutes")
        assert "1 hour" not in hands.text
        await hands.press("1")
        await answers(hands, "the fix rolls out", "Put aside: 15 minutes")
        await hands.sees("It stands below the line.", "3 put aside")
        assert listing(hands).table.selected == "message:M-501", "on what stands in its place"
        assert isinstance(night.clock, ManualClock)
        await go_to(hands, DIVIDER)
        await hands.press("enter")
        await go_to(hands, ACME)
        await hands.sees("until 11:22Z (15m left) by kim: the fix rolls out")
        await hands.press("Z")
        await chooses(hands, "w", "wake it now")
        await hands.sees("Awake again")
        night.desk.snooze([INITECH], by="kim", reason="later", until=night.clock.now() + MINUTE)
        night.clock.advance(2 * MINUTE)
        await hands.until(lambda: not any(i.key == INITECH and i.suppressed for i in night.desk.look().items), "woken")


async def test_a_snooze_needs_a_reason_and_may_wait_for_an_event(night: Application) -> None:
    async with on_call(night) as hands:
        await go_to(hands, INITECH)
        await hands.press("Z")
        await chooses(hands, "n", "until the next pulse")
        await hands.on(AskReason)
        await hands.press("enter")
        await hands.sees("A reason is needed; escape goes back without one.")
        await hands.type("known noise")
        await hands.press("enter")
        await hands.sees("It stands below the line.")
    note = next(item.note for item in night.desk.look().items if item.key == INITECH)
    assert note is not None
    assert note.snooze is not None
    assert (note.snooze.event, note.snooze.reason) == ("next pulse", "known noise")


async def test_the_ladder_is_shown_before_it_starts_and_stops_by_owning(night: Application) -> None:
    async with on_call(night) as hands:
        await go_to(hands, ACME)
        await hands.press("E")
        await hands.on(Ask)
        await hands.sees("at most 5 messages", "Now: not escalated.")
        await hands.press("escape")
        await hands.on(OnCallScreen)
        assert night.desk.look().items[1].note is None or night.desk.look().items[1].note.escalation is None
        await hands.press("E")
        await chooses(hands, "y", "Start the ladder")
        await hands.sees("Escalated: «tenant acme")
        await hands.press("tab", "z")
        await hands.sees("Louder", "step 0 of 5, 0 messages out, bell; next in 01:00")
        await hands.press("O")
        await hands.sees("Yours:", "stopped: owned")


async def test_a_group_is_suggested_accepted_and_taken_apart(night: Application) -> None:
    async with on_call(night) as hands:
        await go_to(hands, ACME)
        await hands.press("G")
        await chooses(hands, "y", "These look like one incident")
        await hands.sees("1 under tenant acme read rows")
        await hands.until(lambda: listing(hands).rows.needy == 7, "one row less")
        await go_to(hands, ACME)
        await hands.sees("(+2) tenant acme")
        await hands.press("U")
        await hands.sees("Taken apart")
        await hands.until(lambda: listing(hands).rows.needy == 8, "as before")


async def test_marked_items_are_grouped_under_the_first_and_undone(night: Application) -> None:
    async with on_call(night) as hands:
        for key in ("message:M-501", ACME):
            await go_to(hands, key)
            await hands.press("space")
        await hands.press("G")
        await chooses(hands, "y", "Under: tenant acme read rows")
        await hands.until(lambda: listing(hands).rows.needy == 7, "grouped")
        await hands.press("u")
        await hands.until(lambda: listing(hands).rows.needy == 8, "undone")


async def test_closing_what_is_not_over_is_refused_in_a_sentence(night: Application) -> None:
    async with on_call(night) as hands:
        await go_to(hands, ACME)
        await hands.press("D")
        await answers(hands, "looks fine")
        await hands.sees("is not over: firing")
        await go_to(hands, "message:M-502")
        await hands.press("D")
        await answers(hands, "spam")
        await hands.sees("Closed: release-desk", "7 need a person")


async def test_a_gate_opens_as_a_gate_and_enter_approves_nothing(night: Application) -> None:
    async with on_call(night) as hands:
        gate = night.context.journal.pending()[0]
        await go_to(hands, f"gate:{gate.id}")
        await hands.press("enter")
        await hands.on(GateScreen)
        await hands.press("enter", "enter", "O", "space")
        while not isinstance(hands.screen, OnCallScreen):
            await hands.press("escape")
            await hands.pilot.pause()
        assert night.context.journal.get(gate.id).state is ActionState.PENDING
        await hands.sees("3 put aside")
        await hands.press("R", "A")
        assert night.context.journal.get(gate.id).state is ActionState.PENDING


async def test_a_task_is_drafted_from_an_alert_and_waits_as_a_gate(night: Application) -> None:
    async with on_call(night) as hands:
        await go_to(hands, INITECH)
        await hands.press("T")
        await hands.on(TaskForm)
        await hands.sees("A task for ledger", "infra: tenant initech errors at 16.67%", "P2")
        await hands.press("ctrl+o")
        await hands.on(OnCallScreen)
        await hands.sees("It waits for your approval; g opens it.")
    assert "create_task" in {action.tool for action in night.context.journal.pending()}


async def test_a_p0_task_is_filed_at_once_and_only_once(night: Application) -> None:
    """R43: the same item gives the same task."""
    async with on_call(night) as hands:
        for _ in range(2):
            await go_to(hands, ACME)
            await hands.press("T")
            await hands.on(TaskForm)
            await hands.press("ctrl+o")
            await hands.on(OnCallScreen)
            await hands.until(lambda: "is filed." in hands.words or "is open already." in hands.words, "filed")
    found = [task for task in night.world.tasks("ledger") if "tenant acme read rows" in task.title]
    assert len(found) == 1


async def test_a_message_is_taken_off_the_inbox_from_the_list(night: Application) -> None:
    async with on_call(night) as hands:
        await go_to(hands, "message:M-501")
        await hands.press("a")
        await hands.sees("M-501 acknowledged.")
        await hands.press("j", "a")
        assert listing(hands).disabled_reason("act('acknowledge')") in ("this is no message", None)


async def test_who_is_not_named_only_looks(night: Application) -> None:
    night.person = ""
    async with on_call(night) as hands:
        screen = listing(hands)
        for act in ("own", "snooze", "escalate", "dismiss", "task", "hand_over"):
            assert "nobody is named" in (screen.disabled_reason(f"act('{act}')") or ""), act
        await go_to(hands, ACME)
        await hands.press("O", "Z", "E", "D")
        await hands.pilot.pause()
        assert hands.app.screen is screen
        await hands.press("enter")
        await hands.on(ShowText)
    assert not owners(night)


async def test_a_lease_that_runs_out_is_said_and_the_item_is_unowned(night: Application) -> None:
    night.desk.own([ACME], by="kim")
    assert isinstance(night.clock, ManualClock)
    async with on_call(night) as hands:
        await go_to(hands, ACME)
        await hands.sees("you since")
        night.clock.advance(31 * MINUTE)
        await hands.sees("nobody owns it; O takes it; the last lease ran out 11:3")
