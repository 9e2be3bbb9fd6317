"""A record of one's own, made by hand, and texts that must not come out of one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from stas_tui.locations import Locations, Profile
from storage.clock import ManualClock
from storage.journal import Journal, NewAction
from storage.pulses import Pulses
from storage.records import (
    EffectClass,
    GateLevel,
    Mode,
    Pulse,
)
from storage.schema_record import open_record

GITHUB = "ghp_" + "aB3dE5fG7hI9jK1lM3nO5pQ7rS9tU1vW3xY5"
AWS = "AKIA" + "IOSFODNN7QQQQQQQ"
PASSWORD = "correct-horse-7Battery"
INSIDE = "MIIEpAIBAAKCAQEA7dJ3fKx9QmZbVxWc1"
KEY = f"-----BEGIN RSA PRIVATE KEY-----\n{INSIDE}\nq8Jd0aZ3lKwq7Yb2Q\n-----END RSA PRIVATE KEY-----"
CANARIES = (GITHUB, AWS, PASSWORD, INSIDE)


@contextmanager
def desk(tmp_path: Path) -> Iterator[tuple[Profile, ManualClock, Journal, Pulses, Pulse]]:
    profile = Locations.find(tmp_path / "home").profile("default")
    profile.make()
    clock = ManualClock()
    with open_record(profile.record_db) as store:
        journal = Journal(store, clock)
        pulses = Pulses(store, journal)
        yield (
            profile,
            clock,
            journal,
            pulses,
            pulses.begin(agent="Stas", operator="ann", mode=Mode.SUPERVISED, policy_digest="x"),
        )


def asked(pulse: Pulse, key: str, **changes: Any) -> NewAction:
    base = NewAction(
        pulse_id=pulse.id,
        tool="slack_dm",
        natural_key=key,
        args={"message": "hello"},
        plan={"base": "release"},
        preconditions={},
        shown={"title": f"Message {key}"},
        effect_class=EffectClass.KEY,
        level=GateLevel.GATE,
        requested_by="Stas",
    )
    return replace(base, **changes)
