from __future__ import annotations

import pytest

from storage.clock import HOUR, MINUTE
from storage.journal import (
    AlreadyDecided,
    Expired,
    IllegalMove,
    Journal,
    NotApproved,
    ReasonRequired,
    StaleDecision,
    TooManyRevisions,
)
from storage.journal_decide import MAX_REVISIONS
from storage.records import Action, ActionState, GateLevel


def edit(desk, action: Action, title: str = "edited", **more):
    return desk.journal.revise(
        action.id,
        rev=action.rev,
        digest=action.digest,
        args={"title": title},
        plan={"new": title},
        preconditions={},
        shown={"title": title},
        author="ann",
        **more,
    )


def test_an_approval_binds_to_exactly_these_bytes(desk) -> None:
    action = desk.ask()
    approved = desk.journal.decide(
        action.id, rev=1, digest=action.digest, verdict="approve", voter="ann", dwell_ms=4200, via="plain"
    )
    assert approved.state is ActionState.APPROVED
    assert (approved.approved_digest, approved.decided_by) == (action.digest, "ann")
    assert approved.approved_until == desk.clock.now() + 10 * MINUTE
    event = desk.journal.events(kinds=["gate.approved"])[0]
    assert event.actor == "ann"
    assert event.body["digest"] == action.digest
    assert event.body["dwell_ms"] == 4200
    assert event.body["via"] == "plain"
    assert [tuple(r) for r in desk.store.read("select id, kind from principal where kind = 'human'")] == [
        ("human:ann", "human")
    ]


def test_a_rejection_carries_its_reason_to_the_agent(desk) -> None:
    action = desk.ask()
    for blank in ("", "  \n"):
        with pytest.raises(ReasonRequired):
            desk.journal.decide(action.id, rev=1, digest=action.digest, verdict="reject", voter="ann", reason=blank)
    rejected = desk.decide(action, "reject", reason="change freeze until 18:00")
    assert (rejected.state, rejected.reason) == (ActionState.REJECTED, "change freeze until 18:00")
    assert rejected.approved_digest is None
    assert desk.ask().reason == "change freeze until 18:00"


@pytest.mark.parametrize("wrong", [{"rev": 2}, {"digest": "0" * 64}])
def test_a_decision_about_another_version_decides_nothing(desk, wrong: dict[str, object]) -> None:
    action = desk.ask()
    seen = {"rev": action.rev, "digest": action.digest, **wrong}
    for verdict in ("approve", "reject"):
        with pytest.raises(StaleDecision):
            desk.journal.decide(action.id, **seen, verdict=verdict, voter="ann", reason="r")
    assert desk.journal.get(action.id) == action


def test_an_edit_while_somebody_looks_refuses_their_key(desk) -> None:
    action = desk.ask()
    edited = edit(desk, action)
    with pytest.raises(StaleDecision, match="version 2 is current"):
        desk.decide(action, voter="bob")
    assert desk.decide(edited, voter="bob").state is ActionState.APPROVED


def test_the_same_verdict_again_is_no_second_decision(desk) -> None:
    action = desk.ask()
    first = desk.decide(action)
    count = len(desk.journal.events())
    assert desk.decide(action) == first
    desk.journal.claim(action.id, owner="w")
    assert desk.decide(action).state is ActionState.EXECUTING
    assert len(desk.journal.events()) == count + 1


def test_a_later_decision_is_told_who_was_first(desk) -> None:
    action = desk.decide(desk.ask())
    for voter, verdict in (("bob", "approve"), ("bob", "reject"), ("ann", "reject")):
        with pytest.raises(AlreadyDecided) as caught:
            desk.decide(action, verdict, voter=voter)
        assert (caught.value.by, caught.value.verdict, caught.value.at) == ("ann", "approved", action.decided_at)
    assert desk.journal.get(action.id) == action


@pytest.mark.parametrize("voter", ["", "  ", "agent:sre", "system", "policy"])
def test_only_named_people_decide(desk, voter: str) -> None:
    action = desk.ask()
    with pytest.raises(IllegalMove, match="named person"):
        desk.decide(action, voter=voter)
    assert desk.journal.get(action.id).state is ActionState.PENDING


def test_unknown_verdicts_are_refused(desk) -> None:
    with pytest.raises(IllegalMove, match="no verdict"):
        desk.decide(desk.ask(), "Approve")


def test_who_asked_edited_or_runs_the_pulse_may_not_approve_where_a_second_person_must(desk) -> None:
    action = edit(desk, desk.ask(self_ok=False, requested_by="carl"))
    for voter in ("carl", "ann", "olga"):
        with pytest.raises(IllegalMove, match="Another person"):
            desk.decide(action, voter=voter)
    assert desk.decide(action, voter="bob").state is ActionState.APPROVED


def test_a_disabled_person_does_not_decide(desk) -> None:
    desk.decide(desk.ask("T-0"))
    with desk.store.write() as conn:
        conn.execute("update principal set disabled_at = 1 where id = 'human:ann'")
    with pytest.raises(IllegalMove, match="any more"):
        desk.decide(desk.ask())


# editing ------------------------------------------------------------------------------------------


def test_an_edit_is_a_new_revision_and_keeps_the_old_one(desk) -> None:
    action = desk.ask()
    edited = edit(desk, action, level=GateLevel.GATE2)
    assert (edited.rev, edited.state, edited.level) == (2, ActionState.PENDING, GateLevel.GATE2)
    assert edited.digest != action.digest
    assert edited.revision.author == "ann"
    assert [r.rev for r in desk.journal.revisions(action.id)] == [1, 2]
    assert desk.journal.revisions(action.id)[0] == action.revision
    assert desk.kinds(action) == ["gate.requested", "gate.revised"]


def test_an_edit_needs_the_current_version_and_a_waiting_gate(desk) -> None:
    action = desk.ask()
    edited = edit(desk, action)
    with pytest.raises(StaleDecision):
        edit(desk, action)
    desk.decide(edited)
    with pytest.raises(AlreadyDecided):
        edit(desk, edited)


def test_an_edit_cannot_take_the_gate_away(desk) -> None:
    with pytest.raises(IllegalMove, match="take the gate away"):
        edit(desk, desk.ask(), level=GateLevel.LOG)


def test_editing_ends_somewhere(desk) -> None:
    action = desk.ask()
    for n in range(MAX_REVISIONS - 1):
        action = edit(desk, action, f"v{n}")
    with pytest.raises(TooManyRevisions):
        edit(desk, action)


def test_edit_and_approve_is_one_step(desk) -> None:
    action = desk.ask()
    done = desk.journal.revise_and_approve(
        action.id,
        rev=1,
        digest=action.digest,
        args={"title": "short"},
        plan={},
        preconditions={},
        shown={},
        voter="ann",
        dwell_ms=3000,
    )
    assert (done.state, done.rev, done.approved_digest) == (ActionState.APPROVED, 2, done.digest)
    assert desk.kinds(action) == ["gate.requested", "gate.revised", "gate.approved"]


def test_edit_and_approve_by_somebody_who_may_not_approve_edits_nothing(desk) -> None:
    action = desk.ask(self_ok=False)
    with pytest.raises(IllegalMove):
        desk.journal.revise_and_approve(
            action.id, rev=1, digest=action.digest, args={}, plan={}, preconditions={}, shown={}, voter="ann"
        )
    assert desk.journal.get(action.id) == action
    assert len(desk.journal.revisions(action.id)) == 1


def test_a_moved_world_asks_again_with_fresh_time(desk) -> None:
    action = desk.approved()
    desk.clock.advance(MINUTE)
    stale = desk.journal.go_stale(
        action.id, plan={"head_sha": "def"}, preconditions={"head_sha": "def"}, shown={}, why="the head moved"
    )
    assert (stale.state, stale.rev, stale.approved_digest) == (ActionState.PENDING, 2, None)
    assert stale.ask_until == desk.clock.now() + 4 * HOUR
    assert (stale.reason, stale.decided_by) == ("the head moved", "")
    assert stale.revision.args == action.revision.args
    with pytest.raises(NotApproved):
        desk.journal.claim(action.id, owner="w")
    assert desk.decide(stale).state is ActionState.APPROVED
    assert desk.kinds(action)[2:] == ["gate.stale", "gate.approved"]


def test_a_logged_action_whose_world_moved_is_allowed_again(desk) -> None:
    action = desk.ask(level=GateLevel.LOG)
    again = desk.journal.go_stale(action.id, plan={"v": 2}, preconditions={}, shown={}, why="moved")
    assert (again.state, again.rev, again.approved_digest) == (ActionState.APPROVED, 2, again.digest)
    assert desk.kinds(action) == ["action.allowed", "gate.stale", "action.allowed"]


# waiting and ending -------------------------------------------------------------------------------


def test_silence_ends_as_expired_which_is_neither_yes_nor_no(desk) -> None:
    action = desk.ask()
    desk.clock.advance(4 * HOUR - 1)
    assert desk.journal.sweep_expired() == []
    desk.clock.advance(1)
    with pytest.raises(Expired):
        desk.decide(action)
    ended = desk.journal.get(action.id)
    assert (ended.state, ended.decided_by) == (ActionState.EXPIRED, "")
    assert "nobody answered" in ended.reason
    with pytest.raises(Expired):
        desk.decide(action, "reject")
    assert desk.kinds(action) == ["gate.requested", "gate.expired"]


@pytest.mark.parametrize("act", ["revise", "both", "defer", "extend"])
def test_nothing_revives_a_gate_after_its_end(desk, act: str) -> None:
    action = desk.ask()
    desk.clock.advance(4 * HOUR)
    payload = {"args": {}, "plan": {}, "preconditions": {}, "shown": {}, "rev": 1, "digest": action.digest}
    calls = {
        "revise": lambda j: j.revise(action.id, author="ann", **payload),
        "both": lambda j: j.revise_and_approve(action.id, voter="ann", **payload),
        "defer": lambda j: j.defer(action.id, by="ann"),
        "extend": lambda j: j.extend(action.id, by="ann", ms=HOUR),
    }
    with pytest.raises(Expired):
        calls[act](desk.journal)
    assert desk.journal.get(action.id).state is ActionState.EXPIRED


def test_an_unused_approval_dies(desk) -> None:
    action = desk.approved()
    desk.clock.advance(10 * MINUTE)
    with pytest.raises(Expired):
        desk.journal.claim(action.id, owner="w")
    assert desk.journal.get(action.id).state is ActionState.EXPIRED
    assert desk.journal.attempts(action.id) == []


def test_the_sweeper_ends_what_is_over(desk) -> None:
    waiting, approved, fresh = desk.ask("T-1"), desk.approved("T-2"), desk.ask("T-3", ask_ttl_ms=9 * HOUR)
    desk.clock.advance(5 * HOUR)
    assert {a.id for a in desk.journal.sweep_expired()} == {waiting.id, approved.id}
    assert desk.journal.get(fresh.id).state is ActionState.PENDING


def test_a_clock_set_back_stretches_nothing(desk) -> None:
    """Fault 5: on the same boot the time since boot decides, and the log never goes back."""
    action = desk.ask()
    desk.clock.set_wall(desk.clock.now() - 30 * 24 * HOUR)
    assert desk.journal.now() == action.requested_at
    desk.clock.advance(4 * HOUR)
    with pytest.raises(Expired):
        desk.decide(action)
    assert desk.journal.verify().ok


def test_a_clock_set_forward_ends_early_and_stays_there(desk) -> None:
    action = desk.ask()
    start = desk.clock.now()
    desk.clock.set_wall(start + 5 * HOUR)
    desk.journal.record("note", actor="x", body={})
    desk.clock.set_wall(start)
    assert desk.journal.now() == start + 5 * HOUR
    with pytest.raises(Expired):
        desk.decide(action)


class OtherBoot:
    """After a restart: another id, and a clock that began anew."""

    def id(self) -> str:
        return "another boot"

    def now(self) -> int:
        return 10**12


def test_after_a_reboot_wall_time_decides(desk) -> None:
    action = desk.ask()
    later = Journal(desk.store, desk.clock, boot=OtherBoot())
    desk.clock.advance(HOUR)
    assert later.sweep_expired() == []
    done = later.decide(action.id, rev=1, digest=action.digest, verdict="approve", voter="ann")
    assert done.state is ActionState.APPROVED


def test_deferring_hides_and_never_extends(desk) -> None:
    action = desk.ask()
    half = desk.clock.now() + HOUR
    assert desk.journal.defer(action.id, by="ann", until=half).defer_until == half
    assert desk.journal.defer(action.id, by="ann").defer_until == action.ask_until
    assert desk.journal.defer(action.id, by="ann", until=action.ask_until + 1).defer_until == action.ask_until
    shown_again = desk.journal.defer(action.id, by="ann", until=0)
    assert (shown_again.defer_until, shown_again.ask_until) == (None, action.ask_until)
    assert len(desk.journal.pending()) == 1
    with pytest.raises(IllegalMove):
        desk.journal.defer(desk.decide(shown_again).id, by="ann")


def test_a_gate_is_extended_twice_at_most_and_by_72_hours_in_all(desk) -> None:
    action = desk.ask()
    assert desk.journal.extend(action.id, by="ann", ms=HOUR).ask_until == action.ask_until + HOUR
    with pytest.raises(IllegalMove):
        desk.journal.extend(action.id, by="ann", ms=72 * HOUR)
    with pytest.raises(IllegalMove):
        desk.journal.extend(action.id, by="ann", ms=-HOUR)
    assert desk.journal.extend(action.id, by="ann", ms=71 * HOUR).ask_until == action.ask_until + 72 * HOUR
    with pytest.raises(IllegalMove):
        desk.journal.extend(action.id, by="ann", ms=1)
    desk.clock.advance(75 * HOUR)
    assert desk.journal.sweep_expired() == []
    desk.clock.advance(HOUR)
    assert [a.id for a in desk.journal.sweep_expired()] == [action.id]


def test_the_asker_withdraws(desk) -> None:
    for action in (desk.ask("T-1"), desk.approved("T-2")):
        gone = desk.journal.withdraw(action.id, by="sre", reason="not needed")
        assert (gone.state, gone.reason) == (ActionState.WITHDRAWN, "not needed")
        assert desk.journal.withdraw(action.id, by="sre", reason="again") == gone
        with pytest.raises(AlreadyDecided, match="withdrawn by sre"):
            desk.decide(action)


def test_an_approval_is_taken_back_before_it_is_used(desk) -> None:
    action = desk.approved()
    with pytest.raises(ReasonRequired):
        desk.journal.revoke(action.id, by="bob", reason=" ")
    revoked = desk.journal.revoke(action.id, by="bob", reason="wrong window")
    assert (revoked.state, revoked.decided_by) == (ActionState.REJECTED, "bob")
    with pytest.raises(NotApproved):
        desk.journal.claim(action.id, owner="w")
    with pytest.raises(AlreadyDecided, match="rejected by bob"):
        desk.decide(action)


def test_an_executing_action_is_neither_withdrawn_nor_revoked(desk) -> None:
    action = desk.executing()
    for act in (desk.journal.withdraw, desk.journal.revoke):
        with pytest.raises(IllegalMove):
            act(action.id, by="ann", reason="stop")
