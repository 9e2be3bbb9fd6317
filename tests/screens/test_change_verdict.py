"""A verdict on a pull request, by keys: written, kept, approved, sent once, seen wherever it was answered."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from stas_tui.demo.repository import REVIEW_BRANCH
from stas_tui.screens.change_review import ChangeReviewScreen
from stas_tui.screens.change_review_text import WAITS
from stas_tui.screens.change_reviews import ReviewsScreen
from stas_tui.screens.gate import GateScreen
from stas_tui.screens.main import MainScreen
from stas_tui.wiring import Application
from tests.door.shop import git
from tests.screens.change_hands import approve, go_to, opened, read, review, write
from tests.screens.hands import HOLD_MS
from tests.screens.scenes import PERSON, at_health, fixed_application
from widgets.editor import SafeEditor
from widgets.virtual_list import VirtualList


@pytest.fixture
def fixed(tmp_path: Path) -> Iterator[Application]:
    with fixed_application(tmp_path / "home") as application:
        at_health(application)
        yield application


async def test_R101_a_verdict_is_edited_approved_and_sent_as_it_was_shown(fixed: Application) -> None:
    async with opened(fixed) as hands:
        await read(hands)
        editor = await write(hands)
        assert "takes whatever caddy:latest" in editor.text
        await hands.press("ctrl+home")
        await hands.type("Lena. ")
        text = editor.text
        await hands.press("ctrl+o")
        await hands.on(GateScreen)
        await hands.sees("Request changes on pull request #17")
        assert fixed.world.reviews("ledger", 17) == []
        await approve(hands)
        await hands.until(lambda: fixed.world.reviews("ledger", 17), "it is sent")
        [sent] = fixed.world.reviews("ledger", 17)
        assert (sent.event, sent.body, sent.author) == ("request changes", text.strip(), "Stas")
        assert sent.body.startswith("Lena. ")
        [told] = fixed.world.inbox("lena")[:1]
        assert told.subject.startswith("Review of pull request #17")
        [approved] = fixed.context.journal.events(kinds=["gate.approved"])[-1:]
        assert approved.actor == PERSON
        await hands.until(lambda: review(hands).known is not None and review(hands).known.sent, "it is read back")  # type: ignore[union-attr]


async def test_what_was_sent_stands_on_the_review_and_in_the_list(fixed: Application) -> None:
    async with opened(fixed) as hands:
        await read(hands)
        await write(hands, "c")
        await hands.press("ctrl+o")
        await hands.on(GateScreen)
        await approve(hands)
        await hands.sees("Stas sent «comment» about this commit at", "Comment on pull request #17: done and read back.")
        await go_to(hands, "sent ")
        await hands.sees("Sent verdicts comment by Stas, about this commit", "## Infrastructure review of")
        await hands.press("q")
        await hands.on(ReviewsScreen)
        await hands.sees("lena comment 1h", f"Verdict ✓ comment, approved by {PERSON}")
        head = git("rev-parse", REVIEW_BRANCH, cwd=fixed.profile.root / "remote.git")
        moved = git("commit-tree", "-p", head, "-m", "more", f"{head}^{{tree}}", cwd=fixed.profile.root / "remote.git")
        git("update-ref", f"refs/heads/{REVIEW_BRANCH}", moved, cwd=fixed.profile.root / "remote.git")
        await hands.press("r")
        await hands.sees("outdated", f"about {head[:8]}, the head is {moved[:8]} now")
        await hands.press("q")
        await hands.on(MainScreen)
        await hands.press("1")
        assert hands.main.query_one("#inbox-list", VirtualList).select("M-505")
        await hands.sees(f"Verdict ✓ comment on #17 at {head[:8]}: sent, approved by {PERSON}")
        await hands.press("v")
        await hands.on(ReviewsScreen)
        await hands.sees("outdated")
        await hands.press("enter")
        await hands.on(ChangeReviewScreen)
        await hands.sees("Proposed: request changes. What was sent is about an earlier commit.")


async def test_a_verdict_that_is_answered_elsewhere_is_seen_here(fixed: Application) -> None:
    async with opened(fixed) as hands:
        screen = await read(hands)
        await write(hands)
        await hands.press("ctrl+o")
        await hands.on(GateScreen)
        await hands.press("escape")
        await hands.on(ChangeReviewScreen)
        await hands.sees(WAITS)
        [action] = fixed.context.journal.pending()
        decided = fixed.context.toolbox.decide(
            action.id, rev=action.rev, digest=action.digest, verdict="approve", voter=PERSON, dwell_ms=HOLD_MS
        )
        assert fixed.context.toolbox.perform(decided.id).status == "ok"
        await hands.sees("Stas sent «request changes» about this commit")
        assert screen.told_text == ""


async def test_a_text_that_is_refused_or_comes_second_is_kept(fixed: Application) -> None:
    secret = "ghp_" + "0123456789abcdefghijABCDEFGHIJ012345"
    async with opened(fixed) as hands:
        await read(hands)
        editor = await write(hands)
        editor.query_one(SafeEditor).text = f"Use {secret} instead."
        await hands.press("ctrl+o")
        await hands.on(ChangeReviewScreen)
        await hands.sees("What you wrote is kept; V goes on with it.")
        assert fixed.context.journal.pending() == []
        editor = await write(hands)
        assert editor.text.startswith("Use ")
        assert secret not in editor.text
        editor.query_one(SafeEditor).text = "The first word."
        await hands.press("ctrl+o")
        await hands.on(GateScreen)
        await hands.press("escape")
        await hands.on(ChangeReviewScreen)
        editor = await write(hands, "c")
        editor.query_one(SafeEditor).text = "The second word."
        await hands.press("ctrl+o")
        await hands.on(GateScreen)
        await hands.sees("The first word.")
        await hands.press("escape")
        await hands.on(ChangeReviewScreen)
        assert (await write(hands, "c")).text == "The second word."


async def test_a_long_verdict_is_kept_whole(fixed: Application) -> None:
    text = "\n".join(f"line {n} " + "x" * 60 for n in range(800))
    async with opened(fixed) as hands:
        await read(hands)
        editor = await write(hands)
        editor.query_one(SafeEditor).text = text
        kept = fixed.profile.typed
        await hands.until(lambda: any("line 799" in file.read_text() for file in kept.glob("*")), "it is kept")
    async with opened(fixed) as hands:
        await read(hands)
        assert (await write(hands)).text == text


async def test_escape_sends_nothing_and_drops_what_was_changed_the_second_time_only(fixed: Application) -> None:
    async with opened(fixed) as hands:
        await read(hands)
        await write(hands, "c")
        await hands.type("x")
        await hands.press("escape")
        await hands.sees("Nothing is sent yet")
        await hands.press("escape")
        await hands.on(ChangeReviewScreen)
        assert fixed.context.journal.pending() == []


async def test_what_was_typed_survives_the_death_of_the_program(fixed: Application) -> None:
    async with opened(fixed) as hands:
        await read(hands)
        await write(hands)
        await hands.press("ctrl+home")
        await hands.type("half a thought ")
        kept = fixed.profile.typed
        await hands.until(lambda: any("half a thought " in f.read_text() for f in kept.glob("*")), "it is kept")
    async with opened(fixed) as hands:
        await read(hands)
        editor = await write(hands)
        await hands.sees("You typed this at")
        assert editor.text.startswith("half a thought ")


async def test_a_deferred_verdict_waits_and_the_next_one_opens_it(fixed: Application) -> None:
    async with opened(fixed) as hands:
        await read(hands)
        await write(hands)
        await hands.press("ctrl+o")
        await hands.on(GateScreen)
        await hands.press("escape")
        await hands.on(ChangeReviewScreen)
        await write(hands, "c")
        await hands.press("ctrl+o")
        await hands.on(GateScreen)
        assert "Request changes" in hands.words
        assert len(fixed.context.journal.pending()) == 1


async def test_without_a_person_or_a_pulse_nothing_is_written(fixed: Application) -> None:
    async with opened(fixed) as hands:
        screen = await read(hands)
        fixed.person = ""
        assert "nobody is named" in (screen.disabled_reason("verdict") or "")
        fixed.person = PERSON
        await hands.press("q", "q")
        await hands.on(MainScreen)
        fixed.machine.cut_off(by=PERSON)
        await hands.until(lambda: hands.main.view is not None and hands.main.view.pulse is None, "no pulse")
        await read(hands)
        await hands.press("V")
        await hands.sees("Begin a pulse first")
