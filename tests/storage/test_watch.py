"""What the sources said: kept with its history, and never more believable than it is old."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from storage.clock import HOUR, MINUTE
from storage.owner import this_owner
from storage.records import DataState
from storage.schema_watch import open_watch
from storage.watch import KEPT_GONE, Watch
from storage.watch_records import KINDS, Alert, Observed, Probe, Silence, SourceKind, SourceStatus

NOW = 1_795_000_000_000


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[Watch]:
    with open_watch(tmp_path / "watch.db") as store:
        yield Watch(store)


def status(name: str = "alertmanager", at: int = NOW, **fields: Any) -> SourceStatus:
    base: dict[str, Any] = {"kind": SourceKind.ALERTS, "state": DataState.OK, "every_ms": 15_000, "asked_at": at}
    return SourceStatus(name=name, **{**base, "at": at, **fields})


def alert(key: str, **fields: Any) -> Alert:
    return Alert(key=key, name="PoolExhausted", **fields)


def keys(watch: Watch, kind: str = "alert", **how: Any) -> list[str]:
    return [fact.thing.key for fact in watch.facts(kind, **how)]


def test_a_status_comes_back_as_it_was_written(watch: Watch) -> None:
    written = status(
        next_at=NOW + 15_000,
        failures=2,
        reason="429, retry in 28s",
        project_id="shop",
        replayed=True,
        detail={"version": "0.27", "dropped": 3},
    )
    watch.record(written)
    assert watch.sources() == [written]
    assert watch.source("alertmanager") == written
    assert watch.source("other") is None


def test_a_failed_answer_keeps_the_time_of_the_last_good_one(watch: Watch) -> None:
    watch.record(status())
    watch.record(status(state=DataState.ERROR, asked_at=NOW + MINUTE, at=None, reason="refused"))
    kept = watch.source("alertmanager")
    assert kept is not None
    assert (kept.state, kept.at, kept.asked_at) == (DataState.ERROR, NOW, NOW + MINUTE)


@pytest.mark.parametrize("state", [DataState.OK, DataState.EMPTY])
def test_a_good_answer_that_nobody_renewed_is_stale(state: DataState) -> None:
    row = status(state=state)
    assert row.believed(NOW + 45_000) is state
    assert row.believed(NOW + 45_001) is DataState.STALE
    assert status(state=state, at=NOW).believed(NOW + HOUR) is DataState.STALE


@pytest.mark.parametrize("state", [DataState.ERROR, DataState.DENIED, DataState.UNKNOWN, DataState.STALE])
def test_nothing_becomes_better_with_age(state: DataState) -> None:
    assert status(state=state).believed(NOW) is state
    assert status(state=state).believed(NOW + HOUR) is state


def test_what_is_no_longer_said_is_gone_and_not_forgotten(watch: Watch) -> None:
    watch.record(status(), [alert("a"), alert("b")])
    watch.record(status(at=NOW + MINUTE), [alert("b")])
    assert keys(watch) == ["b"]
    assert keys(watch, gone_since=NOW) == ["a", "b"]
    assert keys(watch, gone_since=NOW + 2 * MINUTE) == ["b"]
    gone = watch.fact("alert", "a")
    assert gone is not None
    assert (gone.first_seen, gone.last_seen, gone.gone_at, gone.times) == (NOW, NOW, NOW + MINUTE, 1)


def test_what_comes_back_is_counted(watch: Watch) -> None:
    for n, things in enumerate([[alert("a")], [], [alert("a")], [], [alert("a")]]):
        watch.record(status(at=NOW + n * MINUTE), things)
    back = watch.fact("alert", "a")
    assert back is not None
    assert (back.times, back.gone_at, back.first_seen) == (3, None, NOW)
    assert back.since == NOW + 4 * MINUTE


def test_an_empty_list_is_an_answer_and_none_is_not(watch: Watch) -> None:
    watch.record(status(), [alert("a")])
    watch.record(status(at=NOW + MINUTE, state=DataState.ERROR), None)
    assert keys(watch) == ["a"]
    watch.record(status(at=NOW + 2 * MINUTE, state=DataState.EMPTY), [])
    assert keys(watch) == []


def test_a_partial_list_says_nothing_about_what_is_missing(watch: Watch) -> None:
    watch.record(status(), [alert("a"), alert("b")])
    watch.record(status(at=NOW + MINUTE), [alert("b", severity="page")], partial=True)
    assert keys(watch) == ["a", "b"]


def test_sources_and_kinds_are_kept_apart(watch: Watch) -> None:
    watch.record(status("one"), [alert("a"), Silence(key="a", state="active")])
    watch.record(status("two"), [alert("a"), alert("b")])
    watch.record(status("one", NOW + 1), [])
    assert keys(watch) == ["a", "b"]
    assert keys(watch, "silence") == []
    watch.forget_others(["one"])
    assert keys(watch, gone_since=NOW) == ["a"]
    assert [row.name for row in watch.sources()] == ["one"]


def test_since_is_when_it_began_to_stand_as_it_does(watch: Watch) -> None:
    def probe(verdict: str) -> Probe:
        return Probe(key="shop/api", project_id="shop", name="api", url="http://x", verdict=verdict)

    for n, verdict in enumerate(["ok", "failed", "failed", "ok"]):
        watch.record(status(at=NOW + n * MINUTE), [probe(verdict)])
        fact = watch.fact("probe", "shop/api")
        assert fact is not None
        assert fact.began == NOW + {0: 0, 1: 1, 2: 1, 3: 3}[n] * MINUTE


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_noun_survives_the_way_to_the_disk_and_back(kind: str, watch: Watch) -> None:
    thing = filled(KINDS[kind])
    watch.record(status(), [thing])
    [fact] = watch.facts(kind)
    assert fact.thing == thing
    assert KINDS[kind].from_json({**thing.to_json(), "of a later version": 1}) == thing


def filled(cls: type[Observed]) -> Observed:
    """A noun with something in every field."""
    samples = {
        "str": "word",
        "int": 7,
        "int | None": 7,
        "bool": True,
        "float | None": 0.5,
        "dict[str, str]": {"tenant": "acme"},
        "dict[str, float | None]": {"cpu": 0.5, "memory": None},
        "tuple[str, ...]": ("a", "b"),
        "tuple[float | None, ...]": (0.5, None),
        "tuple[tuple[str, str, bool, bool], ...]": (("tenant", "acme", False, True),),
    }
    return cls(**{field.name: samples[str(field.type)] for field in dataclasses.fields(cls)})


def test_hostile_text_is_kept_without_breaking_anything(watch: Watch) -> None:
    text = "\ud800 \x00 \x1b[2J '; drop table fact; -- \u202e"
    watch.record(status(reason=text), [alert(text, labels={text: text})])
    [fact] = watch.facts("alert")
    assert "drop table" in fact.thing.key
    assert watch.fact("alert", text) is not None


def test_the_latest_of_what_is_gone_is_kept_within_a_bound(watch: Watch) -> None:
    watch.record(status(), [alert(f"a{n:05}") for n in range(KEPT_GONE)])
    watch.record(status(at=NOW + MINUTE), [alert(f"b{n:03}") for n in range(300)])
    watch.record(status(at=NOW + 2 * MINUTE), [])
    left = keys(watch, gone_since=1)
    assert len(left) <= KEPT_GONE
    assert sum(key.startswith("b") for key in left) == 300


def test_the_watcher_says_that_it_lives(watch: Watch) -> None:
    assert watch.watcher() is None
    watch.beat(NOW, 3)
    found = watch.watcher()
    assert found is not None
    assert (found.owner, found.at, found.round, found.alive) == (this_owner(), NOW, 3, True)


def test_a_watcher_that_ended_is_not_alive(watch: Watch) -> None:
    watch.beat(NOW, 1)
    with watch.store.write() as conn:
        conn.execute("update watcher set owner = '999999999:1:no-such-boot'")
    found = watch.watcher()
    assert found is not None
    assert not found.alive
