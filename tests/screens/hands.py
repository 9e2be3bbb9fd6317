"""Hands that press keys and wait for what they see; never for a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import count
from typing import Any

from textual.pilot import Pilot
from textual.screen import Screen

from stas_tui.app import StasApp
from stas_tui.config import Settings, load
from stas_tui.demo.agent import ScriptedAgent
from stas_tui.locations import Profile
from stas_tui.screens.gate import GateScreen
from stas_tui.screens.main import MainScreen
from stas_tui.wiring import Application, build, policy_digest
from storage.clock import Clock, SystemClock
from storage.records import Action, Mode

HOLD_MS = 1_600
PATIENCE_S = 20.0


class SkippingClock:
    """The operating system's time, moved forward by a test where it would have to wait."""

    def __init__(self) -> None:
        self._real, self._skipped = SystemClock(), 0

    def now(self) -> int:
        """Wall-clock time in milliseconds since the epoch, UTC."""
        return self._real.now() + self._skipped

    def monotonic(self) -> int:
        """Milliseconds that never go back."""
        return self._real.monotonic() + self._skipped

    def advance(self, ms: int) -> None:
        """Let `ms` milliseconds pass at once."""
        self._skipped += ms


def open_application(
    profile: Profile, *, clock: Clock | None = None, settings: Settings | None = None, fixed_ids: bool = False
) -> Application:
    """The parts of a demo profile with its scripted agent."""
    settings = settings or load(profile)
    numbers = count(1)
    return build(
        profile,
        settings,
        clock=clock,
        proposer=ScriptedAgent(settings.demo.seed),
        new_id=(lambda prefix: f"{prefix}-{next(numbers):04d}") if fixed_ids else None,
    )


def approve(application: Application, action: Action) -> None:
    """A person's approval of what waits, without a screen."""
    revision = action.revision
    assert revision is not None
    application.context.toolbox.decide(
        action.id,
        rev=action.rev,
        digest=action.digest,
        verdict="approve",
        voter=application.person,
        dwell_ms=HOLD_MS,
        typed=str(revision.shown.get("confirm", "")),
    )


def walk(application: Application, needs: str = "", *, tool: str = "", task: str = "", step: int = 0) -> None:
    """Walk the pulse without a screen until it needs `needs`, a gate for `tool`, or reached `step`; gates on the way
    are approved, runs are waited for."""
    machine, context = application.machine, application.context
    if machine.current() is None:
        policy = policy_digest(application.settings)
        machine.begin(operator=application.person, mode=Mode.SUPERVISED, policy_digest=policy)
    if task:
        machine.prefer(task, by=application.person, reason="the test asks for it")
    for _ in range(80):
        position = machine.position()
        if step and position is not None and position.n >= step:
            return
        progress = machine.advance()
        if progress.needs == "gate":
            action = progress.action
            assert action is not None
            if needs == "gate" and tool in ("", action.tool):
                return
            approve(application, action)
        elif progress.needs == "run":
            if needs == "run":
                return
            if progress.checks:
                application.rounds.wait(progress.checks, 60)
                continue
            run = progress.run or context.runs.of_pulse(progress.pulse.id)[-1]
            context.door.executor.wait(run.id, 30)
        elif progress.needs == needs and progress.needs:
            return
        elif progress.needs == "review":
            machine.accept(by=application.person, reason="good enough here", ticked=list(range(9)))
        elif progress.needs:
            raise AssertionError(f"the pulse needs {progress.needs}: {progress.say}")
    raise AssertionError(f"{needs or tool or step} was not reached")


class Hands:
    """A person at the keyboard of one dashboard."""

    def __init__(self, app: StasApp, pilot: Pilot[None], clock: Any) -> None:
        self.app, self.pilot, self.clock = app, pilot, clock

    # seeing ---------------------------------------------------------------------------------------

    @property
    def text(self) -> str:
        """The screen as the eye reads it: one line per row, no colours."""
        rows = self.app.screen._compositor.render_strips()
        return "\n".join("".join(segment.text for segment in row).rstrip() for row in rows) + "\n"

    @property
    def words(self) -> str:
        """The screen as one line, so that a sentence is found however it is wrapped."""
        return " ".join(self.text.replace("│", " ").split())

    @property
    def said(self) -> str:
        """What is said to the person just now."""
        return "\n".join(notice.message for notice in self.app._notifications)

    @property
    def screen(self) -> Screen[Any]:
        """The top screen."""
        return self.app.screen

    @property
    def gate(self) -> GateScreen:
        """The open gate."""
        assert isinstance(self.app.screen, GateScreen), type(self.app.screen).__name__
        return self.app.screen

    @property
    def main(self) -> MainScreen:
        """The main screen."""
        return self.app.main

    # waiting --------------------------------------------------------------------------------------

    async def until(self, seen: Callable[[], object], what: str = "") -> None:
        """Wait until something is so."""
        end = time.monotonic() + PATIENCE_S
        while not seen():
            if time.monotonic() > end:
                raise AssertionError(f"never happened: {what or 'the condition'}\n{self.text}\nsaid: {self.said}")
            await self.pilot.pause(0.01)

    async def sees(self, *words: str) -> None:
        """Wait until all of these stand on the screen or are said."""
        await self.until(lambda: all(w in self.words or w in self.said for w in words), f"{words} on the screen")

    async def on(self, kind: type[Screen[Any]]) -> None:
        """Wait until a screen of this kind is on top and drawn."""
        await self.until(lambda: isinstance(self.app.screen, kind) and self.app.screen.is_mounted, kind.__name__)
        await self.pilot.pause()

    async def quiet(self) -> None:
        """Wait until nothing is under way."""
        main, hand = self.app.main, self.app.hand
        await self.until(lambda: main.view is not None and not main.flow.doing and hand.busy == 0, "quiet")
        await self.pilot.pause()

    # doing ----------------------------------------------------------------------------------------

    async def press(self, *keys: str) -> None:
        """Press keys."""
        await self.pilot.press(*keys)

    async def type(self, text: str) -> None:
        """Type a text."""
        names = {" ": "space", ".": "full_stop", ",": "comma", "-": "minus", ":": "colon"}
        await self.pilot.press(*(names.get(char, char) for char in text))

    async def step(self) -> None:
        """One step, to its end."""
        await self.press("space")
        await self.quiet()

    async def open(self, kind: type[Screen[Any]]) -> None:
        """`g`, until what waits is open."""
        await self.press("g")
        await self.on(kind)

    async def read(self) -> None:
        """Read the open gate to its end."""
        gate = self.gate
        await self.until(lambda: gate.gate_lock.locked_because() != "the gate is not drawn yet", "drawn")
        await self.press("end")
        await self.until(lambda: gate.gate_lock.locked_because() not in ("read to the end first", None), "read")

    async def unlock(self) -> None:
        """Let the hold of the open gate pass, of which all has been read."""
        self.clock.advance(HOLD_MS)
        await self.until(lambda: self.gate.gate_lock.locked_because() is None, "unlocked")

    async def approve(self) -> None:
        """Open what waits, read it, type its name if it wants one, let the hold pass, and approve."""
        await self.open(GateScreen)
        gate = self.gate
        await self.read()
        if gate.gate.model.confirm_name:
            await self.press("tab")
            await self.type(gate.gate.model.confirm_name)
            await self.press("enter")
        await self.unlock()
        await self.press("A")
        await self.on(MainScreen)
        await self.quiet()
