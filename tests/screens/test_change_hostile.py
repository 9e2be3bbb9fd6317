"""Somebody else's text in every field of a review acts on nothing, and secrets are never drawn."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from stas_tui.demo.repository import REVIEW_BRANCH
from stas_tui.screens.change_review import ChangeReviewScreen
from stas_tui.screens.change_reviews import ReviewsScreen
from stas_tui.screens.dialogs import ShowText
from stas_tui.wiring import Application
from tests.door.shop import commit, git
from tests.screens.change_hands import go_to, opened, read, review
from tests.screens.scenes import at_health, fixed_application
from tests.screens.stage import HOSTILE
from tests.screens.test_triage_hostile import intact


@pytest.fixture
def fixed(tmp_path: Path) -> Iterator[Application]:
    with fixed_application(tmp_path / "home") as application:
        at_health(application)
        yield application


@pytest.mark.parametrize("size", [(80, 24), (120, 36), (60, 18)])
async def test_hostile_text_in_every_field_leaves_the_layout_intact(
    fixed: Application, size: tuple[int, int], tmp_path: Path
) -> None:
    fixed.world.update_pr("ledger", 17, title=HOSTILE, body=f"{HOSTILE}\n" * 40, author=HOSTILE)
    remote, folder = fixed.profile.root / "remote.git", tmp_path / "lena"
    git("clone", "-q", "-b", REVIEW_BRANCH, str(remote), str(folder), cwd=tmp_path)
    services = json.dumps({"services": {HOSTILE: {"image": HOSTILE, "privileged": True}}})
    long = "\n".join([HOSTILE * 300, "y" * 10_000])
    commit(
        folder, {"evil/compose\x1b[2J[red]\u202e.yml": services, "Dockerfile": f"FROM a:1 # {HOSTILE}\n# {long}\n"}, "x"
    )
    git("fetch", "-q", str(folder), f"+HEAD:refs/heads/{REVIEW_BRANCH}", cwd=remote)
    async with opened(fixed, size) as hands:
        await hands.press("v")
        await hands.on(ReviewsScreen)
        await hands.sees("#17")
        intact(hands)
        await hands.press("enter")
        await hands.on(ChangeReviewScreen)
        screen = review(hands)
        await hands.until(lambda: screen.known is not None and screen.known.whole, "everything was asked")
        for index in range(len(screen._rows)):
            intact(hands)
            await hands.press("j")
            await hands.until(lambda at=index: screen.table.cursor > at or screen.table.cursor + 1 == len(screen._rows))
        for place in ("file evil/compose", "file Dockerfile", "lead C10", "question safety"):
            await go_to(hands, place)
            await hands.press("enter")
            await hands.until(lambda: isinstance(hands.screen, ShowText), "it is open")
            await hands.pilot.pause()
            intact(hands)
            await hands.press("end")
            await hands.pilot.pause()
            intact(hands)
            await hands.press("escape")
            await hands.on(ChangeReviewScreen)


async def test_a_secret_in_a_diff_or_a_text_is_never_drawn(fixed: Application) -> None:
    secret = "ghp_" + "0123456789abcdefghijABCDEFGHIJ012345"
    fixed.world.update_pr("ledger", 17, body=f"token {secret}", title=f"infra: {secret}")
    async with opened(fixed) as hands:
        await read(hands)
        assert secret not in hands.text
        await hands.press("t")
        await hands.on(ShowText)
        assert secret not in hands.text
