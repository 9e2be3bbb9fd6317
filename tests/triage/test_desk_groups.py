"""Groups with undo, the last act taken back, and what is kept between two starts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from stas_tui.triage.desk import TriageRefused
from storage.clock import HOUR, MINUTE
from storage.triage_records import SavedView
from storage.watch_records import Deploy, SourceKind
from tests.triage.bench import Bench, alert


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with Bench(tmp_path) as made:
        made.say([alert("1"), alert("2"), alert("3", "warning"), alert("4", "warning")])
        yield made


def keys(bench: Bench) -> set[str]:
    return {item.key for item in bench.list().items if not item.suppressed and item.key.startswith("alert:")}


def test_a_group_stands_under_one_and_comes_apart_again(bench: Bench) -> None:
    bench.desk.group(["alert:2", "alert:3"], under="alert:1", by="ann")
    assert keys(bench) == {"alert:1", "alert:4"}
    assert set(bench.item("alert:1").members) == {"alert:2", "alert:3"}
    bench.desk.ungroup("alert:2", by="ann")
    assert keys(bench) == {"alert:1", "alert:2", "alert:4"}
    bench.desk.ungroup("alert:1", by="ann")
    assert keys(bench) == {"alert:1", "alert:2", "alert:3", "alert:4"}
    with pytest.raises(TriageRefused, match="in no group"):
        bench.desk.ungroup("alert:1", by="ann")


def test_a_head_that_is_grouped_takes_its_members_along(bench: Bench) -> None:
    bench.desk.group(["alert:2"], under="alert:1", by="ann")
    bench.desk.group(["alert:1"], under="alert:3", by="ann")
    assert keys(bench) == {"alert:3", "alert:4"}
    with pytest.raises(TriageRefused, match="itself grouped under alert:3"):
        bench.desk.group(["alert:4"], under="alert:1", by="ann")
    with pytest.raises(TriageRefused, match="at least two"):
        bench.desk.group(["alert:3"], under="alert:3", by="ann")
    assert bench.desk.undo(by="ann").startswith("Undone: grouping 2 items")
    assert keys(bench) == {"alert:1", "alert:3", "alert:4"}


def test_groups_are_suggested_until_a_person_took_them_apart(bench: Bench) -> None:
    suggested = bench.desk.suggestions()
    assert suggested, "the same tenant and service within ten minutes"
    first = suggested[0]
    bench.desk.group(first.members, under=first.head, by="ann")
    for member in first.members:
        bench.desk.ungroup(member, by="ann")
    again = {(s.head, m) for s in bench.desk.suggestions() for m in s.members}
    assert not again & {(first.head, member) for member in first.members}


def test_undo_takes_back_the_last_act_of_this_person_only(bench: Bench) -> None:
    bench.desk.own(["alert:1", "alert:2"], by="ann")
    bench.desk.own(["alert:3"], by="bob")
    bench.clock.advance(2 * MINUTE)
    assert bench.desk.undo(by="ann") == "Undone: taking 2 items, 2m ago."
    assert [bench.item(f"alert:{n}").owner for n in (1, 2, 3)] == ["", "", "bob"]
    with pytest.raises(TriageRefused, match="nothing of yours"):
        bench.desk.undo(by="ann")
    assert bench.events("triage.undone")[0]["kind"] == "triage.owned"


def test_nothing_is_undone_that_somebody_changed_since_or_after_an_hour(bench: Bench) -> None:
    bench.desk.own(["alert:1"], by="Stas")
    bench.desk.own(["alert:1"], by="ann")
    with pytest.raises(TriageRefused, match="changed since"):
        bench.desk.undo(by="Stas")
    bench.clock.advance(HOUR + 1)
    with pytest.raises(TriageRefused, match="from the last hour"):
        bench.desk.undo(by="ann")


def test_a_change_shortly_before_is_suspected(bench: Bench) -> None:
    at = bench.clock.now() - 6 * MINUTE
    bench.say(
        [
            Deploy(
                key="shop/9f2c",
                project_id="shop",
                sha="9f2c",
                at=at,
                what="infra: cache",
                state="merged",
                pr_number=7,
                service="api",
            )
        ],
        name="deploys:shop",
        kind=SourceKind.DEPLOYS,
    )
    bench.say([alert("9", starts_at=bench.clock.now())])
    (suspect,) = bench.desk.suspects("alert:9")
    assert (suspect["sha"], suspect["at"], suspect["pr"]) == ("9f2c", at, 7)
    assert "6m" in suspect["why"]


def test_views_and_the_place_are_there_at_the_next_start(bench: Bench) -> None:
    bench.desk.save_view(SavedView(name="mine", query=" owner:me "))
    bench.desk.remember_place({"query": "p:P0", "cursor": "alert:1"})
    with bench.again() as later:
        assert later.desk.views() == [SavedView(name="mine", query="owner:me")]
        assert later.desk.place() == {"query": "p:P0", "cursor": "alert:1"}


def test_the_filter_knows_who_looks(bench: Bench) -> None:
    bench.desk.own(["alert:1"], by="ann")
    assert [item.key for item in bench.list("owner:me").items] == ["alert:1"]
