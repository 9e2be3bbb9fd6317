from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from storage.clock import MINUTE
from storage.journal import IllegalMove, NotKnown, ReasonRequired
from storage.owner import this_owner
from storage.pulses import DrivenElsewhere, PulseEnded, PulseOpen, Pulses
from storage.records import ActionState, DataState, Mode, StepState

ROOT = Path(__file__).resolve().parents[2]


def test_pulses_are_numbered_and_one_is_open(desk) -> None:
    assert desk.pulse.number == 1
    assert desk.pulses.current() == desk.pulse == desk.pulses.get(desk.pulse.id) == desk.pulses.by_number(1)
    with pytest.raises(PulseOpen) as caught:
        desk.pulses.begin(agent="a", operator="b", mode=Mode.OBSERVE, policy_digest="")
    assert caught.value.pulse == desk.pulse
    desk.pulses.end(desk.pulse.id, outcome="complete", summary="done", by="ann")
    assert desk.pulses.current() is None
    second = desk.pulses.begin(agent="a", operator="b", mode=Mode.OBSERVE, policy_digest="")
    assert second.number == 2
    assert [p.number for p in desk.pulses.latest()] == [2, 1]
    assert [p.number for p in desk.pulses.latest(1)] == [2]
    for missing in (lambda: desk.pulses.get("p-none"), lambda: desk.pulses.by_number(9)):
        with pytest.raises(NotKnown):
            missing()


def test_the_end_withdraws_what_waits_and_anchors_the_log(desk) -> None:
    waiting, approved = desk.ask("T-1"), desk.approved("T-2")
    running, unsure = desk.executing("T-3"), desk.unknown("T-4")
    ended = desk.pulses.end(desk.pulse.id, outcome="complete", summary="# Pulse 1\n\ud800", by="ann")
    assert (ended.outcome, ended.summary, ended.ended_at) == ("complete", "# Pulse 1\n\ufffd", desk.clock.now())
    states = {a.id: a.state for a in desk.journal.actions(desk.pulse.id)}
    assert states[waiting.id] is states[approved.id] is ActionState.WITHDRAWN
    assert (states[running.id], states[unsure.id]) == (ActionState.EXECUTING, ActionState.UNKNOWN)
    event = desk.journal.events(kinds=["pulse.ended"])[0]
    assert event.body["withdrawn"] == [waiting.id, approved.id]
    assert tuple(desk.store.read("select seq, hash, where_to from anchor")[0]) == (event.seq, event.hash, "pulse 1")
    assert desk.journal.finish(running.id, n=1, owner=running.owner, result="succeeded").state == "succeeded"


def test_an_ended_pulse_does_not_change(desk) -> None:
    desk.pulses.end(desk.pulse.id, outcome="abandoned", summary="", by="ann")
    acts = [
        lambda: desk.pulses.end(desk.pulse.id, outcome="complete", summary="", by="ann"),
        lambda: desk.pulses.set_step(desk.pulse.id, 1, state=StepState.DONE, actor="a"),
        lambda: desk.pulses.save_work(desk.pulse.id, {"a": 1}, actor="a"),
        lambda: desk.pulses.set_mode(desk.pulse.id, Mode.OBSERVE, by="ann", reason=""),
        lambda: desk.pulses.set_draft(desk.pulse.id, "x", actor="a"),
    ]
    for act in acts:
        with pytest.raises(PulseEnded):
            act()
    with pytest.raises(PulseEnded), desk.pulses.drive(desk.pulse.id, "w", 1000):
        pytest.fail("nobody drives an ended pulse")


def test_only_known_ends(desk) -> None:
    with pytest.raises(IllegalMove, match="complete, interrupted, abandoned"):
        desk.pulses.end(desk.pulse.id, outcome="finished", summary="", by="ann")


def test_eleven_steps_stand_from_the_start(desk) -> None:
    steps = desk.pulses.steps(desk.pulse.id)
    assert [(s.n, s.state) for s in steps] == [(n, StepState.TODO) for n in range(1, 12)]
    assert (steps[0].name, steps[10].name) == ("Inbox", "Report")
    with pytest.raises(NotKnown):
        desk.pulses.steps("p-none")
    with pytest.raises(NotKnown, match="no step 12"):
        desk.pulses.set_step(desk.pulse.id, 12, state=StepState.DONE, actor="a")


def test_a_step_keeps_its_data_and_its_start(desk) -> None:
    pulse, start = desk.pulse.id, desk.clock.now()
    data = {"messages": [{"body": "a\ud800\x00"}]}
    active = desk.pulses.set_step(pulse, 1, state=StepState.ACTIVE, data=data, actor="sre")
    assert (active.started_at, active.ended_at, active.data) == (start, None, data)
    desk.clock.advance(MINUTE)
    done = desk.pulses.set_step(pulse, 1, state=StepState.DONE, data_state=DataState.OK, note="3 messages", actor="sre")
    assert (done.started_at, done.ended_at, done.data) == (start, start + MINUTE, data)
    assert desk.pulses.steps(pulse)[0] == done
    again = desk.pulses.set_step(pulse, 1, state=StepState.ACTIVE, data={}, actor="sre")
    assert (again.started_at, again.ended_at, again.data) == (start, None, {})
    assert desk.pulses.set_step(pulse, 1, state=StepState.TODO, actor="sre").started_at is None
    assert [k for k in desk.kinds() if k.startswith("step.")] == [
        "step.active",
        "step.done",
        "step.active",
        "step.todo",
    ]


def test_a_skipped_step_has_a_time(desk) -> None:
    step = desk.pulses.set_step(desk.pulse.id, 7, state=StepState.SKIPPED, sub="C", note="no task", actor="sre")
    assert (step.started_at, step.ended_at, step.sub) == (desk.clock.now(), desk.clock.now(), "C")


def test_working_state_is_merged_key_by_key(desk) -> None:
    pulse = desk.pulse.id
    assert desk.pulses.work(pulse) == {}
    desk.pulses.save_work(pulse, {"task": "T-1", "prompt": {"text": "a", "v": 1}}, actor="sre")
    merged = desk.pulses.save_work(pulse, {"prompt": {"v": 2}, "task": None, "zero": 0}, actor="sre")
    assert merged == desk.pulses.work(pulse) == {"prompt": {"v": 2}, "zero": 0}
    assert desk.journal.events(kinds=["pulse.work"])[-1].body["keys"] == ["prompt", "task", "zero"]


def test_loosening_the_mode_needs_a_reason(desk) -> None:
    pulse = desk.pulse.id
    with pytest.raises(ReasonRequired):
        desk.pulses.set_mode(pulse, Mode.TRUSTED, by="ann", reason=" ")
    assert desk.pulses.set_mode(pulse, Mode.TRUSTED, by="ann", reason="calm night").mode is Mode.TRUSTED
    assert desk.pulses.set_mode(pulse, Mode.OBSERVE, by="ann", reason="").mode is Mode.OBSERVE
    desk.pulses.set_mode(pulse, Mode.OBSERVE, by="ann", reason="")
    assert [e.body["mode"] for e in desk.journal.events(kinds=["pulse.mode"])] == ["trusted", "observe"]


def test_the_draft_goes_when_the_pulse_ends(desk) -> None:
    desk.pulses.set_draft(desk.pulse.id, "so far", actor="sre")
    assert desk.pulses.draft(desk.pulse.id) == "so far"
    desk.pulses.end(desk.pulse.id, outcome="complete", summary="final", by="ann")
    assert desk.pulses.draft(desk.pulse.id) == ""


# driving ------------------------------------------------------------------------------------------


def test_one_process_drives_and_may_enter_again(desk) -> None:
    pulse, me = desk.pulse.id, this_owner()
    with desk.pulses.drive(pulse, me, 1000):
        with desk.pulses.drive(pulse, me, 1000):
            assert desk.pulses.driver(pulse) == me
        assert desk.pulses.driver(pulse) == me
        desk.clock.advance(10 * MINUTE)
        with pytest.raises(DrivenElsewhere) as caught, Pulses(desk.store, desk.journal).drive(pulse, "other", 1000):
            pytest.fail("two drivers")
        assert caught.value.owner == me
    assert desk.pulses.driver(pulse) is None


def test_an_error_inside_leaves_the_wheel(desk) -> None:
    with pytest.raises(RuntimeError), desk.pulses.drive(desk.pulse.id, this_owner(), 1000):
        raise RuntimeError("crash")
    assert desk.pulses.driver(desk.pulse.id) is None


DRIVER = """
import json, sys
from pathlib import Path
from storage.clock import SystemClock
from storage.journal import Journal
from storage.owner import this_owner
from storage.pulses import Pulses
from storage.schema_record import open_record
store = open_record(Path(sys.argv[1]))
with Pulses(store, Journal(store, SystemClock())).drive(sys.argv[2], this_owner(), 1):
    print(json.dumps(this_owner()), flush=True)
    sys.stdin.readline()
"""


def test_a_live_process_is_left_alone_and_a_killed_one_is_taken_over(desk) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", DRIVER, str(desk.store.path), desk.pulse.id],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    try:
        owner = json.loads(child.stdout.readline())
        desk.clock.advance(10 * MINUTE)
        with pytest.raises(DrivenElsewhere) as caught, desk.pulses.drive(desk.pulse.id, this_owner(), 1000):
            pytest.fail("two drivers")
        assert caught.value.owner == owner
    finally:
        child.kill()
        child.communicate()
    with desk.pulses.drive(desk.pulse.id, this_owner(), 1000):
        event = desk.journal.events(kinds=["pulse.taken_over"])[0]
    assert event.body == {"from": owner, "to": this_owner()}


def test_an_owner_that_cannot_be_checked_has_a_lease(desk) -> None:
    with desk.pulses.drive(desk.pulse.id, "somewhere", 1000):
        with pytest.raises(DrivenElsewhere), desk.pulses.drive(desk.pulse.id, "here", 1000):
            pytest.fail("two drivers")
        desk.clock.advance(1000)
        with desk.pulses.drive(desk.pulse.id, "here", 1000):
            assert desk.pulses.driver(desk.pulse.id) == "here"
