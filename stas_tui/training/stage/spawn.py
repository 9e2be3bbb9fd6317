"""The scripted agent's `spawn_executor`: approved, it starts a run of the lesson's executor."""

from __future__ import annotations

import hashlib
from pathlib import Path

from stas_tui.executors.base import RunRequest
from stas_tui.gates.contract import Effect
from stas_tui.training.stage.tools import PREFIX, Asked, ScriptedTool
from storage.records import Action, Json, Run, Task

SPAWN = "spawn_executor"
TOOL = PREFIX + SPAWN
PROGRAM = "the scripted executor of the lesson"
MODEL = "scripted"


class ScriptedSpawn(ScriptedTool):
    """A gate whose approval starts a run, if what it asks for names a task of the world."""

    def apply(self, action: Action, key: str) -> Effect:
        """The line in the simulated world, then the run."""
        effect = super().apply(action, key)
        assert action.revision is not None
        args = action.revision.args
        task = self.named(args)
        if task is None:
            return effect
        repo = self.rules.repos[task.project_id]
        workspace = self.door.forge.provision(repo, task.id, task.title)
        prompt = prompt_of(args)
        status = self.door.executor.start(
            RunRequest(
                run_id=f"run-{action.id}",
                action_id=action.id,
                project_id=task.project_id,
                task_id=task.id,
                prompt=prompt,
                model=MODEL,
                workspace=Path(workspace.path),
                base=workspace.base,
                base_sha=workspace.base_sha,
                preset=self.rules.preset,
                limits=self.rules.limits,
            )
        )
        run = self.door.runs.add(
            Run(
                id=status.run_id,
                pulse_id=action.pulse_id,
                project_id=task.project_id,
                task_id=task.id,
                action_id=action.id,
                attempt=len(self.door.runs.of_task(action.pulse_id, task.id)) + 1,
                prompt_sha256=hashlib.sha256(prompt.encode()).hexdigest(),
                cause="",
                program=PROGRAM,
                model=MODEL,
                directory=str(self.door.executor.directory(status.run_id)),
                state=status.state,
                started_at=status.started_at or self.door.clock.now(),
            )
        )
        return Effect(requested=effect.requested, observed={**effect.observed, "run": run.id, "task": task.id})

    def named(self, args: Json) -> Task | None:
        """The task that it is for, in whatever project of the world; None if there is none of this name."""
        wanted, project = str(args.get("taskId", "")), str(args.get("projectId", ""))
        for project_id in [project] if project in self.rules.repos else list(self.rules.repos):
            for task in self.door.platform.tasks(project_id):
                if task.id == wanted:
                    return task
        return None


def prompt_of(args: Json) -> str:
    """What the executor is told."""
    return str(args.get("executionPrompt") or args.get("prompt") or "")


def printed(asked: Asked) -> list[str]:
    """What the run of a gate prints, line by line; it begins with what it was started for."""
    return [f"started: {asked.title}", *asked.prints.strip("\n").splitlines()]
