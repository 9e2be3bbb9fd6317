"""Any acts of two people and the agent, in any order: refused in a sentence, or done so that the desk stays sound."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from stas_tui.triage.desk import TriageRefused
from storage.clock import HOUR, MINUTE
from tests.triage.bench import Bench, alert

PEOPLE = ("ann", "bob", "Stas")
KEYS = [f"alert:{n}" for n in range(5)]


def act(bench: Bench, dice: random.Random) -> None:
    desk, who = bench.desk, dice.choice(PEOPLE)
    key, some = dice.choice(KEYS), dice.sample(KEYS, dice.randint(1, 3))
    reason = dice.choice(["", "because"])
    choice = dice.randrange(12)
    if choice <= 1:
        desk.own(some, by=who, reason=reason)
    elif choice == 2:
        desk.release(some, by=who)
    elif choice == 3:
        desk.snooze(some, by=who, reason=reason, until=bench.clock.now() + dice.choice([MINUTE, HOUR]))
    elif choice == 4:
        desk.wake(some, by=who)
    elif choice <= 6:
        desk.group(some, under=key, by=who)
    elif choice == 7:
        desk.ungroup(key, by=who)
    elif choice == 8:
        desk.escalate(key, by=who)
    elif choice == 9:
        desk.opened(key, by=who)
    else:
        desk.undo(by=who)


@pytest.mark.parametrize("seed", range(6))
def test_the_desk_stays_sound(tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    done = refused = 0
    with Bench(tmp_path) as bench:
        notes = bench.desk._parts.notes
        versions: dict[str, int] = {}
        for n in range(60):
            if n % 5 == 0:
                bench.say([alert(str(n), dice.choice(["critical", "warning"])) for n in range(5)])
            try:
                act(bench, dice)
                done += 1
            except TriageRefused as refusal:
                assert str(refusal)
                refused += 1
            bench.clock.advance(dice.choice([0, 2_000, 40_000, 20 * MINUTE]))
            if dice.random() < 0.5:
                bench.desk.tick()
            found = notes.notes(KEYS)
            for key, note in found.items():
                assert note.version >= versions.get(key, 0), "versions never go back"
                versions[key] = note.version
                head = found.get(note.group)
                assert head is None or not head.group, "a group stands in no group"
                if note.escalation is not None and note.escalation.next_at is not None:
                    assert note.lease is None, "what somebody owns calls nobody"
                    assert note.snooze is None
            shown = [item.key for item in bench.list().items if item.key in KEYS]
            assert len(shown) == len(set(shown))
        assert bench.app.context.journal.verify().ok
    assert done > 10
    assert refused > 3
