"""The loop: everybody is asked at their time, one that fails or hangs touches nobody else, and the disk may be full."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from scripted import Hanging, Scripted, alert, bad, ok

from stas_tui.health.base import Answer, Source
from stas_tui.health.watcher import AT_ONCE, BEAT_S, MOST_RETRY_S, Watcher
from storage.clock import SECOND, ManualClock
from storage.owner import this_owner
from storage.records import DataState
from storage.schema_watch import open_watch
from storage.watch import Watch
from storage.watch_records import SourceKind, SourceStatus


@dataclass
class Post:
    """A watcher with a clock that moves when told."""

    path: Path
    clock: ManualClock = field(default_factory=ManualClock)
    said: list[str] = field(default_factory=list)
    shown: list[tuple[str, str]] = field(default_factory=list)
    rings: int = 0

    def __post_init__(self) -> None:
        self.watch = Watch(open_watch(self.path))

    def man(self, *sources: Source, watch: Watch | None = None, **options: object) -> Watcher:
        self.watcher = Watcher(
            sources,
            watch or self.watch,
            self.clock,
            ring=self._ring,
            say=self.said.append,
            show=lambda row: self.shown.append((row.name, row.state.value)),
            **options,  # type: ignore[arg-type]
        )
        self.watcher.begin()
        self.rings = 0
        return self.watcher

    def _ring(self) -> None:
        self.rings += 1

    def until(self, holds: Callable[[], bool], *, advance: int = 0) -> None:
        """Turn until a condition holds."""
        for _ in range(400):
            self.watcher.turn(0.05)
            if holds():
                return
            self.clock.advance(advance)
        raise AssertionError("it never came to that")

    def status(self, name: str = "alertmanager") -> SourceStatus:
        found = self.watch.source(name)
        assert found is not None
        return found

    def asked(self, source: Scripted, times: int) -> None:
        """Turn until this source was asked so often and what it said is written down."""
        self.until(lambda: len(source.asked) >= times and not self.asking())

    def asking(self) -> bool:
        return any(row.started is not None for row in self.watcher._rows)


@pytest.fixture
def post(tmp_path: Path) -> Iterator[Post]:
    made = Post(tmp_path / "watch.db")
    yield made
    made.watch.store.close()


def test_an_answer_is_written_down_and_rings_the_bell(post: Post) -> None:
    source = Scripted(acts=[ok("fp1", "fp2", detail={"version": "0.27"})])
    post.man(source)
    post.asked(source, 1)
    status = post.status()
    assert (status.state, status.kind, status.failures, status.every_ms) == ("ok", SourceKind.ALERTS, 0, 15_000)
    assert status.at == status.asked_at == post.clock.now()
    assert status.next_at == post.clock.now() + 15 * SECOND
    assert status.detail == {"version": "0.27"}
    assert [fact.thing.key for fact in post.watch.facts("alert")] == ["fp1", "fp2"]
    assert post.rings == 1


def test_the_bell_rings_only_for_what_is_new(post: Post) -> None:
    source = Scripted(acts=[ok("fp1"), ok("fp1"), ok("fp2"), bad()])
    post.man(source)
    rings = []
    for times in range(1, 5):
        post.asked(source, times)
        rings.append(post.rings)
        post.clock.advance(15 * SECOND)
    assert rings == [1, 1, 2, 3]
    assert post.shown == [("alertmanager", "ok"), ("alertmanager", "error")], "only another state is shown"


def test_nobody_is_asked_before_their_time(post: Post) -> None:
    often, seldom = Scripted(name="a", every_s=5.0), Scripted(name="b", every_s=60.0)
    post.man(often, seldom)
    for second in range(61):
        post.asked(often, second // 5 + 1)
        assert len(often.asked) == second // 5 + 1
        post.clock.advance(SECOND)
    post.asked(seldom, 2)
    assert [at - seldom.asked[0] for at in seldom.asked] == [0, 60 * SECOND]


def test_a_failing_source_is_asked_less_and_less_and_at_its_pace_again_once_it_answers(post: Post) -> None:
    source = Scripted(acts=[ok(), bad(), bad(), bad(), ok()])
    post.man(source)
    waits, failures = [], []
    for times in range(1, 6):
        post.asked(source, times)
        status = post.status()
        assert status.next_at is not None
        waits.append((status.next_at - post.clock.now()) // SECOND)
        failures.append(status.failures)
        post.clock.advance(waits[-1] * SECOND)
    assert waits == [15, 30, 60, 120, 15]
    assert failures == [0, 1, 2, 3, 0]


def test_back_off_is_bounded(post: Post) -> None:
    source = Scripted(acts=[bad()])
    post.man(source)
    for times in range(1, 12):
        post.asked(source, times)
        post.clock.advance(300 * SECOND)
    status = post.status()
    assert (status.next_at or 0) - (status.asked_at or 0) == 300 * SECOND


@pytest.mark.parametrize(("told", "kept"), [(40.0, 40.0), (5.0, 30.0), (10**12, MOST_RETRY_S), (float("inf"), 3600.0)])
def test_a_source_that_says_when_is_asked_then_and_not_in_a_year(post: Post, told: float, kept: float) -> None:
    source = Scripted(acts=[bad("429", retry_after_s=told)])
    post.man(source)
    post.asked(source, 1)
    assert post.status().next_at == post.clock.now() + int(kept * SECOND)


def test_an_error_keeps_what_was_known_and_the_time_of_the_last_good_answer(post: Post) -> None:
    source = Scripted(acts=[ok("fp1"), bad()])
    post.man(source)
    post.asked(source, 1)
    good = post.clock.now()
    post.clock.advance(15 * SECOND)
    post.asked(source, 2)
    status = post.status()
    assert (status.state, status.reason, status.at) == ("error", "refused the connection", good)
    [fact] = post.watch.facts("alert")
    assert fact.gone_at is None


def test_what_is_missing_from_a_partial_answer_is_not_gone(post: Post) -> None:
    source = Scripted(acts=[ok("fp1", "fp2"), ok("fp1", partial=True), ok("fp1")])
    post.man(source)
    left = []
    for times in range(1, 4):
        post.asked(source, times)
        left.append(len(post.watch.facts("alert")))
        post.clock.advance(15 * SECOND)
    assert left == [2, 2, 1]


def test_a_fault_of_our_own_is_an_error_without_its_text_and_touches_nobody_else(post: Post) -> None:
    def breaks() -> Answer:
        raise KeyError("hunter2-secret")

    source, other = Scripted(name="broken", acts=[breaks]), Scripted(name="fine")
    post.man(source, other)
    post.asked(source, 1)
    post.asked(other, 1)
    status = post.status("broken")
    assert status.state is DataState.ERROR
    assert "KeyError in test_watcher.py" in status.reason
    assert "hunter2" not in status.reason + " ".join(post.said)
    assert post.status("fine").state is DataState.OK
    assert len(post.said) == 1, "said once"


def test_what_cannot_be_stored_is_a_fault_of_that_source_alone(post: Post) -> None:
    wrong = alert()
    object.__setattr__(wrong, "key", 7)
    source, other = Scripted(name="broken", acts=[Answer(state=DataState.OK, things=[wrong])]), Scripted(name="fine")
    post.man(source, other)
    post.asked(source, 1)
    post.asked(other, 1)
    assert post.status("broken").state is DataState.ERROR
    assert "a fault in Stas itself" in post.status("broken").reason
    assert post.status("fine").state is DataState.OK


def test_E6_hostile_text_in_every_field_is_kept_as_text(post: Post) -> None:
    text = "\ud800 \x00\x1b[2J\u202e' ); drop table fact; --\n[bold]"
    thing = alert(text, severity=text, labels={text: text}, annotations={"summary": text}, silenced_by=(text,))
    source = Scripted(acts=[Answer(state=DataState.OK, things=[thing], reason=text, detail={text: [text]})])
    post.man(source)
    post.asked(source, 1)
    assert post.status().state is DataState.OK
    assert "\n" not in post.status().reason
    [fact] = post.watch.facts("alert")
    assert "drop table fact" in fact.thing.key
    assert fact.gone_at is None
    post.clock.advance(15 * SECOND)
    post.asked(source, 2)
    assert post.rings == 1, "the same as before is no news"


def test_a_hanging_source_is_said_and_the_others_go_on(post: Post) -> None:
    hanging, other = Hanging(name="hangs"), Scripted(name="fine")
    post.man(hanging, other)
    post.until(lambda: post.watch.source("fine") is not None)
    assert post.watch.source("hangs") is None
    post.until(lambda: post.watch.source("hangs") is not None, advance=SECOND)
    status = post.status("hangs")
    assert (status.state, status.next_at) == (DataState.ERROR, None)
    assert status.reason.startswith("still asking for 3")
    post.until(lambda: len(other.asked) > 3, advance=5 * SECOND)
    assert len(hanging.asked) == 1, "never asked twice at once"
    hanging.free.set()
    post.until(lambda: post.status("hangs").state is DataState.OK)


def test_hanging_sources_do_not_use_up_the_places(post: Post) -> None:
    hanging = [Hanging(name=f"hangs-{n}") for n in range(AT_ONCE)]
    late = Scripted(name="late")
    post.man(*hanging, late)
    post.watcher.turn(0.05)
    assert late.asked == []
    post.until(lambda: bool(late.asked), advance=5 * SECOND)
    for source in hanging:
        source.free.set()
    post.until(lambda: not post.asking())


def test_a_secret_never_reaches_the_database(post: Post, tmp_path: Path) -> None:
    token = "ghp_" + "a1B2" * 9
    thing = alert(
        labels={"tenant": "acme", "password": "Tr0ub4dor3xyzQ"},
        annotations={"summary": f"pushed with {token}"},
    )
    answer = Answer(state=DataState.OK, things=[thing], reason=f"saw {token}", detail={"header": [token]})
    source = Scripted(acts=[answer])
    post.man(source)
    post.asked(source, 1)
    stored = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert token.encode() not in stored
    assert b"Tr0ub4dor" not in stored
    [fact] = post.watch.facts("alert")
    assert fact.thing.tenant == "acme"  # type: ignore[attr-defined]


def test_sources_that_the_configuration_no_longer_names_go_with_their_facts(post: Post) -> None:
    old, kept = Scripted(name="old"), Scripted(name="kept")
    post.man(old, kept)
    post.asked(old, 1)
    post.asked(kept, 1)
    post.man(kept)
    assert [status.name for status in post.watch.sources()] == ["kept"]
    assert {fact.source for fact in post.watch.facts("alert")} == {"kept"}


def test_it_gives_signs_of_life(post: Post) -> None:
    post.man(Scripted(every_s=3_600))
    beats = []
    for _ in range(4):
        post.watcher.turn(0.01)
        watcher = post.watch.watcher()
        assert watcher is not None
        assert watcher.owner == this_owner()
        beats.append((watcher.at - 1_795_000_000_000, watcher.round))
        post.clock.advance(int(BEAT_S * SECOND))
    post.until(lambda: not post.asking())
    assert beats == [(n * BEAT_S * SECOND, n) for n in range(4)]


def test_a_full_disk_is_said_once_and_the_next_answer_is_kept_when_there_is_room(tmp_path: Path) -> None:
    post = Post(tmp_path / "watch.db")
    store = open_watch(tmp_path / "watch.db", max_pages=12)
    long = "x" * 200_000
    source = Scripted(acts=[Answer(state=DataState.OK, things=[alert(annotations={"a": long})])] * 2 + [ok("fp9")])
    post.man(source, watch=Watch(store))
    post.asked(source, 1)
    post.clock.advance(15 * SECOND)
    post.asked(source, 2)
    assert post.watch.sources() == []
    assert len(post.said) == 1
    assert "No room left" in post.said[0]
    post.clock.advance(15 * SECOND)
    post.asked(source, 3)
    assert [fact.thing.key for fact in post.watch.facts("alert")] == ["fp9"]
    store.close()
    post.watch.store.close()


def test_a_deleted_database_is_made_anew_and_filled_again(tmp_path: Path) -> None:
    path = tmp_path / "watch.db"
    post = Post(path)
    source = Scripted()
    post.man(source)
    post.asked(source, 1)
    for file in tmp_path.iterdir():
        file.unlink()
    post.clock.advance(15 * SECOND)
    post.asked(source, 2)
    assert post.status().state is DataState.OK
    assert len(post.watch.facts("alert")) == 1
    assert post.said == []
    post.watch.store.close()


def test_once_asks_everybody_and_waits(post: Post) -> None:
    sources = [Scripted(name=f"s{n:02}") for n in range(AT_ONCE + 5)]
    rows = post.man(*sources).once()
    assert [row.state for row in rows] == [DataState.OK] * len(sources)
    assert all(len(source.asked) == 1 for source in sources)


def test_stop_ends_the_run_and_closes_the_sources(post: Post) -> None:
    source = Scripted()
    watcher = post.man(source)
    running = threading.Thread(target=watcher.run)
    running.start()
    watcher.stop()
    running.join(10)
    assert not running.is_alive()
    assert source.closed or source.asked
