"""The main screen: panels, filter, zoom, palette, pause, reasons, recorded pulses, leaving, restarting."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest
from textual.command import CommandPalette
from textual.widgets import Input, Static

from stas_tui.screens.commands import acts_of
from stas_tui.screens.dialogs import Ask, AskReason, ShowText
from stas_tui.screens.gate import GateScreen
from stas_tui.screens.help import HelpScreen
from stas_tui.screens.main import MainScreen
from stas_tui.wiring import Application
from storage.clock import MINUTE
from storage.records import Mode, StepState, Trust
from tests.screens.conftest import Open
from tests.screens.hands import Hands, open_application, walk
from widgets.virtual_list import VirtualList


def rows(hands: Hands, name: str) -> VirtualList:
    return hands.main.query_one(f"#{name}-list", VirtualList)


async def test_the_cursor_stays_on_its_message_while_others_arrive_and_leave(
    dashboard: Open, application: Application
) -> None:
    async with dashboard(application=application) as hands:
        await hands.press("j", "j")
        await hands.until(lambda: rows(hands, "inbox").selected == "M-503", "on the third message")
        first = application.world.message("M-501", "Stas")
        assert first is not None
        application.world.deliver(
            replace(first, id="M-900", subject="newer and more urgent", at=first.at - MINUTE, trust=Trust.KNOWN)
        )
        await hands.sees("newer and more urgent")
        assert rows(hands, "inbox").selected == "M-503"
        application.world.acknowledge("M-503", "Stas")
        await hands.sees("is gone, move to go on")
        assert hands.main.disabled_reason("message('acknowledge')") == "select a message first"
        await hands.press("j")
        await hands.until(lambda: rows(hands, "inbox").selected is not None, "somewhere again")


async def test_filter_zoom_panels_and_detail_by_keys_on_a_small_terminal(dashboard: Open) -> None:
    async with dashboard((80, 24)) as hands:
        await hands.press("slash")
        await hands.type("hotfix")
        await hands.sees("URGENT hotfix")
        await hands.until(lambda: "503 for four" not in hands.text, "narrowed")
        await hands.press("escape")
        await hands.sees("503 for four")
        for key, words in (("2", "T-301"), ("3", "step 6 scans"), ("4", "step 9 checks"), ("1", "503 for four")):
            await hands.press(key)
            await hands.sees(words)
        await hands.press("z")
        await hands.until(lambda: not hands.main.query_one("Detail").display, "the list alone")
        await hands.press("z", "tab", "tab", "tab", "tab", "z")
        await hands.until(lambda: hands.main.query_one("Detail").size.height > 15, "the detail alone")
        await hands.press("z", "tab", "home", "enter")
        await hands.on(ShowText)
        await hands.sees("M-501")


async def test_messages_are_acknowledged_answered_and_filed_by_keys(dashboard: Open, application: Application) -> None:
    walk(application, step=2)
    async with dashboard(application=application) as hands:
        await hands.press("end", "a")
        await hands.sees("acknowledged.")
        await hands.quiet()
        await hands.press("home", "w")
        await hands.on(AskReason)
        await hands.type("I look at it")
        await hands.press("enter")
        await hands.on(MainScreen)
        await hands.sees("Answered")
        await hands.quiet()
        await hands.press("M")
        await hands.sees("kept as a memory")


async def test_the_architects_answer_is_recorded_in_the_architects_name(
    dashboard: Open, application: Application
) -> None:
    """R88: the next try rests on an answer that a person wrote down."""
    walk(application, step=6)
    async with dashboard((80, 24), application=application) as hands:
        await hands.press("2", "i")
        await hands.on(AskReason)
        await hands.sees("What did Finn answer about T-301?")
        await hands.type("one table is fine")
        await hands.press("enter")
        await hands.sees("The answer about T-301 is recorded")
        await hands.quiet()
    [event] = application.context.journal.events(kinds=["architect.answered"])
    assert (event.body["task"], event.body["text"]) == ("T-301", "one table is fine")


async def test_a_task_is_taken_first_and_a_step_is_skipped_with_reasons(
    dashboard: Open, application: Application
) -> None:
    walk(application, step=5)
    async with dashboard((80, 24), application=application) as hands:
        await hands.press("S")
        await hands.on(AskReason)
        await hands.type("no time")
        await hands.press("enter")
        await hands.sees("Step 5 Queue is skipped.")
        await hands.quiet()
        await hands.step()
        await hands.press("2", "j", "j", "t")
        await hands.on(AskReason)
        await hands.sees("Take T-304 first")
        await hands.type("it unblocks the build")
        await hands.press("enter")
        await hands.sees("T-304 comes first.")
        await hands.quiet()
        await hands.step()
        await hands.sees("Claim T-304 waits for you")
        pulse = application.machine.current()
        assert pulse is not None
        assert application.context.pulses.steps(pulse.id)[4].state is StepState.SKIPPED


async def test_running_stops_at_the_gate(dashboard: Open) -> None:
    async with dashboard() as hands:
        await hands.press("r")
        await hands.sees("Claim T-301 waits for you; g opens it", "1 WAITS FOR YOU")
        await hands.quiet()


@pytest.mark.parametrize("key", ["p", "f2"])
@pytest.mark.parametrize("opens", ["", "question_mark", "L", "s", "enter"])
async def test_pause_works_from_every_page(dashboard: Open, application: Application, opens: str, key: str) -> None:
    walk(application, step=2)
    async with dashboard(application=application) as hands:
        if opens:
            await hands.press(opens)
            await hands.until(lambda: hands.app.screen is not hands.main, "opened")
        await hands.press(key)
        await hands.until(lambda: application.context.journal.halted()[0], "halted")


async def test_pause_by_f2_while_typing_and_resume_with_a_reason(dashboard: Open, application: Application) -> None:
    walk(application, step=2)
    async with dashboard(application=application) as hands:
        await hands.press("S")
        await hands.on(AskReason)
        await hands.press("p", "f2")
        await hands.until(lambda: application.context.journal.halted()[0], "halted")
        assert hands.screen.query_one(Input).value == "p"
        await hands.press("escape")
        await hands.sees("paused")
        await hands.press("space")
        await hands.press("p")
        await hands.on(AskReason)
        await hands.press("enter")
        await hands.sees("A reason is needed")
        await hands.type("all clear")
        await hands.press("enter")
        await hands.sees("Resumed.")
        assert not application.context.journal.halted()[0]


async def test_a_step_that_takes_long_leaves_every_key_alive_and_pause_at_once(
    dashboard: Open, application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on, asked = threading.Event(), threading.Event()
    platform = application.context.door.platform
    inbox = platform.inbox

    def slow_inbox() -> object:
        asked.set()
        go_on.wait(60)
        return inbox()

    monkeypatch.setattr(platform, "inbox", slow_inbox)
    async with dashboard(application=application) as hands:
        try:
            await hands.press("space")
            await hands.until(asked.is_set, "the slow source is asked")
            await hands.press("2")
            await hands.until(lambda: hands.main.active == "queue", "a key works")
            await hands.press("j")
            await hands.sees("Roll the nightly statements out to all five tenants")
            await hands.press("question_mark")
            await hands.on(HelpScreen)
            await hands.press("escape")
            await hands.on(MainScreen)
            started = hands.clock.monotonic()
            await hands.press("p")
            await hands.until(lambda: application.context.journal.halted()[0], "halted")
            assert hands.clock.monotonic() - started < 1_000
            await hands.sees("Paused: nothing new starts", "paused")
        finally:
            go_on.set()
        await hands.quiet()


async def test_the_palette_offers_only_what_is_possible_and_does_it(dashboard: Open, application: Application) -> None:
    async with dashboard(application=application) as hands:
        names = [act.name for act in acts_of(hands.main)]
        assert "Begin: a pulse" in names
        assert not [name for name in names if name.startswith(("Open: gate", "Skip:", "Undo:", "Lower:"))]
        walk(application, "gate", tool="claim_task")
        await hands.sees("1 WAITS FOR YOU")
        names = [act.name for act in acts_of(hands.main)]
        assert names[0] == "Open: gate Claim T-301"
        assert {"Lower: mode one level", "Pause: everything", "Look again: step 6 Health"} <= set(names)
        assert all(": " in name for name in names)
        await hands.press("ctrl+p")
        await hands.on(CommandPalette)
        await hands.type("open gate")
        await hands.sees("Open: gate Claim T-301")
        await hands.press("down", "enter")
        await hands.on(GateScreen)
        await hands.press("ctrl+p")
        await hands.pilot.pause()
        assert isinstance(hands.screen, GateScreen), "no palette over a gate"


async def test_a_wrong_name_does_not_raise_the_mode(dashboard: Open, application: Application) -> None:
    walk(application, step=2)
    async with dashboard(application=application) as hands:
        await hands.press("m")
        await hands.sees("OBSERVE")
        await hands.press("m")
        await hands.on(AskReason)
        await hands.type("prod")
        await hands.press("enter")
        await hands.sees("Observe stays")
        await hands.press("m")
        await hands.on(AskReason)
        await hands.type("demo")
        await hands.press("enter")
        await hands.sees("The mode is supervised now.")
        pulse = application.machine.current()
        assert pulse is not None
        assert pulse.mode is Mode.SUPERVISED


async def test_leaving_asks_while_something_waits(dashboard: Open, application: Application) -> None:
    walk(application, "gate", tool="claim_task")
    async with dashboard(application=application) as hands:
        await hands.press("q")
        await hands.on(Ask)
        await hands.sees("1 still waits for you", "nothing is decided")
        await hands.press("escape")
        await hands.on(MainScreen)
        await hands.press("q")
        await hands.on(Ask)
        await hands.press("y")
        await hands.until(lambda: hands.app._exit, "left")


async def test_a_pulse_that_was_simply_left_open_goes_on_without_questions(
    dashboard: Open, application: Application
) -> None:
    walk(application, step=4)
    application.close()
    again = open_application(application.profile)
    with again:
        async with dashboard(application=again) as hands:
            await hands.sees("Pulse 1 goes on where it stopped.")
            assert isinstance(hands.screen, MainScreen)


async def test_an_interrupted_pulse_is_told_offered_and_stands_in_the_timeline(
    dashboard: Open, application: Application
) -> None:
    walk(application, step=3)
    pulse = application.machine.current()
    assert pulse is not None
    dead = "1:0:another-boot"
    with application.context.pulses.drive(pulse.id, dead, 10 * MINUTE):
        again = open_application(application.profile)
        with again:
            async with dashboard(application=again) as hands:
                await hands.on(Ask)
                await hands.sees("Pulse 1 was interrupted", "cut off in step 3", "Close it as interrupted")
                await hands.press("c")
                await hands.on(MainScreen)
                await hands.press("L")
                await hands.on(ShowText)
                await hands.sees("after a restart: Stas was cut off in step 3")


async def test_recorded_pulses_are_only_looked_at(dashboard: Open, application: Application) -> None:
    walk(application, step=2)
    application.machine.cut_off(by=application.person)
    walk(application, step=2)
    async with dashboard(application=application) as hands:
        await hands.press("left_square_bracket")
        await hands.sees("Recorded pulse 1; ] goes back.", "pulse 1")
        assert hands.main.disabled_reason("step") == "a recorded pulse is only looked at; ] goes back"
        await hands.press("right_square_bracket")
        await hands.sees("The present.", "pulse 2")


async def test_copies_say_where_they_went(dashboard: Open, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    async with dashboard() as hands:
        await hands.press("y")
        await hands.sees("Saved to a file")
        [saved] = tmp_path.glob("stas-copy-*.txt")
        assert "503 for four tenants" in saved.read_text()


async def test_on_the_way_out_nothing_is_drawn_on_parts_that_have_gone(dashboard: Open) -> None:
    """A screen loses its parts one by one, and a look may end in between."""
    drawn: list[int] = []

    class Last(Static):
        def on_unmount(self) -> None:
            main = self.app.main  # type: ignore[attr-defined]
            main.show(main.view)
            main.draw_time()
            main.draw_checks()
            drawn.append(len(main.children))

    async with dashboard() as hands:
        await hands.sees("Inbox")
        whole = len(hands.app.main.children)
        await hands.app.main.mount(Last())
    assert drawn, "it was asked for while the screen was left"
    assert drawn[0] <= whole
