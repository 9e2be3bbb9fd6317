"""The dashboard runs on while `watch.db` is deleted under it: it sees the new one and loses nothing people did."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from stas_tui.pulse.sources import Outside
from storage.errors import StoreGone
from storage.records import DataState, Json
from storage.schema_watch import open_watch
from storage.triage import Triage
from storage.watch import Watch
from storage.watch_records import SourceKind, SourceStatus
from tests.triage.bench import Bench, alert

KEY = "alert:98be"


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with Bench(tmp_path) as made:
        yield made


@pytest.fixture
def watcher(bench: Bench) -> Iterator[Watch]:
    """Another connection to the same file, as that of the process that watches."""
    with open_watch(bench.profile.watch_db) as store:
        yield Watch(store)


def answers(watcher: Watch, bench: Bench, *keys: str, state: DataState = DataState.OK) -> None:
    now = bench.clock.now()
    good = state is DataState.OK
    status = SourceStatus(
        name="alertmanager",
        kind=SourceKind.ALERTS,
        state=state,
        every_ms=15_000,
        asked_at=now,
        at=now if good else None,
    )
    watcher.record(status, [alert(key, starts_at=now) for key in keys] if good else None)
    watcher.beat(now, 1)


def delete(bench: Bench) -> None:
    for file in bench.profile.root.glob("watch.db*"):
        file.unlink()


def notes(bench: Bench) -> Json:
    note = Triage(bench.app.context.journal).note(KEY)
    assert note is not None
    assert note.lease is not None
    incident = bench.desk.incident(KEY)
    assert incident is not None
    return {"lease": note.lease, "status": incident.status, "said": [e.text for e in incident.entries if e.id]}


def test_what_people_did_stays_and_the_list_is_filled_again(bench: Bench, watcher: Watch) -> None:
    answers(watcher, bench, "98be")
    bench.desk.own([KEY], by="ann")
    bench.desk.open_incident(KEY, by="ann")
    bench.desk.write(KEY, by="ann", kind="decision", text="turn the cache off")
    before = notes(bench)
    delete(bench)
    assert bench.desk.sources()[0].state is DataState.UNKNOWN
    assert KEY not in {item.key for item in bench.list().items}
    assert "all clear" not in bench.list().words
    assert "watcher dead" in bench.list().words
    assert notes(bench) == before
    answers(watcher, bench, "98be")
    assert bench.item(KEY).owner == "ann"
    assert not {"watcher", "alertmanager"} & set(bench.list().dead)
    assert Outside(bench.app.context).told(SourceKind.ALERTS).believed, "the pulse reads the new file as well"
    assert notes(bench) == before
    assert bench.app.context.journal.verify().ok


def test_a_snooze_outlives_the_file(bench: Bench, watcher: Watch) -> None:
    answers(watcher, bench, "98be")
    bench.desk.snooze([KEY], by="ann", reason="known", until=bench.clock.now() + 600_000)
    delete(bench)
    bench.desk.tick()
    answers(watcher, bench, "98be")
    bench.desk.tick()
    assert bench.item(KEY).suppressed.startswith("snoozed until")


def test_an_escalation_does_not_end_because_nobody_knows_any_more(bench: Bench, watcher: Watch) -> None:
    """A dead source is not well because its row was deleted and it was not asked again yet."""
    answers(watcher, bench, state=DataState.ERROR)
    key = "source:alertmanager"
    bench.desk.escalate(key, by="ann")
    bench.desk.tick()
    delete(bench)
    watcher.beat(bench.clock.now(), 1)
    bench.clock.advance(6_000)
    bench.desk.tick()
    note = Triage(bench.app.context.journal).note(key)
    assert note is not None
    assert note.escalation is not None
    assert (note.escalation.stopped, note.escalation.next_at is not None) == ("", True)
    bench.clock.advance(6_000)
    answers(watcher, bench)
    assert any("resolved" in str(line) for line in bench.desk.tick())


def test_the_record_itself_is_never_made_anew(bench: Bench) -> None:
    bench.say([])
    bench.profile.record_db.unlink()
    with pytest.raises(StoreGone):
        bench.list()
    assert not bench.profile.record_db.exists()
