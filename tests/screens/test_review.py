"""Judging what an executor left: ticks, blockers, another try, a cancelled run, work by hand."""

from __future__ import annotations

from pathlib import Path

from textual import events

from stas_tui.screens.dialogs import Ask, AskReason, ShowText
from stas_tui.screens.main import MainScreen
from stas_tui.screens.output import OutputScreen
from stas_tui.screens.review import ReviewScreen
from stas_tui.screens.text_edit import PromptAgain, TextScreen
from stas_tui.wiring import Application
from tests.screens.conftest import Open
from tests.screens.hands import Hands, walk


async def reason(hands: Hands, text: str) -> None:
    await hands.on(AskReason)
    await hands.type(text)
    await hands.press("enter")


async def test_each_deviation_is_ticked_before_a_partial_result_is_accepted(
    dashboard: Open, application: Application
) -> None:
    walk(application, "review", task="T-302")
    async with dashboard(application=application) as hands:
        await hands.open(ReviewScreen)
        await hands.sees("PARTIAL", "DEVIATIONS", "said, not seen")
        screen = hands.screen
        assert isinstance(screen, ReviewScreen)
        count = len(screen.result["report"]["deviations"])
        assert count
        assert (screen.disabled_reason("accept") or "").startswith("Tick each deviation")
        await hands.press("A")
        await hands.pilot.pause()
        assert hands.screen is screen
        await hands.press("d")
        await hands.on(ShowText)
        await hands.sees("diff --git")
        await hands.press("escape", *map(str, range(1, count + 1)), "A")
        await reason(hands, "every line was read")
        await hands.sees("Committed")


async def test_a_rule_4_blocker_goes_to_the_architect_only(dashboard: Open, application: Application) -> None:
    walk(application, "review", task="T-303")
    async with dashboard((80, 24), application=application) as hands:
        await hands.open(ReviewScreen)
        await hands.sees("BLOCKER", "it recommends")
        screen = hands.screen
        assert isinstance(screen, ReviewScreen)
        assert "decided by the architect" in (screen.disabled_reason("accept") or "")
        await hands.press("P")
        await hands.on(MainScreen)
        await hands.sees("Message to Finn waits for you")


async def test_a_failure_is_tried_again_with_the_proposed_cause_and_prompt(
    dashboard: Open, application: Application
) -> None:
    walk(application, "review", task="T-304")
    async with dashboard(application=application) as hands:
        await hands.open(ReviewScreen)
        await hands.sees("FAILURE")
        await hands.press("R")
        await hands.on(AskReason)
        cause, prompt = application.machine.propose_again()
        assert cause
        assert "Changed after attempt 1" in prompt
        await hands.sees(cause[:30])
        await hands.press("enter")
        await hands.on(PromptAgain)
        await hands.press("ctrl+o")
        await hands.on(MainScreen)
        await hands.sees("Prompt complete")
        work = application.machine.work().state
        assert work["cause"] == cause
        assert work["prompt"] == prompt


async def test_a_run_that_hangs_is_watched_live_and_cancelled(dashboard: Open, application: Application) -> None:
    walk(application, "run", task="T-305")
    async with dashboard((80, 24), application=application) as hands:
        await hands.press("space")
        await hands.sees("is working; x shows its output")
        await hands.press("p")
        await hands.sees("An executor is still running")
        await hands.press("x")
        await hands.on(OutputScreen)
        await hands.sees("running for")
        await hands.press("c")
        await hands.on(Ask)
        await hands.press("y")
        await hands.on(OutputScreen)
        await hands.sees("ended: cancelled")
        await hands.press("escape")
        await hands.on(MainScreen)


async def test_work_by_hand_gets_the_same_review(dashboard: Open, application: Application) -> None:
    walk(application, "gate", tool="spawn_executor")
    application.machine.set_text("prompt", "too short", by=application.person)
    application.machine.advance()
    async with dashboard((80, 24), application=application) as hands:
        await hands.open(TextScreen)
        await hands.sees("Complete the prompt")
        await hands.press("f5")
        await reason(hands, "one line only")
        await hands.on(Ask)
        await hands.sees("Working directly on T-301", "Open a shell there")
        workspace = application.context.workspace("T-301")
        assert workspace is not None
        Path(workspace.path, "README.md").write_text("changed by hand\n")
        await hands.press("d")
        await hands.on(MainScreen)
        await hands.quiet()
        await hands.open(ReviewScreen)
        await hands.sees("worked directly")


async def test_the_prompt_editor_says_what_is_missing_and_asks_before_dropping_changes(
    dashboard: Open, application: Application
) -> None:
    walk(application, "gate", tool="spawn_executor")
    prompt = application.machine.work().state["prompt"]
    application.machine.set_text("prompt", prompt.replace("## ", "## X", 1), by=application.person)
    application.machine.advance()
    async with dashboard(application=application) as hands:
        await hands.open(TextScreen)
        await hands.sees("missing", "sections filled")
        await hands.type("abc")
        await hands.press("escape")
        await hands.sees("There are changes")
        assert isinstance(hands.screen, TextScreen)
        await hands.press("escape")
        await hands.on(MainScreen)


async def test_a_lock_yields_to_a_typed_reason(dashboard: Open, application: Application) -> None:
    walk(application, step=7)
    application.world.set_vision("ledger", "Everything is different since this morning.")
    async with dashboard(application=application) as hands:
        await hands.step()
        await hands.sees("1 WAITS FOR YOU")
        await hands.press("g")
        await hands.on(AskReason)
        await hands.sees("R26", "changed after it was read")
        await reason(hands, "the change is known")
        await hands.sees("Claim T-301 waits for you")
        pulse = application.machine.current()
        assert pulse is not None
        kinds = [event.kind for event in application.context.journal.events(pulse_id=pulse.id)]
        assert "policy.overridden" in kinds


async def test_keys_that_arrive_together_with_giving_up_accept_nothing(
    dashboard: Open, application: Application
) -> None:
    """Over a slow line: «G», and a reason that begins with «A»."""
    walk(application, "review", task="T-301")
    async with dashboard(application=application) as hands:
        await hands.open(ReviewScreen)
        screen = hands.screen
        assert isinstance(screen, ReviewScreen)
        assert screen.disabled_reason("accept") is None
        for key in ("G", "A", "escape", "d"):
            hands.app.post_message(events.Key(key, key if len(key) == 1 else None))
        await hands.on(AskReason)
        await hands.sees("Give the task up")
        await hands.type("after all it is not ours")
        await hands.press("enter")
        await hands.on(MainScreen)
        await hands.quiet()
        assert application.context.pulses.work(application.machine.work().pulse.id).get("commit") is None
        await hands.sees("given up: after")
