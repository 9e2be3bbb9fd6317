"""What the steps of a pulse share, and how a step reports."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from stas_tui.forges.base import Repo
from stas_tui.gates.contract import Answer
from stas_tui.gates.tools.base import Door, Rules
from stas_tui.isolation.base import POINTS
from stas_tui.pulse.proposer import Proposer
from stas_tui.pulse.prover import Prover
from stas_tui.toolbox import Toolbox
from storage.clock import Clock
from storage.findings import Findings
from storage.journal import Journal
from storage.pulses import Pulses
from storage.records import Action, DataState, Json, Project, Pulse, Run, Step, StepState, Task, Workspace
from storage.runs import Runs
from storage.watch import Watch

ISOLATION_POINTS = POINTS
"""What is checked for every tenant in step 9."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The objects a step may use. Effects go through `toolbox` only."""

    toolbox: Toolbox
    findings: Findings
    proposer: Proposer
    watch: Watch | None = None
    """What the sources outside said last; None where nothing watches."""
    prover: Prover | None = None
    """The isolation checks; None where none can be run."""

    @property
    def door(self) -> Door:
        """The edges behind the toolbox; steps only read through it."""
        return self.toolbox.door

    @property
    def rules(self) -> Rules:
        """The configuration's rules."""
        return self.toolbox.door.rules

    @property
    def journal(self) -> Journal:
        """The log."""
        return self.toolbox.door.journal

    @property
    def pulses(self) -> Pulses:
        """Pulses and their steps."""
        return self.toolbox.door.pulses

    @property
    def runs(self) -> Runs:
        """Recorded runs."""
        return self.toolbox.door.runs

    @property
    def clock(self) -> Clock:
        """The time."""
        return self.toolbox.door.clock

    @property
    def agent(self) -> str:
        """The supervised agent's name."""
        return self.toolbox.door.rules.agent

    def repo(self, project_id: str) -> Repo | None:
        """The repository of a project, if one is configured."""
        return self.rules.repos.get(project_id)

    def task(self, project_id: str, task_id: str) -> Task:
        """A task as the platform has it now."""
        return self.door.platform.task(project_id, task_id)

    def project(self, project_id: str) -> Project:
        """A project by id; a bare one if the platform no longer lists it."""
        for project in self.door.platform.projects():
            if project.id == project_id:
                return project
        return Project(id=project_id, name=project_id)

    def workspace(self, task_id: str) -> Workspace | None:
        """The recorded workspace of a task."""
        return self.door.forge.workspace(task_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What one step found: its state, a line for the stepper, and the data for panels and the summary."""

    state: DataState
    note: str
    data: Json = field(default_factory=dict)
    step_state: StepState = StepState.DONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where the pulse stands after an advance.

    `needs` is what must happen before it can go on: `` nothing (advance again), `gate` a person decides `action`,
    `override` a lock wants a typed reason, `prompt`, `pull request`, `memory` a text must be completed, `run` an
    executor works or a round of checks goes on, `review` a person judges the result, `direct` a person works in the
    workspace, `workspace` it could not be made, `blocked` something refused to go on, `summary` a person confirms the
    end, `paused`, `ended`.
    """

    pulse: Pulse
    step: Step
    needs: str = ""
    say: str = ""
    action: Action | None = None
    run: Run | None = None
    answer: Answer | None = None
    checks: str = ""
    """Project whose isolation checks run, while they do; `needs` is `run` then."""

    @property
    def waits(self) -> bool:
        """True if advancing again changes nothing until somebody acts."""
        return self.needs not in ("", "run")


def with_step(progress: Progress, step: Step) -> Progress:
    """The same progress beside a newer step."""
    return replace(progress, step=step)
