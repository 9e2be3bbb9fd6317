"""Sub-step E: commit, pull request, transition, memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stas_tui.gates.risk import assess_changes
from stas_tui.pulse.context import Progress
from stas_tui.texts.memory_note import TAGS, draft_memory, lint_memory
from stas_tui.texts.pr_body import draft_pr, lint_pr
from storage.records import Json, Task

if TYPE_CHECKING:
    from stas_tui.pulse.work import Work


def infra_title(task: Task) -> str:
    """The task's title with the routine's prefix, once."""
    return "infra: " + task.title.removeprefix("infra:").strip()


def commit(work: Work) -> Progress:
    """Stage, scan, commit locally; logged, never pushed here."""
    task = work.task()
    answer = work.through_the_door(
        "commit_action",
        "commit_changes",
        {"projectId": task.project_id, "taskId": task.id, "message": infra_title(task)},
    )
    waiting = work.waiting(answer, "The commit")
    if waiting is not None:
        return waiting
    if answer.status != "ok":
        work.save(commit_action=None)
        return work.progress(f"Not committed: {answer.reason}", needs="blocked", answer=answer)
    work.save(phase="pr", commit=answer.result)
    return work.progress(f"Committed {answer.result['sha'][:8]} locally", answer=answer)


def facts(work: Work) -> Json:
    """What the texts of sub-step E are made of."""
    changes = work.context.door.forge.changes(work.workspace())
    result = work.state.get("result") or {}
    return {
        "files": [change.path for change in changes.files],
        "insertions": sum(change.insertions or 0 for change in changes.files),
        "deletions": sum(change.deletions or 0 for change in changes.files),
        "summary": (result.get("report") or {}).get("summary", ""),
        "rollback": (result.get("report") or {}).get("rollback", ""),
        "verification": [[check["command"], check["state"]] for check in result.get("verification", ())],
        "outcome": result.get("outcome", ""),
    }


def _draft(work: Work, task: Task) -> tuple[str, str]:
    changes = work.context.door.forge.changes(work.workspace())
    prompt = work.state["prompt"]
    rules = work.context.rules
    risk = assess_changes(
        task,
        changes,
        prompt,
        tenants=rules.tenants.get(task.project_id, ()),
        services=rules.services.get(task.project_id, ()),
    )
    return draft_pr(task, changes, risk, prompt_text=prompt)


def pull_request(work: Work) -> Progress:
    """Draft, lint, ask, push and open."""
    task = work.task()
    state = work.state
    if state.get("pr_title") is None:
        written = work.context.proposer.pr_for(task, facts(work))
        title, body = written if written is not None else _draft(work, task)
        work.save(pr_title=title, pr_body=body)
        state = work.state
    report = lint_pr(state["pr_title"], state["pr_body"])
    if report.locked:
        return work.progress(f"The pull request is not complete: {report.reasons[0]}", needs="pull request")
    if state.get("pr_action") is None and state.get("rejected_pr") == [state["pr_title"], state["pr_body"]]:
        return work.progress("This pull request was rejected; change it or give it up", needs="pull request")
    answer = work.through_the_door(
        "pr_action",
        "open_pull_request",
        {"projectId": task.project_id, "taskId": task.id, "title": state["pr_title"], "body": state["pr_body"]},
    )
    waiting = work.waiting(answer, f"Pull request for {task.id}")
    if waiting is not None:
        return waiting
    if answer.status == "ok":
        work.heard(answer)
        repo = work.context.repo(task.project_id)
        right = repo is not None and answer.result["base"] == repo.base
        work.save(
            phase="transition" if right else "retarget", pr=answer.result, pr_differences=list(answer.differences)
        )
        note = "; ".join(answer.differences) or f"#{answer.result['number']} on {answer.result['base']}"
        return work.progress(f"Pull request opened: {note}", answer=answer)
    work.heard(answer)
    if answer.status == "failed":
        work.save(pr_action=None)
        return work.progress(f"Not opened: {answer.reason}", needs="blocked", answer=answer)
    work.save(pr_action=None, rejected_pr=[state["pr_title"], state["pr_body"]])
    return work.progress(f"Not opened: {answer.reason or answer.status}", needs="pull request", answer=answer)


def retarget(work: Work) -> Progress:
    """The pull request was read back with another base: offer to retarget it; nothing is moved before (R6, R96)."""
    task = work.task()
    pr = work.state["pr"]
    answer = work.through_the_door(
        "retarget_action",
        "retarget_pr",
        {"projectId": task.project_id, "taskId": task.id, "number": pr["number"]},
    )
    waiting = work.waiting(answer, f"Pull request #{pr['number']} targets {pr['base']}: retargeting it")
    if waiting is not None:
        return waiting
    if answer.status in ("expired", "stale", "withdrawn"):
        work.save(retarget_action=None)
        return work.progress(f"Not retargeted ({answer.reason or answer.status}). Step to ask again.", answer=answer)
    work.heard(answer)
    if answer.status == "ok":
        work.save(phase="transition", pr={**pr, "base": answer.result["base"]}, pr_differences=None)
        return work.progress(f"Pull request #{pr['number']} targets {answer.result['base']} now", answer=answer)
    work.save(pr_violation=answer.reason or answer.status, last_sub="E")
    return work.finish(f"{task.id} not moved: #{pr['number']} stays on {pr['base']} ({answer.reason or answer.status})")


def transition(work: Work) -> Progress:
    """Move the task to review; a refusal of the board is shown, the pull request stays."""
    task = work.task()
    answer = work.through_the_door(
        "transition_action",
        "transition_task",
        {"projectId": task.project_id, "taskId": task.id, "status": "review"},
    )
    waiting = work.waiting(answer, f"Moving {task.id}")
    if waiting is not None:
        return waiting
    work.save(
        phase="remember", transition={"status": answer.status, "to": answer.result.get("to"), "why": answer.reason}
    )
    if answer.status == "ok":
        return work.progress(f"{task.id} is in {answer.result['to']}", answer=answer)
    return work.progress(f"{task.id} was not moved: {answer.reason}", answer=answer)


def remember(work: Work) -> Progress:
    """Save the lesson as a shared memory; a rejection ends the step without it."""
    task = work.task()
    state = work.state
    if state.get("memory_title") is None:
        written = work.context.proposer.memory_for(task)
        title, text = written if written is not None else draft_memory(task, facts(work), prompt=state["prompt"])[:2]
        work.save(memory_title=title, memory_text=text)
        state = work.state
    problems = lint_memory(state["memory_title"], state["memory_text"])
    if problems:
        return work.progress(f"The memory is not complete: {problems[0]}", needs="memory")
    answer = work.through_the_door(
        "remember_action",
        "remember",
        {
            "type": "pattern",
            "title": state["memory_title"],
            "text": state["memory_text"],
            "shared": True,
            "tags": list(TAGS),
        },
    )
    waiting = work.waiting(answer, "The shared memory")
    if waiting is not None:
        return waiting
    work.heard(answer)
    saved = {"saved": answer.status == "ok", "id": answer.result.get("id"), "why": answer.reason}
    work.save(memory=saved, last_sub="E")
    return work.finish(
        f"{task.id} complete" if saved["saved"] else f"{task.id} complete; memory not saved: {answer.reason}"
    )
