"""The on-call list under load and attack: a thousand items, hostile text in every field, few lines drawn per key."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from rich.cells import cell_len

from stas_tui.screens.handover import HandOverScreen
from stas_tui.screens.incident import IncidentScreen
from stas_tui.screens.triage import OnCallScreen
from stas_tui.wiring import Application
from storage.clock import MINUTE, SECOND, ManualClock
from storage.records import DataState
from storage.watch_records import Deploy, SourceKind
from tests.screens.hands import Hands
from tests.screens.oncall_world import SHA, alert, burning, listing, on_call, status
from tests.screens.scenes import at_gate, fixed_application
from tests.screens.stage import HOSTILE

FORBIDDEN = ("\x1b", "\x07", "\x9b", "\u202e", "\u2066", "\u200b", "\x00")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Application]:
    with fixed_application(tmp_path / "home") as application:
        at_gate(application)
        yield application


def attacked(application: Application) -> None:
    """Hostile text in every field of every source."""
    now, watch = application.clock.now(), application.watch
    long = HOSTILE + "A" * 1_000_000
    evil = [
        alert(
            f"{HOSTILE}-{n}",
            HOSTILE,
            long if n == 0 else HOSTILE,
            severity="critical",
            began=now - MINUTE,
            tenant=HOSTILE,
            annotations={"summary": long if n == 0 else HOSTILE, "runbook_url": f"https://x.example/{HOSTILE}"},
        )
        for n in range(3)
    ]
    watch.record(status(f"am{HOSTILE}", SourceKind.ALERTS, now), evil)
    watch.record(status("prom", SourceKind.METRICS, now, DataState.ERROR, reason=HOSTILE * 50))
    deploy = Deploy(key=f"ledger/{SHA}", project_id="ledger", sha=SHA, at=now - 5 * MINUTE, what=HOSTILE, state=HOSTILE)
    watch.record(status("deploys", SourceKind.DEPLOYS, now), [deploy])
    for message in application.world.messages_of(application.world.inbox_order("Stas", ""), "Stas")[:2]:
        application.world.deliver(replace(message, id=f"M-9{message.id[-1]}", subject=HOSTILE, sender=HOSTILE))
    watch.beat(now, 1)


def intact(hands: Hands) -> None:
    """Nothing acts, nothing overflows, the frame stands where it stands."""
    lines = hands.text.split("\n")[:-1]
    width, height = hands.app.size
    assert len(lines) == height
    assert all(cell_len(line) <= width for line in lines), hands.text
    for evil in FORBIDDEN:
        assert evil not in hands.text


@pytest.mark.parametrize("size", [(80, 24), (120, 36), (60, 18)])
async def test_hostile_text_in_every_field_leaves_the_layout_intact(size: tuple[int, int], world: Application) -> None:
    attacked(world)
    async with on_call(world, size) as hands:
        screen = listing(hands)
        for index in range(min(len(screen.rows), 8)):
            intact(hands)
            assert hands.text.split("\n")[2].startswith("╭─ On call")
            await hands.press("e", "tab", "j")
            await hands.until(lambda at=index: screen.table.cursor > at or screen.table.cursor + 1 == len(screen.rows))
        await hands.press("home")
        key = next(item.key for item in screen.rows.shown.items if item.key.startswith("alert:"))
        world.desk.own([key], by="kim")
        world.desk.open_incident(key, by="kim")
        world.desk.write(key, by="kim", kind="note", text=HOSTILE * 3)
        world.desk.write(key, by="kim", kind="question", text=HOSTILE)
        while screen.table.selected != key:
            await hands.press("j")
            await hands.pilot.pause()
        for press, kind in (("I", IncidentScreen), ("H", HandOverScreen)):
            if press == "H":
                world.desk.hand_over(by="lena", tried=HOSTILE * 5, questions=HOSTILE)
            await hands.press(press)
            await hands.on(kind)
            await hands.pilot.pause()
            intact(hands)
            await hands.press("escape")
            await hands.on(OnCallScreen)


@pytest.fixture
def thousand(world: Application) -> Application:
    now = world.clock.now()
    many = [alert(f"b{n:04}", "Slow", f"endpoint {n} is slow", began=now - n * SECOND) for n in range(1_000)]
    burning(world, more=many)
    return world


async def rest(hands: Hands) -> int:
    """Wait until the list draws nothing any more; how many lines it has drawn."""
    table, seen = listing(hands).table, -1
    while seen != table.lines_drawn:
        seen = table.lines_drawn
        await hands.pilot.pause(0.15)
    return seen


async def test_a_key_draws_two_rows_and_a_page_one_page_with_a_thousand_items(thousand: Application) -> None:
    async with on_call(thousand, (120, 36)) as hands:
        table = listing(hands).table
        await hands.until(lambda: len(listing(hands).rows) > 1_000, "all are there")
        await hands.press("down")
        before = await rest(hands)
        await hands.press("down")
        assert await rest(hands) - before == 2
        before = await rest(hands)
        await hands.press("pagedown")
        assert 0 < await rest(hands) - before <= 2 * (table.visible_rows + 1)
        before = await rest(hands)
        await hands.press("space")
        assert await rest(hands) - before <= 2


async def test_time_that_changes_no_word_draws_nothing(thousand: Application) -> None:
    """G8: a quiet list is not painted every second; when a minute has passed, only the rows on the screen are."""
    assert isinstance(thousand.clock, ManualClock)
    async with on_call(thousand, (80, 24)) as hands:
        screen = listing(hands)
        await hands.press("end")
        before = await rest(hands)
        for _ in range(3):
            screen._tick()
            await hands.pilot.pause(0.1)
        assert await rest(hands) == before
        thousand.clock.advance(MINUTE)
        screen._tick()
        assert 0 < await rest(hands) - before <= 2 * (screen.table.visible_rows + 1)
