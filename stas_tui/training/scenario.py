"""A lesson as its file describes it: world, injects, decisions, rubric. Unknown keys are errors."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from stas_tui.training.injects import AnyInject, Noise
from stas_tui.training.tables import Line, Offset, Opened, Ref, Start, Table, Text, Trap, Verb

SCHEMA = 1
LONGEST_MINUTES = 120


class Decision(Table):
    """A point at which a person has to do the right thing."""

    id: Ref
    on: Ref
    expected: Verb
    also_ok: tuple[Verb, ...] = ()
    deadly: tuple[Verb, ...] = ()
    by: Offset
    """Counted from when its `on` came."""
    match: tuple[Line, ...] = ()
    """For a text that a person writes: one of these stands in it, in whatever case."""
    edit_has: tuple[Line, ...] = ()
    """What an edited request holds, all of it, in whatever case; otherwise the edit counts as an approval."""
    edit_lacks: tuple[Line, ...] = ()
    """What an edited request no longer holds, none of it; otherwise the edit counts as an approval."""
    evidence: tuple[Opened, ...] = ()
    why: Text = ""
    hint: tuple[Line, ...] = ()
    points: int = Field(default=10, ge=1, le=100)
    scores: Literal["safety", "priority", "communication"] = "safety"

    @property
    def right(self) -> tuple[str, ...]:
        """Every answer that is right."""
        return (self.expected, *self.also_ok)


class Weights(Table):
    """How much each part counts; they add up to 1."""

    safety: float = Field(default=0.5, ge=0, le=1)
    priority: float = Field(default=0.2, ge=0, le=1)
    communication: float = Field(default=0.15, ge=0, le=1)
    evidence: float = Field(default=0.15, ge=0, le=1)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if abs(self.safety + self.priority + self.communication + self.evidence - 1) > 1e-6:
            raise ValueError("the weights do not add up to 1")
        return self


class InstantFail(Table):
    """What ends in a fail, however good the rest was."""

    approve_of: tuple[Trap, ...] = ()


class Rubric(Table):
    """How it is scored."""

    pass_percent: int = Field(default=70, ge=1, le=100)
    floor_percent: int = Field(default=40, ge=0, le=100)
    """Below it in any part that has decisions, nobody passes: refusing everything is no way through."""
    late_percent: int = Field(default=50, ge=0, le=100)
    """What a right answer after its time is worth."""
    hint_cost_percent: int = Field(default=10, ge=0, le=100)
    weights: Weights = Weights()
    instant_fail: InstantFail = InstantFail()


class Questions(Table):
    """What is asked afterwards."""

    questions: tuple[Line, ...] = ()
    follow_up: str = Field(default="", max_length=200)
    """Title of the task that is proposed, `infra: …`."""


class Scenario(Table):
    """A whole lesson."""

    schema_: Literal[1] = Field(alias="schema")
    id: Annotated[str, StringConstraints(pattern=r"^[a-z0-9](?:[a-z0-9-]{0,48}[a-z0-9])?$")]
    title: Line
    version: int = Field(ge=1)
    difficulty: int = Field(ge=1, le=5)
    minutes: int = Field(ge=1, le=LONGEST_MINUTES)
    seed: int = Field(ge=0)
    clock_start: datetime
    about: Text = ""
    """What the trainee is told before it begins."""
    grounded_in: tuple[Line, ...] = ()
    known: Text = ""
    """What is publicly known of the incident it is grounded in; told in the debrief."""
    teaches: tuple[Line, ...] = ()
    mode: Literal["observe", "supervised", "trusted"] = "supervised"
    canaries: tuple[Line, ...] = ()
    """Texts that look like secrets and are none; the only ones that may stand in a scenario."""
    world: Start = Start()
    inject: tuple[AnyInject, ...] = ()
    noise: tuple[Noise, ...] = ()
    decision: tuple[Decision, ...] = ()
    rubric: Rubric = Rubric()
    debrief: Questions = Questions()

    @model_validator(mode="after")
    def _zoned(self) -> Self:
        if self.clock_start.tzinfo is None:
            raise ValueError("clock_start is a time with a zone, e.g. 2026-03-09T08:00:00Z")
        return self

    @property
    def started_at(self) -> int:
        """When it begins on its own clock: UTC milliseconds."""
        return int(self.clock_start.timestamp()) * 1_000

    @property
    def ends_at(self) -> int:
        """Milliseconds after its start at which it ends at the latest."""
        return self.minutes * 60_000
