"""A real record in a temporary folder, with a clock that moves only when told."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from storage.clock import ManualClock
from storage.journal import Journal, NewAction
from storage.pulses import Pulses
from storage.records import Action, EffectClass, GateLevel, Mode, Pulse
from storage.schema_record import open_record
from storage.sqlite import Store

ROOT = Path(__file__).resolve().parents[2]
GONE = "999999999:1:no-such-boot"
"""An owner that is certainly dead."""


@dataclass
class Desk:
    """A journal with an open pulse, and short ways to use it."""

    store: Store
    clock: ManualClock
    journal: Journal
    pulses: Pulses
    pulse: Pulse

    def new(self, key: str = "T-1", **changes: Any) -> NewAction:
        base = NewAction(
            pulse_id=self.pulse.id,
            tool="open_pull_request",
            natural_key=key,
            args={"task": key, "title": "Übergabe"},
            plan={"base": "multi-tenant", "head_sha": "abc"},
            preconditions={"head_sha": "abc"},
            shown={"title": "a pull request"},
            effect_class=EffectClass.LOOKUP,
            level=GateLevel.GATE,
            requested_by="sre",
        )
        return replace(base, **changes)

    def ask(self, key: str = "T-1", **changes: Any) -> Action:
        return self.journal.request(self.new(key, **changes)).action

    def decide(self, action: Action, verdict: str = "approve", voter: str = "ann", reason: str = "") -> Action:
        reason = reason or ("not now" if verdict == "reject" else "")
        return self.journal.decide(
            action.id, rev=action.rev, digest=action.digest, verdict=verdict, voter=voter, reason=reason
        )

    def approved(self, key: str = "T-1", **changes: Any) -> Action:
        return self.decide(self.ask(key, **changes))

    def executing(self, key: str = "T-1", owner: str = GONE, **changes: Any) -> Action:
        action = self.approved(key, **changes)
        self.journal.claim(action.id, owner=owner)
        return self.journal.get(action.id)

    def unknown(self, key: str = "T-1", **changes: Any) -> Action:
        return self.journal.take_over(self.executing(key, **changes).id, owner="me")

    def kinds(self, action: Action | None = None) -> list[str]:
        return [event.kind for event in self.journal.events(action_id=action.id if action else None)]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_record(tmp_path / "stas.db") as record:
        yield record


@pytest.fixture
def desk(store: Store, clock: ManualClock) -> Desk:
    journal = Journal(store, clock)
    pulses = Pulses(store, journal)
    pulse = pulses.begin(agent="sre", operator="olga", mode=Mode.SUPERVISED, policy_digest="p")
    return Desk(store, clock, journal, pulses, pulse)


@pytest.fixture
def run_python() -> Any:
    """Runs a script in a process of its own, with the code under test on its path."""

    def run(script: str, *args: str, **options: Any) -> subprocess.CompletedProcess[str]:
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        return subprocess.run(
            [sys.executable, "-c", script, *args], env=env, capture_output=True, text=True, timeout=60, **options
        )

    return run
