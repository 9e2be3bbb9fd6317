"""Sub-steps C and D: spawn the executor, watch it, judge what it left behind."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from stas_tui.executors.environment import allowed
from stas_tui.executors.result import classify, read_report, report_from_output, with_verification
from stas_tui.executors.verify import run_verification
from stas_tui.pulse.context import Progress
from stas_tui.texts.prompt_lint import listed_files
from storage.errors import StasError
from storage.records import Json, Outcome, Run, RunResult, RunState, RunStatus, StepState
from storage.run_codec import run_result_from_json, run_result_to_json

if TYPE_CHECKING:
    from stas_tui.pulse.work import Work

VERIFY_TIMEOUT_S = 600.0
TAIL_BYTES = 16 * 1024

SLOTS = (
    "claim_action",
    "spawn_action",
    "architect_action",
    "commit_action",
    "pr_action",
    "retarget_action",
    "transition_action",
    "remember_action",
)
"""Where the working state keeps the ids of step 7's actions."""


class ReviewRefused(StasError):
    """The judgment is not possible for this result."""


def spawn(work: Work) -> Progress:
    """Ask for the spawn; once approved, start it."""
    task = work.task()
    state = work.state
    answer = work.through_the_door(
        "spawn_action",
        "spawn_executor",
        {
            "projectId": task.project_id,
            "taskId": task.id,
            "executionPrompt": state["prompt"],
            "model": work.context.rules.model,
            "cause": state.get("cause", ""),
        },
    )
    waiting = work.waiting(answer, f"Spawn for {task.id}")
    if waiting is not None:
        return waiting
    if answer.status == "ok":
        work.heard(answer)
        work.save(phase="run", run=answer.result["run"], spawn_action=None)
        return work.progress(f"Executor started: {answer.result['run']}", needs="run", answer=answer)
    work.heard(answer)
    if answer.status == "failed":
        work.save(spawn_action=None)
        return work.progress(f"Not spawned: {answer.reason}", needs="blocked", answer=answer)
    work.save(spawn_action=None, phase="prompt", rejected_prompt=state["prompt"], last_refusal=answer.reason)
    return work.progress(
        f"Not spawned: {answer.reason or answer.status}", needs="prompt", answer=answer, note="spawn rejected"
    )


def watch(work: Work) -> Progress:
    """The run as it stands; when it is over, the review is due."""
    run = work.context.runs.get(work.state["run"])
    status = status_of(work, run)
    if status.state is not RunState.FINISHED:
        if status.state is not run.state:
            work.context.runs.update_state(run.id, status.state, None)
        step = work.mark(f"{run.id} runs", sub="C")
        return Progress(pulse=work.pulse, step=step, needs="run", say=f"{run.id} is working", run=run)
    work.context.runs.update_state(run.id, RunState.FINISHED, status.ended_at)
    work.save(phase="review")
    step = work.mark(f"{run.id} ended: {status.stop}", sub="C")
    return Progress(pulse=work.pulse, step=step, say=f"{run.id} ended: {status.stop}", run=run)


def status_of(work: Work, run: Run) -> RunStatus:
    """The run as its shim last wrote it; a run whose folder is gone counts as lost."""
    status = work.context.door.executor.status(run.id)
    if status is not None:
        return status
    ended = run.ended_at or work.context.clock.now()
    return RunStatus(
        run_id=run.id, state=RunState.FINISHED, ended_at=ended, stop="lost", detail="the run's folder is gone"
    )


def review(work: Work) -> Progress:
    """Classify and verify once, then wait for a person's judgment."""
    state = work.state
    run = work.context.runs.get(state["run"]) if state.get("run") else None
    if state.get("result") is None:
        result = judge(work, run)
        with work.context.journal.changing():
            if run is not None:
                work.context.runs.set_result(run.id, result)
            work.save(result=run_result_to_json(result))
    else:
        result = run_result_from_json(state["result"])
    if result.outcome is Outcome.RULE4 and not state.get("architect_asked"):
        return _progress(work, run, f"Rule 4: {result.report.blocker or 'an architectural decision is needed'}")
    return _progress(work, run, f"{result.outcome.value}: {result.kind}")


def _progress(work: Work, run: Run | None, say: str) -> Progress:
    return Progress(pulse=work.pulse, step=work.mark(say, sub="D"), needs="review", say=say, run=run)


def judge(work: Work, run: Run | None) -> RunResult:
    """The class of what stands in the workspace, with verification by Stas itself in a fresh checkout."""
    context = work.context
    workspace = work.workspace()
    changes = context.door.forge.changes(workspace)
    prompt = work.state["prompt"]
    report = read_report(Path(workspace.path))
    if run is None:
        by_hand = RunStatus(run_id="direct", state=RunState.FINISHED, exit=0, stop="exit")
        result = classify(status=by_hand, report=report, changes=changes, listed_files=listed_files(prompt))
    else:
        status = status_of(work, run)
        if not report.outcome and context.door.executor.status(run.id) is not None:
            tail, _ = context.door.executor.tail(run.id, max(0, status.stdout_bytes - TAIL_BYTES), TAIL_BYTES)
            report = report_from_output(tail.decode("utf-8", "replace")) or report
        result = classify(status=status, report=report, changes=changes, listed_files=listed_files(prompt))
    if result.outcome not in (Outcome.SUCCESS, Outcome.PARTIAL) or changes.empty:
        return result
    commands = _approved_commands(work, run)
    with tempfile.TemporaryDirectory(prefix="stas-verify-") as folder:
        checkout = Path(folder) / "checkout"
        context.door.forge.checkout_for_verification(workspace, context.door.forge.stage(workspace), checkout)
        checks = run_verification(
            commands, checkout, timeout_s=VERIFY_TIMEOUT_S, clock=context.clock, env=allowed(os.environ)
        )
    return with_verification(result, checks)


def _approved_commands(work: Work, run: Run | None) -> list[str]:
    """Only commands that stood in the approved prompt are run (D11)."""
    if run is None:
        return []
    action = work.context.journal.get(run.action_id)
    assert action.revision is not None
    commands: list[str] = action.revision.plan["verify"]
    return commands


def ask_architect(work: Work) -> Progress:
    """Rule 4: put the question to the architect, then park the task (R88)."""
    task = work.task()
    result = work.state["result"]
    report = result["report"]
    architect = work.context.rules.architect
    options = "\n".join(f"- {option}" for option in report.get("options", ()))
    text = (
        f"{task.id} {task.title}\nThe executor stopped at an architectural decision: {report.get('blocker')}\n"
        + (f"Options:\n{options}\n" if options else "")
        + (f"Recommendation: {report['recommendation']}\n" if report.get("recommendation") else "")
        + "Please decide; the task is parked until you answer."
    )
    answer = work.through_the_door("architect_action", "message_agent", {"agentId": architect, "message": text})
    waiting = work.waiting(answer, f"Message to {architect}")
    if waiting is not None:
        return waiting
    if answer.status == "ok":
        return work.finish(f"{task.id} parked: {architect} was asked")
    work.heard(answer)
    return work.finish(f"{task.id} parked; {architect} was not asked: {answer.reason or answer.status}")


# what a person decides in D ------------------------------------------------------------------------


def accept(work: Work, *, by: str, reason: str, ticked: list[int]) -> None:
    """Go on to E. Raises `ReviewRefused` for what the result does not allow."""
    problem = why_not_accept(work.state, reason=reason, ticked=ticked)
    if problem:
        raise ReviewRefused(problem)
    with work.context.journal.changing():
        _log(work, by, "accepted", {"reason": reason, "ticked": ticked})
        work.save(phase="commit", accepted={"by": by, "reason": reason})


def why_not_accept(state: Json, *, reason: str, ticked: list[int]) -> str:
    """Why step E stays locked for this result, or an empty text (R86-R88)."""
    result = state["result"]
    outcome = result["outcome"]
    if outcome == Outcome.RULE4.value:
        return "A Rule 4 blocker is decided by the architect; nothing is completed before the answer."
    if outcome == Outcome.FAILURE.value:
        return "A failed run is not completed: find the cause and spawn again, or give the task up."
    deviations = result["report"]["deviations"]
    missing = [n + 1 for n in range(len(deviations)) if n not in ticked]
    if missing:
        return f"Tick each deviation after looking at it; not ticked: {', '.join(map(str, missing))}."
    unseen = [check["command"] for check in result["verification"] if check["state"] != "passed"]
    if (outcome == Outcome.PARTIAL.value or unseen or not result["verification"]) and not reason.strip():
        what = f"not seen to pass: {'; '.join(unseen[:3])}" if unseen else "nothing was verified by Stas"
        return f"Say why it is good enough ({what})."
    return ""


def respawn(work: Work, *, by: str, cause: str, prompt: str) -> None:
    """Another try with a written cause and a changed prompt (R90)."""
    if not cause.strip():
        raise ReviewRefused("Write the cause first: what went wrong, and what changes now?")
    task_id = work.task().id
    if work.state["result"]["outcome"] == Outcome.RULE4 and task_id not in work.state.get("architect_yes", {}):
        raise ReviewRefused(
            f"{work.context.rules.architect} has not answered yet; Rule 4 is not passed by another try.",
            "Record the answer first, or park the task.",
        )
    if prompt == work.state["prompt"]:
        raise ReviewRefused("Change the prompt: the same bytes would fail the same way.")
    with work.context.journal.changing():
        _log(work, by, "spawns again", {"cause": cause})
        work.save(phase="prompt", prompt=prompt, prompt_by=by, cause=cause.strip(), result=None, spawn_action=None)


def park(work: Work, *, by: str) -> None:
    """Coordinate a Rule 4 blocker with the architect."""
    with work.context.journal.changing():
        _log(work, by, "parked", {"with": work.context.rules.architect})
        work.save(phase="architect", architect_asked=True)


def give_up(work: Work, *, by: str, reason: str) -> Progress:
    """Leave the task as it is; the workspace keeps everything. Raises `ReviewRefused` while the executor works."""
    if not reason.strip():
        raise ReviewRefused("Say why the task is given up; it stands in the summary.")
    if work.state.get("phase") == "run":
        run = work.context.runs.get(work.state["run"])
        if status_of(work, run).state is not RunState.FINISHED:
            raise ReviewRefused(f"{run.id} is still working on the task.", "Cancel the run first, then give it up.")
    with work.context.journal.changing():
        for slot in SLOTS:
            answer = work.asked(slot)
            if answer is not None and answer.status in ("pending", "approved") and answer.action is not None:
                work.context.journal.withdraw(answer.action.id, by=by, reason=reason)
        _log(work, by, "gave up", {"reason": reason})
        work.save(given_up={"by": by, "reason": reason})
        state = StepState.DONE if work.state.get("task") else StepState.SKIPPED
        return work.finish(f"given up: {reason}", state=state)


def _log(work: Work, by: str, what: str, body: Json) -> None:
    task = work.state.get("task") or work.state.get("claiming") or {}
    work.context.journal.record(
        "review.decided", actor=by, pulse_id=work.pulse.id, body={"what": what, "task": task.get("id"), **body}
    )
