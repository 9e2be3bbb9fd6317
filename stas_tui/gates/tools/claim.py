"""`claim_task`: take a task and provision its workspace (T5, R44, R45)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stas_tui.forges.base import BranchMissing, ForgeError
from stas_tui.forges.naming import feature_branch
from stas_tui.gates import policy
from stas_tui.gates.contract import Call, Effect, NotDone, Plan, Refusal, RiskLine, Shown, Uncertain, deny
from stas_tui.gates.tools.base import BaseTool, only, text_of
from stas_tui.platforms.base import AlreadyClaimed, NotClaimable, NotFound, PlatformError
from storage.records import Action, EffectClass, Evidence, GateLevel, Json
from storage.redact import redact


class ClaimTask(BaseTool):
    """Assign a task to the agent, atomically, and cut its feature branch from the base branch."""

    name = "claim_task"
    effect_class = EffectClass.CONVERGE
    gated_in_every_mode = True

    def check(self, args: Mapping[str, Any]) -> Json:
        """`projectId`, `taskId`."""
        only(args, "projectId", "taskId")
        return {name: text_of(args, name, limit=200) for name in ("projectId", "taskId")}

    def natural_key(self, args: Json) -> str:
        """One claim for each task."""
        return f"claim:{args['projectId']}:{args['taskId']}"

    def already(self, call: Call) -> Json | None:
        """A task that is ours and has its workspace is the same answer again, without a gate."""
        task = self.task(call.args["projectId"], call.args["taskId"])
        workspace = self.door.forge.workspace(task.id)
        if task.assignee != self.rules.agent or workspace is None or self.change_lane(call, task.project_id):
            return None
        return {"task": task.id, "assignee": task.assignee, "branch": workspace.branch, "base_sha": workspace.base_sha}

    def plan(self, call: Call) -> Plan:
        """Who would hold what, on which branch, cut from where."""
        project_id, task_id = call.args["projectId"], call.args["taskId"]
        repo = self.repo(project_id)
        overrides = self.overrides(call, self.change_lane(call, project_id))
        task = self.task(project_id, task_id)
        if task.assignee not in (None, self.rules.agent):
            raise deny("R44", f"{task_id} is held by {task.assignee}.", "Take the next task of the queue.")
        if task.pr_open:
            raise deny("D4", f"{task_id} has an open pull request (#{task.pr_number}); it waits for others.")
        try:
            base_sha = self.door.forge.branch_head(repo, repo.base)
        except ForgeError as error:
            raise deny("R4", error.what, error.mend) from error
        title = redact(task.title)
        branch = feature_branch(task.id, title)
        policy.branch_policy(repo).check_head(branch)
        vision = self.vision(project_id)
        plan: Json = {
            "project": project_id,
            "task": task.id,
            "title": title,
            "status": task.status,
            "claimed_for": self.rules.agent,
            "repository": repo.url,
            "branch": branch,
            "base": repo.base,
            "base_sha": base_sha,
            "overrides": overrides,
        }
        lines = [
            RiskLine(
                kind="blast radius", level="ok", text="the task's assignee and one local clone; nothing is pushed"
            ),
            RiskLine(kind="rollback", level="ok", text="the task can be given back; unpushed work is archived first"),
        ]
        evidence = [Evidence(kind="task", ref=task.id, text=f"{task.priority or 'P?'} {title}", at=task.created_at)]
        return Plan(
            plan=plan,
            preconditions=self._facts(project_id, task_id, base_sha, vision.sha256 if vision else None),
            shown=Shown(
                title=f"Claim {task.id}",
                step="7A",
                risk_level="low",
                risk=lines,
                evidence=evidence,
                warnings=[f"goes on against a lock: {o['what']} ({o['reason']})" for o in overrides],
            ),
            level=GateLevel.GATE,
        )

    def _facts(self, project_id: str, task_id: str, base_sha: str, vision_sha: str | None) -> Json:
        task = self.task(project_id, task_id)
        return {
            "task_version": task.version,
            "assignee": task.assignee,
            "base_sha": base_sha,
            "vision_sha": vision_sha,
        }

    def preconditions_now(self, action: Action) -> Json:
        """Task version, assignee, base head and vision, read afresh.

        A claim that this very action left half done (ours, on its branch) is what was approved, not a moved world.
        """
        assert action.revision is not None
        plan = action.revision.plan
        repo = self.repo(plan["project"])
        vision = self.vision(plan["project"])
        try:
            base_sha = self.door.forge.branch_head(repo, repo.base)
        except BranchMissing as error:
            raise deny("R4", error.what, error.mend) from error
        facts = self._facts(plan["project"], plan["task"], base_sha, vision.sha256 if vision else None)
        task = self.task(plan["project"], plan["task"])
        if action.attempts and (task.assignee, task.branch) == (plan["claimed_for"], plan["branch"]):
            before = action.revision.preconditions
            facts |= {name: before[name] for name in ("task_version", "assignee") if name in before}
        return facts

    def intended(self, action: Action) -> Json:
        """The assignee and the branch with its origin."""
        assert action.revision is not None
        plan = action.revision.plan
        return {
            "assignee": plan["claimed_for"],
            "branch": plan["branch"],
            "base": plan["base"],
            "base_sha": plan["base_sha"],
            "origin_proved": True,
        }

    def apply(self, action: Action, key: str) -> Effect:
        """Claim, provision, prove the origin, read back."""
        assert action.revision is not None
        plan = action.revision.plan
        repo = self.repo(plan["project"])
        try:
            self.door.platform.claim(plan["project"], plan["task"], plan["claimed_for"], plan["branch"])
        except PlatformError as error:
            self._ours_after_all(plan, error)
        problem = ""
        try:
            self.door.forge.provision(repo, plan["task"], plan["title"])
        except ForgeError as error:
            problem = str(error)
        return Effect(
            requested={"claim": plan["task"], "for": plan["claimed_for"], "branch": plan["branch"]},
            observed=self._observe(plan, problem),
        )

    def _ours_after_all(self, plan: Json, error: PlatformError) -> None:
        """A lost answer is no refusal: the task is read before anything else (R44)."""
        if isinstance(error, AlreadyClaimed | NotClaimable | NotFound):
            raise NotDone(error.what, error.mend) from error
        try:
            mine = self.door.platform.task(plan["project"], plan["task"]).assignee == plan["claimed_for"]
        except PlatformError as blind:
            raise Uncertain(f"{error.what} The task cannot be read either: {blind.what}", error.mend) from error
        if not mine:
            raise Uncertain(error.what, error.mend) from error

    def find(self, action: Action, key: str) -> Effect | None:
        """The claim happened if the task is ours and its workspace stands."""
        assert action.revision is not None
        plan = action.revision.plan
        observed = self._observe(plan, "")
        if observed["assignee"] != plan["claimed_for"] or observed["branch"] is None:
            return None
        return Effect(requested={"claim": plan["task"]}, observed=observed)

    def _observe(self, plan: Json, problem: str) -> Json:
        repo = self.repo(plan["project"])
        task = self.task(plan["project"], plan["task"])
        workspace = self.door.forge.workspace(plan["task"])
        proved = False
        if workspace is not None:
            try:
                proof = self.door.forge.origin_proof(repo, workspace)
                proved = proof.holds
                policy.branch_policy(repo).check_origin(proof)
            except (ForgeError, Refusal) as error:
                problem = problem or str(error)
        return {
            "task": task.id,
            "assignee": task.assignee,
            "branch": workspace.branch if workspace else None,
            "base": workspace.base if workspace else None,
            "base_sha": workspace.base_sha if workspace else None,
            "origin_proved": proved,
            "problem": problem,
        }
