from __future__ import annotations

import pytest

from storage.chain import GENESIS, Anchor, event_hash


@pytest.fixture
def log(desk):
    """Twenty lines, an anchor at 15, and no trigger in the way of an intruder."""
    for n in range(14):
        desk.journal.record("note", actor="x", body={"n": n})
    desk.journal.anchor("here")
    for n in range(5):
        desk.journal.record("note", actor="x", body={"m": n})
    with desk.store.write() as conn:
        for row in conn.execute("select name from sqlite_master where type = 'trigger'").fetchall():
            conn.execute(f"drop trigger {row['name']}")
    return desk


def change(desk, *statements: str) -> None:
    with desk.store.write() as conn:
        for statement in statements:
            conn.execute(statement)


def test_a_sound_log_is_sound(log) -> None:
    report = log.journal.verify()
    assert (report.ok, report.events, report.first_bad, report.tail_cut) == (True, 20, None, False)
    assert (report.head_seq, report.head_hash) == log.journal.head()


def test_an_empty_log_is_sound(desk, tmp_path) -> None:
    from storage.clock import ManualClock
    from storage.journal import Journal
    from storage.schema_record import open_record

    with open_record(tmp_path / "empty.db") as store:
        report = Journal(store, ManualClock()).verify()
    assert (report.ok, report.head_seq, report.head_hash) == (True, 0, GENESIS)


@pytest.mark.parametrize(
    "edit",
    [
        "body = '{\"n\":99}'",
        "actor = 'eve'",
        "kind = 'gate.approved'",
        "at = at + 1",
        "pulse_id = 'p'",
        "action_id = 'a'",
        "body = '{\"n\":1e999}'",
        "body = 'no json'",
    ],
)
def test_an_edited_line_is_named(log, edit: str) -> None:
    change(log, f"update event set {edit} where seq = 7")
    report = log.journal.verify()
    assert (report.ok, report.first_bad, report.tail_cut) == (False, 7, False)
    assert "7" in report.why


def test_a_deleted_line_is_named(log) -> None:
    change(log, "delete from event where seq = 7")
    assert log.journal.verify().first_bad == 7


def test_deleted_first_line_is_named(log) -> None:
    change(log, "delete from event where seq = 1")
    assert log.journal.verify().first_bad == 1


def test_a_deleted_line_with_the_rest_renumbered_is_named(log) -> None:
    change(
        log,
        "delete from event where seq = 7",
        *(f"update event set seq = {n - 1} where seq = {n}" for n in range(8, 21)),
    )
    assert log.journal.verify().first_bad == 7


def test_reordered_lines_are_named(log) -> None:
    change(
        log,
        "update event set seq = 1000 where seq = 7",
        "update event set seq = 7 where seq = 8",
        "update event set seq = 8 where seq = 1000",
    )
    assert log.journal.verify().first_bad == 7


def test_a_cut_tail_shows_against_the_head(log) -> None:
    change(log, "delete from event where seq > 17")
    report = log.journal.verify()
    assert (report.ok, report.first_bad, report.tail_cut) == (False, 18, True)


def cut(log, last: int) -> None:
    row = log.store.read("select at, hash from event where seq = ?", (last,))[0]
    change(
        log,
        f"delete from event where seq > {last}",
        f"update head set seq = {last}, at = {row['at']}, hash = '{row['hash']}'",
    )


def test_a_tail_cut_with_its_head_shows_against_an_anchor(log) -> None:
    cut(log, 12)
    report = log.journal.verify()
    assert (report.ok, report.first_bad, report.tail_cut) == (False, 13, True)
    assert "15" in report.why


def test_a_tail_cut_with_head_and_anchor_shows_against_an_anchor_kept_elsewhere(log) -> None:
    seq, seal = log.journal.head()
    cut(log, 12)
    change(log, "delete from anchor")
    assert log.journal.verify().ok
    assert log.journal.verify([Anchor(seq=seq, hash=seal, where_to="a pull request")]).tail_cut


def test_a_rewritten_history_shows_against_the_anchor(log) -> None:
    """Every line sealed anew from 7 on: the chain fits, the anchor does not."""
    prev = log.store.read("select hash from event where seq = 6")[0]["hash"]
    with log.store.write() as conn:
        for event in log.journal.events(after=6):
            fields = {
                "seq": event.seq,
                "at": event.at,
                "actor": "eve",
                "kind": event.kind,
                "pulse_id": None,
                "action_id": None,
                "body": event.body,
                "prev": prev,
            }
            seal = event_hash(**fields)
            conn.execute("update event set actor = 'eve', prev = ?, hash = ? where seq = ?", (prev, seal, event.seq))
            prev = seal
        conn.execute("update head set hash = ?", (prev,))
    report = log.journal.verify()
    assert (report.ok, report.first_bad, report.tail_cut) == (False, 15, False)
    assert "anchored" in report.why


def test_a_head_of_another_log_is_named(log) -> None:
    change(log, "update head set hash = 'x'")
    assert log.journal.verify().ok is False


def test_long_logs_are_read_in_pages(desk) -> None:
    with desk.store.write():
        for n in range(1200):
            desk.journal.record("note", actor="x", body={"n": n})
    assert desk.journal.verify().events == 1201
    assert [e.seq for e in desk.journal.events(after=5, limit=3)] == [6, 7, 8]
    assert len(desk.journal.events(kinds=["note"])) == 1200
    assert desk.journal.events(kinds=[]) == []
    assert [e.kind for e in desk.journal.events(pulse_id=desk.pulse.id)] == ["pulse.began"]


def test_lines_with_hostile_text_are_not_lost(desk) -> None:
    event = desk.journal.record(
        "policy.refused", actor="a\ud800", body={"x\ud800": ["\udc00", 2**80, float("inf"), b"?"]}
    )
    assert event.body == {"x\ufffd": ["\ufffd", str(2**80), "inf", "b'?'"]}
    assert desk.journal.events(after=event.seq - 1) == [event]
    assert desk.journal.verify().ok
