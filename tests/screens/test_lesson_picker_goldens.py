"""The list of lessons and the door of the demo, as text and as pictures."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from rich.cells import cell_len
from syrupy.assertion import SnapshotAssertion
from textual.pilot import Pilot

from stas_tui.screens.lesson_picker_page import PickerPage
from tests.screens.picker_world import an_app
from tests.training.seat import screen_text

WIDE, NARROW = (120, 36), (80, 24)
PICTURES = [
    (at_door, size, look)
    for at_door in (True, False)
    for size, look in ((WIDE, "night"), (NARROW, "night"), (WIDE, "day"), (NARROW, "none"), (NARROW, "ascii"))
]


def _name(case: tuple[bool, tuple[int, int], str]) -> str:
    at_door, (width, height), look = case
    return f"{'door' if at_door else 'lessons'}-{width}x{height}-{look}"


async def still(pilot: Pilot[None]) -> None:
    """Wait until the list, or the page above it, is drawn and stays as it is."""
    last, same = "", 0
    while same < 3:
        await pilot.pause(0.06)
        text = screen_text(pilot.app)
        whole = isinstance(pilot.app.screen, PickerPage) or ("Your first shift" in text and "Yours" in text)
        whole = whole or "Wrong" in text or "It is made anew" in text
        same = same + 1 if whole and text == last else 0
        last = text


async def drawn(pilot: Pilot[None]) -> str:
    """What stands on the screen once nothing moves any more; it fits, and nothing in it acts on the terminal."""
    await still(pilot)
    text = "\n".join(row.rstrip() for row in screen_text(pilot.app).split("\n")) + "\n"
    assert all(cell_len(row) <= pilot.app.size.width for row in text.splitlines())
    assert "\x1b" not in text
    return text


@pytest.mark.parametrize("fresh", [True, False], ids=["first-time", "again"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
async def test_the_door(size: tuple[int, int], fresh: bool, golden_text: SnapshotAssertion) -> None:
    async with an_app(at_door=True, fresh=fresh).run_test(size=size) as pilot:
        assert await drawn(pilot) == golden_text


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
async def test_the_lessons(size: tuple[int, int], golden_text: SnapshotAssertion) -> None:
    async with an_app(told="«Two terminals alike» is over. d shows its debrief.").run_test(size=size) as pilot:
        await pilot.press("down")
        assert await drawn(pilot) == golden_text


async def test_a_lesson_whose_file_is_wrong(golden_text: SnapshotAssertion) -> None:
    async with an_app("ascii").run_test(size=NARROW) as pilot:
        await pilot.press("end", "enter")
        assert await drawn(pilot) == golden_text


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
async def test_how_to_write_one(size: tuple[int, int], golden_text: SnapshotAssertion) -> None:
    async with an_app().run_test(size=size) as pilot:
        await pilot.press("n")
        assert isinstance(pilot.app.screen, PickerPage)
        assert await drawn(pilot) == golden_text


@pytest.mark.parametrize("look", ["night", "ascii"])
async def test_progress_is_a_table_and_a_plot(look: str, golden_text: SnapshotAssertion) -> None:
    pytest.importorskip("plotext")
    async with an_app(look).run_test(size=NARROW) as pilot:
        await pilot.press("p")
        text = await drawn(pilot)
        assert text.isascii() == (look == "ascii")
        assert text == golden_text


@pytest.mark.parametrize("case", PICTURES, ids=map(_name, PICTURES))
def test_picture(
    case: tuple[bool, tuple[int, int], str], snap_compare: Callable[..., bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    at_door, size, look = case
    if look == "none":
        monkeypatch.setenv("NO_COLOR", "1")
    assert snap_compare(an_app(look, at_door=at_door), terminal_size=size, run_before=still)
