"""The tables of a lesson's file: how values are written, and the world at the start. Unknown keys are errors."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from stas_tui.training import grammar
from stas_tui.training.words import TRAPS, VERBS


def _verb(text: str) -> str:
    if text not in VERBS:
        raise ValueError(f"this is no decision; known: {', '.join(VERBS)}")
    return text


def _trap(text: str) -> str:
    if text and text not in TRAPS:
        raise ValueError(f"this is no trap; known: {', '.join(TRAPS)}")
    return text


def _series(text: str) -> str:
    grammar.series(text)
    return text


def _opened(text: str) -> str:
    grammar.opened(text)
    return text


Offset = Annotated[int, BeforeValidator(grammar.offset_ms)]
"""Milliseconds since the start, written `+1m30s`."""
Duration = Annotated[int, BeforeValidator(grammar.duration_ms)]
"""Milliseconds, written `4m`."""
Line = Annotated[str, StringConstraints(min_length=1, max_length=400)]
Text = Annotated[str, StringConstraints(max_length=20_000)]
Ref = Annotated[str, StringConstraints(pattern=rf"^{grammar.REF.pattern}$")]
Verb = Annotated[str, AfterValidator(_verb)]
Trap = Annotated[str, AfterValidator(_trap)]
Series = Annotated[Line, AfterValidator(_series)]
"""One number by its name and labels."""
Opened = Annotated[Line, AfterValidator(_opened)]
"""What a careful person looks at, written `opened:REF` or `opened:REF.PART`."""
Source = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9:_-]{0,59}$")]


class Table(BaseModel):
    """A table of the file."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class ProjectStart(Table):
    """A project of the world."""

    id: Ref
    name: Line
    vision: Text = ""
    services: tuple[Line, ...] = ()


class TaskStart(Table):
    """A task on the board."""

    id: Ref
    project: Ref
    title: Line
    description: Text = ""
    column: Line = "Review"
    priority: Literal["P0", "P1", "P2", "P3"] = "P2"
    assignee: str = ""
    acceptance: tuple[Line, ...] = ()


class File(Table):
    """A changed file of a pull request, as the lines of a unified difference."""

    path: Line
    patch: Text = ""


class DeviationStart(Table):
    """A deviation that an executor reports, by the rule that it followed."""

    rule: int = Field(ge=1, le=4)
    what: Line
    why: str = Field(default="", max_length=400)
    files: tuple[Line, ...] = ()
    isolation: Literal["none", "touched", "unknown"] = "none"
    """Whether it touches what keeps tenants apart."""


class PullStart(Table):
    """A pull request of the forge."""

    number: int = Field(ge=1)
    project: Ref
    title: Line
    head: Line
    base: Line = "multi-tenant"
    author: Line
    body: Text = ""
    files: tuple[File, ...] = ()


class MemoryStart(Table):
    """Something the agent remembers."""

    title: Line
    text: Text
    type: Line = "note"


class SourceStart(Table):
    """A source outside, silent or well at the start."""

    name: Source
    kind: Literal["alerts", "metrics", "probes", "ci", "deploys", "builds"]
    project: str = ""


class Start(Table):
    """The initial state."""

    branch: Line = "multi-tenant"
    tenants: tuple[Line, ...] = ()
    people: dict[str, Line] = {}
    """Other agents and persons by name, with what they are: `Finn = "architect"`."""
    banner: str = Field(default="", max_length=120)
    """One line that stands on the screen the whole time, e.g. a freeze."""
    project: tuple[ProjectStart, ...] = ()
    task: tuple[TaskStart, ...] = ()
    pull: tuple[PullStart, ...] = ()
    memory: tuple[MemoryStart, ...] = ()
    source: tuple[SourceStart, ...] = ()
