"""A small lesson of the tests' own, and a director on it whose time a test moves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stas_tui.locations import Profile
from stas_tui.training.director import Director
from stas_tui.training.reading import Lesson, parse
from storage.clock import ManualClock
from storage.records import Action

SMALL = (Path(__file__).parent / "small.toml").read_bytes()


def lesson(data: bytes = SMALL) -> Lesson:
    """A lesson of these bytes."""
    return parse(data, Path("small.toml"))


def profile(folder: Path) -> Profile:
    """A profile of the test's own."""
    return Profile("training", folder / "profile", folder / "run")


class Table:
    """A director and the time that passes for it."""

    def __init__(self, director: Director, real: ManualClock) -> None:
        self.director, self.real = director, real

    def pass_s(self, seconds: float) -> None:
        """Let real seconds pass, then tick."""
        self.real.advance(int(seconds * 1000))
        self.director.tick()

    def gate(self, ref: str) -> Action:
        """The gate of what the agent asked for."""
        return self.director.application.context.journal.get(self.director.stage.gates[ref])

    def decide(self, ref: str, verdict: str, reason: str = "") -> None:
        """Decide a gate through the door, as the gate screen does."""
        action = self.gate(ref)
        assert action.revision is not None
        self.director.application.context.toolbox.decide(
            action.id,
            rev=action.rev,
            digest=action.digest,
            verdict=verdict,
            voter=self.director.application.person,
            reason=reason,
            typed=str(action.revision.shown.get("confirm", "")),
        )

    def kinds(self) -> list[str]:
        """Kinds of the engine's lines."""
        return [event.kind for event in self.director.engine.lines]


@contextmanager
def table(where: Path, data: bytes = SMALL, **more: object) -> Iterator[Table]:
    """A table with a lesson that plays."""
    real = ManualClock()
    director = Director(lesson(data), profile(where), real=real, person="Ada", **more)  # type: ignore[arg-type]
    director.play()
    try:
        yield Table(director, real)
    finally:
        director.close()
