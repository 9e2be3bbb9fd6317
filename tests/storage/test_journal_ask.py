from __future__ import annotations

import pytest

from storage.canonical import CanonicalError
from storage.clock import HOUR
from storage.journal import AlreadyDecided, CallConflict, Halted, IllegalMove, NotKnown
from storage.journal_rows import payload_digest
from storage.records import ActionState, EffectClass, GateLevel


def test_a_gate_waits_with_everything_that_was_asked(desk) -> None:
    done = desk.journal.request(desk.new(caused_by="msg-7", ask_ttl_ms=2 * HOUR))
    action = done.action
    assert done.created
    assert action.state is ActionState.PENDING
    assert action.call_key == "open_pull_request:T-1"
    assert (action.ask_until, action.caused_by) == (desk.clock.now() + 2 * HOUR, "msg-7")
    assert action.approved_digest is None
    assert action.revision is not None
    assert action.revision.args == {"task": "T-1", "title": "Übergabe"}
    assert action.revision.shown == {"title": "a pull request"}
    assert desk.kinds(action) == ["gate.requested"]
    assert desk.journal.get(action.id) == action
    assert (
        desk.journal.pending() == desk.journal.pending(desk.pulse.id) == desk.journal.actions(desk.pulse.id) == [action]
    )
    assert desk.journal.open_actions() == []


def test_the_digest_covers_the_payload_and_not_what_is_shown_beside_it(desk) -> None:
    action = desk.ask(schema="s1")
    parts = {
        "action_id": action.id,
        "rev": 1,
        "pulse_id": desk.pulse.id,
        "tool": "open_pull_request",
        "schema": "s1",
        "effect": "lookup",
        "level": "G",
        "args": action.revision.args,
        "plan": action.revision.plan,
        "preconditions": action.revision.preconditions,
    }
    assert payload_digest(**parts) == action.digest == action.revision.digest
    for name, other in {**dict.fromkeys(parts, "x"), "rev": 2, "args": {}, "plan": {}, "preconditions": {}}.items():
        assert payload_digest(**{**parts, name: other}) != action.digest, name


def test_what_cannot_be_sealed_is_not_asked(desk) -> None:
    for bad in ({"x": float("nan")}, {"x": 2**60}, {"x": "\ud800"}):
        with pytest.raises(CanonicalError):
            desk.ask(args=bad)
    assert desk.journal.actions(desk.pulse.id) == []
    assert desk.ask(shown={"title": "hostile \ud800 \x1b[31m"}).revision.shown == {"title": "hostile \ud800 \x1b[31m"}


def test_level_l_is_allowed_at_once_but_not_during_a_halt(desk) -> None:
    action = desk.ask(level=GateLevel.LOG)
    assert (action.state, action.approved_digest) == (ActionState.APPROVED, action.digest)
    assert action.approved_until == desk.clock.now() + 600_000
    assert action.decided_by == "policy"
    assert desk.kinds(action) == ["action.allowed"]
    assert desk.journal.pending() == []
    desk.journal.halt(by="ann", reason="fire")
    with pytest.raises(Halted):
        desk.ask("T-2", level=GateLevel.LOG)
    assert desk.ask("T-3").state is ActionState.PENDING


@pytest.mark.parametrize("state", ["pending", "approved", "executing", "unknown", "succeeded", "rejected"])
def test_the_same_call_again_is_the_same_action(desk, state: str) -> None:
    action = desk.ask()
    if state == "rejected":
        desk.decide(action, "reject")
    elif state != "pending":
        desk.decide(action)
        if state != "approved":
            desk.journal.claim(action.id, owner="w")
        if state in ("unknown", "succeeded"):
            desk.journal.finish(action.id, n=1, owner="w", result=state)
    before = desk.journal.events()
    again = desk.journal.request(desk.new())
    assert (again.action.id, again.created) == (action.id, False)
    assert again.action.state == state
    assert desk.journal.events() == before


@pytest.mark.parametrize("end", ["expired", "withdrawn", "failed", "abandoned"])
def test_after_an_end_without_answer_the_same_call_is_a_new_action(desk, end: str) -> None:
    action = desk.ask()
    if end == "expired":
        desk.clock.advance(4 * HOUR)
        desk.journal.sweep_expired()
    elif end == "withdrawn":
        desk.journal.withdraw(action.id, by="sre", reason="changed my mind")
    else:
        desk.decide(action)
        desk.journal.claim(action.id, owner="w")
        desk.journal.finish(action.id, n=1, owner="w", result="failed" if end == "failed" else "unknown")
        if end == "abandoned":
            desk.journal.resolve(action.id, by="ann", verdict="abandon", reason="nobody knows")
    assert desk.journal.get(action.id).state == end
    again = desk.journal.request(desk.new())
    assert again.created
    assert again.action.id != action.id
    assert again.action.digest != action.digest
    assert again.action.call_key == "open_pull_request:T-1#2"


def test_other_arguments_for_open_work_are_a_conflict(desk) -> None:
    action = desk.ask()
    with pytest.raises(CallConflict) as caught:
        desk.ask(args={"task": "T-1", "title": "other"})
    assert caught.value.existing.id == action.id
    assert desk.journal.get(action.id) == action


def test_other_arguments_after_the_end_are_a_new_action(desk) -> None:
    first = desk.decide(desk.ask(), "reject")
    second = desk.ask(args={"task": "T-1", "title": "better"})
    assert second.state is ActionState.PENDING
    assert second.call_key.endswith("#2")
    assert desk.journal.get(first.id).state is ActionState.REJECTED


def test_alternating_between_rejected_versions_asks_nobody_again(desk) -> None:
    first = desk.decide(desk.ask(args={"v": 1}), "reject")
    desk.decide(desk.ask(args={"v": 2}), "reject")
    assert desk.ask(args={"v": 1}).id == first.id


def test_a_fourth_version_after_three_rejections_needs_a_person(desk) -> None:
    for version in (1, 2, 3):
        desk.decide(desk.ask(args={"v": version}), "reject")
    fourth = desk.ask(args={"v": 4})
    assert fourth.state is ActionState.REJECTED
    assert fourth.reason == "three different versions were rejected; a person must ask for it"
    assert desk.kinds(fourth) == ["gate.rejected"]
    assert desk.journal.request(desk.new(args={"v": 4})).created is False
    with pytest.raises(AlreadyDecided):
        desk.decide(fourth)
    explicit = desk.ask(args={"v": 4}, call_key="ann asked")
    assert explicit.state is ActionState.PENDING
    assert desk.ask("T-2", args={"v": 1}).state is ActionState.PENDING


def test_an_explicit_key_opens_a_second_line_of_work(desk) -> None:
    first = desk.ask()
    second = desk.ask(call_key="again")
    assert first.id != second.id
    assert desk.ask(call_key="again").id == second.id
    assert desk.ask().id == first.id


def test_keys_that_look_like_suffixes_do_not_collide(desk) -> None:
    desk.decide(desk.ask("T-1#2"), "reject")
    desk.decide(desk.ask("T-1"), "reject")
    third = desk.ask("T-1", args={"v": 9})
    assert third.call_key == "open_pull_request:T-1#3"


def test_one_natural_key_of_two_tools_is_two_works(desk) -> None:
    assert desk.ask(tool="claim_task").id != desk.ask(tool="spawn_executor").id


def test_an_edit_does_not_hide_the_call_it_came_from(desk) -> None:
    action = desk.ask()
    edited = desk.journal.revise(
        action.id,
        rev=1,
        digest=action.digest,
        args={"task": "T-1", "title": "shorter"},
        plan={},
        preconditions={},
        shown={},
        author="ann",
    )
    assert desk.ask().id == desk.ask(args=edited.revision.args).id == action.id


def test_a_pulse_must_be_open(desk) -> None:
    with pytest.raises(NotKnown, match="no pulse"):
        desk.ask(pulse_id="p-none")
    desk.pulses.end(desk.pulse.id, outcome="complete", summary="", by="ann")
    with pytest.raises(IllegalMove, match="has ended"):
        desk.ask()


def test_unknown_actions_are_named(desk) -> None:
    with pytest.raises(NotKnown, match="a-none"):
        desk.journal.get("a-none")
    with pytest.raises(NotKnown):
        desk.journal.get("\ud800")


def test_names_of_any_kind_are_stored_and_agents_are_noted(desk, store) -> None:
    action = desk.ask("k\x00\ud800", args={}, requested_by="sre \u202e", effect_class=EffectClass.OPAQUE)
    assert desk.journal.get(action.id).requested_by == "sre \u202e"
    assert [tuple(row) for row in store.read("select id, kind from principal")] == [("agent:sre \u202e", "agent")]
