"""`retarget_pr`: bring a pull request that was read back with another base onto the base branch (R6)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stas_tui.forges.base import ForgeError
from stas_tui.gates import policy
from stas_tui.gates.contract import BadCall, Call, Effect, Plan, RiskLine, Shown, Uncertain, deny
from stas_tui.gates.tools.base import BaseTool, only, text_of
from storage.records import Action, EffectClass, GateLevel, Json, PullRequest


class RetargetPr(BaseTool):
    """Change the base of an open pull request to the configured base branch; the base is never an argument (D6)."""

    name = "retarget_pr"
    effect_class = EffectClass.CONVERGE
    gated_in_every_mode = True

    def check(self, args: Mapping[str, Any]) -> Json:
        """`projectId`, `taskId`, `number`."""
        only(args, "projectId", "taskId", "number")
        number = args.get("number")
        if not isinstance(number, int) or isinstance(number, bool) or number < 1:
            raise BadCall("number must be the number of a pull request.")
        return {**{name: text_of(args, name, limit=200) for name in ("projectId", "taskId")}, "number": number}

    def natural_key(self, args: Json) -> str:
        """One for each pull request."""
        return f"retarget:{args['projectId']}:{args['number']}"

    def already(self, call: Call) -> Json | None:
        """It targets the base branch already."""
        pr = self._pr(call.args["projectId"], call.args["number"])
        base = self.repo(call.args["projectId"]).base
        return {"number": pr.number, "base": pr.base, "changed": False} if pr.base == base else None

    def plan(self, call: Call) -> Plan:
        """From which base to which, for which head."""
        repo = self.repo(call.args["projectId"])
        task = self.holds_claim(repo.project_id, call.args["taskId"])
        pr = self._pr(repo.project_id, call.args["number"])
        policy.branch_policy(repo).check_head(pr.head)
        return Plan(
            plan={
                "base": repo.base,
                "base now": pr.base,
                "number": pr.number,
                "head": pr.head,
                "head_sha": pr.head_sha,
                "project": repo.project_id,
                "task": task.id,
                "repository": repo.url,
            },
            preconditions={"base": pr.base, "head_sha": pr.head_sha},
            shown=Shown(
                title=f"Retarget pull request #{pr.number}",
                step="7E",
                risk_level="low",
                risk=[
                    RiskLine(kind="violation", level="crit", text=f"#{pr.number} targets {pr.base}, not {repo.base}"),
                    RiskLine(kind="blast radius", level="ok", text="the base of one pull request; nothing is pushed"),
                    RiskLine(kind="rollback", level="ok", text="the base can be changed again on the forge"),
                ],
            ),
            level=GateLevel.GATE,
        )

    def _pr(self, project_id: str, number: int) -> PullRequest:
        pr = self.door.forge.read_pr(self.repo(project_id), number)
        if pr is None or pr.state != "open":
            raise deny("R6", f"There is no open pull request {number} in {project_id}.", "Look at the forge.")
        return pr

    def preconditions_now(self, action: Action) -> Json:
        """Base and head of the pull request, read afresh."""
        assert action.revision is not None
        plan = action.revision.plan
        pr = self._pr(plan["project"], plan["number"])
        return {"base": pr.base, "head_sha": pr.head_sha}

    def intended(self, action: Action) -> Json:
        """The base branch, for the head that was shown."""
        assert action.revision is not None
        plan = action.revision.plan
        return {"base": plan["base"], "head_sha": plan["head_sha"]}

    def apply(self, action: Action, key: str) -> Effect:
        """Retarget and read back."""
        assert action.revision is not None
        plan = action.revision.plan
        repo = self.repo(plan["project"])
        try:
            self.door.forge.retarget_pr(repo, plan["number"], plan["base"])
        except ForgeError as error:
            effect = self.find(action, key)
            if effect is None:
                raise Uncertain(error.what, error.mend) from error
            return effect
        return self._seen(self._pr(plan["project"], plan["number"]))

    def find(self, action: Action, key: str) -> Effect | None:
        """It happened if the pull request targets the base branch."""
        assert action.revision is not None
        plan = action.revision.plan
        pr = self._pr(plan["project"], plan["number"])
        return self._seen(pr) if pr.base == plan["base"] else None

    @staticmethod
    def _seen(pr: PullRequest) -> Effect:
        return Effect(
            requested={"number": pr.number},
            observed={"number": pr.number, "base": pr.base, "head": pr.head, "head_sha": pr.head_sha, "changed": True},
        )
