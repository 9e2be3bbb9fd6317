"""Answers, handoffs, notes, undo, messages to agents and to the human (R12-R16, R43, R96, R120, R122-R129)."""

from __future__ import annotations

from typing import Any

import pytest

from stas_tui.gates import inbox_acts
from stas_tui.gates.contract import BadCall, Refusal
from stas_tui.gates.undo import TooLate
from stas_tui.platforms.base import PlatformError
from stas_tui.platforms.local import LocalPlatform
from storage.records import ActionState, Message, MessageType, Mode, Priority, Task, Trust
from tests.door.shop import PERSON, Shop, message, platform_of

COMPLETE = (
    "Please deploy pull request #12 for T-12.\nRollback: roll the image tag back with ops/rollout.sh\n"
    "Acceptance: error rate below 0.1 %\n"
)


def deliver(shop: Shop, *args: Any, **named: Any) -> Message:
    return shop.world.deliver(message(*args, **named))


# replies ------------------------------------------------------------------------------------------


def test_R12_a_reply_is_sent_once_although_the_key_was_pressed_twice(looked: Shop) -> None:
    asked = deliver(looked, "m-1", MessageType.HELP_REQUEST, "blocked on quota", "blocked on the quota of staging")
    for _ in range(2):
        answer = inbox_acts.reply(looked.toolbox, asked, "Seen.", pulse_id=looked.pulse.id, by=PERSON)
        assert answer.status == "ok"
    assert [(sent.to, sent.text) for sent in looked.world.sent()] == [("dev", "Seen.")]


def test_R12_a_reply_that_promises_a_change_waits_for_a_person(looked: Shop) -> None:
    asked = deliver(looked, "m-1", MessageType.HELP_REQUEST, "blocked", "blocked on the quota")
    answer = inbox_acts.reply(looked.toolbox, asked, "I rotate the key now.", pulse_id=looked.pulse.id, by=PERSON)
    assert answer.status == "pending"
    assert looked.world.sent() == []


def test_R12_a_sender_nobody_vouches_for_gets_no_reply(looked: Shop) -> None:
    asked = deliver(looked, "m-1", MessageType.HELP_REQUEST, "blocked", "x", sender="stranger", trust=Trust.EXTERNAL)
    with pytest.raises(Refusal, match="stranger is not known"):
        inbox_acts.reply(looked.toolbox, asked, "Seen.", pulse_id=looked.pulse.id, by=PERSON)
    assert looked.world.sent() == []


# handoffs -----------------------------------------------------------------------------------------


def test_R13_a_handoff_without_rollback_cannot_be_accepted_and_the_return_names_it(looked: Shop) -> None:
    body = COMPLETE.replace("Rollback: roll the image tag back with ops/rollout.sh\n", "")
    handed = deliver(looked, "m-1", MessageType.HANDOFF, "T-12 is ready for deployment", body)
    with pytest.raises(BadCall, match="incomplete: rollback"):
        inbox_acts.accept_handoff(looked.toolbox, handed, pulse_id=looked.pulse.id, by=PERSON)
    answer = inbox_acts.return_handoff(looked.toolbox, handed, pulse_id=looked.pulse.id, by=PERSON)
    assert answer.status == "pending"
    assert looked.world.inbox("Stas")[0].id == "m-1"
    looked.run(answer)
    assert "the rollback: numbered steps with commands" in looked.world.sent()[0].text
    done = inbox_acts.return_handoff(looked.toolbox, handed, pulse_id=looked.pulse.id, by=PERSON)
    assert done.status == "ok"
    assert len(looked.world.sent()) == 1
    assert looked.world.inbox("Stas") == []


def test_R13_a_complete_handoff_is_accepted_and_leaves_the_inbox(looked: Shop) -> None:
    handed = deliver(looked, "m-1", MessageType.HANDOFF, "T-12 is ready", COMPLETE)
    answer = inbox_acts.accept_handoff(looked.toolbox, handed, pulse_id=looked.pulse.id, by=PERSON)
    assert answer.status == "ok"
    assert "accepted" in looked.world.sent()[0].text
    assert looked.world.inbox("Stas") == []
    with pytest.raises(BadCall, match="complete"):
        inbox_acts.return_handoff(looked.toolbox, handed, pulse_id=looked.pulse.id, by=PERSON)


def test_R13_only_a_handoff_is_accepted(looked: Shop) -> None:
    info = deliver(looked, "m-1")
    with pytest.raises(BadCall, match="no handoff"):
        inbox_acts.accept_handoff(looked.toolbox, info, pulse_id=looked.pulse.id, by=PERSON)


# notes --------------------------------------------------------------------------------------------


def test_R16_D22_info_from_outside_is_not_recalled_until_a_person_confirms_it(looked: Shop) -> None:
    told = deliver(looked, "m-1", subject="marmalade capacity", body="marmalade needs room", trust=Trust.EXTERNAL)
    answer = inbox_acts.file_info(looked.toolbox, told, pulse_id=looked.pulse.id, by=PERSON)
    assert answer.status == "ok"
    assert answer.result["quarantined"] is True
    assert looked.world.recall("marmalade", 5) == []
    looked.world.confirm_memory(answer.result["id"], f"human:{PERSON}")
    assert [memory.title for memory in looked.world.recall("marmalade", 5)] == ["marmalade capacity"]


def test_R16_info_of_a_known_agent_is_recalled_and_a_shared_note_asks(looked: Shop) -> None:
    told = deliver(looked, "m-1", subject="marmalade capacity", body="marmalade needs room")
    shared = inbox_acts.file_info(looked.toolbox, told, pulse_id=looked.pulse.id, by=PERSON, shared=True)
    assert shared.status == "pending"
    looked.run(shared)
    assert looked.world.recall("marmalade", 5)[0].shared


def test_D22_what_derives_from_outside_text_is_quarantined_whatever_the_call_says(looked: Shop) -> None:
    deliver(looked, "m-9", subject="tip", body="always deploy from main", trust=Trust.EXTERNAL)
    answer = looked.call(
        "remember",
        caused_by="m-9",
        type="pattern",
        title="Infra: marmalade",
        text="deploy from main",
        quarantined=False,
    )
    assert answer.status == "ok"
    assert answer.result["quarantined"] is True
    assert looked.world.recall("marmalade", 5) == []


def test_R15_a_shown_message_is_marked_once_by_an_event_and_no_action(looked: Shop) -> None:
    told = deliver(looked, "m-1")
    seen = inbox_acts.mark_shown(looked.toolbox, told, by=PERSON, pulse_id=looked.pulse.id)
    assert seen.read_at == looked.clock.now()
    inbox_acts.mark_shown(looked.toolbox, seen, by=PERSON, pulse_id=looked.pulse.id)
    assert [event.body["messageId"] for event in looked.events("message.shown")] == ["m-1"]
    assert looked.context.journal.actions(looked.pulse.id) == []
    assert looked.world.inbox("Stas")[0].id == "m-1"


class NoAck(LocalPlatform):
    def acknowledge(self, message_id: str) -> Message:
        raise PlatformError("platform is down")


def test_R15_an_acknowledgement_that_fails_leaves_the_message_open(looked: Shop) -> None:
    told = deliver(looked, "m-1")
    looked.wire(platform=lambda real: platform_of(real, NoAck))
    answer = inbox_acts.acknowledge(looked.toolbox, told, pulse_id=looked.pulse.id, by=PERSON)
    assert answer.status == "unknown"
    assert looked.world.inbox("Stas")[0].id == "m-1"


# undo ---------------------------------------------------------------------------------------------


def moved(looked: Shop) -> str:
    looked.claimed()
    answer = looked.call("transition_task", projectId="shop", taskId="T-1", status="in_progress")
    assert answer.status == "ok"
    assert answer.action is not None
    return answer.action.id


def column(shop: Shop, task: str = "T-1") -> str:
    found = shop.world.task("shop", task)
    assert found is not None
    return found.status


def test_undo_moves_a_task_back_once(looked: Shop) -> None:
    done = moved(looked)
    assert column(looked) == "in_progress"
    answer = looked.toolbox.undo(done, PERSON)
    assert (answer.status, answer.differences) == ("ok", ())
    assert column(looked) == "review"
    assert looked.actions("undo_action")[0].requested_by == PERSON
    assert "Undo: move T-1 back to review" in looked.summary()
    with pytest.raises(TooLate):
        looked.toolbox.undo(looked.actions("undo_action")[0].id, PERSON)


def test_undo_does_not_overwrite_what_others_did_since(looked: Shop) -> None:
    done = moved(looked)
    looked.context.door.platform.transition("shop", "T-1", "backlog")
    with pytest.raises(TooLate, match="somebody moved it"):
        looked.toolbox.undo(done, PERSON)
    assert column(looked) == "backlog"


def test_R43_a_P0_task_is_taken_back_within_five_minutes_and_not_later(looked: Shop) -> None:
    first = looked.call("create_task", projectId="shop", title="infra: outage one", priority="P0")
    second = looked.call("create_task", projectId="shop", title="infra: outage two", priority="P0")
    assert first.action is not None
    assert second.action is not None
    looked.later(4)
    assert looked.toolbox.undo(first.action.id, PERSON).status == "ok"
    assert "infra: outage one" not in [task.title for task in looked.world.tasks("shop")]
    looked.later(2)
    with pytest.raises(TooLate, match="five minutes"):
        looked.toolbox.undo(second.action.id, PERSON)
    assert "infra: outage two" in [task.title for task in looked.world.tasks("shop")]


def test_R43_a_task_somebody_took_is_not_closed(looked: Shop) -> None:
    made = looked.call("create_task", projectId="shop", title="infra: outage", priority="P0")
    looked.world.claim("shop", made.result["task"], "Rex", "infra/x", claimable=("review",))
    assert made.action is not None
    with pytest.raises(TooLate, match="Rex"):
        looked.toolbox.undo(made.action.id, PERSON)


def test_what_went_out_cannot_be_undone(looked: Shop) -> None:
    sent = looked.call("message_agent", agentId="dev", message="All is well.")
    assert sent.action is not None
    with pytest.raises(TooLate, match="cannot be undone"):
        looked.toolbox.undo(sent.action.id, PERSON)


# creating -----------------------------------------------------------------------------------------


def test_R43_D29_a_task_that_is_open_already_is_not_created_again(looked: Shop) -> None:
    answer = looked.call("create_task", projectId="shop", title="infra: Smaller IMAGE", priority="P0")
    assert (answer.status, answer.result["task"], answer.result["duplicate"]) == ("ok", "T-2", True)
    assert looked.actions("create_task") == []
    assert len(looked.world.tasks("shop")) == 2


def test_R120_D29_the_tray_is_one_gate_and_an_edit_strikes_proposals_out(looked: Shop) -> None:
    items = [{"title": f"infra: thing {n}", "description": "d", "priority": "P2", "why": "seen"} for n in (1, 2, 3)]
    answer = looked.call("create_follow_ups", projectId="shop", items=items)
    assert answer.action is not None
    edited = looked.toolbox.edit(
        answer.action.id,
        rev=1,
        digest=answer.action.digest,
        args={"projectId": "shop", "items": items[:2]},
        author=PERSON,
    )
    looked.approve(edited)
    done = looked.toolbox.perform(edited.id)
    assert done.result["titles"] == ["infra: thing 1", "infra: thing 2"]
    titles = [task.title for task in looked.world.tasks("shop")]
    assert "infra: thing 3" not in titles
    assert titles.count("infra: thing 1") == 1


# the human ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("category", "text", "urgent"),
    [
        ("incident", "Checkout is down in production for acme.", True),
        ("security", "The metrics port is exposed to the internet.", True),
        ("integrity", "Rows of globex show up for acme: cross-tenant leak.", True),
        ("cost", "The new cluster costs 4000 EUR a month more.", False),
        ("access", "I need access to the cloud console; the rollout waits for it.", False),
    ],
    ids=["R122", "R123", "R124", "R125", "R126"],
)
def test_R122_to_R126_R128_a_category_is_a_gate_with_its_own_urgency(
    looked: Shop, category: str, text: str, urgent: bool
) -> None:
    answer = looked.call("slack_dm", message=text, category=category)
    assert answer.status == "pending"
    done = looked.run(answer)
    assert done.status == "ok"
    [sent] = looked.world.sent()
    assert (sent.category, sent.urgent, sent.text, sent.state) == (category, urgent, text, "not configured")


@pytest.mark.parametrize(
    ("category", "text"),
    [
        ("", "Checkout is down."),
        ("routine", "Checkout is down."),
        ("incident", "Nightly run: all fine, no issues."),
        ("cost", "It is more expensive now."),
        ("access", "Something is missing."),
        ("incident", ""),
    ],
)
def test_R127_without_a_fitting_category_nothing_is_sent_and_the_attempt_is_logged(
    looked: Shop, category: str, text: str
) -> None:
    if not text:
        with pytest.raises(BadCall):
            looked.call("slack_dm", message=text, category=category)
        return
    answer = looked.call("slack_dm", message=text, category=category)
    assert (answer.status, answer.rule) == ("refused", "R127")
    assert [event.body["rule"] for event in looked.events("policy.refused")] == ["R127"]
    assert looked.world.sent() == []


def test_R129_a_name_without_an_id_is_told_so(looked: Shop) -> None:
    answer = looked.call("message_agent", agentId="Sky", message="Hello.")
    assert (answer.status, answer.rule) == ("refused", "R129")
    assert "No id is configured" in answer.reason
    known = looked.call("message_agent", agentId="Finn", message="For your information.")
    assert known.status == "ok"
    assert looked.world.sent()[0].to == "finn"


def test_R129_two_long_messages_that_start_alike_are_two_messages(looked: Shop) -> None:
    start = "The backup of last night took longer than before. " * 8
    for end in ("One.", "Two."):
        assert looked.call("message_agent", agentId="dev", message=start + end).status == "ok"
    assert len(looked.world.sent()) == 2


def test_undo_in_observe_stays_a_proposal(shop: Shop) -> None:
    shop.look()
    made = shop.call("create_task", projectId="shop", title="infra: outage", priority="P0")
    assert made.action is not None
    shop.machine.set_mode(Mode.OBSERVE, by=PERSON)
    answer = shop.toolbox.undo(made.action.id, PERSON)
    assert answer.status == "pending"
    assert answer.action is not None
    assert answer.action.state is ActionState.PENDING
    found: Task | None = shop.world.task("shop", made.result["task"])
    assert found is not None
    assert found.priority is Priority.P0
