"""What a lesson speaks of has to be in its world: sources, projects, tasks, and what can be opened."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from stas_tui.config_errors import Loc
from stas_tui.training.injects import (
    ActionInject,
    AlertInject,
    CiInject,
    DeployInject,
    ForgeInject,
    MetricInject,
    ProbeInject,
)
from stas_tui.training.reading import Lesson
from stas_tui.training.scenario import Scenario

Found = Iterator[tuple[Loc, str, str]]

PARTS_OF_A_GATE: Final = frozenset({"whole", "evidence"})
"""What of every gate can be opened besides what is asked for and each piece of its evidence."""
PARTS_OF_A_PULL: Final = frozenset({"diff"})
"""What of a pull request can be opened besides itself: the diff of a file."""
_KINDS: Final[dict[type[Any], tuple[str, ...]]] = {
    AlertInject: ("alerts",),
    MetricInject: ("metrics",),
    ProbeInject: ("probes",),
    CiInject: ("ci", "builds"),
    DeployInject: ("deploys",),
}


def sources_that_must_be(lesson: Lesson) -> Found:
    """Every source that says something, or fails, is declared, and is of the kind that says such things."""
    known = {source.name: source.kind for source in lesson.scenario.world.source}
    for n, inject in enumerate(lesson.scenario.inject):
        name = getattr(inject, "source", "")
        if not name:
            continue
        wanted = _KINDS.get(type(inject), ())
        if name not in known:
            kind = f', kind = "{wanted[0]}"' if wanted else ""
            yield (
                ("inject", n, "source"),
                f"it comes from the source {name}, which is not in the world",
                f'Add a [[world.source]] with name = "{name}"{kind}.',
            )
        elif wanted and known[name] not in wanted:
            yield (
                ("inject", n, "source"),
                f"it comes from the source {name}, which is of kind {known[name]}",
                f"Name a source of kind {' or '.join(wanted)}.",
            )


def names_that_must_be(lesson: Lesson) -> Found:
    """Every project and task that is named exists."""
    world = lesson.scenario.world
    projects, tasks = {project.id for project in world.project}, {task.id for task in world.task}
    for loc, what, name in _named(lesson.scenario):
        if name not in (projects if what == "project" else tasks):
            yield (
                loc,
                f"there is no {what} {name} in the world",
                f"Add a [[world.{what}]] with that id, or mend the name.",
            )


def _named(scenario: Scenario) -> Iterator[tuple[Loc, str, str]]:
    """(place, `project` or `task`, name) of everything that names one."""
    world = scenario.world
    for n, task in enumerate(world.task):
        yield ("world", "task", n, "project"), "project", task.project
    for n, pull in enumerate(world.pull):
        yield ("world", "pull", n, "project"), "project", pull.project
    for n, source in enumerate(world.source):
        if source.project:
            yield ("world", "source", n, "project"), "project", source.project
    for n, inject in enumerate(scenario.inject):
        at: Loc = ("inject", n)
        for what in ("project", "task"):
            if name := getattr(inject, what, ""):
                yield (*at, what), what, name
        if isinstance(inject, ForgeInject):
            yield (*at, "pull", "project"), "project", inject.pull.project
        if isinstance(inject, ActionInject):
            for key, what in (("projectId", "project"), ("taskId", "task")):
                if isinstance(name := inject.args.get(key), str) and name:
                    yield (*at, "args", key), what, name


def what_can_be_opened(scenario: Scenario, ref: str) -> frozenset[str] | None:
    """The parts of what has a name and can be opened on the screens; None if nothing of that name can."""
    for inject in scenario.inject:
        if inject.ref == ref and isinstance(inject, ActionInject):
            return PARTS_OF_A_GATE | frozenset(inject.args) | {piece.ref for piece in inject.evidence}
        if inject.ref == ref:
            return PARTS_OF_A_PULL if isinstance(inject, ForgeInject) else frozenset()
    return None
