"""Played in a process of its own: a whole lesson on the real dashboard, guarded; prints what was loaded and tried."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from stas_tui.training import guard

tried: list[str] = []


def _watch(event: str, args: tuple[object, ...]) -> None:
    if event.startswith("socket.") or event in guard.PROGRAMS:
        family = getattr(args[0], "family", None) if event != "socket.__new__" else args[1]
        tried.append(f"{event} {family}")


sys.addaudithook(_watch)
guard.install()


async def play(folder: Path) -> dict[str, object]:
    from stas_tui.screens.debrief import DebriefScreen
    from stas_tui.screens.gate import GateScreen
    from stas_tui.screens.lesson import LessonApp
    from stas_tui.training.director import Director
    from storage.clock import ManualClock
    from tests.training.stage_world import lesson, profile

    real = ManualClock()
    director = Director(lesson(), profile(folder), real=real, person="Ada")
    director.play()
    app = LessonApp(director, brief=False)

    async def until(seen: object) -> None:
        async with asyncio.timeout(20):
            while not seen():  # type: ignore[operator]
                await pilot.pause(0.02)

    async def passes(seconds: int) -> None:
        real.advance(seconds * 1000)
        await asyncio.to_thread(director.tick)
        await pilot.pause()

    async with app.run_test(size=(120, 36), notifications=True) as pilot:
        await passes(31)
        await until(lambda: app.main.view is not None and app.main.view.gates)
        for key in ("c", "s"):
            await pilot.press(key)
            await pilot.pause(0.2)
        await pilot.press("escape", "escape")
        await until(lambda: app.screen is app.main)
        await pilot.press("g")
        await until(lambda: isinstance(app.screen, GateScreen))
        await pilot.press("o", "y", "R")
        await pilot.press(*"no", "enter")
        await until(lambda: app.screen is app.main)
        await passes(1)
        await passes(12)
        await passes(21)
        await until(lambda: isinstance(app.screen, DebriefScreen))
    app.hand.close()
    director.close()
    return {
        "ended": director.engine.ended,
        "verb": director.engine.made["d1"].verb,
        "modules": sorted(sys.modules),
        "tried": tried,
    }


print(json.dumps(asyncio.run(play(Path(sys.argv[1])))))
