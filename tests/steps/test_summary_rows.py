"""Every field of the Pulse Summary against a real pulse's log (R130-R147)."""

from __future__ import annotations

from collections import Counter
from typing import Any

from stas_tui.forges.base import ForgeError, Repo
from stas_tui.forges.local_git import LocalGitForge
from stas_tui.platforms.base import PlatformError
from stas_tui.platforms.local import LocalPlatform
from storage.clock import HOUR
from storage.records import (
    ActionState,
    Finding,
    Memory,
    MessageType,
    OriginProof,
    OutgoingMessage,
    Priority,
    Project,
    Vision,
    Workspace,
)
from tests.door.shop import NOTE, PERSON, PROMPT, T0, Shop, field, like, message, platform_of


class Down(LocalPlatform):
    """A platform of which one part does not answer."""

    part = ""

    def recall(self, query: str, limit: int) -> list[Memory]:
        if Down.part == "memory":
            raise PlatformError("memory is down")
        return super().recall(query, limit)

    def vision(self, project_id: str) -> Vision | None:
        if Down.part == "vision" and project_id == "docs":
            raise PlatformError("500")
        return super().vision(project_id)

    def remember(self, *args: Any, **named: Any) -> Memory:
        if Down.part == "remember":
            raise PlatformError("memory is down")
        return super().remember(*args, **named)

    def send(self, **named: Any) -> OutgoingMessage:
        if Down.part == "slack":
            raise PlatformError("connection lost")
        return super().send(**named)


class NoProof(LocalGitForge):
    """Origins cannot be proved: the remote does not answer."""

    def origin_proof(self, repo: Repo, workspace: Workspace) -> OriginProof:
        raise ForgeError("remote is down")


def down(shop: Shop, part: str) -> Shop:
    Down.part = part
    shop.wire(platform=lambda real: platform_of(real, Down))
    return shop


def whole(shop: Shop) -> None:
    """Claim, spawn, commit, pull request: all through the door."""
    shop.look()
    shop.approve(shop.gate("claim_task"))
    shop.advance_to(lambda p: p.needs == "prompt")
    shop.machine.set_text("prompt", PROMPT, by=PERSON)
    shop.approve(shop.gate("spawn_executor"))
    shop.advance_to(lambda p: p.needs == "review")


def test_R130_the_heading_is_the_end_in_UTC_and_an_interrupted_pulse_says_so(shop: Shop) -> None:
    shop.look(2)
    shop.later(30)
    ended = shop.machine.cut_off(by=PERSON)
    assert ended.summary.startswith("## Pulse Summary - 2026-11-18T11:36:40Z\n")
    assert "Interrupted" in ended.summary.splitlines()[2]
    for heading in ("Inbox", "Memories", "Projects", "Vision Reviewed", "Next Steps", "Rollback Plans", "CI Pipeline"):
        assert field(ended.summary, heading)


def test_R131_counts_by_type_equal_the_log(shop: Shop) -> None:
    for n, type_ in enumerate((MessageType.INFO, MessageType.INFO, MessageType.HANDOFF)):
        shop.world.deliver(message(f"m-{n}", type_, subject=f"subject {n}"))
    shop.look(1)
    said = field(shop.summary(), "Inbox")
    assert said.startswith("### Inbox: 3 messages\n1 handoff, 2 info")
    assert "subject 2" in said
    assert "subject 0" not in said


def test_R132_memory_down_is_zero_with_the_error(shop: Shop) -> None:
    down(shop, "memory").look(6)
    assert field(shop.summary(), "Memories").startswith("### Memories: 0 (error: memory: memory is down")


def test_R132_used_is_what_a_decision_cites(shop: Shop) -> None:
    shop.world.put_memory(Memory(id="mem-1", type="note", title="deployment issues of May", text="deployment", at=T0))
    shop.world.put_memory(Memory(id="mem-2", type="note", title="incident for pool", text="pool incident", at=T0))
    shop.look()
    assert "None cited" in field(shop.summary(), "Memories") or "mem-1" not in field(shop.summary(), "Memories")
    shop.approve(shop.gate("claim_task"))
    shop.advance_to(lambda p: "understood" in p.say)
    assert "incident for pool" in field(shop.summary(), "Memories")


def test_R133_the_active_projects_are_listed(shop: Shop) -> None:
    shop.world.put_project(Project(id="old", name="Old", status="archived"))
    shop.look(3)
    said = field(shop.summary(), "Projects")
    assert "1 active" in said
    assert "Shop" in said
    assert "Old" not in said


def test_R134_one_of_two_visions_read_is_No(shop: Shop) -> None:
    shop.world.put_project(Project(id="docs", name="Docs"))
    down(shop, "vision").look(4)
    said = field(shop.summary(), "Vision Reviewed")
    assert said.startswith("### Vision Reviewed: No")
    assert "Docs: not read (error: 500)" in said
    assert "Shop (" in said


def test_R134_all_visions_read_is_Yes(shop: Shop) -> None:
    shop.look(4)
    assert field(shop.summary(), "Vision Reviewed").startswith("### Vision Reviewed: Yes")


def test_R135_R136_nothing_looked_is_Unknown_and_never_Green(shop: Shop) -> None:
    for upto in (5, 6):
        shop.look(upto)
        summary = shop.summary()
        assert "CI Pipeline: Unknown (" in summary
        assert "Container Builds: Unknown (" in summary
        assert "Green" not in summary
        assert "Passing" not in summary


def test_R135_a_finding_of_the_scan_decides(looked: Shop) -> None:
    def put(verdict: str) -> str:
        looked.context.findings.put(
            Finding(id="ci", pulse_id=looked.pulse.id, check="health", subject="CI", verdict=verdict, reason="", at=T0)
        )
        return looked.summary()

    for old in looked.context.findings.of_pulse(looked.pulse.id):
        if old.subject == "CI":
            looked.context.findings.put(
                Finding(id=old.id, pulse_id=old.pulse_id, check="gone", subject="CI", verdict="unknown", reason="")
            )
    assert "CI Pipeline: Green" in put("ok")
    assert "CI Pipeline: Yellow" in put("degraded")
    assert "CI Pipeline: Red" in put("failed")


def test_R137_no_scan_means_unknown_deploys(shop: Shop) -> None:
    shop.look(5)
    assert "Unknown" in field(shop.summary(), "Recent Deploys")
    shop.look(6)
    assert "0 in last 24h, no issues reported" in field(shop.summary(), "Recent Deploys")


def test_R138_the_claimed_task_with_branch_and_why_none(looked: Shop) -> None:
    assert field(looked.summary(), "Task Picked Up").startswith("### Task Picked Up: No")
    workspace = looked.claimed()
    said = field(looked.summary(), "Task Picked Up")
    assert said.startswith("### Task Picked Up: Yes\nT-1 ")
    assert workspace.branch in said
    assert "priority P1" in said


def test_R138_no_task_at_all_says_so(shop: Shop) -> None:
    for task in shop.world.tasks("shop"):
        shop.task(task.id, task.title, assignee="Rex")
    shop.look(6)
    shop.machine.advance()
    assert "no task is ready" in field(shop.summary(), "Task Picked Up")
    assert field(shop.summary(), "Execution Method").startswith("### Execution Method: none")


def test_R139_a_run_is_seen_with_model_and_time(shop: Shop) -> None:
    whole(shop)
    said = field(shop.summary(), "Execution Method")
    assert said.startswith("### Execution Method: spawn_executor")
    assert "test-model" in said
    assert "no deviations" in said


def test_R140_an_unproved_branch_is_not_confirmed(looked: Shop) -> None:
    looked.wire(forge=lambda real: like(real, NoProof))
    looked.run(looked.call("claim_task", projectId="shop", taskId="T-1"))
    said = field(looked.summary(), "Branch Target")
    assert "NOT confirmed: branch infra/T-1" in said
    assert "unverified" in said
    assert "remote is down" in said


def test_R140_a_branch_claimed_in_an_earlier_pulse_is_proved_again(shop: Shop) -> None:
    shop.look()
    shop.approve(shop.gate("claim_task"))
    shop.advance_to(lambda p: p.needs == "prompt")
    shop.machine.cut_off(by=PERSON)
    shop.look()
    shop.advance_to(lambda p: p.needs == "prompt")
    assert shop.actions("claim_task") == []
    assert "Confirmed: branch infra/T-1" in field(shop.summary(), "Branch Target")
    shop.wire(forge=lambda real: like(real, NoProof))
    assert "NOT confirmed: branch infra/T-1" in field(shop.summary(), "Branch Target")


def test_R141_every_effect_is_listed_exactly_once_with_its_actor(looked: Shop) -> None:
    workspace = looked.claimed()
    looked.committed(workspace)
    answer = looked.call("message_agent", agentId="dev", message="please merge it")
    assert answer.action is not None
    looked.reject(answer.action, "not today")
    for _ in range(3):
        looked.call("message_agent", agentId="Mallory", message="hello")
    looked.call("slack_dm", message="nightly: all fine", category="incident")
    lines = [line.partition(". ")[2] for line in field(looked.summary(), "Actions Taken").splitlines()[1:]]
    events = [e for e in looked.events() if e.kind in ("policy.refused", "policy.locked", "policy.overridden")]
    assert len(events) == 4
    assert len(lines) == len(looked.context.journal.actions(looked.pulse.id)) + 2
    text = "\n".join(lines)
    for once in ("Claim T-1, done, approved by Ada", "Commit 1 file for T-1, done", "rejected by Ada: not today"):
        assert text.count(once) == 1, text
    assert text.count("Mallory") == 1
    assert "(×3)" in text
    assert "policy: message_agent, refused" in text
    assert "approved by policy" not in text
    assert max(Counter(lines).values()) == 1


def test_R142_a_change_without_evidence_is_flagged_and_no_change_is_NA(looked: Shop) -> None:
    assert field(looked.summary(), "Multi-Tenant Isolation").startswith("### Multi-Tenant Isolation: N/A")
    looked.committed(looked.claimed())
    assert field(looked.summary(), "Multi-Tenant Isolation").startswith(
        "### Multi-Tenant Isolation: Flagged (not verified"
    )
    for row in ("R109", "R110", "R111", "R112"):
        looked.context.findings.put(
            Finding(
                id=row,
                pulse_id=looked.pulse.id,
                check=row,
                subject="shop",
                verdict="flagged" if row == "R110" else "unknown",
                reason="app.py:3 no guard",
            )
        )
    said = field(looked.summary(), "Multi-Tenant Isolation")
    assert said.startswith("### Multi-Tenant Isolation: Flagged\n")
    assert "app.py:3 no guard" in said


def test_R143_documented_missing_and_not_applicable(shop: Shop) -> None:
    shop.task("T-1", "infra: deploy the capped pool", Priority.P1, labels=("deploy", "service:checkout"))
    shop.look(6)
    assert field(shop.summary(), "Rollback Plans").startswith("### Rollback Plans: N/A")
    shop.approve(shop.gate("claim_task"))
    shop.advance_to(lambda p: p.needs == "prompt")
    assert field(shop.summary(), "Rollback Plans").startswith("### Rollback Plans: MISSING")
    shop.machine.set_text("prompt", PROMPT, by=PERSON)
    shop.approve(shop.gate("spawn_executor"))
    shop.advance_to(lambda p: p.needs == "review")
    assert field(shop.summary(), "Rollback Plans").startswith("### Rollback Plans: Documented")


def test_R144_saved_waiting_and_not_saved(looked: Shop) -> None:
    assert field(looked.summary(), "Lessons Learned").endswith("- None")
    asked = looked.call("remember", type="pattern", title="Infra: cap", text=NOTE, shared=True)
    assert "Infra: cap (not saved yet" in field(looked.summary(), "Lessons Learned")
    looked.run(asked)
    assert field(looked.summary(), "Lessons Learned").endswith("- Infra: cap")


def test_R144_memory_down_says_not_saved(looked: Shop) -> None:
    down(looked, "remember")
    looked.run(looked.call("remember", type="pattern", title="Infra: cap", text=NOTE, shared=True))
    assert "Infra: cap (not saved yet" in field(looked.summary(), "Lessons Learned")


def test_R145_expired_gates_open_P1_and_dead_sources_are_urgent(shop: Shop) -> None:
    down(shop, "memory").look()
    answer = shop.call("message_agent", agentId="dev", message="please merge it")
    assert answer.action is not None
    shop.clock.advance(5 * HOUR)
    shop.context.journal.sweep_expired()
    assert shop.context.journal.get(answer.action.id).state is ActionState.EXPIRED
    said = field(shop.summary(), "Urgent Items")
    assert "Message dev expired unanswered" in said
    assert "P1 T-1" in said
    assert "memory is down" in said
    assert said.count("expired unanswered") == 1


def test_R146_an_uncertain_message_is_not_a_Yes(looked: Shop) -> None:
    down(looked, "slack")
    answer = looked.run(looked.call("slack_dm", message="checkout is down in production", category="incident"))
    assert answer.status == "unknown"
    assert field(looked.summary(), "Messaged Sky").startswith("### Messaged Sky: Uncertain")
    assert "nobody knows whether it happened" in field(looked.summary(), "Urgent Items")


def test_R146_a_message_in_the_outbox_did_not_reach_anybody(looked: Shop) -> None:
    assert field(looked.summary(), "Messaged Sky").startswith("### Messaged Sky: No")
    looked.run(looked.call("slack_dm", message="checkout is down in production", category="incident"))
    said = field(looked.summary(), "Messaged Sky")
    assert said.startswith("### Messaged Sky: No")
    assert "incident: not configured" in said


def test_R147_a_pending_gate_is_a_next_step(looked: Shop) -> None:
    assert "None" in field(looked.summary(), "Next Steps")
    looked.call("claim_task", projectId="shop", taskId="T-1")
    assert "Decide: Claim T-1 waits for you" in field(looked.summary(), "Next Steps")


def test_R3_the_draft_is_there_from_the_first_moment(shop: Shop) -> None:
    shop.begin()
    summary = shop.summary()
    assert "### Inbox: Unknown (the step was not done)" in summary
    assert "Green" not in summary
    assert "None assigned" not in summary
