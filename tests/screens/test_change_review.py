"""Pull requests before a merge, by keys: the list, the four questions, diffs, progress, cancelling."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stas_tui.screens.change_review import ChangeReviewScreen
from stas_tui.screens.change_review_diff import DiffScreen
from stas_tui.screens.change_reviews import ReviewsScreen
from stas_tui.screens.dialogs import ShowText
from stas_tui.wiring import Application
from storage.checks_codec import result_json
from storage.records import Json, Message, MessageType, Trust
from tests.screens.change_hands import go_to, marked, opened, read, review
from tests.screens.scenes import at_health, fixed_application

SLOW = """
import json, signal, sys
def over(*_):
    print(json.dumps({"event": "cancelled"}), flush=True)
    sys.exit(130)
signal.signal(signal.SIGTERM, over if sys.argv[2] == "obeys" else signal.SIG_IGN)
for line in open(sys.argv[1]):
    print(line, end="", flush=True)
print(json.dumps({"event": "step", "text": "C3: rehearsal: 0003 up"}), flush=True)
sys.stdin.read()
"""
"""A review that stays in its rehearsal until it is told to end, and as long as its parent lives."""


@pytest.fixture
def fixed(tmp_path: Path) -> Iterator[Application]:
    with fixed_application(tmp_path / "home") as application:
        at_health(application)
        yield application


# looking --------------------------------------------------------------------------------------------


async def test_R100_R104_the_four_questions_with_places_the_files_and_what_it_touches(fixed: Application) -> None:
    async with opened(fixed, (120, 50)) as hands:
        screen = await read(hands)
        for words in (
            "Operational safety flagged 2 findings, 2 unknown",
            "docker-compose.yml:23 edge: takes whatever caddy:latest is on the day; name a version",
            "Not touched Dockerfile, workflow, Terraform file",
            "Rollback path flagged 2 findings, 4 unknown",
            "..3_edge_visits.down.sql:1 0003: column entries.booked_from stays behind",
            "Tenant isolation unknown not rehearsed",
            "Monitoring unknown",
            "Touches 1 service (edge); 1 table (entries); 5 tenants share it",
            "Database migrations new migrations/0003_edge_visits.down.sql",
            "lena, who asks: infra/edge-on-all-interfaces to multi-tenant",
            "Proposed: request changes. Its migrations are not rehearsed: R.",
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
        await hands.sees("+ image: caddy:latest", "- image: caddy:2.8-alpine")
        assert marked(hands) == "+    image: caddy:latest"


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
        await hands.sees("flagged", "C2 The way back looks complete", "enter shows it at this place")
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


async def test_the_place_of_the_cursor_comes_back_when_everything_is_asked_again(fixed: Application) -> None:
    async with opened(fixed) as hands:
        screen = await read(hands)
        await go_to(hands, "lead C10")
        place = screen.table.selected
        await hands.press("R")
        await hands.until(lambda: not screen.doing and "edge_visits has no tenant_id" in hands.text, "rehearsed")
        assert screen.table.selected == place
        assert "is gone" not in hands.text
        await hands.sees("Rollback path flagged 3 findings", "Tenant isolation flagged 1 finding")
        assert "not rehearsed" not in hands.words


async def test_a_message_without_a_number_has_no_review_key(fixed: Application) -> None:
    async with opened(fixed) as hands:
        await hands.press("1")
        inbox: Any = hands.main.query_one("#inbox-list")
        assert inbox.select("M-507")
        await hands.pilot.pause()
        assert hands.main.disabled_reason("message('review')") == "this message names no pull request"


# running --------------------------------------------------------------------------------------------


def slow(screen: ChangeReviewScreen, folder: Path, *, found: int | None = None, obeys: bool = True) -> None:
    """Reviews from now on stop in the rehearsal, after the first `found` results; None for before all of them."""
    assert screen.known is not None
    said: list[Json] = []
    if found is not None:
        results = [{"event": "result", "result": result_json(one)} for one in screen.known.results[:found]]
        said = [{**screen.known.begun, "event": "begun"}, *results]
    (folder / "said").write_text("".join(json.dumps(line) + "\n" for line in said))
    (folder / "slow.py").write_text(SLOW)
    argv = [sys.executable, str(folder / "slow.py"), str(folder / "said"), "obeys" if obeys else "ignores"]
    screen.rounds.command = lambda *_, **__: argv


async def test_progress_is_shown_and_X_ends_it(fixed: Application, tmp_path: Path) -> None:
    async with opened(fixed) as hands:
        screen = await read(hands)
        slow(screen, tmp_path, found=3)
        await hands.press("r")
        await hands.sees("3 of 16 checks answered, asking: C3: rehearsal: 0003 up. X ends it.", "Monitoring asking")
        assert screen.disabled_reason("verdict") == "the checks run"
        await hands.press("X")
        await hands.sees("Ended. What was found until then stands", "Not everything was asked; r asks again.")
        assert screen.disabled_reason("verdict") == "not everything was asked; r asks again"
        child = screen.rounds.child
        assert child is not None
        await hands.until(lambda: not child.running, "its end")


async def test_a_round_that_is_ended_before_it_found_anything_leaves_the_rows_and_says_so(
    fixed: Application, tmp_path: Path
) -> None:
    async with opened(fixed) as hands:
        screen = await read(hands)
        slow(screen, tmp_path)
        await hands.press("r")
        await hands.sees("Asking: C3: rehearsal: 0003 up. X ends it.")
        await hands.press("X")
        await hands.sees("Ended. The rows are of the round before", "Operational safety flagged")


async def test_a_process_that_does_not_listen_is_killed_by_the_second_X(fixed: Application, tmp_path: Path) -> None:
    async with opened(fixed) as hands:
        screen = await read(hands)
        slow(screen, tmp_path, obeys=False)
        await hands.press("r")
        await hands.sees("0003 up")
        child = screen.rounds.child
        assert child is not None
        await hands.press("X")
        await hands.sees("Ending what runs; X again ends it at once.")
        assert child.running
        await hands.press("X")
        await hands.until(lambda: not child.running, "its end")
        await hands.sees("Ended.")


async def test_looking_again_and_again_leaves_one_process(fixed: Application, tmp_path: Path) -> None:
    async with opened(fixed) as hands:
        screen = await read(hands)
        slow(screen, tmp_path)
        await hands.press(*"rrrr")
        await hands.sees("0003 up")
        assert screen.rounds.child is not None
        mine = f"slow.py {tmp_path / 'said'}"
        await hands.until(lambda: len(_running(mine)) == 1, "the others are gone")
        assert _running(mine) == [screen.rounds.child.pid]


def _running(words: str) -> list[int]:
    """Processes whose command line holds these words."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if words in (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace"):
                found.append(int(folder.name))
    return found


async def test_leaving_ends_what_runs(fixed: Application, tmp_path: Path) -> None:
    async with opened(fixed) as hands:
        screen = await read(hands)
        slow(screen, tmp_path)
        await hands.press("r")
        await hands.sees("0003 up")
        child = screen.rounds.child
        assert child is not None
        await hands.press("q")
        await hands.on(ReviewsScreen)
        await hands.until(lambda: not child.running, "its end")


async def test_a_process_that_dies_is_told(fixed: Application) -> None:
    async with opened(fixed) as hands:
        screen = await read(hands)
        screen.rounds.command = lambda *_, **__: [sys.executable, "-c", "import os; os._exit(7)"]
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
