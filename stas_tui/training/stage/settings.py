"""The settings of a lesson's own profile, made from its world; nothing in them names a real place."""

from __future__ import annotations

from collections.abc import Sequence

from stas_tui.config import Settings
from stas_tui.training.scenario import Scenario
from stas_tui.training.tables import ProjectStart
from storage.records import Mode

AGENT = "Stas"
ENVIRONMENT = "TRAINING"
"""Every screen that names the environment says it, the gate too."""
ARCHITECT, HUMAN = "Finn", "Sky"
PROJECT = ProjectStart(id="shop", name="shop")
"""The project of a lesson that names none."""


def settings_of(scenario: Scenario, *, person: str, os_user: str, more: dict[str, object] | None = None) -> Settings:
    """The settings; `more` are those of the trainee's own configuration that only change how it looks."""
    world = scenario.world
    names = [*world.people, ARCHITECT, HUMAN]
    agents = {name: f"id-{name.casefold().replace(' ', '-')}" for name in dict.fromkeys(names)}
    return Settings.model_validate(
        {
            **(more or {}),
            "profile": "training",
            "environment": ENVIRONMENT,
            "agent_name": AGENT,
            "mode": Mode(scenario.mode),
            "agents": agents,
            "person": [{"name": person, "os_user": os_user}],
            "project": [
                {
                    "id": project.id,
                    "name": project.name,
                    "remote": f"/nowhere/training/{project.id}.git",
                    "base_branch": world.branch,
                    "tenants": list(world.tenants),
                    "services": list(project.services),
                }
                for project in projects_of(scenario)
            ],
        }
    )


def projects_of(scenario: Scenario) -> Sequence[ProjectStart]:
    """The projects of a lesson; every one that its tasks, pull requests and injects name is there."""
    known = {project.id: project for project in scenario.world.project}
    named = [task.project for task in scenario.world.task] + [pull.project for pull in scenario.world.pull]
    for inject in scenario.inject:
        project = getattr(inject, "project", "") or getattr(getattr(inject, "pull", None), "project", "")
        named.append(project)
    for name in filter(None, named):
        known.setdefault(name, ProjectStart(id=name, name=name))
    return tuple(known.values()) or (PROJECT,)
