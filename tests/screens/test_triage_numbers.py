"""The numbers of triage: one key from the list, each with its unit and its window, and a word where there is none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from stas_tui.screens.dialogs import ShowText
from stas_tui.screens.help import HelpScreen
from stas_tui.triage.counted import NOTHING, numbers_text
from stas_tui.wiring import Application
from storage.clock import DAY, HOUR, MINUTE, SECOND, ManualClock
from storage.records import Json
from tests.screens.oncall_world import ACME, burning, on_call
from tests.screens.scenes import at_gate, fixed_application

NOW = 1_795_000_027_000


@pytest.fixture
def night(tmp_path: Path) -> Iterator[Application]:
    with fixed_application(tmp_path / "home") as application:
        at_gate(application)
        burning(application)
        yield application


def counted(hours: int, **more: object) -> Json:
    return {
        "hours": hours,
        "recorded_s": hours * 3_600,
        "gates": 12,
        "gates_per_hour": 0.5,
        "decided": 1,
        "median_decide_s": 42.5,
        "expired": 2,
        "approvals": 4,
        "approvals_under_3_s": 1,
        "overrides": 0,
        "lapsed_leases": 1,
        "unowned_p0_s": 780.0,
        **more,
    }


def rows(text: str) -> dict[str, str]:
    """What stands beside each label."""
    found = {}
    for line in text.splitlines():
        label, gap, rest = line.partition("  ")
        if gap:
            found[label] = " ".join(rest.split())
    return found


def test_each_number_has_its_unit_and_its_window_beside_it() -> None:
    text = numbers_text(
        [counted(24), counted(168, gates=1, gates_per_hour=0.01, approvals=0)], began=NOW - 30 * DAY, now=NOW
    )
    assert rows(text) == {
        "Gates asked for": "12 gates in 1d 1 gate in 7d",
        "How often": "0.5 an hour in 1d 0.01 an hour in 7d",
        "Decided": "1 decision in 1d 1 decision in 7d",
        "Median time to decide": "42.5 s in 1d 42.5 s in 7d",
        "Expired unanswered": "2 gates in 1d 2 gates in 7d",
        "Approved in under 3 s": "1 of 4 in 1d nothing approved in 7d",
        "Locks overridden": "0 locks in 1d 0 locks in 7d",
        "Leases that ran out": "1 lease in 1d 1 lease in 7d",
        "P0 without an owner": "13m in 1d 13m in 7d",
    }
    assert all(len(line) <= 78 for line in text.splitlines())
    assert "30d ago" in text


def test_a_young_record_counts_only_what_is_recorded() -> None:
    young = {"recorded_s": 12 * 60, "gates_per_hour": None}
    text = numbers_text([counted(24, **young), counted(168, **young)], began=NOW - 12 * MINUTE, now=NOW)
    assert rows(text)["Gates asked for"] == "12 gates in 12m", "a day and a week would claim what nobody recorded"
    assert rows(text)["How often"] == "too early after 12m"
    assert rows(text)["P0 without an owner"] == "13m in all", "what waits may be older than the record"
    assert "What was before that is not known." in text
    partly = numbers_text([counted(24), counted(168, recorded_s=48 * 3_600)], began=NOW - 2 * DAY, now=NOW)
    assert rows(partly)["Gates asked for"] == "12 gates in 1d 12 gates in 2d"


def test_absence_has_a_word() -> None:
    none = {"median_decide_s": None, "approvals": 0, "recorded_s": 2 * 3_600}
    text = numbers_text([counted(24, **none)], began=NOW - 2 * HOUR, now=NOW)
    assert rows(text)["Median time to decide"] == "nothing decided in 2h"
    assert rows(text)["Approved in under 3 s"] == "nothing approved in 2h"
    assert numbers_text([counted(24)], began=None, now=NOW) == NOTHING
    assert "0 " not in NOTHING


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
async def test_one_key_opens_them_and_escape_goes_back(size: tuple[int, int], night: Application) -> None:
    assert isinstance(night.clock, ManualClock)
    night.desk.own([ACME], by="kim")
    night.clock.advance(31 * MINUTE + SECOND)
    burning(night)
    night.desk.tick()
    async with on_call(night, size) as hands:
        below = hands.screen
        await hands.press("N")
        await hands.on(ShowText)
        await hands.sees(
            "Numbers", "Gates asked for 1 gate in", "1 lease in", "nothing decided in", "Counted 11:38:08Z."
        )
        await hands.press("escape")
        await hands.until(lambda: hands.screen is below, "back on the list")


async def test_the_key_stands_in_the_bar_and_in_the_help(night: Application) -> None:
    async with on_call(night, (120, 36)) as hands:
        await hands.sees("N numbers")
        await hands.press("question_mark")
        await hands.on(HelpScreen)
        assert "N        numbers: Show how well questions are put and answered" in hands.screen.keys  # type: ignore[attr-defined]
        assert "W        own until: Take it until a merge" in hands.screen.keys  # type: ignore[attr-defined]


async def test_who_is_not_named_and_a_list_with_nothing_chosen_still_have_numbers(night: Application) -> None:
    night.person = ""
    async with on_call(night, (80, 24), "slash", "q", "q", "q", "enter") as hands:
        await hands.press("N")
        await hands.on(ShowText)
