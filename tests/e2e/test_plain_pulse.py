"""A whole pulse as lines of text, on a real repository, checked by reading git and the databases."""

from __future__ import annotations

import subprocess

from stas_tui.locations import Profile
from stas_tui.wiring import Application
from storage.records import ActionState, StepState
from tests.e2e.conftest import Person, agreeable, open_app


def git(profile: Profile, *args: str) -> str:
    return subprocess.run(
        ["git", "--git-dir", str(profile.root / "remote.git"), *args], check=True, capture_output=True, text=True
    ).stdout.strip()


def test_a_whole_pulse_leaves_branch_pull_request_task_memory_and_summary(app: Application) -> None:
    main, base = git(app.profile, "rev-parse", "main"), git(app.profile, "rev-parse", "multi-tenant")

    person = Person(app, agreeable)
    assert person.plain.run() == 0

    pulse = app.context.pulses.latest(1)[0]
    assert pulse.outcome == "complete", person.said
    steps = app.context.pulses.steps(pulse.id)
    assert [step.state for step in steps] == [StepState.DONE] * 11

    [pr] = [pr for pr in app.world.open_prs("ledger") if pr.task_id == "T-301" or "T-301" in pr.head]
    assert (pr.base, pr.head_sha) == ("multi-tenant", git(app.profile, "rev-parse", pr.head))
    assert git(app.profile, "log", "-1", "--format=%s", pr.head).startswith("infra: ")
    assert git(app.profile, "merge-base", pr.head, "multi-tenant") == base
    assert git(app.profile, "rev-parse", "main") == main

    task = app.world.task("ledger", "T-301")
    assert task is not None
    assert (task.assignee, task.status, task.pr_number) == ("Stas", "review", pr.number)

    memories = [m for m in app.world.memories() if m.title.startswith("Infra: ") and m.author == "Stas"]
    assert any(set(m.tags) == {"infrastructure", "deployment", "multi-tenant"} and m.shared for m in memories)

    assert "### Task Picked Up: Yes" in pulse.summary
    assert "### Branch Target: multi-tenant" in pulse.summary
    assert "CI Pipeline: Unknown" in pulse.summary
    assert app.context.journal.verify().ok


def test_without_input_every_gate_stays_undecided_and_the_summary_still_comes(app: Application) -> None:
    person = Person(app, lambda _: None)
    assert person.plain.run() == 0

    assert "left undecided" in person.said
    assert "## Pulse Summary" in person.said
    pulse = app.context.pulses.current()
    assert pulse is not None
    actions = app.context.journal.actions(pulse.id)
    assert {a.tool for a in actions if a.state is ActionState.PENDING} >= {"claim_task"}
    assert not [a for a in actions if a.state is ActionState.SUCCEEDED and a.tool != "create_task"]
    task = app.world.task("ledger", "T-301")
    assert task is not None
    assert task.assignee is None


def test_a_rejection_reaches_the_agent_with_its_reason(app: Application) -> None:
    def refuse(text: str) -> str | None:
        if "EXACTLY THIS WILL RUN" in text and "Claim T-301" in text:
            return "reject freeze until Monday"
        return None

    person = Person(app, refuse)
    person.plain.run()

    pulse = app.context.pulses.current()
    assert pulse is not None
    said = app.context.journal.events(pulse_id=pulse.id, kinds=["agent.said"])
    assert said
    assert said[0].body["reason"] == "freeze until Monday"
    assert "freeze until Monday" in said[0].body["said"]
    assert "T-301 not claimed: freeze until Monday" in person.said


def test_a_restart_goes_on_with_the_same_gate(demo: Profile) -> None:
    with open_app(demo) as first:
        Person(first, lambda _: None).plain.run()
        [before] = [a for a in first.context.journal.pending() if a.tool == "claim_task"]
    with open_app(demo) as second:
        person = Person(second, lambda _: None)
        person.plain.run()
        [after] = [a for a in second.context.journal.pending() if a.tool == "claim_task"]
    assert (after.id, after.digest) == (before.id, before.digest)
    assert "goes on where it stopped" in person.said
