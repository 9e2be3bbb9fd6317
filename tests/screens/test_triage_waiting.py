"""Owning and putting aside until an event: chosen by one key, in words, with the record and the end of the wait."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from stas_tui.screens.dialogs import Ask, AskReason
from stas_tui.screens.triage import OnCallScreen
from stas_tui.wiring import Application
from storage.clock import DAY, MINUTE, ManualClock
from storage.records import PullRequest
from storage.triage_records import Lease, Snooze
from storage.watch_records import Check, Deploy, SourceKind
from tests.screens.hands import Hands
from tests.screens.oncall_world import (
    ACME,
    INITECH,
    SHA,
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

TASK = "task:ledger/T-301"
PR = 44
CHANGE = f"deploy:ledger/{SHA}"


@pytest.fixture
def night(tmp_path: Path) -> Iterator[Application]:
    with fixed_application(tmp_path / "home") as application:
        at_gate(application)
        burning(application)
        world = application.world
        world.add_pr(
            PullRequest(
                number=PR, project_id="ledger", title="t", body="", base="multi-tenant", head="feat/x", head_sha=SHA
            )
        )
        world.link_pr("ledger", "T-301", PR)
        yield application


def lease(application: Application, key: str) -> Lease:
    note = next(item.note for item in application.desk.look().items if item.key == key)
    assert note is not None
    assert note.lease is not None
    return note.lease


def snooze(application: Application, key: str) -> Snooze:
    note = next(item.note for item in application.desk.look().items if item.key == key)
    assert note is not None
    assert note.snooze is not None
    return note.snooze


def merged(application: Application) -> None:
    """The pull request lands."""
    now = application.clock.now()
    landed = Deploy(
        key="ledger/merge", project_id="ledger", sha="a" * 40, at=now, what="Cap", state="merged", pr_number=PR
    )
    application.watch.record(status("deploys:ledger", SourceKind.DEPLOYS, now, project_id="ledger"), [landed])
    application.watch.beat(now, 1)


async def test_owning_stays_one_key(night: Application) -> None:
    async with on_call(night) as hands:
        await go_to(hands, TASK)
        await hands.press("O")
        await hands.sees("Yours: T-301")
        assert isinstance(hands.screen, OnCallScreen)
    assert lease(night, TASK).waits_for == ""


async def test_a_task_is_owned_until_its_pull_request_merges_and_then_for_the_usual_time(night: Application) -> None:
    assert isinstance(night.clock, ManualClock)
    async with on_call(night) as hands:
        await go_to(hands, TASK)
        await hands.press("W")
        await hands.on(Ask)
        await hands.sees(
            "Own until what happens?",
            "a until pull request 44 of ledger is merged or closed",
            "b until task T-301 of ledger moves",
            "n until the next pulse",
        )
        await hands.press("a")
        await hands.sees("Yours until pull request 44 of ledger is merged or closed: T-301")
        held = lease(night, TASK)
        assert (held.owner, held.waits_for) == ("kim", f"pr:ledger/{PR}")
        assert held.until == held.since + DAY
        await go_to(hands, TASK)
        await hands.sees("until pull request 44 of ledger is merged or closed; at most until")
        night.clock.advance(2 * MINUTE)
        merged(night)
        night.bell.ring()
        await hands.until(lambda: lease(night, TASK).waits_for == "", "the merge ended the wait")
        after = lease(night, TASK)
        assert after.until <= night.clock.now() + 30 * MINUTE, "a P0 is its owner's for 30 minutes more"


async def test_escape_owns_nothing(night: Application) -> None:
    async with on_call(night) as hands:
        await go_to(hands, TASK)
        for keys in (["escape"], ["t", "escape"]):
            await hands.press("W")
            await hands.on(Ask)
            await hands.press(keys[0])
            if len(keys) > 1:
                await hands.on(AskReason)
                await hands.press(keys[1])
            await hands.on(OnCallScreen)
    assert not owners(night)


async def test_what_somebody_holds_is_owned_until_an_event_with_a_reason_only(night: Application) -> None:
    night.desk.own([TASK], by="lena")
    async with on_call(night) as hands:
        await go_to(hands, TASK)
        await hands.press("W")
        await chooses(hands, "a", "pull request 44")
        await answers(hands, "lena sleeps", "Take over from lena?")
        await hands.sees("Yours until pull request 44")
    assert (lease(night, TASK).owner, lease(night, TASK).waits_for) == ("kim", f"pr:ledger/{PR}")


async def test_an_event_is_typed_where_none_is_offered(night: Application) -> None:
    async with on_call(night) as hands:
        await go_to(hands, INITECH)
        await hands.press("W")
        await chooses(hands, "t", "type the event")
        await hands.on(AskReason)
        await hands.sees("pr:ledger/17 until pull request 17 is merged or closed")
        await hands.pilot.pause()
        await type_event(hands, f"pr:ledger/{PR}")
        await hands.sees("Yours until pull request 44 of ledger")
    assert lease(night, INITECH).waits_for == f"pr:ledger/{PR}"


async def test_what_is_no_event_is_refused_before_a_reason_is_typed(night: Application) -> None:
    async with on_call(night) as hands:
        await go_to(hands, INITECH)
        await hands.press("Z")
        await chooses(hands, "t", "type the event")
        await hands.on(AskReason)
        await type_event(hands, "full moon")
        await hands.sees("«full moon» is no event that can be waited for. Known: next pulse, ci:PROJECT/SHA")
        assert isinstance(hands.screen, OnCallScreen)
    assert not any(item.note and item.note.snooze for item in night.desk.look().items)


async def test_a_change_is_put_aside_until_its_ci_has_finished(night: Application) -> None:
    now = night.clock.now()
    slow = Check(key=f"ledger/{SHA}/e2e", project_id="ledger", sha=SHA, name="e2e", state="pending", since=now)
    red = Check(key=f"ledger/{SHA}/unit", project_id="ledger", sha=SHA, name="unit", state="failure", since=now)
    night.watch.record(status("ci:ledger", SourceKind.CI, now, project_id="ledger"), [red, slow])
    async with on_call(night) as hands:
        await go_to(hands, CHANGE)
        await hands.press("Z")
        await hands.on(Ask)
        await hands.sees(
            "1 15 minutes", "3 4 hours", "a until CI of 9f2c41a0 in ledger has finished", "n until the next"
        )
        await hands.press("a")
        await answers(hands, "the rerun decides", "Put aside: until CI of 9f2c41a0 in ledger has finished")
        await hands.sees("Put aside, until CI of 9f2c41a0 in ledger has finished")
        assert (snooze(night, CHANGE).event, snooze(night, CHANGE).until) == (f"ci:ledger/{SHA}", None)


async def test_a_p0_waits_for_an_event_for_15_minutes_at_most(night: Application) -> None:
    async with on_call(night) as hands:
        await go_to(hands, TASK)
        await hands.press("Z")
        await hands.on(Ask)
        await hands.sees("A P0 is put aside for 15 minutes at most.", "1 15 minutes", "a until pull request 44")
        assert "1 hour" not in hands.text
        await hands.press("a")
        await answers(hands, "it is in review", "15 minutes at most")
        await hands.sees("It stands below the line.")
    found = snooze(night, TASK)
    assert (found.event, found.until) == (f"pr:ledger/{PR}", night.clock.now() + 15 * MINUTE)


async def test_marked_items_wait_together_for_what_one_of_them_names(night: Application) -> None:
    async with on_call(night) as hands:
        for key in (ACME, TASK):
            await go_to(hands, key)
            await hands.press("space")
        await hands.press("W")
        await chooses(hands, "a", "pull request 44")
        await hands.sees("Yours until pull request 44 of ledger is merged or closed: 2 items.")
        assert not listing(hands).rows.marks
    assert {lease(night, key).waits_for for key in (ACME, TASK)} == {f"pr:ledger/{PR}"}


@pytest.mark.parametrize("size", [(80, 24), (60, 18)])
async def test_no_choice_is_pushed_off_a_small_screen(size: tuple[int, int], night: Application) -> None:
    keys = [item.key for item in night.desk.look().items if item.key != TASK and not item.suppressed]
    night.desk.snooze([TASK, *keys], by="kim", reason="r", event="next pulse")
    night.desk.remember_place({"marks": [TASK, *keys], "folded": False})
    async with on_call(night, size) as hands:
        await hands.press("Z")
        await hands.on(Ask)
        await hands.sees("w wake it now", "a until pull request 44", "t until something else", "esc Back", "more")


async def test_nobody_named_owns_nothing_until_anything(night: Application) -> None:
    night.person = ""
    async with on_call(night) as hands:
        await go_to(hands, TASK)
        await hands.press("W")
        await hands.pilot.pause()
        assert isinstance(hands.screen, OnCallScreen)
        assert "nobody is named" in (listing(hands).disabled_reason("act('own_until')") or "")


async def type_event(hands: Hands, text: str) -> None:
    """Type an event into the line that has the keyboard, and send it."""
    names = {" ": "space", ":": "colon", "/": "slash"}
    await hands.press(*(names.get(char, char) for char in text), "enter")
