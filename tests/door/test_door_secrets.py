"""Canary secrets, planted wherever text comes in: refused, and on no disk (R82, cross test 4)."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from stas_tui.gates.contract import BadCall, Refusal
from storage.errors import StasError
from storage.records import Memory, MessageType, Priority
from tests.door.shop import BODY, NOTE, PERSON, PROMPT, Shop, message

CANARY = "ghp_" + "Zx9Qw7Er5Ty3Ui1Op8As6Df4Gh2Jk0Lm5Nb7"
"""Looks like a token of a forge; belongs to nobody."""


def no_trace(shop: Shop) -> None:
    """Nothing Stas wrote holds the canary, in clear or in base64."""
    kept = shop.every_byte()
    assert len(kept) > 10_000
    assert CANARY.encode() not in kept
    assert base64.b64encode(CANARY.encode()) not in kept


CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "prompt": (
        "spawn_executor",
        {"projectId": "shop", "taskId": "T-1", "executionPrompt": PROMPT.replace("two seconds", f"two {CANARY} s")},
    ),
    "model": ("spawn_executor", {"projectId": "shop", "taskId": "T-1", "executionPrompt": PROMPT, "model": CANARY}),
    "cause": ("spawn_executor", {"projectId": "shop", "taskId": "T-1", "executionPrompt": PROMPT, "cause": CANARY}),
    "pull request title": (
        "open_pull_request",
        {"projectId": "shop", "taskId": "T-1", "title": f"infra: {CANARY}", "body": BODY},
    ),
    "pull request body": (
        "open_pull_request",
        {"projectId": "shop", "taskId": "T-1", "title": "infra: x", "body": BODY + CANARY},
    ),
    "commit": ("commit_changes", {"projectId": "shop", "taskId": "T-1", "message": f"infra: use {CANARY}"}),
    "column": ("transition_task", {"projectId": "shop", "taskId": "T-1", "status": CANARY}),
    "message": ("message_agent", {"agentId": "dev", "message": f"use {CANARY}"}),
    "slack": ("slack_dm", {"category": "incident", "message": f"checkout is down, {CANARY}"}),
    "memory": ("remember", {"type": "pattern", "title": "Infra: x", "text": NOTE + CANARY}),
    "memory tag": ("remember", {"type": "pattern", "title": "Infra: x", "text": NOTE, "tags": [CANARY]}),
    "task": ("create_task", {"projectId": "shop", "title": "infra: x", "description": CANARY, "priority": "P0"}),
    "task title": ("create_task", {"projectId": "shop", "title": f"infra: {CANARY}", "priority": "P0"}),
    "follow-up": (
        "create_follow_ups",
        {"projectId": "shop", "items": [{"title": "infra: x", "description": "d", "priority": "P2", "why": CANARY}]},
    ),
}


@pytest.mark.parametrize("place", sorted(CALLS))
def test_R82_a_canary_in_a_call_is_refused_and_leaves_no_trace(looked: Shop, place: str) -> None:
    tool, args = CALLS[place]
    if "taskId" in args:
        workspace = looked.claimed()
        if tool == "open_pull_request":
            looked.committed(workspace)
        else:
            looked.write(workspace, {"services/checkout/pool.py": "LIMIT = 20\n"})
    answer = looked.call(tool, **args)
    assert (answer.status, answer.rule) == ("refused", "R82"), answer
    assert CANARY not in answer.reason
    assert looked.actions(tool) == []
    no_trace(looked)


def test_R82_a_canary_in_a_file_is_refused_by_place(looked: Shop) -> None:
    looked.write(looked.claimed(), {"services/checkout/settings.toml": f'token = "{CANARY}"\n'})
    answer = looked.call("commit_changes", projectId="shop", taskId="T-1", message="infra: token")
    assert (answer.status, answer.rule) == ("refused", "R82")
    assert "services/checkout/settings.toml:1" in answer.reason
    no_trace(looked)


def test_R82_a_canary_in_an_edit_leaves_the_old_revision_and_no_trace(looked: Shop) -> None:
    answer = looked.call("message_agent", agentId="dev", message="please merge it")
    assert answer.action is not None
    with pytest.raises(Refusal):
        looked.toolbox.edit(
            answer.action.id,
            rev=1,
            digest=answer.action.digest,
            args={"agentId": "dev", "message": f"please use {CANARY}"},
            author=PERSON,
        )
    assert looked.context.journal.get(answer.action.id).rev == 1
    assert [event.body["rule"] for event in looked.events("policy.refused")] == ["R82"]
    no_trace(looked)


def test_R82_a_canary_in_reasons_is_masked(looked: Shop) -> None:
    answer = looked.call("claim_task", caused_by=f"m-1 {CANARY}", projectId="shop", taskId="T-1")
    assert answer.action is not None
    looked.reject(answer.action, f"no: {CANARY}")
    looked.toolbox.recall(f"what is {CANARY}", 3, pulse_id=looked.pulse.id, caller="Stas")
    locked = looked.world.set_vision("shop", "# other\n")
    assert locked.sha256
    over = looked.call("claim_task", override=f"because {CANARY}", projectId="shop", taskId="T-2")
    assert (over.status, over.rule) == ("refused", "R82")
    no_trace(looked)


def test_R82_a_canary_in_the_outside_world_does_not_reach_the_record(shop: Shop) -> None:
    """The world holds what others wrote; the record, the summary and the gate do not repeat it."""
    shop.world.deliver(message("m-1", MessageType.HANDOFF, f"deploy with {CANARY}", f"key {CANARY}"))
    shop.world.deliver(message("m-2", MessageType.URGENT, f"checkout is down {CANARY}", CANARY, at=shop.clock.now()))
    shop.world.set_vision("shop", f"# Shop\n\n## Deployment strategy\nRolling with {CANARY}.\n")
    shop.world.put_memory(
        Memory(id="mem-1", type="note", title=f"deployment issues {CANARY}", text=f"deployment {CANARY}")
    )
    shop.task("T-1", f"infra: rotate {CANARY}", Priority.P1, description=f"it is {CANARY}", acceptance=(CANARY,))
    shop.look()
    shop.approve(shop.gate("claim_task"))
    shop.advance_to(lambda p: p.needs == "prompt")
    assert CANARY not in shop.summary()
    workspace = shop.context.workspace(shop.context.pulses.work(shop.pulse.id)["task"]["id"])
    assert workspace is not None
    assert CANARY.lower()[:12] not in workspace.branch
    shop.context.journal.store.connection.execute("pragma wal_checkpoint(full)")
    record = b"".join(path.read_bytes() for path in shop.profile.root.glob("stas.db*"))
    assert CANARY.encode() not in record


@pytest.mark.parametrize("what", ["prompt", "pull request", "memory"])
def test_R82_a_canary_a_person_types_is_not_kept(looked: Shop, what: str) -> None:
    looked.approve(looked.gate("claim_task"))
    looked.advance_to(lambda p: p.needs == "prompt")
    try:
        looked.machine.set_text(what, PROMPT.replace("two seconds", f"{CANARY} s"), by=PERSON, title="infra: x")
        looked.machine.advance()
    except StasError as error:
        assert CANARY not in str(error)
    no_trace(looked)


def test_R82_a_canary_an_executor_prints_or_reports_is_not_kept(looked: Shop) -> None:
    looked.claimed()
    body = looked.program.read_text().replace('"capped"', f'"{CANARY}"')
    looked.program.write_text(f"print('{CANARY}', flush=True)\n" + body)
    done = looked.run(looked.call("spawn_executor", **looked.prompt_args()))
    looked.context.door.executor.wait(done.result["run"], 20)
    log = Path(looked.context.runs.get(done.result["run"]).directory) / "stdout.log"
    assert "redacted" in log.read_text()
    no_trace(looked)


def test_R82_braces_are_not_sent_to_memory(looked: Shop) -> None:
    with pytest.raises(BadCall, match="placeholder"):
        looked.toolbox.recall("incident for {domain}", 3, pulse_id=looked.pulse.id, caller="Stas")
