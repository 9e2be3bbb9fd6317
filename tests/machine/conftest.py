"""A demo profile, a clock that may run ahead, and a person who walks the pulse up to where a test wants it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stas_tui.config import load
from stas_tui.demo.agent import ScriptedAgent
from stas_tui.demo.profile import make_demo
from stas_tui.locations import Locations, Profile
from stas_tui.pulse.context import Progress
from stas_tui.wiring import Application, build
from storage.clock import SystemClock
from storage.records import Action
from tests.crash.driver import Person


class AheadClock(SystemClock):
    """The system's clock, set forward by `ahead` milliseconds."""

    ahead = 0

    def now(self) -> int:
        return super().now() + self.ahead


class Walk:
    """One process of Stas with its person."""

    def __init__(self, app: Application, clock: AheadClock) -> None:
        self.app, self.clock = app, clock
        self.machine = app.machine
        self.journal = app.context.journal
        self.said: list[dict[str, object]] = []
        self.person = Person(app, app.machine, lambda kind, **facts: self.said.append({"kind": kind, **facts}), {})

    def begin(self) -> None:
        self.machine.begin(operator="ann", mode=self.app.settings.mode)

    def until(self, there: Callable[[Progress], bool]) -> Progress:
        """Advance and answer until `there`; that progress is not answered any more."""
        if self.machine.current() is None:
            self.begin()
        for _ in range(80):
            progress = self.machine.advance()
            if there(progress):
                return progress
            assert progress.needs != "summary", "the pulse came to its end before"
            if progress.needs:
                getattr(self.person, f"on_{progress.needs}")(progress)
        raise AssertionError("never got there")

    def gate(self, tool: str) -> Action:
        """Walk up to the gate of a tool."""
        progress = self.until(lambda p: p.needs == "gate" and p.action is not None and p.action.tool == tool)
        assert progress.action is not None
        return progress.action

    def phase(self, phase: str) -> None:
        """Walk until step 7 stands in a phase."""
        if self.machine.current() is None or self.machine.work().state.get("phase") != phase:
            self.until(lambda _: self.machine.work().state.get("phase") == phase)

    def approved(self, tool: str) -> Action:
        """Walk up to the gate of a tool and approve it; nothing is run."""
        action = self.gate(tool)
        self.person.approve(action)
        return action

    def state(self, action: Action) -> str:
        return self.journal.get(action.id).state.value

    @property
    def work(self) -> dict[str, object]:
        return self.machine.work().state


@pytest.fixture
def clock() -> AheadClock:
    return AheadClock()


@pytest.fixture
def profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Profile:
    monkeypatch.setenv("DEMO_SPEED", "0")
    return make_demo(Locations.find(tmp_path / "home"), seed=1, deployed=False)


@pytest.fixture
def start(profile: Profile, clock: AheadClock) -> Iterator[Callable[[], Walk]]:
    """Start Stas on the profile, as often as a test wants; executors that are left alive are stopped at the end."""
    opened: list[Application] = []

    def one() -> Walk:
        settings = load(profile)
        app = build(profile, settings, clock=clock, proposer=ScriptedAgent(settings.demo.seed), environ={})
        opened.append(app)
        return Walk(app, clock)

    yield one
    for run in opened[0].context.door.executor.live() if opened else ():
        opened[0].context.door.executor.cancel(run.run_id)
    for app in opened:
        app.close()


@pytest.fixture
def walk(start: Callable[[], Walk]) -> Walk:
    return start()
