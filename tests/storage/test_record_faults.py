"""The record on a full disk, read-only, and from an earlier schema."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from storage import schema_record
from storage.clock import ManualClock
from storage.errors import SchemaTooNew, StoreFull
from storage.journal import Journal
from storage.records import ActionState
from storage.schema_record import MIGRATIONS, open_record
from storage.sqlite import Store, sql_migration


def fill_up(store: Store, leave: int = 0) -> None:
    """No page more: the file keeps its size, and what is free inside it is used up."""
    conn = store.connection
    with store.write():
        conn.execute("create table ballast(x blob) strict")
    conn.execute(f"pragma max_page_count = {store.read('pragma page_count')[0][0] + leave}")
    size = 65536
    while size >= 1:
        try:
            with store.write():
                conn.execute("insert into ballast values(randomblob(?))", (size,))
        except StoreFull:
            size //= 2


def make_room(store: Store) -> None:
    store.connection.execute("pragma max_page_count = 1000000")


BIG = {"text": "x" * 20_000}


def test_a_full_disk_leaves_no_half_transition(desk) -> None:
    waiting, approved, running = desk.ask("T-1"), desk.approved("T-2"), desk.executing("T-3")
    before = desk.journal.actions(desk.pulse.id)
    events = desk.journal.events()
    fill_up(desk.store, leave=2)
    revise = {"args": BIG, "plan": BIG, "preconditions": {}, "shown": {}, "rev": 1, "digest": waiting.digest}
    for act in (
        lambda: desk.ask("T-4", plan=BIG),
        lambda: desk.journal.revise(waiting.id, author="ann", **revise),
        lambda: desk.journal.revise_and_approve(waiting.id, voter="ann", **revise),
        lambda: desk.journal.go_stale(approved.id, plan=BIG, preconditions={}, shown={}, why="moved"),
        lambda: desk.journal.finish(running.id, n=1, owner=running.owner, result="succeeded", outcome=BIG),
        lambda: desk.journal.record("note", actor="x", body=BIG),
        lambda: desk.pulses.end(desk.pulse.id, outcome="complete", summary="x" * 20_000, by="ann"),
    ):
        with pytest.raises(StoreFull):
            act()
        assert desk.journal.actions(desk.pulse.id) == before
        assert desk.journal.events() == events
        assert desk.pulses.current() == desk.pulse
        assert desk.journal.verify().ok
    make_room(desk.store)
    done = desk.journal.finish(running.id, n=1, owner=running.owner, result="succeeded", outcome=BIG)
    assert done.state is ActionState.SUCCEEDED
    assert desk.decide(waiting).state is ActionState.APPROVED
    assert desk.journal.verify().ok


def test_no_is_possible_on_a_full_disk_and_yes_is_not(desk) -> None:
    reason = "the disk is full; " + "x" * 9_000
    actions = [desk.ask(f"T-{n}") for n in range(2)]
    side = Path(f"{desk.store.path}.reserve")
    assert side.stat().st_size == 256 * 1024
    fill_up(desk.store)
    with pytest.raises(StoreFull):
        desk.decide(actions[0], "approve", reason=reason)
    assert desk.journal.get(actions[0].id).state is ActionState.PENDING
    assert side.exists()
    assert desk.decide(actions[0], "reject", reason=reason).state is ActionState.REJECTED
    assert not side.exists()
    assert desk.journal.verify().ok
    assert desk.store.read("select 1 from reserve") == []
    make_room(desk.store)
    with open_record(desk.store.path) as again:
        assert len(again.read("select 1 from reserve")) == 1
    assert side.exists()


def test_a_gate_waits_through_a_migration(tmp_path: Path, monkeypatch) -> None:
    """A record with a waiting gate, brought to a later schema by a later Stas: the gate still waits."""
    path = tmp_path / "stas.db"
    desk = Fresh(path)
    desk.request_one()
    desk.store.close()
    later = [*MIGRATIONS, sql_migration("alter table action add column extra text not null default 'none';")]
    monkeypatch.setattr(schema_record, "MIGRATIONS", later)
    with open_record(path) as store:
        journal = Journal(store, ManualClock())
        waiting = journal.pending()[0]
        done = journal.decide(waiting.id, rev=1, digest=waiting.digest, verdict="approve", voter="ann")
        assert done.state is ActionState.APPROVED
        assert journal.claim(done.id, owner="w").n == 1
        assert journal.verify().ok
    monkeypatch.undo()
    with pytest.raises(SchemaTooNew):
        open_record(path)


class Fresh:
    def __init__(self, path: Path) -> None:
        from storage.pulses import Pulses
        from storage.records import Mode

        self.store = open_record(path)
        self.journal = Journal(self.store, ManualClock())
        self.pulse = Pulses(self.store, self.journal).begin(
            agent="a", operator="o", mode=Mode.SUPERVISED, policy_digest=""
        )

    def request_one(self) -> None:
        from storage.journal import NewAction
        from storage.records import EffectClass, GateLevel

        self.journal.request(
            NewAction(
                pulse_id=self.pulse.id,
                tool="t",
                natural_key="k",
                args={},
                plan={},
                preconditions={},
                shown={},
                effect_class=EffectClass.KEY,
                level=GateLevel.GATE,
                requested_by="a",
            )
        )


KILLED = """
import os, signal, sys
from pathlib import Path
from storage import schema_record

first = schema_record.MIGRATIONS[0]

def die_at_the_end(conn):
    first(conn)
    os.kill(os.getpid(), signal.SIGKILL)

schema_record.MIGRATIONS[0] = die_at_the_end
schema_record.open_record(Path(sys.argv[1]))
"""


def test_a_record_whose_making_was_killed_is_made_anew(tmp_path: Path, run_python) -> None:
    """K12."""
    path = tmp_path / "stas.db"
    assert run_python(KILLED, str(path)).returncode == -signal.SIGKILL
    with open_record(path) as store:
        assert Journal(store, ManualClock()).verify().ok
        assert store.read("select count(*) from control")[0][0] == 1
