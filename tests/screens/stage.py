"""The dashboard as a program of its own on a prepared world: `python -m tests.screens.stage SCENE HOME`."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from stas_tui.app import StasApp
from stas_tui.demo.profile import make_demo
from stas_tui.locations import Locations
from stas_tui.wiring import Application
from tests.screens.hands import open_application, walk

SECRET = "s3cret-" + "in-a-local-variable"
HOSTILE = (
    "\x1b]52;c;aGFja2Vk\x1b\\\x1b]0;HACKED\x07\x1b[2J\x9b31m"
    "[@click=app.quit]quit[/] [/red] [b +\x00\u202eevil\u2066\u200b"
)
"""Writes the clipboard, renames the window, clears the screen, quits when clicked, breaks markup, turns text around."""


def hostile(application: Application) -> None:
    """Hostile text in every field of the world, up to a finished run."""
    world = application.world
    for message in world.messages_of(world.inbox_order("Stas", ""), "Stas"):
        world.deliver(
            replace(
                message,
                id=f"M-9{message.id[-2:]}",
                subject=f"{message.subject} {HOSTILE}",
                body=f"{HOSTILE}\n{message.body}",
                sender=f"{message.sender}{HOSTILE}",
            )
        )
    vision = world.vision("ledger")
    world.set_vision("ledger", f"{vision.text if vision else ''}\n{HOSTILE}")
    for task in world.tasks("ledger"):
        world.put_task(
            replace(
                task,
                title=f"{task.title} {HOSTILE}",
                description=f"{task.description}\n{HOSTILE}",
                acceptance=(*task.acceptance, HOSTILE),
            )
        )
    for memory in world.memories():
        world.put_memory(replace(memory, id=f"{memory.id}-h", title=f"{memory.title} {HOSTILE}", text=HOSTILE))
    walk(application, "review")
    for output in application.profile.runs.glob("*/stdout*"):
        with output.open("ab") as file:
            file.write(HOSTILE.encode("utf-8") + b"\n")


def main() -> None:
    """Prepare the scene and run the dashboard until it is left."""
    scene, home = sys.argv[1], Path(sys.argv[2])
    profile = make_demo(Locations.find(home), seed=1)
    with open_application(profile) as application:
        if scene == "hostile":
            hostile(application)
        elif scene == "attacked":
            from tests.screens.test_triage_hostile import attacked

            attacked(application)
        elif scene == "gate":
            walk(application, "gate", tool="claim_task")
        app = StasApp(application, on_call=scene == "attacked")
        if scene == "crash":

            def crash() -> None:
                token = SECRET
                raise RuntimeError(f"a bug beside a token of {len(token)} characters")

            app.main.action_log = crash  # type: ignore[method-assign]
        app.run()
        app.hand.close()


if __name__ == "__main__":
    main()
