"""Commit, and `open_pull_request` with its push (T8, R92-R95)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stas_tui.forges.base import ForgeError, PushRefused, Repo, Staged
from stas_tui.gates import policy
from stas_tui.gates.contract import Call, Effect, NotDone, Plan, RiskLine, Shown, Uncertain, deny
from stas_tui.gates.risk import assess_changes
from stas_tui.gates.risk_checks import warnings, with_checks
from stas_tui.gates.tools.base import TEXT_LIMIT, BaseTool, only, require_prefix, scan_texts, text_of
from stas_tui.review.secret_scan import scan_change
from stas_tui.texts.lines import count
from stas_tui.texts.pr_body import lint_pr
from storage.check_records import CheckResult
from storage.records import Action, EffectClass, Evidence, GateLevel, Json, Workspace

FILE_LIMIT = 5 * 1024 * 1024
"""A single file above this size is not committed without a person's look (R92)."""


def refuse_unsafe(staged: Staged) -> None:
    """Raise for secrets, oversized files, or a scan that could not see everything (fail closed, R82, R92)."""
    result = scan_change(staged.added_text, [f.path for f in staged.files if f.status != "D"], files=None)
    if result.error:
        raise deny("R82", f"The secret scan failed: {result.error}.", "Nothing is committed until it works.")
    policy.refuse_secrets(result.hits, "The change")
    if staged.cut:
        raise deny("R82", "The change is too large to scan for secrets whole.", "Split it.")
    large = [f.path for f in staged.files if f.size > FILE_LIMIT]
    if large:
        raise deny(
            "R92", f"Files over {FILE_LIMIT // 2**20} MiB: {', '.join(large[:5])}.", "Leave them out of the change."
        )


class CommitChanges(BaseTool):
    """The local commit `infra: …` of exactly the scanned tree, in our own git directory. Logged, not gated."""

    name = "commit_changes"
    effect_class = EffectClass.CONVERGE

    def check(self, args: Mapping[str, Any]) -> Json:
        """`projectId`, `taskId`, `message`."""
        only(args, "projectId", "taskId", "message")
        checked = {name: text_of(args, name, limit=200) for name in ("projectId", "taskId")}
        checked["message"] = text_of(args, "message", limit=2_000)
        require_prefix(checked["message"], "commit message")
        return checked

    def natural_key(self, args: Json) -> str:
        """One commit for each task and message; the tree is in the plan."""
        return f"commit:{args['projectId']}:{args['taskId']}"

    def plan(self, call: Call) -> Plan:
        """The staged list, scanned."""
        task = self.holds_claim(call.args["projectId"], call.args["taskId"])
        workspace = self.door.forge.workspace(task.id)
        if workspace is None:
            raise deny("R45", f"{task.id} has no workspace.")
        staged = self.door.forge.stage(workspace)
        if not staged.files:
            raise deny("R92", "There is nothing to commit: no change against the base.")
        policy.refuse_secrets(scan_texts(message=call.args["message"]), "The commit message")
        refuse_unsafe(staged)
        plan: Json = {
            "task": task.id,
            "project": task.project_id,
            "branch": workspace.branch,
            "message": call.args["message"],
            "tree": staged.tree,
            "parent": staged.parent,
            "files": file_lines(staged),
        }
        return Plan(
            plan=plan,
            preconditions={"tree": staged.tree, "parent": staged.parent},
            shown=Shown(
                title=f"Commit {count(len(staged.files), 'file')} for {task.id}",
                step="7E",
                risk_level="low",
                risk=[RiskLine(kind="blast radius", level="ok", text="a local commit; nothing is pushed")],
                warnings=[f"ignored by the repository's rules: {f.path}" for f in staged.files if f.ignored],
            ),
            level=GateLevel.LOG,
        )

    def preconditions_now(self, action: Action) -> Json:
        """The tree as it would be staged now."""
        staged = self.door.forge.stage(self._workspace(action))
        return {"tree": staged.tree, "parent": staged.parent}

    def intended(self, action: Action) -> Json:
        """The tree that was scanned."""
        assert action.revision is not None
        return {"tree": action.revision.plan["tree"]}

    def apply(self, action: Action, key: str) -> Effect:
        """Commit the staged tree and no other."""
        assert action.revision is not None
        plan = action.revision.plan
        workspace = self._workspace(action)
        staged = self.door.forge.stage(workspace)
        if staged.tree != plan["tree"]:
            raise NotDone("The workspace changed between the scan and the commit.", "Stage it again.")
        try:
            sha = self.door.forge.commit(workspace, staged, plan["message"], author=self.rules.agent)
        except ForgeError as error:
            raise NotDone(error.what, error.mend) from error
        return Effect(
            requested={"message": plan["message"]},
            observed={"sha": sha, "tree": staged.tree, "head": self.door.forge.head(workspace)},
        )

    def find(self, action: Action, key: str) -> Effect | None:
        """Committing the same tree again makes the same commit, so nothing need be searched."""
        return None

    def _workspace(self, action: Action) -> Workspace:
        assert action.revision is not None
        workspace = self.door.forge.workspace(action.revision.plan["task"])
        if workspace is None:
            raise NotDone(f"The workspace of {action.revision.plan['task']} is gone.")
        return workspace


def file_lines(staged: Staged) -> list[str]:
    """`M  path  +3 -1  1.2 kB` for each staged file."""
    return [
        f"{f.status}  {f.path}  "
        + ("binary" if f.insertions is None else f"+{f.insertions} -{f.deletions}")
        + f"  {f.size} bytes"
        for f in staged.files
    ]


class OpenPullRequest(BaseTool):
    """Push one sha to the feature branch and open a pull request on the base branch: one gate, bound to the head."""

    name = "open_pull_request"
    effect_class = EffectClass.LOOKUP
    gated_in_every_mode = True

    def check(self, args: Mapping[str, Any]) -> Json:
        """`projectId`, `taskId`, `title`, `body`; the base is never an argument (D6)."""
        only(args, "projectId", "taskId", "title", "body")
        checked = {name: text_of(args, name, limit=200) for name in ("projectId", "taskId")}
        checked["title"] = text_of(args, "title", limit=500)
        checked["body"] = text_of(args, "body", limit=TEXT_LIMIT)
        require_prefix(checked["title"], "pull request title")
        return checked

    def natural_key(self, args: Json) -> str:
        """One pull request for each task."""
        return f"pr:{args['projectId']}:{args['taskId']}"

    def already(self, call: Call) -> Json | None:
        """The open pull request of the branch at this very head."""
        workspace = self.door.forge.workspace(call.args["taskId"])
        if workspace is None:
            return None
        repo = self.repo(call.args["projectId"])
        pr = self.door.forge.find_pr(repo, workspace.branch)
        if pr is None or pr.head_sha != self.door.forge.head(workspace) or pr.base != repo.base:
            return None
        return {"number": pr.number, "base": pr.base, "head": pr.head, "head_sha": pr.head_sha, "url": pr.url}

    def plan(self, call: Call) -> Plan:
        """What is pushed where, and the pull request word for word."""
        args = call.args
        repo = self.repo(args["projectId"])
        task = self.holds_claim(args["projectId"], args["taskId"])
        workspace = self.door.forge.workspace(task.id)
        if workspace is None:
            raise deny("R45", f"{task.id} has no workspace.")
        branches = policy.branch_policy(repo)
        branches.check_head(workspace.branch)
        branches.check_base(repo.base)
        overrides = self.overrides(call, self.change_lane(call, task.project_id))
        head = self.door.forge.head(workspace)
        if head == workspace.base_sha:
            raise deny("R92", "Nothing is committed on the branch.", "Commit first.")
        proof = self.door.forge.origin_proof(repo, workspace)
        branches.check_origin(proof)
        policy.refuse_secrets(scan_texts(title=args["title"], body=args["body"]), "The pull request")
        report = lint_pr(args["title"], args["body"])
        if report.locked:
            raise deny(
                "R95", f"The pull request is not complete: {'; '.join(report.reasons[:4])}.", "Fill the sections."
            )
        changes = self.door.forge.changes(workspace)
        staged = self.door.forge.stage(workspace)
        plan: Json = {
            "base": repo.base,
            "head": workspace.branch,
            "head_sha": head,
            "project": task.project_id,
            "task": task.id,
            "repository": repo.url,
            "push": f"{head} to {workspace.branch}, never forced",
            "commits": list(changes.commits) or [f"{head[:8]} {args['title']}"],
            "files": file_lines(staged) or [f"{f.status}  {f.path}" for f in changes.files],
            "title": args["title"],
            "body": args["body"],
            "overrides": overrides,
        }
        checker = self.door.checker
        said: tuple[CheckResult, ...] = ()
        if checker is not None:
            ours = self.door.forge.objects(workspace)
            said = checker.real(task.project_id, ours, workspace.base_sha, head, args["body"])
        risk = with_checks(
            assess_changes(
                task,
                changes,
                args["body"],
                tenants=self.rules.tenants.get(task.project_id, ()),
                services=self.rules.services.get(task.project_id, ()),
                alerts=checker.alerts(task.project_id) if checker else None,
            ),
            said,
        )
        origin = RiskLine(
            kind="origin",
            level="ok",
            text=f"cut from {repo.base} at {workspace.base_sha[:8]}, {proof.ahead} ahead, {proof.behind} behind; "
            f"no commit of {repo.main} alone",
        )
        run = self.door.runs.of_task(call.pulse_id, task.id)
        seen = [Evidence(kind="run", ref=run[-1].id, text=f"executor run, {_outcome(run[-1].result)}")] if run else []
        return Plan(
            plan=plan,
            preconditions=self._facts(repo, workspace, head),
            shown=Shown(
                title=f"Open pull request for {task.id}",
                step="7E",
                risk_level=risk.level,
                risk=[origin, *(RiskLine(kind=row.kind, level=row.level, text=row.text) for row in risk.rows)],
                evidence=seen + [e for row in risk.rows for e in row.evidence],
                warnings=[f"goes on against a lock: {o['what']} ({o['reason']})" for o in overrides] + warnings(said),
                confirm=task.id if risk.g2 else "",
                because=risk.g2_because,
            ),
            level=GateLevel.GATE2 if risk.g2 else GateLevel.GATE,
        )

    def _facts(self, repo: Repo, workspace: Workspace, head: str) -> Json:
        open_pr = self.door.forge.find_pr(repo, workspace.branch)
        return {"head_sha": head, "base": repo.base, "open_pr": open_pr.number if open_pr else None}

    def preconditions_now(self, action: Action) -> Json:
        """Head, base and open pull request, read afresh."""
        assert action.revision is not None
        plan = action.revision.plan
        workspace = self.door.forge.workspace(plan["task"])
        if workspace is None:
            raise deny("R45", f"The workspace of {plan['task']} is gone.")
        return self._facts(self.repo(plan["project"]), workspace, self.door.forge.head(workspace))

    def intended(self, action: Action) -> Json:
        """Base, head branch and head sha, on the remote and on the pull request."""
        assert action.revision is not None
        plan = action.revision.plan
        return {
            "base": plan["base"],
            "head": plan["head"],
            "head_sha": plan["head_sha"],
            "remote_sha": plan["head_sha"],
            "title": plan["title"],
        }

    def apply(self, action: Action, key: str) -> Effect:
        """Push, open, link, read back."""
        assert action.revision is not None
        plan = action.revision.plan
        repo = self.repo(plan["project"])
        workspace = self.door.forge.workspace(plan["task"])
        if workspace is None:
            raise NotDone(f"The workspace of {plan['task']} is gone.")
        try:
            self.door.forge.push(repo, workspace, plan["head_sha"])
        except PushRefused as error:
            remote = f" The remote said: {' / '.join(error.remote)}" if error.remote else ""
            raise NotDone(error.what + remote, error.mend) from error
        try:
            pr = self.door.forge.open_pr(
                repo,
                workspace,
                title=plan["title"],
                body=plan["body"],
                head_sha=plan["head_sha"],
                author=self.rules.agent,
                key=key,
            )
        except ForgeError as error:
            what = f"The branch was pushed, but opening the pull request failed: {error.what}"
            if not error.sent:
                raise NotDone(what, error.mend) from error
            effect = self.find(action, key)
            if effect is None:
                raise Uncertain(what, error.mend) from error
            return effect
        return self._read_back(action, pr.number)

    def find(self, action: Action, key: str) -> Effect | None:
        """The open pull request of the head, if there is one."""
        assert action.revision is not None
        plan = action.revision.plan
        pr = self.door.forge.find_pr(self.repo(plan["project"]), plan["head"])
        return None if pr is None or pr.key != key else self._read_back(action, pr.number)

    def _read_back(self, action: Action, number: int) -> Effect:
        assert action.revision is not None
        plan = action.revision.plan
        repo = self.repo(plan["project"])
        self.door.platform.link_pr(plan["project"], plan["task"], number)
        pr = self.door.forge.read_pr(repo, number)
        if pr is None:
            raise Uncertain(f"Pull request {number} cannot be read back.", "Look at the forge.")
        return Effect(
            requested={
                "base": plan["base"],
                "head": plan["head"],
                "head_sha": plan["head_sha"],
                "title": plan["title"],
            },
            observed={
                "number": pr.number,
                "url": pr.url,
                "base": pr.base,
                "head": pr.head,
                "head_sha": pr.head_sha,
                "remote_sha": self.door.forge.branch_head(repo, plan["head"]),
                "title": pr.title,
                "mergeable": pr.mergeable,
                "conflicts": list(pr.conflicts),
            },
        )


def _outcome(result: object) -> str:
    return str(getattr(result, "outcome", "not finished"))
