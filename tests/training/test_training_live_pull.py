"""A pull request of a lesson stands on the screen of every review: facts, text, files, diffs, and no check."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from textual.widgets import Input

from stas_tui.screens.change_review_diff import DiffScreen
from stas_tui.screens.change_reviews import ReviewsScreen
from stas_tui.screens.dialogs import ShowText
from stas_tui.screens.lesson_review import NO_LINES, LessonReviewScreen
from stas_tui.screens.main import MainScreen
from stas_tui.training.check import check
from tests.training.live_seat import Seat, seat
from tests.training.stage_world import SMALL, lesson

PULL = b"""
[[inject]]
at = "+5s"
kind = "forge"
ref = "p1"

[inject.pull]
number = 12
project = "shop"
title = "Cache the account API"
head = "feat/cache"
author = "Yukihiro"
body = "p95 from 1,900 ms to 40 ms."
files = [
  { path = "api/cache.py", patch = "@@ -0,0 +1,2 @@\\n+key = request.path\\n+TTL = 60" },
  { path = "Dockerfile" },
]

[[inject]]
at = "+6s"
kind = "inbox"
ref = "r1"
type = "review_request"
from = "Yukihiro"
subject = "Review #12, please"
text = "Please review #12."
"""
WORLD = SMALL + PULL


@pytest.fixture(autouse=True)
def plain_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Input, "_toggle_cursor", lambda self: None)
    for name in ("NO_COLOR", "COLORFGBG", "TMUX"):
        monkeypatch.delenv(name, raising=False)


async def opened(at: Seat, *refs: str) -> None:
    """Wait until the engine heard of these looks."""
    for _ in range(200):
        await asyncio.to_thread(at.director.tick)
        if set(refs) <= set(at.director.engine.opened):
            return
        await at.pilot.pause(0.02)
    raise AssertionError(f"{refs} not in {sorted(at.director.engine.opened)}")


async def at_the_pull(at: Seat) -> LessonReviewScreen:
    """From the message that asks for a review."""
    await at.pass_s(8)
    await at.sees("Review #12, please")
    await at.press("1", "V")
    await at.on(LessonReviewScreen)
    await at.sees("Nothing checks it in a lesson", "api/cache.py")
    assert isinstance(at.screen, LessonReviewScreen)
    return at.screen


@pytest.mark.parametrize("size", [(120, 36), (80, 24)])
async def test_it_is_read_as_any_other(tmp_path: Path, size: tuple[int, int]) -> None:
    async with seat(tmp_path, WORLD, size=size) as at:
        screen = await at_the_pull(at)
        await at.sees(
            "Cache the account API",
            "Yukihiro, who asks: feat/cache to multi-tenant",
            "2 files",
            "unknown",
            "nothing was checked",
        )
        assert "verified" not in at.text, "what nobody checked is never good news"
        assert "no finding" not in at.text
        await at.sees("TRAINING", "left")
        await opened(at, "p1")
        assert "p1.diff" not in at.director.engine.opened, "its diff is not read yet"
        bar = at.text.splitlines()[-1]
        assert not [word for word in ("verdict", "rehearse", "look again") if word in bar]
        await at.press("V", "R", "r", "X", "y")
        assert at.screen is screen
        await at.press("t")
        await at.on(ShowText)
        await at.sees("p95 from 1,900 ms")
        await at.press("escape")
        await at.on(LessonReviewScreen)
        assert screen.table.select("file api/cache.py")
        await at.press("enter")
        await at.on(DiffScreen)
        await at.sees("+key = request.path")
        await opened(at, "p1.diff")
        await at.press("escape")
        await at.on(LessonReviewScreen)
        assert screen.table.select("file Dockerfile")
        await at.press("enter")
        await at.on(DiffScreen)
        await at.sees(NO_LINES)
        await at.press("escape", "q")
        await at.on(MainScreen)


async def test_it_stands_on_the_list_of_those_that_want_a_review(tmp_path: Path) -> None:
    async with seat(tmp_path, WORLD) as at:
        await at.pass_s(8)
        await at.sees("Review #12, please")
        await at.press("v")
        await at.on(ReviewsScreen)
        await at.sees("Cache the account API")
        await at.press("enter")
        await at.on(LessonReviewScreen)
        await at.sees("feat/cache to multi-tenant")


async def test_one_that_is_not_there_says_so(tmp_path: Path) -> None:
    async with seat(tmp_path, WORLD.replace(b"#12", b"#13")) as at:
        await at.pass_s(8)
        await at.sees("Review #13, please")
        await at.press("1", "V")
        await at.on(LessonReviewScreen)
        await at.sees("There is no pull request #13 in shop.")


def test_a_careful_person_can_be_asked_to_read_its_diff() -> None:
    asks = WORLD.replace(b'"opened:a1.base"]', b'"opened:p1.diff"]')
    assert [one.what for one in check(lesson(asks)).problems if "p1" in one.what] == []
    wrong = WORLD.replace(b'"opened:a1.base"]', b'"opened:p1.body"]')
    [problem] = [one for one in check(lesson(wrong)).problems if "p1" in one.what]
    assert "diff" in problem.mend
