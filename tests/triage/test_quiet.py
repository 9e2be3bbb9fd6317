"""Which silences hide an alert now: only those that its own Alertmanager names and that have not ended."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.clock import HOUR, MINUTE
from storage.records import DataState
from storage.watch_records import Silence
from tests.triage.bench import Bench, alert


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with Bench(tmp_path) as made:
        yield made


def silence(bench: Bench, key: str, ms: int, state: str = "active") -> Silence:
    return Silence(key=key, state=state, ends_at=bench.clock.now() + ms, created_by="lena", comment=key, matches=2)


def ids(bench: Bench, key: str = "alert:98be") -> list[str]:
    return [each.id for each in bench.desk.silences(key)]


def test_those_that_hide_it_are_named_the_first_to_end_first(bench: Bench) -> None:
    hidden = alert("98be", state="suppressed", silenced_by=("late", "soon", "over", "nobody-described"))
    bench.say(
        [
            hidden,
            alert("77aa"),
            silence(bench, "late", 2 * HOUR),
            silence(bench, "soon", HOUR, "pending"),
            silence(bench, "over", HOUR, "expired"),
            silence(bench, "another", HOUR),
        ]
    )
    assert ids(bench) == ["soon", "late"]
    [first, _] = bench.desk.silences("alert:98be")
    assert (first.source, first.by, first.comment, first.hides) == ("alertmanager", "lena", "soon", 2)
    assert ids(bench, "alert:77aa") == []
    assert ids(bench, "probe:shop/api") == []


def test_one_whose_time_is_over_hides_nothing_whatever_was_said_last(bench: Bench) -> None:
    bench.say([alert("98be", state="suppressed", silenced_by=("s1",)), silence(bench, "s1", 5 * MINUTE)])
    assert ids(bench) == ["s1"]
    bench.clock.advance(5 * MINUTE)
    assert ids(bench) == []


def test_the_same_id_at_another_alertmanager_is_another_silence(bench: Bench) -> None:
    bench.say([alert("98be", state="suppressed", silenced_by=("s1",))])
    bench.say([silence(bench, "s1", HOUR)], name="office")
    assert ids(bench) == []


def test_what_cannot_be_read_just_now_is_still_what_was_said_last(bench: Bench) -> None:
    bench.say([alert("98be", state="suppressed", silenced_by=("s1",)), silence(bench, "s1", HOUR)])
    bench.say(None, state=DataState.ERROR, reason="refused")
    assert ids(bench) == ["s1"]
