"""Rounds started by keys, in real processes beside the dashboard: progress, cancelling, keys that stay alive."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from stas_tui.screens.dialogs import Ask
from stas_tui.screens.isolation import IsolationScreen
from stas_tui.screens.main import MainScreen
from stas_tui.wiring import Application
from storage.records import StepState
from tests.screens.conftest import Open
from tests.screens.hands import Hands, walk
from tests.screens.isolation_world import PROJECT, open_matrix, with_answers
from tests.screens.test_isolation import go_to_check, open_screen
from tests.steps.checking import KNOWN, small_rounds
from widgets.matrix import Matrix

TENANCY = """\
version = 1
strategy = "row"
completed_by = "Ada"
"""


@pytest.fixture
def looked_at(application: Application, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that D1 and D10 of a small program look at; the demo's rounds run that program."""
    file = tmp_path / "looked-at"
    monkeypatch.setenv("CORE_FILE", str(file))
    monkeypatch.setenv("PYTHONUTF8", "1")
    application.rounds.file(PROJECT).write_text(TENANCY, "utf-8")
    small_rounds(application.rounds)
    return file


async def hanging(hands: Hands) -> None:
    """Wait until the child is in the middle of its second check."""
    rounds = hands.app.application.rounds
    await hands.until(lambda: (u := rounds.under(PROJECT)) is not None and u.text == "hanging", "the child hangs")


async def test_a_round_says_how_far_it_is_and_every_key_is_answered_meanwhile(
    dashboard: Open, application: Application, looked_at: Path
) -> None:
    looked_at.write_text("hang")
    async with dashboard(application=application) as hands:
        screen = await open_screen(hands)
        await hands.press("R")
        await hands.sees("All checks of ledger started beside this screen")
        await hanging(hands)
        await hands.sees("▶ 1 of 2 checks: hanging", "X cancel")
        matrix = screen.query_one(Matrix)
        answered = 0
        for key in ["right", "down"] * 4 + ["left", "up"] * 4:
            before = matrix.selected
            await hands.press(key)
            answered += matrix.selected != before
        assert answered == 16
        assert screen.disabled_reason("act('scan_all')") == "the checks run already; X ends them"
        await hands.press("q")
        await hands.on(MainScreen)
        await hands.sees("checking, 1 of 2")
        await hands.press("1", "down")
        await hands.press("I")
        await hands.on(IsolationScreen)
        await hanging(hands)
        await hands.press("X")
        await hands.sees("The checks end; what they found stands.")
        await hands.until(lambda: application.rounds.under(PROJECT) is None, "ended")
        await hands.sees("cancelled")
    run = application.rounds.checks.last_run(PROJECT)
    assert run is not None
    assert (run.outcome, run.pulse_id) == ("cancelled", None)


async def test_step_9_shows_what_is_read_can_be_ended_by_key_and_goes_on(
    dashboard: Open, application: Application, looked_at: Path
) -> None:
    looked_at.write_text("hang")
    walk(application, step=9)
    async with dashboard(application=application) as hands:
        await hands.press("space")
        await hanging(hands)
        await hands.until(lambda: "hanging" in hands.text, "the step says what is read")
        await hands.sees("X ends them")
        await hands.press("2", "down", "up", "4")
        assert hands.main.active == "isolation"
        await hands.press("X")
        await hands.quiet()
        await hands.sees("did not come to their end (cancelled)")
        assert hands.main.view is not None
        assert hands.main.view.steps[8].state is StepState.DONE
        await hands.sees("unknown", "cancelled")


async def test_pausing_says_that_the_checks_go_on_and_only_read(
    dashboard: Open, application: Application, looked_at: Path
) -> None:
    looked_at.write_text("hang")
    walk(application, step=9)
    async with dashboard(application=application) as hands:
        await hands.press("space")
        await hanging(hands)
        await hands.until(lambda: hands.main.view is not None and hands.main.view.checking is not None)
        await hands.press("p")
        await hands.sees("The checks that run only read; X ends them.")
        application.rounds.cancel()
        await hands.quiet()


async def test_leaving_asks_and_the_round_ends_with_the_dashboard(
    dashboard: Open, application: Application, looked_at: Path
) -> None:
    looked_at.write_text("hang")
    async with dashboard(application=application) as hands:
        await open_screen(hands)
        await hands.press("R")
        await hanging(hands)
        await hands.press("q")
        await hands.on(MainScreen)
        await hands.press("q")
        await hands.on(Ask)
        await hands.sees("The isolation checks end; what they found stands.")
        await hands.press("escape")
    application.rounds.close()
    run = application.rounds.checks.last_run(PROJECT)
    assert run is not None
    assert run.outcome == "cancelled"


async def test_a_rescan_runs_what_was_asked_for(dashboard: Open, application: Application, looked_at: Path) -> None:
    looked_at.write_text("sound")
    with_answers(application)
    run = application.rounds.command
    assert run is not None
    asked: list[Sequence[str]] = []

    def remembered(project: str, checks: Sequence[str], pulse_id: str | None) -> Sequence[str]:
        asked.append(checks)
        return run(project, checks, pulse_id)

    application.rounds.command = remembered
    async with dashboard(application=application) as hands:
        screen = await open_matrix(hands, 3, 1)
        await go_to_check(hands, "D10")
        for number, key in enumerate("crtR", 1):
            await hands.press(key)
            await hands.until(lambda n=number: len(asked) == n, f"{key} started a round")  # type: ignore[misc]
            await hands.until(lambda: application.rounds.under(PROJECT) is None, "it ended")
            await screen.reload()
    only, changed, tenant, everything = asked
    assert only == ("D10",)
    assert "D10" not in changed, "it was just verified, and holds"
    assert "P1" not in changed, "so does this"
    assert "Q2" in changed, "the code is another than the one that was read"
    assert {"D10", "P2", "Q2"} <= set(tenant), "what answers for each tenant, and what is open in the row"
    assert {"P1", "D1"}.isdisjoint(tenant), "verified for all at once"
    assert everything == ()
    assert set(KNOWN) == {"D1", "D10"}
