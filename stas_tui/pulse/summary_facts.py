"""The facts of the Pulse Summary, computed from the record and the world; nothing the agent says is taken for seen."""

from __future__ import annotations

from stas_tui.pulse import summary_done as done
from stas_tui.pulse import summary_isolation
from stas_tui.pulse.context import Context
from stas_tui.pulse.summary_health import Health, state_of
from stas_tui.pulse.summary_model import (
    InboxFacts,
    Item,
    MemoryFacts,
    ProjectFacts,
    SummaryFacts,
    VisionFact,
)
from stas_tui.texts.prompt import condense
from stas_tui.texts.prompt_lint import deploy_like
from storage.errors import StasError
from storage.records import (
    Action,
    ActionState,
    DataState,
    Evidence,
    Json,
    MessageType,
    Pulse,
    Step,
    StepState,
    Task,
)

_CHANGES = ("spawn_executor", "commit_changes", "open_pull_request")


def facts(context: Context, pulse: Pulse) -> SummaryFacts:
    """Everything the summary of a pulse says, as the log has it now. Raises `StoreError`."""
    steps = context.pulses.steps(pulse.id)
    work = context.pulses.work(pulse.id)
    actions = context.journal.actions(pulse.id)
    events = context.journal.events(pulse_id=pulse.id)
    task = _task(context, work, actions)
    repo = context.repo(task.project_id) if task else next(iter(context.rules.repos.values()), None)
    end = pulse.ended_at or context.clock.now()
    changed = bool(work.get("commit")) or any(a.tool in _CHANGES and a.outcome for a in actions)
    is_deploy = bool(task and deploy_like(task, work.get("prompt") or ""))
    findings = context.findings.of_pulse(pulse.id)
    health = Health(context, pulse, steps, findings)
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
        ci=health.checks("CI"),
        builds=health.checks("builds"),
        deploys=health.deploys(),
        task=done.task_fact(context, work, task),
        no_task_because=done.no_task(steps[6], work),
        method=done.method(context, pulse, work),
        branches=done.branches(context, work, actions),
        actions=done.actions(actions, events),
        changed=changed,
        isolation=summary_isolation.points(findings) if changed or steps[8].ended_at else (),
        isolation_flags=summary_isolation.flags(findings),
        isolation_counts=summary_isolation.counts(steps[8]),
        deploy_like=is_deploy,
        rollbacks=done.rollbacks(task, work, actions, is_deploy),
        lessons=done.lessons(actions),
        urgent=(*health.burning(), *done.urgent(context, actions, work)),
        dead_sources=(
            *((step.name, step.note) for step in steps if step.state is StepState.FAILED),
            *health.dead(),
        ),
        slack=done.slack(actions),
        proposals=tuple(Item(text=i["title"]) for i in (work.get("tray") or {}).get("items", ())),
        pending_gates=tuple(
            Item(text=f"{done.title(a)} waits for you", evidence=(done.proof(a),))
            for a in actions
            if a.state is ActionState.PENDING
        ),
        hand_over=done.hand_over(steps, work),
    )


def _task(context: Context, work: Json, actions: list[Action]) -> Task | None:
    chosen = work.get("task") or _claimed(actions)
    if not chosen:
        return None
    try:
        return context.task(chosen["project"], chosen["id"])
    except StasError:
        return None


def _claimed(actions: list[Action]) -> Json | None:
    """A task that was claimed although its workspace failed: it is picked up all the same (R138)."""
    for action in actions:
        if action.tool == "claim_task" and action.state is ActionState.SUCCEEDED and action.revision is not None:
            return {"project": action.revision.plan["project"], "id": action.revision.plan["task"]}
    return None


def _step_proof(step: Step) -> tuple[Evidence, ...]:
    return (Evidence(kind="event", ref=f"step {step.n}", text=step.note, at=step.ended_at),)


def _inbox(step: Step) -> InboxFacts:
    state, reason = state_of(step)
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
    state, reason = state_of(step)
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
    state, reason = state_of(step)
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
            _, reason = state_of(step)
            found.append(VisionFact(project=name, read=False, state=DataState.UNKNOWN, reason=reason))
            continue
        found.append(
            VisionFact(
                project=name,
                read=entry["state"] == DataState.OK.value,
                state=DataState(entry["state"]),
                reason=entry["reason"] or ("no vision is set" if entry["state"] == DataState.EMPTY.value else ""),
                sha256=entry["sha256"] or "",
                priorities=tuple(
                    f"{topic}: {condense(said, 150).replace('`', '')}" for topic, said in entry["says"].items()
                ),
            )
        )
    return tuple(found)
