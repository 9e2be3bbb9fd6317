from __future__ import annotations

import pytest

from storage.clock import HOUR, MINUTE, SECOND
from storage.journal import (
    Halted,
    IllegalMove,
    Journal,
    LateOutcome,
    NotApproved,
    ReasonRequired,
    StillRunning,
    Tampered,
)
from storage.owner import this_owner
from storage.records import ActionState, EffectClass, GateLevel


def drop_guards(store) -> None:
    """What an intruder with the file would do first."""
    with store.write() as conn:
        names = conn.execute("select name from sqlite_master where type = 'trigger'").fetchall()
        for row in names:
            conn.execute(f"drop trigger {row['name']}")


def test_the_whole_way_from_intent_to_outcome(desk) -> None:
    action = desk.approved()
    attempt = desk.journal.claim(action.id, owner="w")
    running = desk.journal.get(action.id)
    assert (running.state, running.owner, running.attempts) == (ActionState.EXECUTING, "w", 1)
    assert running.lease_until == desk.clock.now() + MINUTE
    assert (attempt.digest, attempt.idem_key, attempt.n) == (action.digest, action.id, 1)
    assert desk.journal.attempts(action.id) == [attempt]
    assert desk.journal.may_start(attempt)
    desk.clock.advance(SECOND)
    done = desk.journal.finish(action.id, n=1, owner="w", result="succeeded", outcome={"observed": {"number": 7}})
    assert (done.state, done.outcome, done.owner) == (ActionState.SUCCEEDED, {"observed": {"number": 7}}, None)
    assert done.finished_at == desk.clock.now()
    ended = desk.journal.attempts(action.id)[0]
    assert (ended.result, ended.ended_at) == ("succeeded", desk.clock.now())
    assert desk.kinds(action) == ["gate.requested", "gate.approved", "action.started", "action.succeeded"]
    assert not desk.journal.may_start(attempt)


def test_an_approval_is_used_once(desk) -> None:
    action = desk.executing()
    with pytest.raises(NotApproved, match="executing"):
        desk.journal.claim(action.id, owner="other")
    desk.journal.finish(action.id, n=1, owner=action.owner, result="succeeded")
    with pytest.raises(NotApproved, match="succeeded"):
        desk.journal.claim(action.id, owner="other")


@pytest.mark.parametrize("state", ["pending", "rejected", "withdrawn", "unknown"])
def test_nothing_starts_without_a_living_approval(desk, state: str) -> None:
    action = desk.unknown() if state == "unknown" else desk.ask()
    if state == "rejected":
        desk.decide(action, "reject")
    if state == "withdrawn":
        desk.journal.withdraw(action.id, by="sre", reason="")
    with pytest.raises(NotApproved):
        desk.journal.claim(action.id, owner="w")


def test_a_halt_stops_every_start_and_nothing_else(desk) -> None:
    waiting, running = desk.approved("T-1"), desk.executing("T-2")
    desk.journal.halt(by="ann", reason="fire")
    desk.journal.halt(by="bob", reason="second")
    assert desk.journal.halted() == (True, "ann", "fire")
    with pytest.raises(Halted):
        desk.journal.claim(waiting.id, owner="w")
    assert desk.journal.finish(running.id, n=1, owner=running.owner, result="succeeded").state == "succeeded"
    with pytest.raises(ReasonRequired):
        desk.journal.lift(by="ann", reason=" ")
    with pytest.raises(IllegalMove):
        desk.journal.lift(by="agent:sre", reason="please")
    desk.journal.lift(by="ann", reason="fire is out")
    desk.journal.lift(by="ann", reason="once more")
    assert desk.journal.halted() == (False, "", "")
    assert desk.journal.claim(waiting.id, owner="w").n == 1
    assert [k for k in desk.kinds() if k.startswith("control")] == ["control.halted", "control.lifted"]


@pytest.mark.parametrize("column", ["args", "plan", "preconditions"])
def test_a_payload_changed_in_the_file_after_approval_does_not_run(desk, column: str) -> None:
    action = desk.approved()
    drop_guards(desk.store)
    with desk.store.write() as conn:
        conn.execute(f"update revision set {column} = ? where action_id = ?", ('{"base":"main"}', action.id))
    with pytest.raises(Tampered):
        desk.journal.claim(action.id, owner="w")
    after = desk.journal.get(action.id)
    assert (after.state, after.decided_by) == (ActionState.REJECTED, "system")
    assert desk.journal.attempts(action.id) == []
    assert desk.kinds(action)[-1] == "action.tampered"


def test_columns_of_the_action_are_part_of_the_seal(desk) -> None:
    action = desk.approved()
    drop_guards(desk.store)
    with desk.store.write() as conn:
        conn.execute("update action set tool = 'claim_task' where id = ?", (action.id,))
    with pytest.raises(Tampered):
        desk.journal.claim(action.id, owner="w")


def test_broken_json_in_the_file_does_not_run(desk) -> None:
    action = desk.approved()
    drop_guards(desk.store)
    with desk.store.write() as conn:
        conn.execute("update revision set shown = '{}', plan = '{\"x\": 1e999}' where action_id = ?", (action.id,))
    with pytest.raises(Tampered):
        desk.journal.claim(action.id, owner="w")


# the zombie rule ----------------------------------------------------------------------------------


def test_an_effect_starts_only_while_nobody_may_take_it_over(desk) -> None:
    attempt = desk.journal.claim(desk.approved().id, owner="w")
    desk.clock.advance(29_999)
    assert desk.journal.may_start(attempt)
    desk.clock.advance(1)
    assert not desk.journal.may_start(attempt)


def test_a_clock_set_back_does_not_help_a_zombie(desk) -> None:
    attempt = desk.journal.claim(desk.approved().id, owner="w")
    desk.clock.advance(31 * SECOND)
    desk.clock.set_wall(desk.clock.now() - HOUR)
    assert not desk.journal.may_start(attempt)


def test_only_the_claimer_may_start(desk) -> None:
    attempt = desk.journal.claim(desk.approved().id, owner="w")
    assert not Journal(desk.store, desk.clock).may_start(attempt)


def test_nothing_starts_after_a_takeover(desk) -> None:
    action = desk.approved()
    attempt = desk.journal.claim(action.id, owner="0:0:gone")
    desk.journal.take_over(action.id, owner="me")
    assert not desk.journal.may_start(attempt)


def test_the_apply_time_out_must_be_shorter_than_the_lease(desk) -> None:
    with pytest.raises(ValueError, match="shorter"):
        Journal(desk.store, desk.clock, lease_ms=10, apply_timeout_ms=10)


# outcomes -----------------------------------------------------------------------------------------


def test_a_failure_is_final_and_not_done_may_be_tried_again(desk) -> None:
    failed = desk.executing("T-1")
    assert desk.journal.finish(failed.id, n=1, owner=failed.owner, result="failed", detail="422").reason == "422"
    again = desk.executing("T-2")
    for n in (1, 2):
        back = desk.journal.finish(again.id, n=n, owner=again.owner, result="not_done", detail="refused")
        assert (back.state, back.owner) == (ActionState.APPROVED, None)
        desk.journal.claim(again.id, owner=again.owner)
    last = desk.journal.finish(again.id, n=3, owner=again.owner, result="not_done")
    assert last.state is ActionState.FAILED
    assert [a.result for a in desk.journal.attempts(again.id)] == ["not_done"] * 3


def test_not_done_after_the_approvals_life_fails(desk) -> None:
    action = desk.executing()
    desk.clock.advance(10 * MINUTE)
    done = desk.journal.finish(action.id, n=1, owner=action.owner, result="not_done")
    assert done.state is ActionState.FAILED


@pytest.mark.parametrize("wrong", [{"n": 2}, {"owner": "somebody"}])
def test_only_the_owner_of_the_attempt_reports(desk, wrong: dict[str, object]) -> None:
    action = desk.executing()
    with pytest.raises(LateOutcome):
        desk.journal.finish(action.id, **{"n": 1, "owner": action.owner, "result": "succeeded", **wrong})
    assert desk.journal.get(action.id) == action


def test_the_same_report_again_changes_nothing_and_a_late_one_is_refused(desk) -> None:
    action = desk.executing()
    done = desk.journal.finish(action.id, n=1, owner=action.owner, result="succeeded")
    assert desk.journal.finish(action.id, n=1, owner=action.owner, result="succeeded") == done
    with pytest.raises(LateOutcome):
        desk.journal.finish(action.id, n=1, owner=action.owner, result="failed")
    with pytest.raises(IllegalMove):
        desk.journal.finish(action.id, n=1, owner=action.owner, result="done")


def test_a_zombies_report_after_a_takeover_is_refused(desk) -> None:
    action = desk.executing()
    desk.journal.take_over(action.id, owner="me")
    with pytest.raises(LateOutcome):
        desk.journal.finish(action.id, n=1, owner=action.owner, result="succeeded")
    assert desk.journal.get(action.id).state is ActionState.UNKNOWN


def test_hostile_outcomes_are_kept_readable(desk) -> None:
    action = desk.executing()
    outcome = {"observed": {"text": "a\ud800\x00\x1b[2J", "big": 2**60, "nan": float("nan")}}
    done = desk.journal.finish(
        action.id, n=1, owner=action.owner, result="succeeded", outcome=outcome, detail="\udfff" * 3
    )
    assert done.outcome == {"observed": {"text": "a\ufffd\x00\x1b[2J", "big": str(2**60), "nan": "nan"}}
    assert desk.journal.verify().ok


# after a crash ------------------------------------------------------------------------------------


def test_a_dead_owner_is_taken_over_at_once_and_a_live_one_is_not(desk) -> None:
    dead = desk.executing("T-1")
    lost = desk.journal.take_over(dead.id, owner="me")
    assert (lost.state, lost.owner) == (ActionState.UNKNOWN, None)
    assert desk.journal.take_over(dead.id, owner="me") == lost
    assert desk.journal.attempts(dead.id)[0].result == "unknown"
    alive = desk.executing("T-2", owner=this_owner())
    with pytest.raises(StillRunning):
        desk.journal.take_over(alive.id, owner="me")
    desk.clock.advance(90 * SECOND - 1)
    with pytest.raises(StillRunning):
        desk.journal.take_over(alive.id, owner="me")
    desk.clock.advance(1)
    assert desk.journal.take_over(alive.id, owner="me").state is ActionState.UNKNOWN


def test_a_clock_set_forward_takes_nobody_over(desk) -> None:
    alive = desk.executing(owner=this_owner())
    desk.clock.set_wall(desk.clock.now() + HOUR)
    with pytest.raises(StillRunning):
        desk.journal.take_over(alive.id, owner="me")


def test_only_executing_actions_are_taken_over(desk) -> None:
    with pytest.raises(IllegalMove):
        desk.journal.take_over(desk.approved().id, owner="me")


@pytest.mark.parametrize("effect", [EffectClass.KEY, EffectClass.CONVERGE, EffectClass.LOOKUP])
def test_a_found_effect_succeeded(desk, effect: EffectClass) -> None:
    action = desk.unknown(effect_class=effect)
    done = desk.journal.reconcile(action.id, found=True, outcome={"observed": 1}, detail="PR 7")
    assert (done.state, done.outcome) == (ActionState.SUCCEEDED, {"observed": 1})
    assert desk.kinds(action)[-1] == "action.reconciled"


def test_an_effect_that_is_not_found_may_run_again_while_the_approval_lives(desk) -> None:
    action = desk.unknown()
    back = desk.journal.reconcile(action.id, found=False, detail="no such PR")
    assert (back.state, back.rev) == (ActionState.APPROVED, 1)
    assert desk.journal.claim(action.id, owner="w").n == 2


@pytest.mark.parametrize("why", ["old", "halted", "attempts"])
def test_else_it_asks_again(desk, why: str) -> None:
    action = desk.unknown(max_attempts=1 if why == "attempts" else 3)
    if why == "old":
        desk.clock.advance(10 * MINUTE)
    if why == "halted":
        desk.journal.halt(by="ann", reason="x")
    back = desk.journal.reconcile(action.id, found=False)
    assert (back.state, back.rev, back.approved_digest) == (ActionState.PENDING, 2, None)
    assert back.ask_until == desk.clock.now() + 4 * HOUR
    if why == "halted":
        desk.journal.lift(by="ann", reason="y")
    desk.decide(back)
    assert desk.journal.claim(action.id, owner="w").n == 2


def test_software_never_settles_an_opaque_action(desk) -> None:
    action = desk.unknown(effect_class=EffectClass.OPAQUE)
    for found in (True, False):
        with pytest.raises(IllegalMove, match="never runs it again"):
            desk.journal.reconcile(action.id, found=found)
    assert desk.journal.get(action.id).state is ActionState.UNKNOWN
    assert [a.id for a in desk.journal.open_actions()] == [action.id]


@pytest.mark.parametrize(
    ("verdict", "state"),
    [("happened", "succeeded"), ("did_not", "failed"), ("run_again", "pending"), ("abandon", "abandoned")],
)
@pytest.mark.parametrize("level", [GateLevel.GATE, GateLevel.LOG])
def test_a_person_says_what_became_of_it(desk, verdict: str, state: str, level: GateLevel) -> None:
    if level is GateLevel.LOG:
        action = desk.ask(level=level, effect_class=EffectClass.OPAQUE)
        desk.journal.claim(action.id, owner="0:0:gone")
        action = desk.journal.take_over(action.id, owner="me")
    else:
        action = desk.unknown(effect_class=EffectClass.OPAQUE)
    done = desk.journal.resolve(action.id, by="ann", verdict=verdict, reason="looked in Slack")
    assert done.state == state
    if verdict == "run_again":
        assert (done.rev, done.level, done.approved_digest) == (2, GateLevel.GATE, None)
        with pytest.raises(NotApproved):
            desk.journal.claim(action.id, owner="w")
        desk.decide(done)
        assert desk.journal.claim(action.id, owner="w").n == 2
    else:
        with pytest.raises(IllegalMove):
            desk.journal.resolve(action.id, by="ann", verdict=verdict, reason="again")


def test_giving_up_needs_a_reason_and_a_person(desk) -> None:
    action = desk.unknown()
    with pytest.raises(ReasonRequired):
        desk.journal.resolve(action.id, by="ann", verdict="abandon", reason=" ")
    with pytest.raises(IllegalMove):
        desk.journal.resolve(action.id, by="system", verdict="abandon", reason="x")
    with pytest.raises(IllegalMove):
        desk.journal.resolve(action.id, by="ann", verdict="maybe", reason="x")
