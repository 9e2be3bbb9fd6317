"""Notes, acts, incidents and sheets on a real record: one transaction each, the database refuses what must not be."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest

from storage.clock import HOUR, ManualClock
from storage.incidents import HandOvers, Incidents
from storage.journal import Journal
from storage.records import Mode
from storage.schema_record import MIGRATIONS, open_record
from storage.sqlite import Store
from storage.triage import Triage, TriageRefused
from storage.triage_numbers import numbers
from storage.triage_records import Escalation, Lease, SavedView, Snooze, TriageNote
from tests.storage.conftest import Desk

NOW = ManualClock().now()


@pytest.fixture
def triage(desk: Desk) -> Triage:
    return Triage(desk.journal)


def owned_by(name: str, until: int = NOW + HOUR):
    def how(note: TriageNote) -> TriageNote:
        if note.lease is not None and note.lease.owner != name:
            raise TriageRefused(f"{note.lease.owner} owns it.")
        return replace(note, lease=Lease(owner=name, since=NOW, until=until))

    return how


def own(triage: Triage, *keys: str, by: str = "ann", **how: object) -> list[TriageNote]:
    return triage.change(keys, owned_by(by), kind="triage.owned", by=by, undoable=True, **how)  # type: ignore[arg-type]


def test_a_note_keeps_everything_over_a_restart(desk: Desk, triage: Triage) -> None:
    whole = TriageNote(
        key="alert:1",
        lease=Lease(owner="ann", since=1, until=2, waits_for="ci:shop/1", was="x"),
        snooze=Snooze(by="ann", at=1, reason="later", until=9, event="next pulse", was="review", priority="P1"),
        escalation=Escalation(by="bob", started_at=1, level=2, next_at=5, said="sent", action_id="a-1", tries=3),
        group="alert:0",
        split=True,
        dismissed_at=1,
        seen_at=2,
        lapsed_at=3,
    )
    triage.change(["alert:1"], lambda _: whole, kind="triage.owned", by="ann")
    with open_record(desk.store.path) as again:
        assert Triage(Journal(again, desk.clock)).note("alert:1") == whole
        assert Triage(Journal(again, desk.clock)).notes(["alert:1", "alert:2"]) == {"alert:1": whole}


def test_an_act_on_several_items_is_one_line_of_the_log_or_nothing(desk: Desk, triage: Triage) -> None:
    own(triage, "a:1", "a:2", "a:1")
    events = desk.journal.events(kinds=["triage.owned"])
    assert [e.body["keys"] for e in events] == [["a:1", "a:2"]]
    before = desk.journal.events()
    with pytest.raises(TriageRefused, match="ann owns it"):
        own(triage, "a:3", "a:2", by="bob")
    assert triage.note("a:3") is None
    assert desk.journal.events() == before
    assert [e.seq for e in triage.events("a:2")] == [events[0].seq]
    assert desk.journal.verify().ok


def test_what_does_not_change_is_not_logged(desk: Desk, triage: Triage) -> None:
    own(triage, "a:1")
    before = desk.journal.head()
    assert triage.change(["a:1"], lambda note: note, kind="triage.opened", by="ann") == []
    assert desk.journal.head() == before


def test_an_item_that_changed_since_it_was_seen_is_refused(triage: Triage) -> None:
    (first,) = own(triage, "a:1", seen={})
    triage.change(["a:1"], lambda n: replace(n, seen_at=5), kind="triage.opened", by="bob", seen={"a:1": first.version})
    with pytest.raises(TriageRefused, match="changed since you looked"):
        own(triage, "a:1", seen={"a:1": first.version})


@pytest.mark.parametrize("keys", [[], [""], ["x" * 501], [f"a:{n}" for n in range(501)]])
def test_keys_that_are_none_or_too_many_are_refused(triage: Triage, keys: list[str]) -> None:
    with pytest.raises(TriageRefused):
        own(triage, *keys)


RACER = textwrap.dedent("""
    import sys
    from dataclasses import replace
    from pathlib import Path
    from storage.clock import SystemClock
    from storage.journal import Journal
    from storage.schema_record import open_record
    from storage.triage import Triage, TriageRefused
    from storage.triage_records import Lease

    path, name = sys.argv[1:]
    def take(note):
        if note.lease is not None:
            raise TriageRefused(note.lease.owner)
        return replace(note, lease=Lease(owner=name, since=1, until=2))

    with open_record(Path(path)) as store:
        triage = Triage(Journal(store, SystemClock()))
        print("ready", flush=True)
        sys.stdin.readline()
        try:
            triage.change(["alert:1"], take, kind="triage.owned", by=name)
            print("won")
        except TriageRefused as lost:
            print("lost to", lost)
""")


def test_of_two_processes_one_wins_and_the_other_is_told_who(desk: Desk, triage: Triage) -> None:
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACER, str(desk.store.path), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        for name in ("ann", "bob")
    ]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    said = [racer.communicate(timeout=30)[0].strip() for racer in racers]
    note = triage.note("alert:1")
    assert note is not None
    assert note.lease is not None
    loser = 1 if note.lease.owner == "ann" else 0
    assert said[1 - loser] == "won"
    assert said[loser] == f"lost to {note.lease.owner}"
    assert len(desk.journal.events(kinds=["triage.owned"])) == 1


# undo ----------------------------------------------------------------------------------------------


def test_the_last_act_is_taken_back_and_then_the_one_before(triage: Triage) -> None:
    own(triage, "a:1")
    triage.change(["a:1", "a:2"], lambda n: replace(n, group="a:0"), kind="triage.grouped", by="ann", undoable=True)
    triage.change(["a:1"], lambda n: replace(n, seen_at=7), kind="triage.opened", by="ann")
    act = triage.last_act("ann", 0)
    assert act is not None
    assert act.kind == "triage.grouped"
    triage.undo(act, by="ann")
    back = triage.notes(["a:1", "a:2"])
    assert (back["a:1"].group, back["a:2"].group) == ("", "")
    assert back["a:1"].lease is not None, "what was done before the act stands"
    assert back["a:1"].seen_at == 7, "looking is not undone"
    with pytest.raises(TriageRefused, match="already"):
        triage.undo(act, by="ann")
    first = triage.last_act("ann", 0)
    assert first is not None
    triage.undo(first, by="ann")
    undone = triage.note("a:1")
    assert undone is not None
    assert undone.lease is None
    assert undone.version > back["a:1"].version, "versions never go back"
    assert triage.last_act("ann", 0) is None


def test_nothing_is_undone_if_somebody_changed_one_of_the_items_since(triage: Triage) -> None:
    own(triage, "a:1", "a:2")
    triage.change(["a:2"], lambda n: replace(n, dismissed_at=1), kind="triage.dismissed", by="bob", undoable=True)
    act = triage.last_act("ann", 0)
    assert act is not None
    with pytest.raises(TriageRefused, match="a:2 changed since"):
        triage.undo(act, by="ann")
    note = triage.note("a:1")
    assert note is not None
    assert note.lease is not None, "all or none"
    assert triage.last_act("ann", act.at + 1) is None, "only acts that are young enough are offered"


# what is due ---------------------------------------------------------------------------------------


def test_what_is_due_is_found_by_time(triage: Triage, desk: Desk) -> None:
    own(triage, "a:1")
    triage.change(
        ["a:2"],
        lambda n: replace(n, snooze=Snooze(by="ann", at=1, reason="r", until=NOW + 5)),
        kind="triage.snoozed",
        by="ann",
    )
    triage.change(
        ["a:3"],
        lambda n: replace(n, escalation=Escalation(by="ann", started_at=1, next_at=NOW + 9)),
        kind="triage.escalated",
        by="ann",
    )
    assert [n.key for n in triage.due(NOW + 4)] == []
    assert [n.key for n in triage.due(NOW + 9)] == ["a:2", "a:3"]
    assert [n.key for n in triage.due(NOW + HOUR)] == ["a:1", "a:2", "a:3"]
    assert [n.key for n in triage.waiting()] == ["a:2", "a:3"]
    plan = " ".join(
        row[3]
        for row in desk.store.read(
            "explain query plan select * from triage where lease_until <= 1 or snooze_until <= 1 or next_at <= 1"
        )
    )
    assert "SCAN" not in plan


# views and place -----------------------------------------------------------------------------------


def test_views_and_the_place_are_kept(desk: Desk, triage: Triage) -> None:
    triage.save_view(SavedView(name="mine", query="owner:me"))
    triage.save_view(SavedView(name="acme", query="tenant:acme"))
    triage.save_view(SavedView(name="mine", query="owner:me p:P0"))
    triage.remember_place({"cursor": "alert:1", "query": "p:P0", "top": 3})
    with open_record(desk.store.path) as again:
        other = Triage(Journal(again, desk.clock))
        assert [(v.name, v.query) for v in other.views()] == [("acme", "tenant:acme"), ("mine", "owner:me p:P0")]
        assert other.place() == {"cursor": "alert:1", "query": "p:P0", "top": 3}
        other.save_view(SavedView(name="acme", query=""))
        assert [v.name for v in other.views()] == ["mine"]
    with pytest.raises(TriageRefused):
        triage.save_view(SavedView(name="  ", query="x"))


# incidents -----------------------------------------------------------------------------------------


def test_an_incident_is_opened_once_and_its_timeline_only_grows(desk: Desk, triage: Triage) -> None:
    incidents = Incidents(desk.journal, triage)
    first = incidents.open("alert:1", "reads across tenants", by="ann")
    assert incidents.open("alert:1", "other", by="bob") == first
    assert first.next_update_at == NOW + HOUR // 2
    desk.clock.advance(HOUR)
    wrote = incidents.write("alert:1", by="bob", kind="note", text=" it began at 14:04 ")
    assert wrote.next_update_at == first.next_update_at, "a note informs nobody"
    told = incidents.write("alert:1", by="bob", kind="impact", text="two tenants")
    assert told.next_update_at == NOW + HOUR + HOUR // 2
    assert [(e.by, e.kind, e.text) for e in told.entries] == [
        ("bob", "note", "it began at 14:04"),
        ("bob", "impact", "two tenants"),
    ]
    named = incidents.role("alert:1", by="ann", role="commander", who="ann")
    assert (named.commander, named.impact) == ("ann", "two tenants")
    over = incidents.write("alert:1", by="ann", kind="status", text="resolved")
    assert (over.status, over.resolved_at, over.next_update_at) == ("resolved", NOW + HOUR, None)
    assert incidents.open_ones() == []
    for sql in ("update incident_entry set text = 'x'", "delete from incident_entry", "delete from incident"):
        with pytest.raises(sqlite3.IntegrityError), desk.store.write() as conn:
            conn.execute(sql)
    kinds = [e.kind for e in triage.events("alert:1")]
    assert kinds == ["incident.opened", "incident.note", "incident.impact", "incident.role", "incident.status"]


@pytest.mark.parametrize(("kind", "text"), [("status", "fine"), ("gossip", "x"), ("note", "  "), ("note", "x" * 4_001)])
def test_what_cannot_be_written_down_is_refused(desk: Desk, triage: Triage, kind: str, text: str) -> None:
    incidents = Incidents(desk.journal, triage)
    incidents.open("alert:1", "t", by="ann")
    with pytest.raises(TriageRefused):
        incidents.write("alert:1", by="ann", kind=kind, text=text)
    with pytest.raises(TriageRefused, match="Nobody opened"):
        incidents.write("alert:2", by="ann", kind="note", text="x")
    with pytest.raises(TriageRefused, match="no role"):
        incidents.role("alert:1", by="ann", role="hero", who="ann")


# sheets --------------------------------------------------------------------------------------------


def test_a_sheet_is_accepted_once_and_never_by_its_writer(desk: Desk) -> None:
    sheets = HandOvers(desk.journal)
    old = sheets.put(by="ann", keys=["a:1"], markdown="# old")
    sheet = sheets.put(by="ann", keys=["a:2", "a:1"], markdown="# new")
    assert sheet.digest != old.digest
    assert sheets.keys(sheet.id) == ["a:1", "a:2"]
    assert sheets.latest() == sheet

    def accept(which=sheet, by: str = "bob"):
        with desk.journal.changing() as conn:
            return sheets.accept(conn, which, by=by, body={})

    with pytest.raises(TriageRefused, match="newer sheet"):
        accept(old)
    with pytest.raises(sqlite3.IntegrityError):
        accept(by="ann")
    assert sheets.latest() == sheet
    done = accept()
    assert (done.accepted_by, done.accepted_at, done.digest) == ("bob", NOW, sheet.digest)
    with pytest.raises(TriageRefused, match="faster"):
        accept(by="cem")
    for sql in ("update hand_over set markdown = 'x'", "delete from hand_over"):
        with pytest.raises(sqlite3.IntegrityError), desk.store.write() as conn:
            conn.execute(sql)


# schema --------------------------------------------------------------------------------------------


def test_a_record_of_the_first_version_gets_the_desk_and_keeps_its_gates(tmp_path: Path) -> None:
    path = tmp_path / "stas.db"
    with Store(path, MIGRATIONS[:1]) as old:
        journal = Journal(old, ManualClock())
        from storage.pulses import Pulses

        pulse = Pulses(old, journal).begin(agent="a", operator="o", mode=Mode.SUPERVISED, policy_digest="")
        head = journal.head()
    with open_record(path) as store:
        journal = Journal(store, ManualClock())
        assert store.read("pragma user_version")[0][0] == len(MIGRATIONS)
        assert journal.head() == head
        own(Triage(journal), "a:1")
        assert journal.verify().ok
        assert pulse.number == 1


# numbers -------------------------------------------------------------------------------------------


def test_the_numbers_count_what_the_record_holds(desk: Desk, triage: Triage) -> None:
    slow, fast, late = desk.ask("T-1"), desk.ask("T-2"), desk.ask("T-3", ask_ttl_ms=2 * HOUR)
    desk.clock.advance(60_000)
    for action, dwell in ((slow, 20_000), (fast, 900)):
        desk.journal.decide(
            action.id, rev=1, digest=action.digest, verdict="approve", voter="ann", reason="", dwell_ms=dwell
        )
    desk.journal.record("policy.overridden", actor="ann", body={})
    triage.change(["a:1"], owned_by("ann"), kind="triage.owned", by="ann", body={"unowned_ms": {"a:1": 90_000}})
    desk.clock.advance(2 * HOUR)
    desk.journal.sweep_expired()
    assert late.id
    now = desk.clock.now()
    found = numbers(desk.journal, since=now - 4 * HOUR, until=now + 1)
    assert found == {
        "hours": 4.0,
        "recorded_s": 2 * 3_600 + 60,
        "gates": 3,
        "gates_per_hour": 1.49,
        "decided": 2,
        "median_decide_s": 60.0,
        "expired": found["expired"],
        "approvals": 2,
        "approvals_under_3_s": 1,
        "overrides": 1,
        "lapsed_leases": 0,
        "unowned_p0_s": 90.0,
    }
    assert found["expired"] >= 1
    young = numbers(desk.journal, since=now - 4 * HOUR, until=now - 2 * HOUR)
    assert (young["recorded_s"], young["gates_per_hour"]) == (60, None), "a minute is too early for an hour"
    nothing = numbers(desk.journal, since=now + HOUR, until=now + 2 * HOUR)
    assert (nothing["gates"], nothing["median_decide_s"]) == (0, None), "no decision is no fast decision"
