"""`spawn_executor`: start a program in the task's workspace with exactly the approved prompt (T7, R84, R90)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from stas_tui.executors.base import ExecutorError, RunRequest
from stas_tui.executors.trailer import trailer
from stas_tui.executors.verify import verification_commands
from stas_tui.gates import policy
from stas_tui.gates.contract import BadCall, Call, Effect, NotDone, Plan, Refusal, RiskLine, Shown, deny, lock
from stas_tui.gates.risk import assess_plan
from stas_tui.gates.risk_checks import with_checks
from stas_tui.gates.tools.base import PROMPT_LIMIT, BaseTool, only, scan_texts, text_of
from stas_tui.texts.prompt import condense, silent, vision_says
from stas_tui.texts.prompt_lint import deploy_like, lint_prompt
from storage.records import Action, EffectClass, GateLevel, Json, Run, RunState, RunStatus, Task, Vision, Workspace


class SpawnExecutor(BaseTool):
    """Start an executor. The approval covers the prompt byte for byte, the program, the limits and the head."""

    name = "spawn_executor"
    effect_class = EffectClass.LOOKUP
    gated_in_every_mode = True

    def check(self, args: Mapping[str, Any]) -> Json:
        """`projectId`, `taskId`, `executionPrompt` (or `prompt`, D1), `model?`; `cause?` for another try."""
        only(args, "projectId", "taskId", "executionPrompt", "prompt", "model", "cause")
        given = [args[name] for name in ("executionPrompt", "prompt") if args.get(name) is not None]
        if len(given) == 2 and given[0] != given[1]:
            raise BadCall("executionPrompt and prompt differ.", "Send one of them.")
        prompt = text_of({"executionPrompt": given[0] if given else ""}, "executionPrompt", limit=PROMPT_LIMIT)
        checked = {name: text_of(args, name, limit=200) for name in ("projectId", "taskId")}
        checked["executionPrompt"] = prompt
        checked["model"] = text_of(args, "model", limit=200, required=False) or self.rules.model
        checked["cause"] = text_of(args, "cause", limit=2_000, required=False).strip()
        return checked

    def natural_key(self, args: Json) -> str:
        """One spawn for each task and try."""
        return f"spawn:{args['projectId']}:{args['taskId']}:{hashlib.sha256(args['cause'].encode()).hexdigest()[:8]}"

    def already(self, call: Call) -> Json | None:
        """A live run of the task is the answer; there are never two."""
        for run in self.door.runs.of_task(call.pulse_id, call.args["taskId"]):
            if run.state is not RunState.FINISHED:
                return {"run": run.id, "state": run.state.value, "attempt": run.attempt}
        return None

    def plan(self, call: Call) -> Plan:
        """The whole prompt, the program, the workspace and the bounds."""
        args = call.args
        repo = self.repo(args["projectId"])
        task = self.holds_claim(args["projectId"], args["taskId"])
        workspace = self.door.forge.workspace(task.id)
        if workspace is None:
            raise deny("R45", f"{task.id} has no workspace.", "Claim it again.")
        policy.branch_policy(repo).check_origin(self.door.forge.origin_proof(repo, workspace))
        policy.refuse_secrets(scan_texts(prompt=args["executionPrompt"]), "The prompt")
        earlier = self.door.runs.of_task(call.pulse_id, task.id)
        locks = self.change_lane(call, task.project_id) + self._respawn_locks(args, earlier)
        vision = self.vision(task.project_id)
        paths = self.door.forge.paths_at(repo, workspace.base_sha)
        report = lint_prompt(
            args["executionPrompt"],
            paths=paths,
            vision=vision,
            vision_sha_used=vision.sha256 if vision else None,
            deploy_like=deploy_like(task, args["executionPrompt"]),
            read_file=lambda path: self.door.forge.read_file(repo, workspace.base_sha, path),
            finn_said_yes=self._architect_said_yes(call.pulse_id, task),
        )
        if report.denies:
            rule, sentence = report.denies[0]
            raise deny(rule, sentence, "Mend the prompt.")
        if report.locked:
            raise deny(
                "R53", f"The prompt is not complete: {'; '.join(report.reasons[:4])}.", "Fill the named sections."
            )
        overrides = self.overrides(call, locks)
        request = self._request("run", "action", task, workspace, args)
        prompt = args["executionPrompt"].rstrip("\n") + "\n\n" + trailer(request)
        changes = self.door.forge.changes(workspace)
        plan: Json = {
            "project": task.project_id,
            "task": task.id,
            "workspace": f"clone of {workspace.base} at {workspace.base_sha[:8]}",
            "branch": workspace.branch,
            "base": workspace.base,
            "base_sha": workspace.base_sha,
            "head_sha": changes.head_sha,
            "program": list(self.rules.preset.argv),
            "prompt_via": self.rules.preset.prompt_via,
            "environment": sorted(self.rules.preset.env_allow),
            "model": args["model"] or "default",
            "attempt": len(earlier) + 1,
            "cause": args["cause"],
            "prompt_sha256": hashlib.sha256(prompt.encode()).hexdigest(),
            "agent_prompt_sha256": hashlib.sha256(args["executionPrompt"].encode()).hexdigest(),
            "prompt": prompt,
            "limits": {
                "total_s": self.rules.limits.total_s,
                "idle_s": self.rules.limits.idle_s,
                "start_s": self.rules.limits.start_s,
                "stdout_bytes": self.rules.limits.stdout_bytes,
                "stderr_bytes": self.rules.limits.stderr_bytes,
            },
            "verify": verification_commands(args["executionPrompt"]),
            "overrides": overrides,
        }
        checker = self.door.checker
        said = checker.planned(task.project_id) if checker else ()
        risk = with_checks(
            assess_plan(
                task,
                [path for path, _, _ in report.files_to_change],
                args["executionPrompt"],
                tenants=self.rules.tenants.get(task.project_id, ()),
                services=self.rules.services.get(task.project_id, ()),
                alerts=checker.alerts(task.project_id) if checker else None,
            ),
            said,
        )
        warnings = [f"goes on against a lock: {o['what']} ({o['reason']})" for o in overrides]
        warnings += [f"conflict: {text}" for text in report.conflicts]
        warnings += [
            f"the prompt lists {path}, which is not at {workspace.base_sha[:8]}"
            for path, ok in report.files_to_read
            if not ok
        ]
        vision_lines = self._vision_lines(vision, call.pulse_id)
        if changes.files:
            warnings.append(f"the workspace already holds {len(changes.files)} changed files of an earlier try")
        return Plan(
            plan=plan,
            preconditions=self._facts(task, workspace, changes.head_sha, vision.sha256 if vision else None),
            shown=Shown(
                title=f"Spawn executor for {task.id}",
                step="7C",
                risk_level=risk.level,
                risk=[RiskLine(kind=row.kind, level=row.level, text=row.text) for row in risk.rows],
                evidence=[e for row in risk.rows for e in row.evidence],
                warnings=warnings,
                confirm=task.id if risk.g2 else "",
                because=risk.g2_because,
                vision=vision_lines,
            ),
            level=GateLevel.GATE2 if risk.g2 else GateLevel.GATE,
        )

    def _vision_lines(self, vision: Vision | None, pulse_id: str) -> list[str]:
        """What the vision says on each topic, then the agent's own sentence, marked as said (R27)."""
        lines = ["no vision is set for this project"]
        if vision is not None:
            says = vision_says(vision.text).items()
            lines = [text if silent(text) else f"{topic}: {condense(text, 200)}" for topic, text in says]
        aligned = self.door.pulses.work(pulse_id).get("alignment") or ""
        agent = self.rules.agent
        return [*lines, f"said by {agent}: {condense(aligned, 400)}" if aligned else f"{agent} said nothing on it"]

    def _respawn_locks(self, args: Json, earlier: list[Run]) -> list[Refusal]:
        if not earlier:
            return []
        last = earlier[-1]
        if not args["cause"]:
            raise deny(
                "R90", "Another try needs a written cause of the failure.", "Say what went wrong and what changes."
            )
        action = self.door.journal.get(last.action_id)
        assert action.revision is not None
        sent = action.revision.plan["agent_prompt_sha256"]
        if sent == hashlib.sha256(args["executionPrompt"].encode()).hexdigest():
            raise deny("R90", "Another try needs a changed prompt; this one has the same digest as the last.")
        if len(earlier) > self.rules.max_respawns:
            return [
                lock(
                    "R90",
                    f"{args['taskId']} was spawned {len(earlier)} times in this pulse.",
                    "A person resets the counter.",
                )
            ]
        return []

    def _architect_said_yes(self, pulse_id: str, task: Task) -> bool:
        return bool(self.door.pulses.work(pulse_id).get("architect_yes", {}).get(task.id))

    def _request(self, run_id: str, action_id: str, task: Task, workspace: Workspace, args: Json) -> RunRequest:
        return RunRequest(
            run_id=run_id,
            action_id=action_id,
            project_id=task.project_id,
            task_id=task.id,
            prompt=args["executionPrompt"],
            model=args["model"],
            workspace=Path(workspace.path),
            base=workspace.base,
            base_sha=workspace.base_sha,
            preset=self.rules.preset,
            limits=self.rules.limits,
        )

    def _facts(self, task: Task, workspace: Workspace, head_sha: str, vision_sha: str | None) -> Json:
        return {
            "assignee": task.assignee,
            "base_sha": workspace.base_sha,
            "head_sha": head_sha,
            "vision_sha": vision_sha,
            "program": list(self.rules.preset.argv),
        }

    def preconditions_now(self, action: Action) -> Json:
        """Assignee, workspace head, vision and program, read afresh."""
        assert action.revision is not None
        plan = action.revision.plan
        task = self.task(plan["project"], plan["task"])
        workspace = self.door.forge.workspace(task.id)
        if workspace is None:
            raise deny("R45", f"The workspace of {task.id} is gone.", "Claim it again.")
        vision = self.vision(task.project_id)
        head = self.door.forge.changes(workspace).head_sha
        return self._facts(task, workspace, head, vision.sha256 if vision else None)

    def intended(self, action: Action) -> Json:
        """A run of exactly these bytes on this task."""
        assert action.revision is not None
        plan = action.revision.plan
        return {"task": plan["task"], "prompt_sha256": plan["prompt_sha256"], "started": True}

    def apply(self, action: Action, key: str) -> Effect:
        """Record the run, start its shim, read its state."""
        assert action.revision is not None
        plan = action.revision.plan
        task = self.task(plan["project"], plan["task"])
        workspace = self.door.forge.workspace(task.id)
        if workspace is None:
            raise NotDone(f"The workspace of {task.id} is gone.")
        run_id = f"run-{action.id}"
        request = replace(
            self._request(run_id, action.id, task, workspace, action.revision.args), prompt=plan["prompt"]
        )
        try:
            status = self.door.executor.start(request)
        except ExecutorError as error:
            raise NotDone(error.what, error.mend) from error
        return self._record(action, status)

    def find(self, action: Action, key: str) -> Effect | None:
        """The run that this action started, if it did."""
        status = self.door.executor.find(action.id)
        return None if status is None else self._record(action, status)

    def _record(self, action: Action, status: RunStatus) -> Effect:
        assert action.revision is not None
        plan = action.revision.plan
        directory = self.door.executor.directory(status.run_id)
        if self.door.runs.by_action(action.id) is None:
            self.door.runs.add(
                Run(
                    id=status.run_id,
                    pulse_id=action.pulse_id,
                    project_id=plan["project"],
                    task_id=plan["task"],
                    action_id=action.id,
                    attempt=plan["attempt"],
                    prompt_sha256=plan["prompt_sha256"],
                    cause=plan["cause"],
                    program=" ".join(plan["program"]),
                    model=plan["model"],
                    directory=str(directory),
                    state=status.state,
                    started_at=status.started_at or self.door.clock.now(),
                )
            )
        sent = directory / "prompt.md"
        digest = hashlib.sha256(sent.read_bytes()).hexdigest() if sent.exists() else None
        return Effect(
            requested={"run": status.run_id, "program": plan["program"]},
            observed={
                "run": status.run_id,
                "task": plan["task"],
                "prompt_sha256": digest,
                "started": status.stop != "spawn failed",
                "detail": status.detail,
            },
        )
