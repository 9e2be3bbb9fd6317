"""Pull requests before a merge, by keys: the list, the four questions, diffs, cancelling, verdicts, hostile text."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from stas_tui.app import StasApp
from stas_tui.demo.repository import REVIEW_BRANCH
from stas_tui.screens.change_review import ChangeReviewScreen
from stas_tui.screens.change_review_diff import DiffScreen
from stas_tui.screens.change_review_send import VerdictScreen
from stas_tui.screens.change_reviews import ReviewsScreen
from stas_tui.screens.dialogs import Ask, ShowText
from stas_tui.screens.gate import GateScreen
from stas_tui.screens.main import MainScreen
from stas_tui.wiring import Application
from storage.records import Message, MessageType, Trust
from tests.door.shop import commit, git
from tests.screens.hands import HOLD_MS, Hands
from tests.screens.scenes import PERSON, at_health, fixed_application
from tests.screens.stage import HOSTILE
from tests.screens.test_triage_hostile import intact

SLOW = """
import json, signal, sys
def over(*_):
    print(json.dumps({"event": "cancelled"}), flush=True)
    sys.exit(130)
signal.signal(signal.SIGTERM, over)
print(json.dumps({"event": "step", "text": "C3: rehearsal: 0003 up"}), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def fixed(tmp_path: Path) -> Iterator[Application]:
    with fixed_application(tmp_path / "home") as application:
        at_health(application)
        yield application


@asynccontextmanager
async def opened(application: Application, size: tuple[int, int] = (120, 36)) -> AsyncIterator[Hands]:
    app = StasApp(application, environ={})
    try:
        async with app.run_test(size=size, notifications=True) as pilot:
            hands = Hands(app, pilot, application.clock)
            await hands.quiet()
            yield hands
    finally:
        app.hand.close()


def review(hands: Hands) -> ChangeReviewScreen:
    screen = hands.screen
    assert isinstance(screen, ChangeReviewScreen), type(screen).__name__
    return screen


async def read(hands: Hands) -> ChangeReviewScreen:
    """From the dashboard to a review in which everything was asked."""
    await hands.press("v")
    await hands.on(ReviewsScreen)
    await hands.sees("#17 ledger")
    await hands.press("enter")
    await hands.on(ChangeReviewScreen)
    screen = review(hands)
    await hands.until(lambda: screen.known is not None and screen.known.whole, "everything was asked")
    await hands.pilot.pause()
    return screen


async def go_to(hands: Hands, start: str) -> None:
    """Put the cursor onto the first row whose key begins so."""
    screen = review(hands)
    key = next(key for key in screen._spots if key.startswith(start))
    assert screen.table.select(key)
    await hands.pilot.pause()


# looking --------------------------------------------------------------------------------------------


async def test_R100_R104_the_four_questions_with_places_the_files_and_what_it_touches(fixed: Application) -> None:
    async with opened(fixed, (120, 50)) as hands:
        screen = await read(hands)
        for words in (
            "Operational safety flagged",
            "edge: takes whatever caddy:latest is on the day;… docker-compose.yml:23",
            "Rollback path flagged",
            "0003: column entries.booked_from stays behind ..003_edge_visits.down.sql:1",
            "Tenant isolation unknown",
            "Monitoring unknown",
            "Touches 1 service (edge); 1 table (entries); 5 tenants s…",
            "database migrations new migrations/0003_edge_visits.down.sql",
            "lena, who asks: infra/edge-on-all-interfaces to multi-tenant",
            "Proposed: request changes",
        ):
            await hands.sees(words)
        assert screen.known is not None
        assert "verified" not in {str(r.verdict) for r in screen.known.results if r.check != "C3"}


async def test_enter_on_a_finding_shows_the_diff_at_its_line(fixed: Application) -> None:
    async with opened(fixed) as hands:
        await read(hands)
        await go_to(hands, "lead C10")
        await hands.press("enter")
        await hands.on(DiffScreen)
        await hands.sees("+ image: caddy:latest", "- image: caddy:2.8-alpine", "1 of 1")


async def test_enter_on_a_file_and_on_a_question_and_the_text_of_its_author(fixed: Application) -> None:
    async with opened(fixed) as hands:
        await read(hands)
        await go_to(hands, "file infra/Caddyfile")
        await hands.press("enter")
        await hands.on(DiffScreen)
        await hands.sees("+ lb_try_duration 10s")
        await hands.press("escape")
        await go_to(hands, "question rollback")
        await hands.press("enter")
        await hands.on(ShowText)
        await hands.sees("C2 The way back looks complete", "Looked: commit")
        await hands.press("escape", "t")
        await hands.sees("## Multi-Tenant Impact")


async def test_the_cursor_tells_what_stands_behind_a_row(fixed: Application) -> None:
    async with opened(fixed) as hands:
        await read(hands)
        await go_to(hands, "lead C2")
        await hands.sees("accuses", "Rule", "C2 The way back looks complete", "enter shows it at this place")
        await go_to(hands, "question monitoring")
        await hands.sees("C14 ◌")


async def test_R14_a_message_opens_its_pull_request(fixed: Application) -> None:
    async with opened(fixed) as hands:
        await hands.press("1")
        assert hands.main.query_one("#inbox-list").select("M-505")  # type: ignore[attr-defined]
        await hands.press("V")
        await hands.on(ChangeReviewScreen)
        assert (review(hands).number, review(hands).message_id) == (17, "M-505")
        await hands.sees("who asks")


async def test_R14_a_pull_request_that_is_not_there_is_told_and_the_message_stays_open(fixed: Application) -> None:
    asked = Message(
        id="M-900",
        type=MessageType.REVIEW_REQUEST,
        sender="lena",
        subject="Please review PR 999",
        body="",
        at=fixed.clock.now(),
        trust=Trust.KNOWN,
        project_id="ledger",
    )
    fixed.world.deliver(asked)
    async with opened(fixed) as hands:
        await hands.press("1")
        inbox: Any = hands.main.query_one("#inbox-list")
        assert inbox.select("M-900")
        await hands.press("V")
        await hands.on(ChangeReviewScreen)
        await hands.sees("There is no pull request 999 in ledger", "M-900 stays open")
        assert review(hands).disabled_reason("verdict")
        await hands.press("q", "v")
        await hands.on(ReviewsScreen)
        await hands.sees("#999 ledger M-900 asks for a review")
        await hands.press("end", "enter")
        await hands.sees("M-900 asks for a review of #999, which is not in ledger; the message stays open.")
        assert fixed.world.message("M-900", "Stas").acknowledged_at is None  # type: ignore[union-attr]


async def test_a_message_without_a_number_has_no_review_key(fixed: Application) -> None:
    async with opened(fixed) as hands:
        await hands.press("1")
        inbox: Any = hands.main.query_one("#inbox-list")
        assert inbox.select("M-507")
        await hands.pilot.pause()
        assert hands.main.disabled_reason("message('review')") == "this message names no pull request"


# running --------------------------------------------------------------------------------------------


def slow(screen: ChangeReviewScreen, script: Path) -> None:
    script.write_text(SLOW)
    screen.command = lambda *_, **__: [sys.executable, str(script)]


async def test_progress_is_shown_and_X_ends_it(fixed: Application, tmp_path: Path) -> None:
    async with opened(fixed) as hands:
        screen = await read(hands)
        slow(screen, tmp_path / "slow.py")
        await hands.press("r")
        await hands.sees("Asking: C3: rehearsal: 0003 up. X ends it.")
        assert screen.disabled_reason("verdict") == "the checks run"
        await hands.press("X")
        await hands.sees("Ended. What was found until then stands")
        assert screen.known is not None
        await hands.until(lambda: screen._child is not None and not screen._child.running, "its end")


async def test_leaving_ends_what_runs(fixed: Application, tmp_path: Path) -> None:
    async with opened(fixed) as hands:
        screen = await read(hands)
        slow(screen, tmp_path / "slow.py")
        await hands.press("r")
        await hands.sees("0003 up")
        child = screen._child
        assert child is not None
        await hands.press("q")
        await hands.on(ReviewsScreen)
        await hands.until(lambda: not child.running, "its end")


async def test_a_process_that_dies_is_told(fixed: Application) -> None:
    async with opened(fixed) as hands:
        screen = await read(hands)
        screen.command = lambda *_, **__: [sys.executable, "-c", "import os; os._exit(7)"]
        await hands.press("r")
        await hands.sees("The checks ended with status 7; review.log in the profile says more.")


async def test_the_list_says_which_forge_did_not_answer(fixed: Application) -> None:
    remote = fixed.profile.root / "remote.git"
    remote.rename(remote.with_suffix(".away"))
    async with opened(fixed) as hands:
        await hands.press("v")
        await hands.on(ReviewsScreen)
        await hands.sees("ledger was not asked:")
        assert "No open pull request" not in hands.words


# a verdict ------------------------------------------------------------------------------------------


async def write(hands: Hands, event: str = "r") -> VerdictScreen:
    await hands.press("V")
    await hands.on(Ask)
    await hands.press(event)
    await hands.on(VerdictScreen)
    screen = hands.screen
    assert isinstance(screen, VerdictScreen)
    return screen


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
        await hands.read()
        hands.clock.advance(HOLD_MS)
        await hands.until(lambda: hands.gate.gate_lock.locked_because() is None, "unlocked")
        await hands.press("A")
        await hands.on(ChangeReviewScreen)
        await hands.until(lambda: fixed.world.reviews("ledger", 17), "it is sent")
        [sent] = fixed.world.reviews("ledger", 17)
        assert (sent.event, sent.body, sent.author) == ("request changes", text.strip(), "Stas")
        assert sent.body.startswith("Lena. ")
        [told] = fixed.world.inbox("lena")[:1]
        assert told.subject.startswith("Review of pull request #17")
        [approved] = fixed.context.journal.events(kinds=["gate.approved"])[-1:]
        assert approved.actor == PERSON
        await hands.until(lambda: review(hands).known is not None and review(hands).known.sent, "it is read back")  # type: ignore[union-attr]


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
        fixed.machine.close(by=PERSON, outcome="interrupted")
        await hands.until(lambda: hands.main.view is not None and hands.main.view.pulse is None, "no pulse")
        await read(hands)
        await hands.press("V")
        await hands.sees("Begin a pulse first")


# hostile text ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(80, 24), (120, 36), (60, 18)])
async def test_hostile_text_in_every_field_leaves_the_layout_intact(
    fixed: Application, size: tuple[int, int], tmp_path: Path
) -> None:
    fixed.world.update_pr("ledger", 17, title=HOSTILE, body=f"{HOSTILE}\n" * 40, author=HOSTILE)
    remote, folder = fixed.profile.root / "remote.git", tmp_path / "lena"
    git("clone", "-q", "-b", REVIEW_BRANCH, str(remote), str(folder), cwd=tmp_path)
    services = json.dumps({"services": {HOSTILE: {"image": HOSTILE, "privileged": True}}})
    commit(folder, {"evil/compose\x1b[2J[red]\u202e.yml": services, "Dockerfile": f"FROM a:1 # {HOSTILE}\n"}, "x")
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
        await go_to(hands, "file evil/compose")
        await hands.press("enter")
        await hands.on(DiffScreen)
        intact(hands)


async def test_a_secret_in_a_diff_or_a_text_is_never_drawn(fixed: Application) -> None:
    secret = "ghp_" + "0123456789abcdefghijABCDEFGHIJ012345"
    fixed.world.update_pr("ledger", 17, body=f"token {secret}", title=f"infra: {secret}")
    async with opened(fixed) as hands:
        await read(hands)
        assert secret not in hands.text
        await hands.press("t")
        await hands.on(ShowText)
        assert secret not in hands.text
