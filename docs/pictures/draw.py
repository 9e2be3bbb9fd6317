"""Draws the pictures of the documentation from the program itself, on a frozen demo; `make pictures` calls it."""

from __future__ import annotations

import asyncio
import re
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

PICTURES = {
    "main": ("main", (120, 36)),
    "gate": ("gate", (120, 36)),
    "review": ("review", (120, 36)),
    "main-80x24": ("main", (80, 24)),
    "oncall": ("oncall", (120, 36)),
    "oncall-80x24": ("oncall", (80, 24)),
}


async def draw(name: str) -> str:
    """One picture as SVG, the same on every machine."""
    from stas_tui.app import StasApp
    from tests.screens.scenes import SCENES, fixed_application, play

    scene, size = PICTURES[name]
    with tempfile.TemporaryDirectory(prefix="stas-pictures-") as folder, fixed_application(Path(folder)) as application:
        SCENES[scene][0](application)
        app = StasApp(application, environ={})
        try:
            async with app.run_test(size=size) as pilot:
                await play(scene, app, pilot)
                svg = app.export_screenshot(title="stas", simplify=True)
        finally:
            app.hand.close()
    return re.sub(r"terminal-\d+", "terminal", svg)


async def draw_lesson(id_: str, seconds: int) -> str:
    """The gate that waits so long after the beginning of a lesson, on the dashboard of that lesson."""
    from stas_tui.screens.gate import GateScreen
    from stas_tui.training.catalog import Catalog
    from tests.training.live_seat import seat

    data = Catalog().find(id_).path.read_bytes()
    with tempfile.TemporaryDirectory(prefix="stas-pictures-") as folder:
        async with seat(Path(folder), data) as at:
            for _ in range(seconds):
                await at.pass_s(1)
            await at.sees("1 WAITS FOR YOU")
            await at.press("g")
            await at.on(GateScreen)
            at.clock.advance(2_000)
            await at.sees("more to read")
            svg = at.app.export_screenshot(title="stas TRAINING", simplify=True)
    return re.sub(r"terminal-\d+", "terminal", svg)


LESSONS = {"lesson": ("s02", 95)}
"""Pictures of gates of lessons: which lesson, and how many seconds after its beginning."""


def main() -> None:
    """Write every picture beside this file."""
    pictures = {name: draw(name) for name in PICTURES} | {name: draw_lesson(*at) for name, at in LESSONS.items()}
    for name, drawing in pictures.items():
        (HERE / f"{name}.svg").write_text(asyncio.run(drawing), "utf-8")
        sys.stdout.write(f"docs/pictures/{name}.svg\n")


if __name__ == "__main__":
    main()
