"""Steps 10 and 11: follow-ups, report."""

from __future__ import annotations

from stas_tui.gates.contract import Answer
from stas_tui.pulse import gaps
from stas_tui.pulse.context import Context, Progress
from stas_tui.pulse.look import plural
from stas_tui.texts import follow_ups as proposals
from storage.records import (
    DataState,
    Evidence,
    Json,
    MessageType,
    Pulse,
    Step,
    StepState,
    Trust,
)

# steps with effects --------------------------------------------------------------------------------


def _set(context: Context, pulse: Pulse, n: int, state: StepState, note: str, data: Json | None = None) -> Step:
    return context.pulses.set_step(
        pulse.id,
        n,
        state=state,
        data_state=DataState.OK if state is not StepState.SKIPPED else DataState.EMPTY,
        note=note,
        data=data,
        actor=context.agent,
    )


def _effect(context: Context, pulse: Pulse, slot: str, tool: str, args: Json, caused_by: str = "") -> Answer:
    known = context.pulses.work(pulse.id).get(slot)
    if known:
        return context.toolbox.perform(known)
    answer = context.toolbox.call(tool, args, pulse_id=pulse.id, caller=context.agent, caused_by=caused_by)
    if answer.action is not None:
        context.pulses.save_work(pulse.id, {slot: answer.action.id}, actor=context.agent)
    return answer


def _waits(context: Context, pulse: Pulse, n: int, answer: Answer, what: str) -> Progress | None:
    needs = {"pending": "gate", "halted": "paused", "running": "blocked", "unknown": "blocked", "approved": "blocked"}
    if answer.status not in needs:
        return None
    step = _set(context, pulse, n, StepState.ACTIVE, what)
    say = f"{what} waits for you" if answer.status == "pending" else f"{what}: {answer.reason or answer.status}"
    return Progress(pulse=pulse, step=step, needs=needs[answer.status], say=say, action=answer.action, answer=answer)


def _heard(context: Context, pulse: Pulse, answer: Answer) -> None:
    said = context.proposer.heard(answer.status, answer.reason)
    if said:
        context.journal.record(
            "agent.said",
            actor=context.agent,
            pulse_id=pulse.id,
            action_id=answer.action.id if answer.action else None,
            body={"to": answer.tool, "answered": answer.status, "reason": answer.reason, "said": said},
        )


def follow_ups(context: Context, pulse: Pulse) -> Progress:
    """Step 10: one tray, one gate; a person strikes out what is not wanted."""
    work = context.pulses.work(pulse.id)
    tray = work.get("tray")
    if tray is None:
        tray = gather_tray(context, pulse)
        context.pulses.save_work(pulse.id, {"tray": tray}, actor=context.agent)
    if not tray["items"]:
        step = _set(context, pulse, 10, StepState.DONE, "none proposed", {"tray": tray})
        return Progress(pulse=pulse, step=step, say="Follow-ups: none proposed")
    answer = _effect(
        context, pulse, "tray_action", "create_follow_ups", {"projectId": tray["project"], "items": tray["items"]}
    )
    what = f"The tray with {plural(len(tray['items']), 'follow-up')}"
    waiting = _waits(context, pulse, 10, answer, what)
    if waiting is not None:
        return waiting
    if answer.status in ("expired", "stale"):
        context.pulses.save_work(pulse.id, {"tray_action": None}, actor=context.agent)
        step = _set(context, pulse, 10, StepState.ACTIVE, "the gate expired")
        return Progress(pulse=pulse, step=step, say="The tray expired unanswered. Step to ask again.")
    _heard(context, pulse, answer)
    made = answer.result.get("tasks", []) if answer.status == "ok" else []
    note = f"{len(made)} filed" if made else f"none filed: {answer.reason or answer.status}"
    kept = [] if answer.status in ("ok", "rejected") else tray["items"]
    data: Json = {"tray": tray, "filed": made, "answer": answer.reason, "kept": kept}
    step = _set(context, pulse, 10, StepState.DONE, note, data)
    return Progress(pulse=pulse, step=step, say=f"Follow-ups: {note}", answer=answer)


def gather_tray(context: Context, pulse: Pulse) -> Json:
    """Proposals of the agent, the executor and the checks, without what is on the board already."""
    work = context.pulses.work(pulse.id)
    chosen = work.get("task")
    project_id = chosen["project"] if chosen else next(iter(context.rules.repos), "")
    gathered: list[tuple[str, str, str, str]] = []
    if chosen:
        task = context.task(chosen["project"], chosen["id"])
        gathered += [(t, d, p, f"seen while working on {task.id}") for t, d, p in context.proposer.follow_ups_for(task)]
    result = work.get("result") or {}
    for title, priority in (result.get("report") or {}).get("follow_ups", ()):
        gathered.append((title, "", priority, "the executor proposed it"))
    health = context.pulses.steps(pulse.id)[5]
    for pattern in health.data.get("patterns", ()):
        if pattern["suggestion"]:
            said = "; ".join(filter(None, (pattern["line"], pattern.get("measured", ""))))
            gathered.append((pattern["suggestion"], said, "P2", f"{pattern['count']} messages say so"))
    for merge in context.pulses.steps(pulse.id)[7].data.get("merges", ()):
        if (draft := merge.get("draft")) and draft["projectId"] == project_id and not draft["duplicates"]:
            gathered.append((draft["title"], draft["description"], draft["priority"], "it went wrong after a merge"))
    if context.prover is not None and project_id in context.prover.projects():
        gathered += gaps.gathered(context.prover.look(project_id).board)
    gathered += _carried_over(context, pulse, project_id)
    open_titles = [task.title for task in context.door.platform.tasks(project_id)] if project_id else []
    items = proposals.tray(gathered, open_titles=open_titles)
    return {"project": project_id, "items": [dict(item) for item in items]}


def _carried_over(context: Context, pulse: Pulse, project_id: str) -> list[tuple[str, str, str, str]]:
    """What the last pulse proposed and nobody decided, or could not file: a tray survives its pulse (R120)."""
    earlier = next((p for p in context.pulses.latest(5) if p.number < pulse.number), None)
    if earlier is None:
        return []
    step = context.pulses.steps(earlier.id)[9]
    tray = context.pulses.work(earlier.id).get("tray") or {}
    if tray.get("project") != project_id:
        return []
    items = step.data.get("kept", []) if step.state is StepState.DONE else tray.get("items", [])
    return [(item["title"], item["description"], item["priority"], item["why"]) for item in items]


def report(context: Context, pulse: Pulse) -> Progress:
    """Step 11: tell the human if, and only if, one of the five categories fits; then the summary."""
    state = context.pulses.work(pulse.id)
    steps = context.pulses.steps(pulse.id)
    genuine = [
        message
        for message in context.door.platform.inbox()
        if message.type is MessageType.URGENT and message.trust is Trust.KNOWN
    ]
    if not genuine:
        step = _set(context, pulse, 11, StepState.DONE, "nothing for a direct message", {"messaged": False})
        return Progress(pulse=pulse, step=step, say="Report: no category fits, nobody is disturbed")
    cause = genuine[0]
    limited = _limited(context, pulse)
    if limited is not None:
        return limited
    answer = _effect(
        context,
        pulse,
        "slack_action",
        "slack_dm",
        {
            "message": state.get("slack_text") or slack_text(context, pulse, cause.subject),
            "category": "incident",
            "item": f"message:{cause.id}",
        },
        caused_by=cause.id,
    )
    waiting = _waits(context, pulse, 11, answer, f"Message to {context.rules.human}")
    if waiting is not None:
        return waiting
    if answer.status in ("expired", "stale"):
        context.pulses.save_work(pulse.id, {"slack_action": None}, actor=context.agent)
        return Progress(pulse=pulse, step=steps[10], say="The message expired unanswered. Step to ask again.")
    if answer.status == "failed":
        limited = _limited(context, pulse)
        if limited is not None:
            context.pulses.save_work(pulse.id, {"slack_action": None}, actor=context.agent)
            return limited
    _heard(context, pulse, answer)
    note = (
        f"Slack: {answer.result.get('state', answer.status)}" if answer.status == "ok" else f"not sent: {answer.reason}"
    )
    step = _set(context, pulse, 11, StepState.DONE, note, {"messaged": answer.status == "ok", "answer": answer.reason})
    return Progress(pulse=pulse, step=step, say=f"Report: {note}", answer=answer)


def _limited(context: Context, pulse: Pulse) -> Progress | None:
    """While the service listens to nobody (429), nothing is asked again; None while it listens."""
    messenger = context.door.messenger
    if messenger is None or not messenger.limited_s:
        return None
    wait = max(1, round(messenger.limited_s))
    step = _set(context, pulse, 11, StepState.ACTIVE, f"Slack takes no message for {wait} s")
    return Progress(pulse=pulse, step=step, needs="blocked", say=f"Slack takes no message for {wait} s; step then")


def slack_text(context: Context, pulse: Pulse, subject: str) -> str:
    """The incident message, from facts of the log only."""
    work = context.pulses.work(pulse.id)
    chosen = work.get("task")
    lines = [f"Incident: {' '.join(subject.split())[:200]}"]
    if chosen:
        pr = work.get("pr")
        state = f"pull request #{pr['number']} on {pr['base']} is open" if pr else f"{chosen['id']} is not finished"
        lines.append(f"{chosen['id']}: {state}.")
    else:
        lines.append("No task was picked up.")
    lines.append(f"Pulse {pulse.number}, environment {context.rules.environment}.")
    return "\n".join(lines)


def evidence_of(step: Step) -> Evidence:
    """A step as evidence in the summary."""
    return Evidence(kind="event", ref=f"step {step.n}", text=step.note, at=step.ended_at)
