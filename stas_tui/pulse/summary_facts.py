"""The facts of the Pulse Summary, computed from the record and the world; nothing the agent says is taken for seen."""

from __future__ import annotations

from stas_tui.gates.contract import Shown
from stas_tui.pulse.context import Context
from stas_tui.pulse.summary_model import (
    ActionFact,
    BranchProof,
    ChecksFacts,
    DeployFacts,
    InboxFacts,
    IsolationPoint,
    Item,
    LessonFact,
    MemoryFacts,
    MethodFact,
    ProjectFacts,
    RollbackFact,
    RunFact,
    SlackFact,
    SummaryFacts,
    TaskFact,
    VisionFact,
)
from stas_tui.texts.prompt_lint import deploy_like
from storage.errors import StasError
from storage.records import (
    Action,
    ActionState,
    DataState,
    Event,
    Evidence,
    Json,
    MessageType,
    Pulse,
    Step,
    StepState,
    Task,
)

INFRA_POINTS = (
    ("R109", "Database queries are tenant-scoped"),
    ("R110", "API endpoints validate tenant context"),
    ("R111", "Background jobs process tenant data in isolation"),
    ("R112", "Logging includes tenant context"),
)
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


def facts(context: Context, pulse: Pulse) -> SummaryFacts:
    """Everything the summary of a pulse says, as the log has it now. Raises `StoreError`."""
    steps = context.pulses.steps(pulse.id)
    work = context.pulses.work(pulse.id)
    actions = context.journal.actions(pulse.id)
    events = context.journal.events(pulse_id=pulse.id)
    task = _task(context, work)
    repo = context.repo(task.project_id) if task else next(iter(context.rules.repos.values()), None)
    end = pulse.ended_at or context.clock.now()
    changed = bool(work.get("commit")) or any(a.tool == "spawn_executor" and a.outcome for a in actions)
    is_deploy = bool(task and deploy_like(task, work.get("prompt") or ""))
    return SummaryFacts(
        ended_at=end,
        number=pulse.number,
        agent=pulse.agent,
        interrupted=pulse.outcome == "interrupted",
        duration_ms=end - pulse.started_at,
        base=repo.base if repo else "multi-tenant",
        human=context.rules.human,
        inbox=_inbox(steps[0]),
        memories=_memories(steps[1], work),
        projects=_projects(steps[2]),
        visions=_visions(steps[3], steps[2]),
        ci=ChecksFacts(state=DataState.UNKNOWN, reason="no CI source is configured"),
        builds=ChecksFacts(state=DataState.UNKNOWN, reason="no build source is configured"),
        deploys=_deploys(steps[5]),
        task=_task_fact(work, task, context),
        no_task_because=_no_task(steps[6], work),
        method=_method(context, pulse, work),
        branches=_branches(work, actions),
        actions=_actions(actions, events),
        changed=changed,
        isolation=tuple(
            IsolationPoint(row=row, name=name, verdict="unknown", reason="no source can prove it here")
            for row, name in INFRA_POINTS
        )
        if changed
        else (),
        deploy_like=is_deploy,
        rollbacks=_rollbacks(task, work, is_deploy),
        lessons=_lessons(work, actions),
        urgent=_urgent(context, actions),
        dead_sources=tuple((step.name, step.note) for step in steps if step.state is StepState.FAILED),
        slack=_slack(actions),
        proposals=tuple(Item(text=i["title"]) for i in (work.get("tray") or {}).get("items", ())),
        pending_gates=tuple(
            Item(text=f"{_title(a)} waits for you", evidence=(_proof(a),))
            for a in actions
            if a.state is ActionState.PENDING
        ),
        hand_over=_hand_over(steps, work),
    )


def _task(context: Context, work: Json) -> Task | None:
    chosen = work.get("task")
    if not chosen:
        return None
    try:
        return context.task(chosen["project"], chosen["id"])
    except StasError:
        return None


def _state(step: Step) -> tuple[DataState, str]:
    if step.state is StepState.SKIPPED:
        return DataState.UNKNOWN, step.note or "the step was skipped"
    if step.state in (StepState.TODO, StepState.ACTIVE):
        return DataState.UNKNOWN, "the step was not done"
    if step.state is StepState.FAILED:
        return DataState.ERROR, step.note
    return step.data_state, "" if step.data_state in (DataState.OK, DataState.EMPTY) else step.note


def _step_proof(step: Step) -> tuple[Evidence, ...]:
    return (Evidence(kind="event", ref=f"step {step.n}", text=step.note, at=step.ended_at),)


def _inbox(step: Step) -> InboxFacts:
    state, reason = _state(step)
    counts = step.data.get("counts", {})
    brief = [
        Item(text=f"{kind} from {sender}: {subject}")
        for kind, sender, subject in step.data.get("briefs", ())
        if kind in (MessageType.URGENT.value, MessageType.HANDOFF.value)
    ]
    return InboxFacts(
        state=state,
        reason=reason,
        evidence=_step_proof(step),
        by_type=tuple((kind, counts[kind.value]) for kind in MessageType if counts.get(kind.value)),
        brief=tuple(brief),
    )


def _memories(step: Step, work: Json) -> MemoryFacts:
    state, reason = _state(step)
    cited: dict[str, str] = {}
    for hits in (work.get("lessons") or {}).values():
        for hit in hits:
            cited[hit["id"]] = hit["title"]
    returned = len(step.data.get("returned", ()))
    return MemoryFacts(
        state=state,
        reason=reason,
        evidence=_step_proof(step),
        returned=max(returned, len(cited)),
        used=tuple(
            Item(text=title, evidence=(Evidence(kind="memory", ref=ref, text=title),)) for ref, title in cited.items()
        ),
    )


def _projects(step: Step) -> ProjectFacts:
    state, reason = _state(step)
    return ProjectFacts(
        state=state,
        reason=reason,
        evidence=_step_proof(step),
        names=tuple(p["name"] for p in step.data.get("active", ())),
    )


def _visions(step: Step, projects: Step) -> tuple[VisionFact, ...]:
    names = {p["id"]: p["name"] for p in projects.data.get("active", ())}
    read = step.data.get("visions", {})
    found = []
    for project_id, name in names.items():
        entry = read.get(project_id)
        if entry is None:
            _, reason = _state(step)
            found.append(VisionFact(project=name, read=False, state=DataState.UNKNOWN, reason=reason))
            continue
        found.append(
            VisionFact(
                project=name,
                read=entry["state"] == DataState.OK.value,
                state=DataState(entry["state"]),
                reason=entry["reason"] or ("no vision is set" if entry["state"] == DataState.EMPTY.value else ""),
                sha256=entry["sha256"] or "",
                priorities=tuple(f"{heading}: {said}" for heading, said in entry["says"].items()),
            )
        )
    return tuple(found)


def _deploys(step: Step) -> DeployFacts:
    _, reason = _state(step)
    deploys = step.data.get("deploys")
    if deploys is None:
        return DeployFacts(state=DataState.UNKNOWN, reason=reason or "not asked")
    dead = deploys["state"] == DataState.ERROR.value
    linked = step.data.get("linked", ())
    return DeployFacts(
        state=DataState.ERROR if dead else DataState.OK,
        reason=deploys["reason"],
        evidence=tuple(
            Evidence(kind="commit", ref=sha, text=subject, at=at) for sha, at, _, subject in deploys["forge"]
        ),
        forge=None if dead else len(deploys["forge"]),
        memory=len(deploys["memory"]),
        issues=tuple(Item(text=f"message {message} after {sha[:8]}") for message, sha in linked),
    )


def _task_fact(work: Json, task: Task | None, context: Context) -> TaskFact | None:
    if task is None:
        return None
    workspace = context.workspace(task.id)
    return TaskFact(
        id=task.id,
        title=task.title,
        project=task.project_id,
        priority=task.priority.value if task.priority else "P?",
        branch=workspace.branch if workspace else task.branch or "",
        workspace_problem="" if workspace else "workspace failed",
        evidence=(Evidence(kind="task", ref=task.id, text=task.title),),
    )


def _no_task(step: Step, work: Json) -> str:
    if work.get("task"):
        return ""
    return str(work.get("method_why") or step.note or "step 7 was not done")


def _method(context: Context, pulse: Pulse, work: Json) -> MethodFact:
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


def _branches(work: Json, actions: list[Action]) -> tuple[BranchProof, ...]:
    found = []
    for action in actions:
        if action.state is not ActionState.SUCCEEDED or action.outcome is None:
            continue
        observed = action.outcome.get("observed", {})
        if action.tool == "claim_task":
            found.append(
                BranchProof(
                    name=f"branch {observed.get('branch')}",
                    holds=bool(observed.get("origin_proved")),
                    reason="" if observed.get("origin_proved") else "its origin was not proved",
                    evidence=(_proof(action),),
                )
            )
        elif action.tool == "open_pull_request":
            intended = action.outcome.get("intended", {})
            right = observed.get("base") == intended.get("base")
            found.append(
                BranchProof(
                    name=f"pull request #{observed.get('number')}",
                    holds=right,
                    reason="" if right else f"its base is {observed.get('base')}",
                    evidence=(_proof(action),),
                )
            )
    return tuple(found)


def _title(action: Action) -> str:
    return Shown.from_json(action.revision.shown if action.revision else {}).title or action.tool


def _proof(action: Action) -> Evidence:
    return Evidence(kind="event", ref=action.id, text=_title(action), at=action.requested_at, digest=action.digest)


def _actions(actions: list[Action], events: list[Event]) -> tuple[ActionFact, ...]:
    """Every effect once, in time order: actions by their present state, refusals and overrides by their event."""
    first = {}
    for event in events:
        if event.action_id and event.action_id not in first:
            first[event.action_id] = event.seq
    found = []
    for action in actions:
        result = STATE_WORDS[action.state]
        if action.decided_by and action.state in (ActionState.SUCCEEDED, ActionState.FAILED, ActionState.APPROVED):
            result += f", approved by {action.decided_by}"
        if action.state is ActionState.REJECTED:
            result += f" by {action.decided_by}: {action.reason}"
        elif action.reason:
            result += f": {action.reason}"
        found.append(
            ActionFact(
                id=action.id,
                at=action.requested_at,
                seq=first.get(action.id, 0),
                actor=action.requested_by,
                text=_title(action),
                result=result,
                evidence=(_proof(action),),
            )
        )
    words = {
        "policy.refused": "refused: {what}",
        "policy.locked": "locked: {what}",
        "policy.overridden": "went on against a lock: {what} ({reason})",
        "run.cancelled": "cancelled {run}",
        "review.decided": "{what} {reason}",
        "step.skipped": "skipped: {note}",
    }
    for event in events:
        if event.kind not in words:
            continue
        body = {"what": "", "reason": "", "run": "", "note": "", **event.body}
        found.append(
            ActionFact(
                id=f"event {event.seq}",
                at=event.at,
                seq=event.seq,
                actor=event.actor,
                text=str(body.get("tool") or body.get("task") or event.kind),
                result=words[event.kind].format_map(body).strip(),
                evidence=(Evidence(kind="event", ref=str(event.seq), text=event.kind, at=event.at),),
            )
        )
    return tuple(sorted(found, key=lambda fact: (fact.at, fact.seq)))


def _rollbacks(task: Task | None, work: Json, is_deploy: bool) -> tuple[RollbackFact, ...]:
    if task is None or not is_deploy:
        return ()
    prompt = work.get("prompt") or ""
    documented = "## Rollback Plan" in prompt and bool(work.get("run") or work.get("commit"))
    return (RollbackFact(subject=task.id, documented=documented, where="the approved prompt" if documented else ""),)


def _lessons(work: Json, actions: list[Action]) -> tuple[LessonFact, ...]:
    states = {ActionState.SUCCEEDED: "saved", ActionState.REJECTED: "rejected", ActionState.FAILED: "failed"}
    return tuple(
        LessonFact(
            title=str(action.revision.args.get("title", "")) if action.revision else "",
            state=states.get(action.state, "queued"),
            reason=action.reason,
            evidence=(_proof(action),),
        )
        for action in actions
        if action.tool == "remember"
    )


def _urgent(context: Context, actions: list[Action]) -> tuple[Item, ...]:
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
        Item(text=f"{_title(a)} expired unanswered", evidence=(_proof(a),))
        for a in actions
        if a.state is ActionState.EXPIRED
    ]
    items += [
        Item(text=f"{_title(a)}: nobody knows whether it happened", evidence=(_proof(a),))
        for a in actions
        if a.state is ActionState.UNKNOWN
    ]
    return tuple(items)


def _slack(actions: list[Action]) -> tuple[SlackFact, ...]:
    found = []
    for action in actions:
        if action.tool != "slack_dm":
            continue
        observed = (action.outcome or {}).get("observed", {})
        state = observed.get("state") or STATE_WORDS[action.state]
        args = action.revision.args if action.revision else {}
        found.append(
            SlackFact(
                category=str(args.get("category", "")),
                state=str(state),
                reason=action.reason,
                evidence=(_proof(action),),
            )
        )
    return tuple(found)


def _hand_over(steps: list[Step], work: Json) -> tuple[Item, ...]:
    items = []
    pr = work.get("pr")
    if pr:
        items.append(Item(text=f"Review and merge pull request #{pr['number']} on {pr['base']} (a human act)"))
    for review in steps[7].data.get("reviews", ()):
        items.append(
            Item(text=f"Review #{review['number']} before its merge: it touches {', '.join(review['groups'])}")
        )
    given_up = work.get("given_up")
    if given_up:
        items.append(Item(text=f"Take up the task again: {given_up['reason']}"))
    return tuple(items)
