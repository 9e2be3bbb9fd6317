"""What becomes of a gate and of an approval when time passes, the world moves, or nobody can look."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace

import pytest

from stas_tui.gates.contract import BadCall
from stas_tui.toolbox import Toolbox
from storage.clock import HOUR, MINUTE
from storage.errors import StoreUnavailable
from storage.journal import Journal
from storage.records import ActionState
from storage.schema_record import open_record
from tests.machine.conftest import Walk


def test_an_approval_stands_while_the_remote_cannot_be_reached(walk: Walk) -> None:
    action = walk.approved("claim_task")
    remote = walk.app.profile.root / "remote.git"
    remote.rename(remote.with_name("away.git"))
    progress = walk.machine.advance()
    assert progress.needs == "blocked"
    assert "the approval still stands" in progress.say
    assert walk.state(action) == "approved"
    assert walk.journal.attempts(action.id) == []
    remote.with_name("away.git").rename(remote)
    assert walk.machine.advance().say == "T-301 claimed"
    assert walk.state(action) == "succeeded"


def test_an_approval_that_was_not_used_in_time_asks_again(walk: Walk) -> None:
    action = walk.approved("claim_task")
    walk.clock.ahead = 11 * MINUTE
    progress = walk.machine.advance()
    assert (walk.state(action), progress.needs) == ("expired", "")
    assert "nothing was done" in progress.say
    again = walk.gate("claim_task")
    assert again.id != action.id


def test_a_gate_that_expired_while_nobody_was_there_is_told_and_asks_again(start: Callable[[], Walk]) -> None:
    first = start()
    action = first.gate("claim_task")
    first.app.close()
    first.clock.ahead = 5 * HOUR
    second = start()
    [told] = second.machine.recover()
    assert "Claim T-301" in told
    assert "expired without an answer" in told
    assert second.state(action) == "expired"
    assert second.gate("claim_task").id != action.id
    assert second.machine.recover() == []


def test_every_later_gate_asks_again_after_it_expired(walk: Walk) -> None:
    for tool in ("spawn_executor", "open_pull_request", "remember", "create_follow_ups", "slack_dm"):
        action = walk.gate(tool)
        walk.clock.ahead += 5 * HOUR
        assert walk.gate(tool).id != action.id
        assert walk.state(action) == "expired"


def test_what_the_policy_forbids_after_the_approval_is_withdrawn_with_the_reason(walk: Walk) -> None:
    action = walk.approved("claim_task")
    walk.app.world.claim("ledger", "T-301", "Chieko", "infra/T-301-hers")
    progress = walk.machine.advance()
    assert "held by Chieko" in progress.say
    now = walk.journal.get(action.id)
    assert (now.state, now.decided_by) == (ActionState.WITHDRAWN, "policy")
    assert "held by Chieko" in now.reason
    [event] = walk.journal.events(kinds=["policy.refused"])
    assert event.body["rule"] == "R44"
    assert walk.work["refused"].keys() == {"T-301"}  # type: ignore[attr-defined]


def test_a_lock_after_the_approval_withdraws_it_and_yields_to_a_typed_reason_once(walk: Walk) -> None:
    action = walk.approved("claim_task")
    walk.app.world.set_vision("ledger", "# Another vision\n\nEverything is different now.\n")
    progress = walk.machine.advance()
    assert (progress.needs, walk.state(action)) == ("override", "withdrawn")
    assert "changed after it was read" in progress.say
    assert walk.work["needs"] == "override"
    assert walk.work["locked"]["rule"] == "R26"  # type: ignore[index]
    with pytest.raises(BadCall):
        walk.machine.override(by="ann", reason="  ")
    walk.machine.override(by="ann", reason="the change is about wording")
    progress = walk.machine.advance()
    assert progress.needs == "gate"
    assert progress.action is not None
    assert progress.action.revision is not None
    assert [o["reason"] for o in progress.action.revision.plan["overrides"]] == ["the change is about wording"]
    assert not {"override", "locked", "needs"} & walk.work.keys()
    [event] = walk.journal.events(kinds=["policy.overridden"])
    assert (event.actor, event.body["rule"]) == ("ann", "R26")
    with pytest.raises(BadCall, match="Nothing is locked"):
        walk.machine.override(by="ann", reason="more of it")


def test_an_override_is_for_one_call_only(walk: Walk) -> None:
    """The reason given for one lock never opens the next one."""
    walk.gate("claim_task")
    walk.machine.work().save(override={"by": "ann", "reason": "left over"}, claim_action=None)
    walk.journal.withdraw(walk.journal.pending()[0].id, by="ann", reason="test")
    walk.gate("claim_task")
    assert "override" not in walk.work


def test_a_text_changed_after_the_approval_never_runs_as_it_was(walk: Walk) -> None:
    action = walk.approved("spawn_executor")
    prompt = str(walk.work["prompt"])
    walk.machine.set_text("prompt", prompt + "\nOne more line.\n", by="ann")
    assert walk.state(action) == "withdrawn"
    again = walk.gate("spawn_executor")
    assert again.id != action.id
    assert again.revision is not None
    assert "One more line." in again.revision.args["executionPrompt"]
    assert walk.app.context.runs.of_pulse(action.pulse_id) == []


def test_what_is_not_settled_cannot_be_changed_behind_its_back(walk: Walk) -> None:
    action = walk.approved("spawn_executor")
    attempt = walk.journal.claim(action.id, owner="elsewhere")
    with pytest.raises(BadCall, match="not settled"):
        walk.machine.set_text("prompt", "other words", by="ann")
    assert walk.machine.advance().needs == "blocked"
    walk.journal.finish(action.id, n=attempt.n, owner="elsewhere", result="unknown")
    walk.until(lambda p: p.needs == "run")
    assert walk.state(action) == "succeeded"
    assert [a.result for a in walk.journal.attempts(action.id)] == ["unknown", "succeeded"]


def test_an_outcome_that_could_not_be_written_is_written_later_and_nothing_runs_twice(walk: Walk) -> None:
    """The record is locked in the moment after the effect."""
    walk.begin()
    pulse = walk.machine.current()
    assert pulse is not None
    with (
        open_record(walk.app.profile.record_db, busy_bound_s=0.1) as store,
        closing(sqlite3.connect(walk.app.profile.record_db, isolation_level=None)) as other,
    ):

        def killpoint(name: str) -> None:
            if name == "K8":
                other.execute("begin immediate")

        door = replace(walk.app.context.door, journal=Journal(store, walk.clock))
        toolbox = Toolbox(door, killpoint=killpoint)
        call = {"projectId": "ledger", "title": "infra: once", "priority": "P0"}
        with pytest.raises(StoreUnavailable):
            toolbox.call("create_task", call, pulse_id=pulse.id, caller="Stas")
        [action] = [a for a in walk.journal.actions(pulse.id) if a.tool == "create_task"]
        assert action.state is ActionState.EXECUTING
        other.execute("rollback")
        assert toolbox.perform(action.id).status == "ok"
    assert [t.title for t in walk.app.world.tasks("ledger")].count("infra: once") == 1
    assert [a.result for a in walk.journal.attempts(action.id)] == ["succeeded"]


def test_a_pause_stops_effects_between_any_two_of_them(start: Callable[[], Walk]) -> None:
    """Another process pauses: from that line of the log on nothing starts, although a worker goes on asking."""
    first, second = start(), start()
    first.begin()
    pulse = first.machine.current()
    assert pulse is not None
    started, answers = threading.Event(), []

    def effects() -> None:
        for n in range(400):
            text = f"For your information: {n}"
            args = {"agentId": "Finn", "message": text}
            answers.append(
                first.app.context.toolbox.call("message_agent", args, pulse_id=pulse.id, caller="Stas").status
            )
            if n == 5:
                started.set()
            if answers[-1] == "halted":
                return

    worker = threading.Thread(target=effects)
    worker.start()
    assert started.wait(10)
    before = time.monotonic()
    second.machine.pause(by="ann", reason="stop")
    took = time.monotonic() - before
    worker.join(timeout=10)
    assert answers[-1] == "halted"
    assert took < 0.2
    [halt] = first.journal.events(kinds=["control.halted"])
    assert not first.journal.events(after=halt.seq, kinds=["action.started", "action.allowed"])
    assert first.machine.advance().needs == "paused"
    second.machine.resume(by="ann", reason="looked at it")
    assert first.machine.advance().needs == ""
