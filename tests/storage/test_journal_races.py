"""Two processes that want the same thing at once, each with its own connection."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

from storage.clock import SystemClock
from storage.journal import AlreadyDecided, Journal
from storage.records import ActionState, Mode
from storage.schema_record import open_record

ROOT = Path(__file__).resolve().parents[2]

RIVAL = """
import json, sys
from pathlib import Path
from storage.clock import SystemClock
from storage.journal import AlreadyDecided, Journal, NotApproved
from storage.owner import this_owner
from storage.schema_record import open_record

path, role, ids = Path(sys.argv[1]), sys.argv[2], json.loads(Path(sys.argv[1] + ".ids").read_text())
won, lost = [], []
with open_record(path, busy_bound_s=30) as store:
    journal = Journal(store, SystemClock())
    print("ready", flush=True)
    sys.stdin.readline()
    for action_id, digest in ids:
        try:
            if role == "claim":
                journal.claim(action_id, owner=this_owner())
            else:
                journal.decide(action_id, rev=1, digest=digest, verdict=role, voter=role + "r", reason="r")
            won.append(action_id)
        except (NotApproved, AlreadyDecided):
            lost.append(action_id)
print(json.dumps([won, lost]), flush=True)
"""


def race(path: Path, ids: list[tuple[str, str]], *roles: str) -> list[tuple[list[str], list[str]]]:
    Path(f"{path}.ids").write_text(json.dumps(ids))
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    rivals = [
        subprocess.Popen(
            [sys.executable, "-c", RIVAL, str(path), role],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=env,
        )
        for role in roles
    ]
    try:
        for rival in rivals:
            assert rival.stdout.readline() == "ready\n"
        for rival in rivals:
            rival.stdin.write("go\n")
            rival.stdin.flush()
        return [json.loads(rival.communicate(timeout=60)[0]) for rival in rivals]
    finally:
        for rival in rivals:
            rival.kill()
            rival.communicate()


def test_a_thousand_races_of_two_claimers(desk) -> None:
    """One row for each action: nobody starts twice, nothing is missed."""
    with desk.store.write():
        ids = [(a.id, a.digest) for a in (desk.ask(f"T-{n}") for n in range(1000))]
        for action_id, digest in ids:
            desk.journal.decide(action_id, rev=1, digest=digest, verdict="approve", voter="ann")
        move_to_real_time(desk)
    (won1, lost1), (won2, lost2) = race(desk.store.path, ids, "claim", "claim")
    everyone = {action_id for action_id, _ in ids}
    assert set(won1) | set(won2) == everyone
    assert not set(won1) & set(won2)
    assert set(lost1) == set(won2)
    assert set(lost2) == set(won1)
    assert desk.store.read("select count(*) from attempt")[0][0] == 1000
    assert desk.journal.verify().ok


def move_to_real_time(desk) -> None:
    """The rivals use the real clock: let the approvals live long on it."""
    with desk.store.write() as conn:
        conn.execute("update action set ask_until = ask_until + 1000000000000")
        conn.execute("update action set approved_until = approved_until + 1000000000000")


def test_a_hundred_races_of_opposite_verdicts(desk) -> None:
    """One decision each; the loser is told."""
    with desk.store.write():
        ids = [(a.id, a.digest) for a in (desk.ask(f"T-{n}") for n in range(100))]
        move_to_real_time(desk)
    (approved, told1), (rejected, told2) = race(desk.store.path, ids, "approve", "reject")
    assert len(approved) + len(rejected) == 100
    assert set(told1) == set(rejected)
    assert set(told2) == set(approved)
    for action_id, _ in ids:
        expected = ActionState.APPROVED if action_id in approved else ActionState.REJECTED
        assert desk.journal.get(action_id).state is expected
    assert desk.store.read("select count(*) from vote")[0][0] == 100
    assert desk.journal.verify().ok


def test_one_person_in_two_windows_decides_once(desk) -> None:
    """Fault 7."""
    actions = [desk.ask(f"T-{n}") for n in range(20)]
    barrier = threading.Barrier(2)
    results: list[str] = []

    def window() -> None:
        with open_record(desk.store.path) as store:
            journal = Journal(store, desk.clock)
            for action in actions:
                barrier.wait(timeout=30)
                done = journal.decide(action.id, rev=1, digest=action.digest, verdict="approve", voter="ann")
                results.append(done.state)

    threads = [threading.Thread(target=window) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert results == ["approved"] * 40
    assert len(desk.journal.events(kinds=["gate.approved"])) == 20


def test_threads_share_one_journal(desk) -> None:
    actions = [desk.ask(f"T-{n}") for n in range(25)]
    told: list[str] = []

    def decide(voter: str) -> None:
        for action in actions:
            try:
                desk.decide(action, voter=voter)
            except AlreadyDecided as error:
                told.append(error.by)

    threads = [threading.Thread(target=decide, args=(name,)) for name in ("ann", "bob", "cyd", "dan")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert len(told) == 75
    assert {a.state for a in desk.journal.actions(desk.pulse.id)} == {ActionState.APPROVED}
    assert desk.journal.verify().ok


def test_the_same_call_from_two_servers_makes_one_gate(tmp_path) -> None:
    """Fault 8."""
    from storage.journal import NewAction
    from storage.pulses import Pulses
    from storage.records import EffectClass, GateLevel

    with open_record(tmp_path / "stas.db") as store:
        journal = Journal(store, SystemClock())
        pulse = Pulses(store, journal).begin(agent="a", operator="o", mode=Mode.SUPERVISED, policy_digest="")
        made: list[bool] = []
        barrier = threading.Barrier(2)

        def call() -> None:
            for n in range(20):
                new = NewAction(
                    pulse_id=pulse.id,
                    tool="t",
                    natural_key=f"k{n}",
                    args={},
                    plan={},
                    preconditions={},
                    shown={},
                    effect_class=EffectClass.KEY,
                    level=GateLevel.GATE,
                    requested_by="a",
                )
                barrier.wait(timeout=30)
                made.append(journal.request(new).created)

        threads = [threading.Thread(target=call) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)
        assert sorted(made) == [False] * 20 + [True] * 20
        assert len(journal.pending()) == 20
