"""Facts of the Pulse Summary on what was done: the task, the method, branches, every effect, lessons (R138-R147)."""

from __future__ import annotations

from stas_tui.forges.base import ForgeError
from stas_tui.gates.contract import Shown
from stas_tui.gates.tool_words import tool_words
from stas_tui.pulse.context import Context
from stas_tui.pulse.summary_model import (
    ActionFact,
    BranchProof,
    Item,
    LessonFact,
    MethodFact,
    RollbackFact,
    RunFact,
    SlackFact,
    TaskFact,
)
from stas_tui.texts.prompt_proofs import rollback
from stas_tui.texts.sections import parse
from storage.errors import StasError
from storage.records import Action, ActionState, Event, Evidence, Json, Pulse, Step, Task

STATE_WORDS = {
    ActionState.SUCCEEDED: "done",
    ActionState.FAILED: "failed",
    ActionState.REJECTED: "rejected",
    ActionState.EXPIRED: "expired unanswered",
    ActionState.WITHDRAWN: "withdrawn",
    ActionState.PENDING: "waits for a person",
    ActionState.APPROVED: "approved, not started",
    ActionState.EXECUTING: "under way",
    ActionState.UNKNOWN: "nobody knows whether it happened",
    ActionState.ABANDONED: "abandoned",
}

_REFUSALS = {
    "policy.refused": "refused: {what}",
    "policy.locked": "locked: {what}",
    "policy.overridden": "went on against a lock: {what} ({reason})",
    "run.cancelled": "cancelled {run}",
    "review.decided": "{what} {reason}",
    "step.skipped": "skipped: {note}",
}
"""Events that stand for an effect, or for one that was not let through, without an action of their own."""


def task_fact(context: Context, work: Json, task: Task | None) -> TaskFact | None:
    """R138: the claimed task; a claim whose workspace is missing or unproved says so."""
    if task is None:
        return None
    workspace = context.workspace(task.id)
    problem = "" if workspace else "no workspace stands"
    return TaskFact(
        id=task.id,
        title=task.title,
        project=task.project_id,
        priority=task.priority.value if task.priority else "P?",
        branch=workspace.branch if workspace else task.branch or "",
        workspace_problem=problem,
        evidence=(Evidence(kind="task", ref=task.id, text=task.title),),
    )


def no_task(step: Step, work: Json) -> str:
    """Why nothing was picked up; empty if something was."""
    if work.get("task"):
        return ""
    return str(work.get("method_why") or step.note or "step 7 was not done")


def method(context: Context, pulse: Pulse, work: Json) -> MethodFact:
    """R139: from the runs that Stas itself recorded."""
    runs = []
    for run in context.runs.of_pulse(pulse.id):
        result = run.result
        runs.append(
            RunFact(
                model=run.model,
                seconds=result.seconds if result else None,
                outcome=result.outcome.value if result else "not judged",
                deviations=tuple(f"rule {d.rule}: {d.what}" for d in result.report.deviations) if result else (),
                evidence=(Evidence(kind="run", ref=run.id, text=run.program),),
            )
        )
    return MethodFact(
        runs=tuple(runs),
        direct=work.get("method") == "direct" and bool(work.get("result")),
        why_none=str(work.get("method_why") or "") if not runs else "",
    )


# branches -----------------------------------------------------------------------------------------


def branches(context: Context, work: Json, actions: list[Action]) -> tuple[BranchProof, ...]:
    """R140: each branch with its origin and each pull request with its base, as last read back."""
    found: dict[str, BranchProof] = {}
    for action in actions:
        if action.state is not ActionState.SUCCEEDED or action.outcome is None or action.revision is None:
            continue
        observed = action.outcome.get("observed", {})
        if action.tool == "claim_task":
            fact = _origin(action, observed)
        elif action.tool in ("open_pull_request", "retarget_pr"):
            fact = _target(action, observed)
        else:
            continue
        found[fact.name] = fact
    earlier = _claimed_before(context, work, actions)
    if earlier is not None:
        found.setdefault(earlier.name, earlier)
    return tuple(found.values())


def _origin(action: Action, observed: Json) -> BranchProof:
    branch = observed.get("branch")
    if branch is None:
        return BranchProof(
            name="branch of the claim", holds=None, reason="no workspace stands", evidence=(proof(action),)
        )
    holds = True if observed.get("origin_proved") else None
    reason = "" if holds else str(observed.get("problem") or "its origin was not proved")
    return BranchProof(name=f"branch {branch}", holds=holds, reason=reason, evidence=(proof(action),))


def _target(action: Action, observed: Json) -> BranchProof:
    assert action.revision is not None
    number, base = observed.get("number"), observed.get("base")
    right = base == action.revision.plan["base"]
    return BranchProof(
        name=f"pull request #{number}",
        holds=right,
        reason="" if right else f"its base is {base}",
        evidence=(proof(action),),
    )


def _claimed_before(context: Context, work: Json, actions: list[Action]) -> BranchProof | None:
    """The branch of a task that was ours before this pulse: confirmed only if this pulse saw it proved again."""
    chosen = work.get("task")
    workspace = context.workspace(chosen["id"]) if chosen else None
    repo = context.repo(chosen["project"]) if chosen else None
    if workspace is None or repo is None:
        return None
    name = f"branch {workspace.branch}"
    proving = [
        action
        for action in actions
        if action.tool in ("spawn_executor", "open_pull_request") and action.state is ActionState.SUCCEEDED
    ]
    if proving:
        return BranchProof(name=name, holds=True, evidence=(proof(proving[-1]),))
    try:
        seen = context.door.forge.origin_proof(repo, workspace)
    except ForgeError as error:
        return BranchProof(name=name, holds=None, reason=str(error))
    evidence = (Evidence(kind="commit", ref=seen.head, text=f"{seen.ahead} ahead, {seen.behind} behind {seen.base}"),)
    reason = "" if seen.holds else f"{len(seen.foreign)} commits of {seen.main} are on it"
    return BranchProof(name=name, holds=seen.holds, reason=reason, evidence=evidence)


# effects ------------------------------------------------------------------------------------------


def title(action: Action) -> str:
    """An action's verb and object."""
    return Shown.from_json(action.revision.shown if action.revision else {}).title or tool_words(action.tool)


def proof(action: Action) -> Evidence:
    """An action as evidence."""
    return Evidence(kind="event", ref=action.id, text=title(action), at=action.requested_at, digest=action.digest)


def actions(found: list[Action], events: list[Event]) -> tuple[ActionFact, ...]:
    """R141: every effect once, in time order: actions by their present state, refusals and overrides by their event.

    The same refusal met again is the same line, with how often it was met.
    """
    first: dict[str, int] = {}
    for event in events:
        if event.action_id and event.action_id not in first:
            first[event.action_id] = event.seq
    facts = [_action(action, first.get(action.id, 0)) for action in found]
    refused: dict[tuple[str, ...], list[Event]] = {}
    for event in events:
        if event.kind in _REFUSALS:
            body = event.body
            same = event.kind in ("policy.refused", "policy.locked", "policy.overridden")
            key = [str(body.get(name, "")) for name in ("tool", "rule", "what", "reason", "projectId", "taskId")]
            refused.setdefault((event.kind, event.actor, *key) if same else (str(event.seq),), []).append(event)
    facts += [_refusal(met) for met in refused.values()]
    return tuple(sorted(facts, key=lambda fact: (fact.at, fact.seq)))


def _action(action: Action, seq: int) -> ActionFact:
    result = STATE_WORDS[action.state]
    by_person = action.decided_by not in ("", "policy")
    if action.state in (ActionState.SUCCEEDED, ActionState.FAILED, ActionState.APPROVED) and by_person:
        result += f", approved by {action.decided_by}"
    if action.state is ActionState.REJECTED:
        result += f" by {action.decided_by}: {action.reason}"
    elif action.reason:
        result += f": {action.reason}"
    for difference in (action.outcome or {}).get("differences", ()):
        result += f"; {difference}"
    return ActionFact(
        id=action.id,
        at=action.requested_at,
        seq=seq,
        actor=action.requested_by,
        text=title(action),
        result=result,
        evidence=(proof(action),),
    )


def _refusal(met: list[Event]) -> ActionFact:
    event = met[0]
    body = {"what": "", "reason": "", "run": "", "note": "", **event.body}
    subject = " ".join(str(body[name]) for name in ("tool", "taskId") if body.get(name))
    times = f" (×{len(met)})" if len(met) > 1 else ""
    return ActionFact(
        id=f"event {event.seq}",
        at=event.at,
        seq=event.seq,
        actor=event.actor,
        text=subject or str(body.get("task") or event.kind),
        result=_REFUSALS[event.kind].format_map(body).strip() + times,
        evidence=tuple(Evidence(kind="event", ref=str(one.seq), text=one.kind, at=one.at) for one in met),
    )


# rollback, lessons, what is urgent, the human -----------------------------------------------------


def rollbacks(task: Task | None, work: Json, found: list[Action], is_deploy: bool) -> tuple[RollbackFact, ...]:
    """R143: documented only if the prompt that was approved holds a rollback plan with executable steps (R77)."""
    if task is None or not is_deploy:
        return ()
    plan = rollback(parse(str(work.get("prompt") or "")))
    sent = [a for a in found if a.tool in ("spawn_executor", "open_pull_request") and a.approved_digest]
    worked = bool(sent) or bool(work.get("commit"))
    documented = plan.done and worked
    where = "the approved prompt" if sent else "the prompt"
    return (
        RollbackFact(
            subject=task.id,
            documented=documented,
            where=where if documented else "",
            evidence=tuple(proof(action) for action in sent) if documented else (),
        ),
    )


def lessons(found: list[Action]) -> tuple[LessonFact, ...]:
    """R144: what was saved, and what was not."""
    states = {ActionState.SUCCEEDED: "saved", ActionState.REJECTED: "rejected", ActionState.FAILED: "failed"}
    return tuple(
        LessonFact(
            title=str(action.revision.args.get("title", "")) if action.revision else "",
            state=states.get(action.state, "queued"),
            reason=action.reason,
            evidence=(proof(action),),
        )
        for action in found
        if action.tool == "remember"
    )


def urgent(context: Context, found: list[Action], work: Json) -> tuple[Item, ...]:
    """R145: open P0 and P1 work, gates nobody answered, effects nobody knows of, a base that is wrong."""
    items = []
    try:
        for project in context.door.platform.projects():
            if project.status != "active":
                continue
            for task in context.door.platform.tasks(project.id):
                if task.priority in ("P0", "P1") and not task.pr_open:
                    owner = task.assignee or "nobody"
                    items.append(Item(text=f"{task.priority} {task.id} {task.title} (held by {owner})"))
    except StasError as error:
        items.append(Item(text=f"the board could not be read: {error}"))
    items += [
        Item(text=f"{title(a)} expired unanswered", evidence=(proof(a),))
        for a in found
        if a.state is ActionState.EXPIRED
    ]
    items += [
        Item(text=f"{title(a)}: nobody knows whether it happened", evidence=(proof(a),))
        for a in found
        if a.state is ActionState.UNKNOWN
    ]
    pr = work.get("pr")
    if pr and work.get("pr_violation"):
        items.append(Item(text=f"pull request #{pr['number']} targets {pr['base']}: {work['pr_violation']}"))
    return tuple(items)


def slack(found: list[Action]) -> tuple[SlackFact, ...]:
    """R146: from the receipt alone; an effect nobody can vouch for is uncertain."""
    facts = []
    for action in found:
        if action.tool != "slack_dm":
            continue
        observed = (action.outcome or {}).get("observed", {})
        uncertain = action.state in (ActionState.UNKNOWN, ActionState.EXECUTING)
        state = "uncertain" if uncertain else observed.get("state") or STATE_WORDS[action.state]
        args = action.revision.args if action.revision else {}
        facts.append(
            SlackFact(
                category=str(args.get("category", "")),
                state=str(state),
                reason=action.reason,
                evidence=(proof(action),),
            )
        )
    return tuple(facts)


def hand_over(steps: list[Step], work: Json) -> tuple[Item, ...]:
    """R147: what is left for people to do."""
    items = []
    pr = work.get("pr")
    if pr:
        items.append(Item(text=f"Review and merge pull request #{pr['number']} on {pr['base']} (a human act)"))
    for review in steps[7].data.get("reviews", ()):
        why = f"it touches {', '.join(review['groups'])}" if review["groups"] else review.get("why", "")
        said = f"; {review['said']}" if review.get("verdict") == "flagged" else ""
        items.append(Item(text=f"Review #{review['number']} before its merge: {why}{said}"))
    given_up = work.get("given_up")
    if given_up:
        items.append(Item(text=f"Take up the task again: {given_up['reason']}"))
    return tuple(items)
