"""Hostile text in every field of every result, names without end, many tenants: the screens stay whole and cheap."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from stas_tui.app import StasApp
from stas_tui.screens.dialogs import ShowText
from stas_tui.screens.isolation import IsolationScreen
from stas_tui.screens.isolation_check import CheckScreen
from stas_tui.screens.isolation_form import AcceptForm
from stas_tui.screens.task_form import TaskForm
from stas_tui.wiring import Application
from storage.check_records import Lead, Verdict
from storage.clock import DAY
from tests.screens.hands import Hands
from tests.screens.isolation_world import PROJECT, answer, checked, open_matrix
from tests.screens.scenes import at_gate, fixed_application
from tests.screens.stage import HOSTILE
from tests.screens.test_triage_hostile import intact
from widgets.matrix import Matrix
from widgets.steady_list import SteadyList

RIGHT_TO_LEFT = ("שלום-العربية-" * 20)[:200]
EVIL = HOSTILE + RIGHT_TO_LEFT + "A" * 20_000
SIZES = [(80, 24), (120, 36), (60, 18)]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Application]:
    with fixed_application(tmp_path / "home") as application:
        file = application.rounds.file(PROJECT)
        more = f"\n[[tenant]]\nname = {json.dumps(RIGHT_TO_LEFT, ensure_ascii=False)}\nkey = 'rtl'\n"
        text = file.read_text("utf-8")
        file.write_text(text.replace("\n[[not_applicable]]", f"{more}\n[[not_applicable]]", 1), "utf-8")
        at_gate(application)
        yield application


def attacked(application: Application) -> None:
    """Hostile text wherever a check may put text."""
    lead = Lead(rule=EVIL, text=EVIL, path=EVIL, line=3, code=EVIL, anchor="a", severity="crit")
    found = [
        answer(
            application,
            "D2",
            Verdict.FLAGGED,
            EVIL,
            target=EVIL,
            control=EVIL,
            tool=EVIL,
            executed=(EVIL, "select 1", EVIL),
            counts={EVIL: 1, "b": EVIL},
            leads=(lead, Lead(rule="r", text=EVIL, accuses=False, severity=EVIL)),
        ),
        answer(application, "Q1", Verdict.UNKNOWN, EVIL, live=False, target=EVIL, leads=(lead,)),
    ]
    checked(application, *found)
    application.rounds.accept(
        PROJECT, "Q1", tenant="", fingerprint="", reason=HOSTILE, by="kim", until=application.clock.now() + DAY
    )


@asynccontextmanager
async def opened(application: Application, size: tuple[int, int]) -> AsyncIterator[Hands]:
    app = StasApp(application, environ={})
    try:
        async with app.run_test(size=size, notifications=True) as pilot:
            hands = Hands(app, pilot, application.clock)
            await hands.quiet()
            yield hands
    finally:
        app.hand.close()


@pytest.mark.parametrize("size", SIZES)
async def test_hostile_text_in_every_field_leaves_every_screen_intact(
    size: tuple[int, int], world: Application
) -> None:
    attacked(world)
    async with opened(world, size) as hands:
        await hands.press("4")
        await hands.pilot.pause()
        intact(hands)
        await hands.press("e")
        await hands.pilot.pause()
        intact(hands)
        screen = await open_matrix(hands, 0, 1)
        intact(hands)
        for key in ("v", "v", "v", "n", "n", "down", "end", "right"):
            await hands.press(key)
            await hands.pilot.pause()
            intact(hands)
        screen.query_one(Matrix).select("ledger/", "db")
        await hands.pilot.pause()
        table = screen.query_one("#checks", SteadyList)
        table.focus()
        table.select("D2//1")
        await hands.pilot.pause()
        await hands.press("enter")
        await hands.on(CheckScreen)
        intact(hands)
        for row in range(5):
            await hands.press("home", *["down"] * row, "enter")
            await hands.on(ShowText)
            intact(hands)
            await hands.press("escape")
            await hands.on(CheckScreen)
        await hands.press("home", "A")
        await hands.on(AcceptForm)
        intact(hands)
        await hands.press("escape")
        await hands.on(CheckScreen)
        await hands.press("T")
        await hands.on(TaskForm)
        intact(hands)


async def test_many_tenants_cost_what_is_visible(world: Application) -> None:
    """Two hundred tenants: a key redraws two rows of the matrix, and reads nothing from the record."""
    file = world.rounds.file(PROJECT)
    more = "".join(f'[[tenant]]\nname = "tenant-{n}"\nkey = "t{n}"\n\n' for n in range(200))
    text = file.read_text("utf-8")
    file.write_text(text.replace("[[not_applicable]]", f"{more}[[not_applicable]]", 1), "utf-8")
    attacked(world)
    async with opened(world, (120, 36)) as hands:
        screen = await open_matrix(hands)
        matrix = screen.query_one(Matrix)
        assert isinstance(screen, IsolationScreen)
        await hands.pilot.pause(0.3)
        before, looks = matrix.lines_drawn, screen.look
        await hands.press("down")
        await hands.pilot.pause(0.1)
        assert matrix.lines_drawn - before == 2
        await hands.press("end")
        await hands.sees("tenant-199, ")
        assert screen.look is looks
