"""A whole pulse on a repository that is not ours, set up by commands alone, checked by reading it back."""

from __future__ import annotations

import json
from pathlib import Path

from stas_tui.locations import Locations
from storage.clock import SystemClock
from storage.journal import Journal
from storage.pulses import Pulses
from storage.records import ActionState, Outcome
from storage.runs import Runs
from storage.schema_record import open_record
from storage.schema_world import open_world
from storage.world import World
from tests.e2e.foreign import Supervisor, git, set_up
from tests.e2e.piped import answered, stas

BRANCH = "infra/T-1-document-how-signing-keys-are-rotated"


def test_a_whole_pulse_on_somebody_elses_repository(tmp_path: Path) -> None:
    home = set_up(tmp_path)
    remote, copy = tmp_path / "foreign.git", tmp_path / "foreign"
    before = {name: git(remote, "rev-parse", name) for name in ("main", "multi-tenant")}
    working_copy = (git(copy, "status", "--porcelain=v2", "--branch"), git(copy, "for-each-ref"))

    done = answered(home, Supervisor())
    assert (done.status, done.err) == (0, "")
    assert done.out.endswith("Pulse 1 is complete.\n")

    head = git(remote, "rev-parse", BRANCH)
    assert git(remote, "log", "-1", "--format=%s", BRANCH) == "infra: Document how signing keys are rotated"
    assert git(remote, "rev-parse", f"{BRANCH}^") == before["multi-tenant"]
    assert git(remote, "diff", "--name-only", "multi-tenant", BRANCH) == "README.md"
    assert git(remote, "show", f"{BRANCH}:README.md").endswith("Keys rotate every 90 days.")
    assert {name: git(remote, "rev-parse", name) for name in before} == before
    assert (git(copy, "status", "--porcelain=v2", "--branch"), git(copy, "for-each-ref")) == working_copy

    profile = Locations.find(home).profile("foreign")
    with open_world(profile.platform_db) as store:
        world = World(store, SystemClock())
        [pr] = world.open_prs("foreign")
        assert (pr.number, pr.base, pr.head, pr.head_sha, pr.task_id) == (1, "multi-tenant", BRANCH, head, "T-1")
        assert pr.title == "infra: Document how signing keys are rotated"
        task = world.task("foreign", "T-1")
        assert task is not None
        assert (task.assignee, task.status, task.pr_number, task.pr_open) == ("Stas", "review", 1, True)
        [memory] = world.memories()
        assert memory.title == "Infra: Document how signing keys are rotated"
        assert set(memory.tags) == {"infrastructure", "deployment", "multi-tenant"}
    with open_record(profile.record_db) as store:
        journal = Journal(store, SystemClock())
        assert journal.verify().ok
        pulse = Pulses(store, journal).by_number(1)
        [run] = Runs(store).of_pulse(pulse.id)
        assert run.result is not None
        assert run.result.outcome is Outcome.SUCCESS
        assert [c.state for c in run.result.verification if c.command.startswith("grep")] == ["passed"]
        approved = [a for a in journal.actions(pulse.id) if a.decided_by == "Ada"]
        assert {a.tool for a in approved} == {"claim_task", "spawn_executor", "open_pull_request", "remember"}
        assert {a.state for a in approved} == {ActionState.SUCCEEDED}

    summary = stas(home, "summary")
    assert "### Task Picked Up: Yes\nT-1 Document how signing keys are rotated" in summary.out
    assert f"Confirmed: branch {BRANCH} and pull request #1" in summary.out
    assert "CI Pipeline: Unknown" in summary.out
    assert "- Infra: Document how signing keys are rotated" in summary.out
    assert json.loads(stas(home, "summary", "--json").out)["outcome"] == "complete"
    [row] = json.loads(stas(home, "task", "list", "--json").out)
    assert (row["id"], row["pull_request"], row["pull_request_open"]) == ("T-1", 1, True)
    assert "waiting for others: pull request #1 is open" in stas(home, "task", "list").out
