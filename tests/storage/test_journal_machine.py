"""Random histories against a real record; a small model in plain Python says what must come out."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule

from storage.clock import HOUR, MINUTE, ManualClock
from storage.journal import CallConflict, Journal, JournalError, NewAction
from storage.pulses import Pulses
from storage.records import TERMINAL, ActionState, EffectClass, GateLevel, Mode
from storage.schema_record import open_record
from storage.states import PAIRS

GONE = "0:0:gone"
S = ActionState


@dataclass
class Seen:
    """What the world outside knows of one action."""

    effect: EffectClass
    level: GateLevel
    state: ActionState
    approved: set[str] = field(default_factory=set)
    """Digests that a person, or the policy at level L, allowed."""
    effects: list[str] = field(default_factory=list)
    """Digests of effects that really happened."""
    votes: int = 0
    told_wrong: bool = False


class Histories(RuleBasedStateMachine):
    actions = Bundle("actions")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="stas-machine"))
        self.clock = ManualClock()
        self.seen: dict[str, Seen] = {}
        self.last_event_at = 0

    @initialize()
    def begin(self) -> None:
        self.store = open_record(self.folder / "stas.db")
        self.journal = Journal(self.store, self.clock)
        self.pulse = Pulses(self.store, self.journal).begin(
            agent="sre", operator="o", mode=Mode.SUPERVISED, policy_digest="p"
        )

    def teardown(self) -> None:
        if hasattr(self, "store"):
            report = self.journal.verify()
            assert report.ok, report.why
            self.store.close()
        shutil.rmtree(self.folder)

    def attempted(self, act) -> bool:
        """True if the journal agreed; a refusal must change nothing but an end of time or a found forgery."""
        before = {a.id: a for a in self.journal.actions(self.pulse.id)}
        try:
            act()
        except JournalError as error:
            assert str(error)
            for action in self.journal.actions(self.pulse.id):
                assert action == before[action.id] or action.state is S.EXPIRED
            return False
        return True

    # asking

    @rule(
        target=actions,
        key=st.sampled_from("abc"),
        version=st.integers(1, 4),
        effect=st.sampled_from(EffectClass),
        level=st.sampled_from([GateLevel.GATE, GateLevel.GATE, GateLevel.LOG]),
    )
    def ask(self, key: str, version: int, effect: EffectClass, level: GateLevel):
        new = NewAction(
            pulse_id=self.pulse.id,
            tool="t",
            natural_key=key,
            args={"v": version},
            plan={"p": version},
            preconditions={},
            shown={},
            effect_class=effect,
            level=level,
            requested_by="sre",
        )
        try:
            done = self.journal.request(new)
        except CallConflict as error:
            assert error.existing.state not in TERMINAL
            return multiple()
        except JournalError:
            assert level is GateLevel.LOG
            assert self.journal.halted()[0]
            return multiple()
        assert self.journal.request(new).action.id == done.action.id
        if not done.created:
            return multiple()
        self.seen[done.action.id] = Seen(effect, level, done.action.state)
        if done.action.state is S.APPROVED:
            assert level is GateLevel.LOG
            self.seen[done.action.id].approved.add(done.action.digest)
        return done.action.id

    # people

    @rule(action=actions, verdict=st.sampled_from(["approve", "approve", "reject"]), voter=st.sampled_from("xy"))
    def decide(self, action: str, verdict: str, voter: str) -> None:
        now = self.journal.get(action)

        def act() -> None:
            self.journal.decide(action, rev=now.rev, digest=now.digest, verdict=verdict, voter=voter, reason="r")

        if self.attempted(act) and verdict == "approve":
            self.seen[action].approved.add(now.digest)

    @rule(action=actions, back=st.integers(1, 2))
    def decide_on_an_old_version(self, action: str, back: int) -> None:
        old = [r for r in self.journal.revisions(action) if r.rev <= self.journal.get(action).rev - back]
        for revision in old:
            assert not self.attempted(
                lambda r=revision: self.journal.decide(action, rev=r.rev, digest=r.digest, verdict="approve", voter="z")
            )

    @rule(action=actions, version=st.integers(5, 9), approve=st.booleans())
    def edit(self, action: str, version: int, approve: bool) -> None:
        now = self.journal.get(action)
        payload = {"args": {"v": version}, "plan": {}, "preconditions": {}, "shown": {}}
        if approve:
            done = self.attempted(
                lambda: self.journal.revise_and_approve(action, rev=now.rev, digest=now.digest, voter="x", **payload)
            )
            if done:
                self.seen[action].approved.add(self.journal.get(action).digest)
        else:
            self.attempted(lambda: self.journal.revise(action, rev=now.rev, digest=now.digest, author="x", **payload))

    @rule(action=actions, what=st.sampled_from(["defer", "extend", "withdraw", "revoke"]))
    def other_keys(self, action: str, what: str) -> None:
        calls = {
            "defer": lambda: self.journal.defer(action, by="x"),
            "extend": lambda: self.journal.extend(action, by="x", ms=HOUR),
            "withdraw": lambda: self.journal.withdraw(action, by="sre", reason="w"),
            "revoke": lambda: self.journal.revoke(action, by="x", reason="r"),
        }
        self.attempted(calls[what])

    @rule(on=st.booleans())
    def halt(self, on: bool) -> None:
        if on:
            self.journal.halt(by="x", reason="h")
        else:
            self.journal.lift(by="x", reason="l")

    @rule(action=actions, verdict=st.sampled_from(["happened", "did_not", "run_again", "abandon"]))
    def resolve(self, action: str, verdict: str) -> None:
        now = self.journal.get(action)
        done = bool(self.seen[action].effects)
        if self.attempted(lambda: self.journal.resolve(action, by="x", verdict=verdict, reason="r")):
            assert now.state is S.UNKNOWN
            wrong = (verdict == "happened") != done or verdict == "abandon"
            self.seen[action].told_wrong |= wrong

    # executors

    @rule(action=actions, fate=st.sampled_from(["done", "killed before", "killed after", "refused", "failed"]))
    def run(self, action: str, fate: str) -> None:
        halted = self.journal.halted()[0]
        seen = self.seen[action]
        attempts = []
        if not self.attempted(lambda: attempts.append(self.journal.claim(action, owner=GONE))):
            return
        attempt = attempts[0]
        assert not halted
        assert attempt.digest in seen.approved, "it starts what nobody approved"
        assert self.journal.may_start(attempt)
        if fate in ("done", "killed after"):
            seen.effects.append(attempt.digest)
        reports = {"done": "succeeded", "refused": "not_done", "failed": "failed"}
        if fate in reports:
            self.journal.finish(action, n=attempt.n, owner=GONE, result=reports[fate])

    @rule(action=actions)
    def take_over(self, action: str) -> None:
        self.attempted(lambda: self.journal.take_over(action, owner="me"))

    @rule(action=actions)
    def reconcile(self, action: str) -> None:
        seen = self.seen[action]
        found = self.journal.get(action).digest in seen.effects
        if self.attempted(lambda: self.journal.reconcile(action, found=found)):
            assert seen.effect is not EffectClass.OPAQUE

    @rule(action=actions, version=st.integers(1, 9))
    def stale(self, action: str, version: int) -> None:
        def act() -> None:
            self.journal.go_stale(action, plan={"w": version}, preconditions={}, shown={}, why="moved")

        if self.attempted(act):
            now = self.journal.get(action)
            if now.state is S.APPROVED:
                assert now.level is GateLevel.LOG
                self.seen[action].approved.add(now.digest)

    # time

    @rule(ms=st.sampled_from([1, MINUTE, 11 * MINUTE, 5 * HOUR]))
    def wait(self, ms: int) -> None:
        self.clock.advance(ms)

    @rule(ms=st.sampled_from([-10 * HOUR, -MINUTE, MINUTE]))
    def correct_the_clock(self, ms: int) -> None:
        self.clock.set_wall(self.clock.now() + ms)

    @rule()
    def sweep(self) -> None:
        for action in self.journal.sweep_expired():
            assert action.state is S.EXPIRED

    @rule()
    def restart(self) -> None:
        self.store.close()
        self.store = open_record(self.folder / "stas.db")
        self.journal = Journal(self.store, self.clock)

    # what always holds

    @invariant()
    def all_is_well(self) -> None:
        for action in self.journal.actions(self.pulse.id) if self.seen else []:
            seen = self.seen[action.id]
            if action.state is not seen.state:
                assert seen.state not in TERMINAL
                direct = (seen.state, action.state) in PAIRS
                started = seen.state in (S.PENDING, S.APPROVED) and action.state in (
                    S.SUCCEEDED,
                    S.FAILED,
                    S.UNKNOWN,
                )
                assert direct or started, (seen.state, action.state)
                seen.state = action.state
            if action.state in (S.APPROVED, S.EXECUTING, S.UNKNOWN, S.SUCCEEDED):
                assert action.approved_digest == action.digest
                assert action.digest in seen.approved
            assert set(seen.effects) <= seen.approved
            assert len(seen.effects) == len(set(seen.effects)), "one approval, two effects"
            if action.state is S.SUCCEEDED and not seen.told_wrong:
                assert seen.effects
            if action.state in (S.REJECTED, S.WITHDRAWN, S.EXPIRED):
                assert seen.told_wrong or not seen.effects or len(self.journal.attempts(action.id)) > 0


TestHistories = Histories.TestCase
TestHistories.settings = settings(
    max_examples=25,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
