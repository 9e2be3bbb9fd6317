"""A whole pulse by keys, from its beginning to the confirmed summary."""

from __future__ import annotations

from stas_tui.screens.dialogs import AskReason
from stas_tui.screens.main import MainScreen
from stas_tui.screens.models import needs_of
from stas_tui.screens.review import ReviewScreen
from stas_tui.screens.summary import SummaryScreen
from storage.records import StepState
from tests.screens.conftest import Open


async def test_a_whole_pulse_by_keys_on_a_small_terminal(dashboard: Open) -> None:
    async with dashboard((80, 24)) as hands:
        application = hands.app.application
        opened = []
        for _ in range(40):
            await hands.step()
            view = hands.main.view
            assert view is not None
            needs = needs_of(view)
            opened.append(view.gates[0].tool if needs == "gate" and view.gates else needs)
            if needs == "gate":
                await hands.approve()
            elif needs == "review":
                await hands.open(ReviewScreen)
                await hands.press("A")
                await hands.on(AskReason)
                await hands.type("looked at it")
                await hands.press("enter")
                await hands.on(MainScreen)
                await hands.quiet()
            elif needs == "summary":
                break
        assert [each for each in opened if each] == [
            "claim_task",
            "spawn_executor",
            "review",
            "open_pull_request",
            "remember",
            "create_follow_ups",
            "slack_dm",
            "summary",
        ]
        await hands.open(SummaryScreen)
        await hands.sees("## Pulse Summary", "### Inbox: 8 messages")
        await hands.press("f")
        await hands.sees("field by field")
        view = hands.main.view
        assert view is not None and view.pulse is not None
        added = application.context.toolbox.call(
            "create_task",
            {"projectId": "ledger", "title": "infra: look at the pool", "priority": "P2"},
            pulse_id=view.pulse.id,
            caller=view.pulse.agent,
        )
        assert added.status == "pending", added
        await hands.press("C")
        await hands.sees("changed while it was read")
        await hands.approve()
        await hands.open(SummaryScreen)
        hands.clock.advance(120_000)
        screen = hands.screen
        assert isinstance(screen, SummaryScreen)
        read = screen.text
        await hands.press("C")
        await hands.sees("Pulse 1 is complete.")

        pulse = application.context.pulses.latest(1)[0]
        assert (pulse.outcome, pulse.summary) == ("complete", read)
        assert [step.state for step in application.context.pulses.steps(pulse.id)] == [StepState.DONE] * 11
        [pr] = [pr for pr in application.world.open_prs("ledger") if "T-301" in pr.head]
        assert pr.base == "multi-tenant"
        assert application.context.journal.verify().ok
