"""A process kills itself at each named point; the next one finds what the table of kill points promises."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from storage.clock import SystemClock
from storage.journal import IllegalMove, Journal, NewAction
from storage.owner import this_owner
from storage.pulses import Pulses
from storage.records import Action, ActionState, EffectClass, GateLevel, Mode
from storage.schema_record import open_record
from storage.sqlite import Store

CHILD = """
import os, signal, sys
from pathlib import Path
from storage.clock import SystemClock
from storage.journal import Journal, NewAction
from storage.owner import this_owner
from storage.records import EffectClass, GateLevel
from storage.schema_record import open_record

path, point, skip, stage, pulse, effect = sys.argv[1:]
left = int(skip)

def killpoint(name):
    global left
    if name == point:
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1

journal = Journal(open_record(Path(path)), SystemClock(), killpoint=killpoint)
new = NewAction(pulse_id=pulse, tool="t", natural_key="k", args={"v": 1}, plan={"p": 1}, preconditions={}, shown={},
                effect_class=EffectClass(effect), level=GateLevel.GATE, requested_by="sre")
payload = {"args": {"v": 2}, "plan": {"p": 2}, "preconditions": {}, "shown": {}}

def work(action):
    attempt = journal.claim(action.id, owner=this_owner())
    assert journal.may_start(attempt)
    if point == "K7":
        os.kill(os.getpid(), signal.SIGKILL)
    with open(path + ".effects", "a") as remote:
        remote.write(attempt.idem_key + "\\n")
    if point == "K8":
        os.kill(os.getpid(), signal.SIGKILL)
    journal.finish(action.id, n=attempt.n, owner=this_owner(), result="succeeded", outcome={"ok": 1})

if stage == "ask":
    journal.request(new)
action = journal.actions(pulse)[0]
if stage in ("approve", "reject"):
    journal.decide(action.id, rev=1, digest=action.digest, verdict=stage, voter="ann", reason="r")
if stage == "edit":
    journal.revise_and_approve(action.id, rev=1, digest=action.digest, voter="ann", **payload)
if stage == "run":
    work(action)
if stage == "reconcile":
    journal.reconcile(action.id, found=False)
if stage == "stale":
    journal.go_stale(action.id, plan={"p": 3}, preconditions={}, shown={}, why="moved")
if stage == "end":
    from storage.pulses import Pulses
    Pulses(journal.store, journal).end(pulse, outcome="complete", summary="s", by="ann")
"""


class Scene:
    def __init__(self, path: Path, run_python, effect: EffectClass = EffectClass.LOOKUP) -> None:
        self.path, self.run_python, self.effect = path, run_python, effect
        self.store: Store = open_record(path)
        self.journal = Journal(self.store, SystemClock())
        self.pulses = Pulses(self.store, self.journal)
        self.pulse = self.pulses.begin(agent="sre", operator="o", mode=Mode.SUPERVISED, policy_digest="p")

    def new(self) -> NewAction:
        return NewAction(
            pulse_id=self.pulse.id,
            tool="t",
            natural_key="k",
            args={"v": 1},
            plan={"p": 1},
            preconditions={},
            shown={},
            effect_class=self.effect,
            level=GateLevel.GATE,
            requested_by="sre",
        )

    def prepare(self, *stages: str) -> None:
        for stage in stages:
            if stage == "ask":
                self.journal.request(self.new())
            if stage == "approve":
                self.journal.decide(self.action.id, rev=1, digest=self.action.digest, verdict="approve", voter="ann")
            if stage == "lose":
                self.journal.claim(self.action.id, owner="0:0:gone")
                self.journal.take_over(self.action.id, owner="me")

    def kill_at(self, point: str, stage: str, skip: int = 0) -> None:
        done = self.run_python(CHILD, str(self.path), point, str(skip), stage, self.pulse.id, self.effect.value)
        assert done.returncode == -signal.SIGKILL, (done.returncode, done.stderr)
        report = self.journal.verify()
        assert report.ok, report.why

    @property
    def action(self) -> Action:
        return self.journal.actions(self.pulse.id)[0]

    @property
    def effects(self) -> list[str]:
        remote = Path(f"{self.path}.effects")
        return remote.read_text().split() if remote.exists() else []

    def recover(self) -> Action:
        """What any next process does: take over, look, and run if it was proved not done."""
        me = this_owner()
        action = self.journal.take_over(self.action.id, owner=me)
        if self.effect is EffectClass.OPAQUE:
            return action
        action = self.journal.reconcile(action.id, found=action.id in self.effects)
        if action.state is ActionState.APPROVED:
            attempt = self.journal.claim(action.id, owner=me)
            assert self.journal.may_start(attempt)
            with Path(f"{self.path}.effects").open("a") as remote:
                remote.write(f"{attempt.idem_key}\n")
            action = self.journal.finish(action.id, n=attempt.n, owner=me, result="succeeded")
        return action


@pytest.fixture
def scene(tmp_path, run_python):
    made: list[Scene] = []

    def make(effect: EffectClass = EffectClass.LOOKUP) -> Scene:
        made.append(Scene(tmp_path / "stas.db", run_python, effect))
        return made[-1]

    yield make
    for one in made:
        one.store.close()


def test_k1_before_the_request_is_committed_there_is_no_action(scene) -> None:
    s = scene()
    s.kill_at("K1", "ask")
    assert s.journal.actions(s.pulse.id) == []
    assert s.journal.request(s.new()).created
    assert len(s.journal.actions(s.pulse.id)) == 1


def test_k2_after_the_request_the_same_call_is_the_same_action(scene) -> None:
    s = scene()
    s.kill_at("K2", "ask")
    again = s.journal.request(s.new())
    assert not again.created
    assert s.journal.actions(s.pulse.id) == [again.action]


@pytest.mark.parametrize("verdict", ["approve", "reject"])
def test_k3_before_the_vote_is_committed_it_still_waits(scene, verdict: str) -> None:
    s = scene()
    s.prepare("ask")
    s.kill_at("K3", verdict)
    assert s.action.state is ActionState.PENDING
    assert s.store.read("select * from vote") == []


@pytest.mark.parametrize(("verdict", "state"), [("approve", "approved"), ("reject", "rejected")])
def test_k4_after_the_vote_it_is_decided_once(scene, verdict: str, state: str) -> None:
    s = scene()
    s.prepare("ask")
    s.kill_at("K4", verdict)
    assert (s.action.state, s.action.decided_by) == (state, "ann")
    assert len(s.journal.events(kinds=[f"gate.{state}"])) == 1


@pytest.mark.parametrize("point", ["K5", "K3"])
def test_k5_edit_and_approve_is_all_or_nothing(scene, point: str) -> None:
    s = scene()
    s.prepare("ask")
    before = s.action
    s.kill_at(point, "edit")
    assert s.action == before
    assert len(s.journal.revisions(before.id)) == 1


@pytest.mark.parametrize("point", ["K6", "K7"])
def test_k6_k7_after_the_intent_it_runs_once(scene, point: str) -> None:
    s = scene()
    s.prepare("ask", "approve")
    s.kill_at(point, "run")
    assert s.action.state is ActionState.EXECUTING
    assert s.effects == []
    assert s.recover().state is ActionState.SUCCEEDED
    assert s.effects == [s.action.id]
    assert [a.result for a in s.journal.attempts(s.action.id)] == ["unknown", "succeeded"]


@pytest.mark.parametrize("point", ["K8", "K9"])
def test_k8_k9_an_effect_without_its_outcome_is_found_again(scene, point: str) -> None:
    s = scene()
    s.prepare("ask", "approve")
    s.kill_at(point, "run")
    assert s.action.state is ActionState.EXECUTING
    assert s.recover().state is ActionState.SUCCEEDED
    assert s.effects == [s.action.id]


@pytest.mark.parametrize("point", ["K6", "K8", "K9"])
def test_an_opaque_effect_is_parked_for_a_person(scene, point: str) -> None:
    s = scene(EffectClass.OPAQUE)
    s.prepare("ask", "approve")
    s.kill_at(point, "run")
    before = s.effects
    assert s.recover().state is ActionState.UNKNOWN
    with pytest.raises(IllegalMove):
        s.journal.reconcile(s.action.id, found=False)
    assert s.effects == before
    assert [a.id for a in s.journal.open_actions()] == [s.action.id]


def test_k10_a_reconciliation_that_died_is_repeated(scene) -> None:
    s = scene()
    s.prepare("ask", "approve", "lose")
    s.kill_at("K10", "reconcile")
    assert s.action.state is ActionState.UNKNOWN
    assert s.recover().state is ActionState.SUCCEEDED
    assert s.effects == [s.action.id]


@pytest.mark.parametrize(
    ("stage", "before", "skip"),
    [
        ("ask", (), 0),
        ("approve", ("ask",), 0),
        ("reject", ("ask",), 0),
        ("edit", ("ask",), 0),
        ("edit", ("ask",), 1),
        ("stale", ("ask", "approve"), 0),
        ("run", ("ask", "approve"), 0),
        ("run", ("ask", "approve"), 1),
        ("reconcile", ("ask", "approve", "lose"), 0),
        ("end", ("ask",), 0),
        ("end", ("ask",), 1),
    ],
)
def test_k13_an_event_and_its_change_are_one(scene, stage: str, before: tuple[str, ...], skip: int) -> None:
    s = scene()
    s.prepare(*before)
    count = s.journal.verify().events
    states = [(a.state, a.rev, a.version) for a in s.journal.actions(s.pulse.id)]
    s.kill_at("K13", stage, skip)
    if (stage, skip) == ("run", 1):
        count += 1
        states = [(ActionState.EXECUTING, 1, states[0][2] + 1)]
    assert s.journal.verify().events == count
    assert [(a.state, a.rev, a.version) for a in s.journal.actions(s.pulse.id)] == states
    assert s.pulses.current() == s.pulse


def test_a_writer_killed_while_it_holds_the_lock_frees_it(scene) -> None:
    """Fault 23."""
    s = scene()
    s.kill_at("K1", "ask")
    assert s.journal.record("note", actor="x", body={}).seq == 2
