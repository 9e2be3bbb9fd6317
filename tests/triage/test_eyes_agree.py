"""The strip, the desk and the pulse look at one watch: they never disagree, and nothing unproven is green (E5)."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stas_tui.health.belief import UNATTENDED_MS, Wanted, beliefs
from stas_tui.pulse.sources import Outside
from stas_tui.watching import planned, strip, wanted
from storage.clock import HOUR, SECOND
from storage.records import DataState
from storage.watch_records import SourceKind, SourceStatus
from tests.triage.bench import Bench

EVERY = 15 * SECOND
GOOD = (DataState.OK, DataState.EMPTY)
MORE = """
[[prometheus]]
url = "http://127.0.0.1:9"

[project.ci]
required = ["unit"]
builds = ["image"]

[[project.health]]
name = "api"
url = "http://127.0.0.1:9/health"
"""
NAMES = {
    "alertmanager": SourceKind.ALERTS,
    "prometheus": SourceKind.METRICS,
    "probes:shop": SourceKind.PROBES,
    "ci:shop": SourceKind.CI,
    "builds:shop": SourceKind.BUILDS,
    "deploys:shop": SourceKind.DEPLOYS,
}
LEFT = {"old-alertmanager": SourceKind.ALERTS, "ci:gone": SourceKind.CI}
"""What an older configuration named."""


@dataclass(frozen=True, slots=True)
class Row:
    """What the watch holds of a source; times are milliseconds before now, negative in the future."""

    state: DataState
    asked: int
    answered: int | None
    replayed: bool
    reason: str


rows = st.builds(
    Row,
    state=st.sampled_from(DataState),
    asked=st.sampled_from([0, EVERY, HOUR]),
    answered=st.sampled_from([None, 0, 3 * EVERY, 3 * EVERY + 1, HOUR, -3 * EVERY, -HOUR]),
    replayed=st.booleans(),
    reason=st.sampled_from(["", "in part"]),
)
watchers = st.sampled_from(
    [None, ("living", 0), ("living", UNATTENDED_MS), ("living", UNATTENDED_MS + 1), ("living", -HOUR), ("dead", 0)]
)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with Bench(tmp_path_factory.mktemp("agree"), more=MORE) as made:
        yield made


@pytest.fixture(scope="module")
def dead() -> str:
    """A process that has ended."""
    code = "import sys; from storage.owner import this_owner; sys.stdout.write(this_owner())"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def fill(bench: Bench, dead: str, known: dict[str, Row], watcher: tuple[str, int] | None) -> None:
    watch, now = bench.app.watch, bench.clock.now()
    watch.forget_others(())
    with watch.store.write() as conn:
        conn.execute("delete from watcher")
    if watcher is not None:
        watch.beat(now - watcher[1], 1)
        if watcher[0] == "dead":
            with watch.store.write() as conn:
                conn.execute("update watcher set owner = ?", (dead,))
    for name, row in known.items():
        watch.record(
            SourceStatus(
                name=name,
                kind=(NAMES | LEFT)[name],
                state=row.state,
                every_ms=EVERY,
                asked_at=now - row.asked,
                at=None if row.answered is None else now - row.answered,
                next_at=now + EVERY,
                reason=row.reason,
                project_id="shop" if name.endswith(":shop") else "",
                replayed=row.replayed,
            )
        )


def proven(row: Row | None, watcher: tuple[str, int] | None) -> bool:
    """Whether a source really answered well, in time, to somebody who still asks."""
    attended = watcher is not None and watcher[0] == "living" and abs(watcher[1]) <= UNATTENDED_MS
    fresh = row is not None and row.answered is not None and abs(row.answered) <= 3 * EVERY
    return attended and fresh and row is not None and row.state in GOOD and not row.replayed


@settings(max_examples=150, deadline=None)
@given(known=st.dictionaries(st.sampled_from([*NAMES, *LEFT]), rows), watcher=watchers)
def test_three_faces_agree_and_only_what_is_proven_is_green(
    bench: Bench, dead: str, known: dict[str, Row], watcher: tuple[str, int] | None
) -> None:
    fill(bench, dead, known, watcher)
    now = bench.clock.now()
    told = {row.name: row for row in strip(planned(bench.settings, bench.profile), bench.app.watch, now)}
    seen = {row.name: row for row in bench.desk.sources() if row.kind not in (SourceKind.INBOX, SourceKind.BOARD)}
    outside = Outside(bench.app.context)
    held = {belief.status.name: belief for belief in outside.beliefs}
    assert told == seen == {name: belief.status for name, belief in held.items()}
    assert set(NAMES) <= set(told)
    green = {name for name in told if proven(known.get(name), watcher)}
    assert {name for name, row in told.items() if row.state in GOOD and not row.replayed} == green
    assert {name for name, belief in held.items() if belief.believed} == green
    doubted = {doubt.name for doubt in outside.all_doubts()}
    assert set(told) - doubted <= green
    for kind in SourceKind:
        said = outside.told(kind)
        assert {row.name for row in said.good} <= green
        assert not said.believed or {name for name, row in told.items() if row.kind is kind} <= green
    shown = bench.list()
    assert set(shown.dead) >= {name for name, row in told.items() if row.state not in GOOD}
    if set(told) - green:
        assert "all clear" not in shown.words


def test_only_a_row_in_time_from_a_living_watcher_is_believed(bench: Bench, dead: str) -> None:
    """The edges of both times, and the words for what lies beyond them."""
    words = {}
    good = Row(state=DataState.OK, asked=0, answered=3 * EVERY, replayed=False, reason="")
    for watcher in (None, ("dead", 0), ("living", UNATTENDED_MS), ("living", UNATTENDED_MS + 1)):
        fill(bench, dead, {"alertmanager": good}, watcher)
        (row,) = [row for row in bench.desk.sources() if row.name == "alertmanager"]
        words[watcher] = (row.state, row.reason, row.next_at is None)
    gone = (DataState.STALE, "nobody asks it: the watcher does not run", True)
    silent = (DataState.STALE, "nobody asks it: the watcher gave no sign of life for 1m", True)
    assert list(words.values()) == [gone, gone, (DataState.OK, "", False), silent]
    item = bench.item("source:watcher")
    assert (item.word, item.title) == (
        "silent",
        "Nobody asks the sources: the watcher gave no sign of life for 1m",
    ), "it is there and does not ask"
    assert "watcher silent" in bench.list().words
    fill(bench, dead, {"alertmanager": good}, ("dead", 0))
    item = bench.item("source:watcher")
    assert (item.word, item.title) == ("dead", "Nobody asks the sources: the watcher does not run")
    assert "watcher dead" in bench.list().words


def test_a_watch_that_cannot_be_read_is_no_dead_watcher(tmp_path: Path) -> None:
    with Bench(tmp_path, more=MORE) as bench:
        bench.say([])
        bench.profile.watch_db.write_bytes(b"no database at all, and longer than a header " * 400)
        item = bench.item("source:watcher")
        assert item.word == "unreadable"
        assert item.title.startswith("What the sources said cannot be read: ")
        assert "watcher" not in item.title
        assert "watch unreadable" in bench.list().words
        assert "all clear" not in bench.list().words


def test_a_recording_that_cannot_be_read_is_an_error_in_every_face(tmp_path: Path) -> None:
    with Bench(tmp_path, more='[watch]\nreplay = "nowhere"\n') as bench:
        (row,) = [row for row in bench.desk.sources() if row.name == "watch"]
        assert row.state is DataState.ERROR
        assert "There is no recording" in row.reason
        (doubt,) = Outside(bench.app.context).all_doubts()
        assert (doubt.name, doubt.state) == ("watch", DataState.ERROR)
        assert "There is no recording" in doubt.said


def test_each_name_is_one_row_with_its_word_and_age() -> None:
    want = Wanted(name="a", kind=SourceKind.ALERTS, every_ms=EVERY)
    row = SourceStatus(
        name="a", kind=SourceKind.ALERTS, state=DataState.OK, every_ms=EVERY, asked_at=HOUR, at=HOUR - EVERY
    )
    (never,) = beliefs([want, want], [], HOUR)
    assert (never.word, never.age_ms, never.believed, never.wanted) == ("never asked", None, False, want)
    (fresh,) = beliefs([want], [row], HOUR)
    assert (fresh.word, fresh.age_ms, fresh.believed) == ("ok", EVERY, True)
    (left,) = beliefs([], [row], 2 * HOUR)
    assert (left.word, left.age_ms, left.believed, left.wanted) == ("stale", HOUR + EVERY, False, None)


def test_every_source_is_named_once_for_all(bench: Bench) -> None:
    assert {want.name: want.kind for want in wanted(bench.settings, bench.profile)} == NAMES
