"""A pattern of the health scan becomes a task with one key, completed by a person and filed through the door."""

from __future__ import annotations

from dataclasses import replace

from stas_tui.screens.main import MainScreen
from stas_tui.screens.task_form import TaskForm
from stas_tui.wiring import Application
from tests.screens.conftest import Open
from tests.screens.hands import walk
from widgets.virtual_list import VirtualList


async def test_R42_the_suggestion_of_a_pattern_waits_as_a_task_after_one_key(
    dashboard: Open, application: Application
) -> None:
    world, agent = application.world, application.settings.agent_name
    (message,) = [m for m in world.messages_of(world.inbox_order(agent, ""), agent) if "authentication" in m.subject]
    world.deliver(replace(message, id="M-900", sender="chieko"))
    walk(application, step=7)
    async with dashboard(application=application) as hands:
        await hands.press("3")
        rows = hands.main.query_one("#infra-list", VirtualList)
        assert rows.select("alerts")
        assert hands.main.disabled_reason("task") == "select a pattern of the infra panel first"
        assert rows.select("login failures")
        await hands.pilot.pause()
        await hands.press("T")
        await hands.on(TaskForm)
        await hands.press("ctrl+o")
        await hands.on(MainScreen)
        await hands.sees("It waits for your approval")
    (gate,) = application.context.journal.pending()
    assert gate.tool == "create_task"
    assert gate.revision is not None
    assert gate.revision.plan["title"].startswith("infra: ")
