"""The gate in the real dashboard: what opens it, what can never answer it, and what becomes of it."""

from __future__ import annotations

import pytest
from textual import events
from textual.screen import Screen

from stas_tui.screens.dialogs import AskReason, ShowText
from stas_tui.screens.edit_args import EditArgs, EditTray
from stas_tui.screens.gate import GateScreen
from stas_tui.screens.help import HelpScreen
from stas_tui.screens.main import MainScreen
from stas_tui.screens.small import TooSmall
from stas_tui.wiring import Application
from storage.clock import HOUR
from storage.records import ActionState
from tests.screens.conftest import Open
from tests.screens.hands import HOLD_MS, approve, open_application, walk
from tests.screens.scenes import at_gate


@pytest.fixture
def at_claim(application: Application) -> Application:
    """The pulse waits at the claim."""
    walk(application, "gate", tool="claim_task")
    return application


def only(application: Application) -> ActionState:
    """The state of the one action there is."""
    pulse = application.context.pulses.latest(1)[0]
    return next(a.state for a in application.context.journal.actions(pulse.id) if a.tool == "claim_task")


async def test_only_a_capital_after_reading_and_the_hold_approves(dashboard: Open, at_claim: Application) -> None:
    async with dashboard(application=at_claim) as hands:
        await hands.press("g", "A", "a", "enter", "space", "y")
        await hands.until(lambda: hands.app.screen is not hands.main, "something opened")
        while not isinstance(hands.app.screen, GateScreen):
            await hands.press("escape")
        await hands.read()
        assert hands.gate.gate_lock.locked_because() == "opens in a moment"
        await hands.press("A")
        hands.clock.advance(HOLD_MS)
        hands.app.screen.post_message(events.Paste("A\n"))
        await hands.press("enter")
        await hands.until(lambda: hands.app.screen is not None)
        while not isinstance(hands.app.screen, GateScreen):
            await hands.press("escape")
        assert only(at_claim) is ActionState.PENDING
        await hands.unlock()
        await hands.press("A")
        await hands.on(MainScreen)
        await hands.sees("T-301 claimed")
        assert only(at_claim) is ActionState.SUCCEEDED


async def test_looking_at_evidence_or_help_holds_once_more(dashboard: Open, at_claim: Application) -> None:
    async with dashboard(application=at_claim) as hands:
        await hands.open(GateScreen)
        await hands.read()
        await hands.unlock()
        for key, above in (("enter", ShowText), ("question_mark", HelpScreen)):
            await hands.press(key)
            await hands.on(above)
            await hands.press("escape")
            await hands.on(GateScreen)
            assert hands.gate.gate_lock.locked_because() == "opens in a moment"
            hands.clock.advance(HOLD_MS)


async def test_a_rejection_takes_a_reason_and_the_agents_answer_is_seen(dashboard: Open, at_claim: Application) -> None:
    async with dashboard(application=at_claim) as hands:
        await hands.open(GateScreen)
        await hands.press("R")
        await hands.on(AskReason)
        await hands.press("enter")
        await hands.sees("A reason is needed")
        await hands.type("freeze until Monday")
        await hands.press("enter")
        await hands.on(MainScreen)
        await hands.sees("T-301 not claimed: freeze until Monday", "Stas says:")
        assert only(at_claim) is ActionState.REJECTED
        await hands.quiet()
        await hands.press("L")
        await hands.on(ShowText)
        await hands.sees(f"{at_claim.person} rejected: Claim T-301: freeze until Monday", "Stas says:")


@pytest.mark.parametrize(("first", "above"), [("R", AskReason), ("E", EditArgs)])
async def test_keys_that_arrive_together_with_a_rejection_or_an_edit_approve_nothing(
    dashboard: Open, application: Application, first: str, above: type[Screen[object]]
) -> None:
    """Over a slow line several keys arrive at once: «R», and a reason that begins with «A»."""
    walk(application, "gate", tool="claim_task" if first == "R" else "slack_dm")
    async with dashboard(application=application) as hands:
        await hands.open(GateScreen)
        await hands.read()
        await hands.unlock()
        for key in (first, "A", "l", "l"):
            hands.app.post_message(events.Key(key, key))
        await hands.on(above)
        assert [gate.state for gate in application.context.journal.pending()] == [ActionState.PENDING]
        await hands.press("escape")
        await hands.on(GateScreen)
        assert hands.gate.gate_lock.locked_because() == "opens in a moment"
        await hands.unlock()
        await hands.press("A")
        await hands.on(MainScreen)
        assert application.context.journal.pending() == []


async def test_what_is_pressed_together_with_leaving_it_open_decides_nothing(
    dashboard: Open, at_claim: Application
) -> None:
    async with dashboard(application=at_claim) as hands:
        await hands.open(GateScreen)
        await hands.read()
        await hands.unlock()
        for key in ("escape", "A"):
            hands.app.post_message(events.Key(key, key if len(key) == 1 else None))
        await hands.on(MainScreen)
        await hands.quiet()
        assert only(at_claim) is ActionState.PENDING


async def test_deferring_decides_nothing(dashboard: Open, at_claim: Application) -> None:
    async with dashboard(application=at_claim) as hands:
        await hands.open(GateScreen)
        await hands.press("escape")
        await hands.on(MainScreen)
        assert only(at_claim) is ActionState.PENDING
        await hands.sees("1 deferred", "1 WAITS FOR YOU")


async def test_resizing_never_closes_or_answers_and_a_small_window_says_what_waits(
    dashboard: Open, at_claim: Application
) -> None:
    async with dashboard(application=at_claim) as hands:
        await hands.open(GateScreen)
        await hands.read()
        hands.clock.advance(HOLD_MS)
        await hands.pilot.resize_terminal(50, 12)
        await hands.on(TooSmall)
        await hands.sees("50x12", "60x18", "Claim T-301 waits until", "silence never approves")
        await hands.press("A", "R", "escape", "enter", "g", "space")
        assert only(at_claim) is ActionState.PENDING
        for width, height in ((80, 24), (200, 50), (60, 18)):
            await hands.pilot.resize_terminal(width, height)
            await hands.on(GateScreen)
            await hands.sees("GATE", "Claim T-301", "Approve once")
        assert hands.gate.gate_lock.locked_because() is not None, "the hold starts anew"
        assert only(at_claim) is ActionState.PENDING


async def test_from_160_columns_the_gate_leaves_the_panels_readable(dashboard: Open, at_claim: Application) -> None:
    async with dashboard((170, 45), application=at_claim) as hands:
        await hands.open(GateScreen)
        await hands.sees("GATE", "EXACTLY THIS WILL RUN", "1 Inbox", "503 for four tenants")
        assert hands.gate.query_one("Container").region.x >= 80


async def test_a_gate_that_expires_while_open_closes_and_says_so(dashboard: Open, at_claim: Application) -> None:
    async with dashboard(application=at_claim) as hands:
        await hands.open(GateScreen)
        await hands.read()
        hands.clock.advance(5 * HOUR)
        await hands.on(MainScreen)
        await hands.sees("expired unanswered")
        assert only(at_claim) in (ActionState.PENDING, ActionState.EXPIRED)


async def test_a_decision_elsewhere_closes_it_within_a_second_naming_the_decider(
    dashboard: Open, at_claim: Application
) -> None:
    other = open_application(at_claim.profile)
    async with dashboard(application=at_claim) as hands:
        await hands.open(GateScreen)
        await hands.press("enter")
        await hands.on(ShowText)
        with other:
            approve(other, other.context.journal.pending()[0])
        started = hands.clock.monotonic()
        await hands.on(MainScreen)
        assert hands.clock.monotonic() - started < 1_000
        await hands.sees(f"approved by {at_claim.person} elsewhere")


async def test_a_typed_name_is_needed_where_the_impact_is_platform_wide(
    dashboard: Open, application: Application
) -> None:
    walk(application, "gate", tool="spawn_executor")
    async with dashboard((80, 24), application=application) as hands:
        await hands.open(GateScreen)
        name = hands.gate.gate.model.confirm_name
        assert name == "T-301"
        await hands.read()
        hands.clock.advance(HOLD_MS)
        await hands.until(lambda: hands.gate.gate_lock.locked_because() == "type the name first", "asks for the name")
        await hands.press("A")
        assert isinstance(hands.app.screen, GateScreen)
        await hands.press("tab")
        hands.app.screen.post_message(events.Paste(name))
        focused = hands.app.focused
        assert focused is not None
        focused.post_message(events.Paste(name))
        await hands.sees("A paste does not count")
        assert hands.gate.gate_lock.locked_because() == "type the name first"
        await hands.type(name)
        await hands.press("enter")
        await hands.until(lambda: hands.gate.gate_lock.locked_because() is None, "unlocked")


async def test_nothing_is_laid_over_the_payload(dashboard: Open, at_claim: Application) -> None:
    async with dashboard(application=at_claim) as hands:
        hands.app.say("something from before")
        await hands.open(GateScreen)
        assert hands.said == ""
        hands.app.say("The request changed; read it again.")
        await hands.sees("The request changed; read it again.")
        assert hands.said == ""
        rows = hands.text.splitlines()
        said = next(n for n, row in enumerate(rows) if "The request changed" in row)
        assert said > next(n for n, row in enumerate(rows) if "Approve once" in row)


async def test_observe_has_no_approve_key(dashboard: Open, at_claim: Application) -> None:
    async with dashboard(application=at_claim) as hands:
        await hands.press("m")
        await hands.sees("The mode is observe now.")
        await hands.open(GateScreen)
        await hands.press("end")
        await hands.sees("Observe only proposes")
        assert "Approve" not in hands.text
        hands.clock.advance(HOLD_MS)
        await hands.press("A")
        await hands.pilot.pause()
        assert isinstance(hands.app.screen, GateScreen)
        assert only(at_claim) is ActionState.PENDING


async def test_an_edit_is_a_new_request_that_has_to_be_read_again(dashboard: Open, application: Application) -> None:
    at_gate(application)
    async with dashboard((80, 24), application=application) as hands:
        await hands.open(GateScreen)
        before = hands.gate.action.digest
        await hands.read()
        await hands.unlock()
        await hands.press("E")
        await hands.on(EditArgs)
        await hands.type("Short: ")
        await hands.press("ctrl+o")
        await hands.on(GateScreen)
        await hands.sees("This is a new request now", "Short: Incident")
        assert hands.gate.action.digest != before
        assert hands.gate.gate_lock.locked_because() == "opens in a moment", "and the hold starts anew"


async def test_proposals_are_struck_off_the_tray(dashboard: Open, application: Application) -> None:
    walk(application, step=2)
    pulse = application.machine.current()
    assert pulse is not None
    more = {"description": "", "priority": "P2", "why": "seen while working"}
    items = [{"title": f"infra: proposal {n}", **more} for n in (1, 2, 3)]
    application.context.toolbox.call(
        "create_follow_ups", {"projectId": "ledger", "items": items}, pulse_id=pulse.id, caller="Stas"
    )
    async with dashboard((80, 24), application=application) as hands:
        await hands.open(GateScreen)
        await hands.press("E")
        await hands.on(EditTray)
        await hands.press("space")
        await hands.sees("out")
        await hands.press("ctrl+o")
        await hands.on(GateScreen)
        await hands.sees("new request")
        revision = hands.gate.action.revision
        assert revision is not None
        assert [item["title"] for item in revision.args["items"]] == ["infra: proposal 2", "infra: proposal 3"]


async def test_pause_works_while_a_gate_is_open(dashboard: Open, at_claim: Application) -> None:
    async with dashboard(application=at_claim) as hands:
        await hands.open(GateScreen)
        await hands.press("p")
        await hands.until(lambda: at_claim.context.journal.halted()[0], "halted")
        assert isinstance(hands.app.screen, GateScreen)
        await hands.sees("Paused: nothing new starts")


async def test_quitting_with_a_gate_open_leaves_it_undecided(dashboard: Open, at_claim: Application) -> None:
    async with dashboard(application=at_claim) as hands:
        await hands.open(GateScreen)
        await hands.press("ctrl+q")
        await hands.until(lambda: hands.app._exit, "left")
    assert only(at_claim) is ActionState.PENDING
