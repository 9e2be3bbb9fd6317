"""The law of the list (triage 1.5): a total order that depends on nothing but the item and the time."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stas_tui.triage import order as law
from stas_tui.triage.order import order, rank
from storage.clock import MINUTE
from storage.records import Priority
from storage.triage_records import ItemClass, Lease, TriageItem, TriageNote
from tests.triage.samples import NOW, item, lease, note, with_note

TIMES = st.integers(NOW - 10 * MINUTE, NOW + 10 * MINUTE)
LEASES = st.none() | st.builds(
    Lease, owner=st.sampled_from(["ann", "\x1b[2J"]), since=TIMES, until=TIMES, waits_for=st.sampled_from(["", "ci:x"])
)
NOTES = st.none() | st.builds(TriageNote, key=st.just("k"), lease=LEASES)
ITEMS = st.builds(
    TriageItem,
    key=st.text(st.characters(), max_size=6),
    item_class=st.sampled_from(ItemClass),
    stands_as=st.none() | st.sampled_from(ItemClass),
    title=st.text(max_size=4),
    priority=st.none() | st.sampled_from(Priority),
    first_seen=TIMES,
    deadline=st.none() | TIMES,
    suppressed=st.sampled_from(["", "silenced until 14:00Z"]),
    trusted=st.booleans(),
    note=NOTES,
)
LISTS = st.lists(ITEMS, max_size=12, unique_by=lambda each: each.key)


@given(LISTS, st.randoms())
def test_order_does_not_depend_on_the_order_of_the_input(items: list[TriageItem], chance: random.Random) -> None:
    mixed = list(items)
    chance.shuffle(mixed)
    assert order(mixed, now=NOW) == order(items, now=NOW)
    assert order(order(items, now=NOW), now=NOW) == order(items, now=NOW)


@given(ITEMS, ITEMS, ITEMS)
def test_order_is_total(a: TriageItem, b: TriageItem, c: TriageItem) -> None:
    ra, rb, rc = rank(a, NOW), rank(b, NOW), rank(c, NOW)
    assert ra < rb or rb < ra or ra == rb
    assert (ra == rb) <= (a.key == b.key), "only one and the same identity ties"
    assert not (ra < rb < ra)
    assert not (ra < rb < rc) or ra < rc


@given(LISTS, ITEMS)
def test_another_item_moves_no_two_apart(items: list[TriageItem], new: TriageItem) -> None:
    items = [each for each in items if each.key != new.key]
    after = [each for each in order([*items, new], now=NOW) if each is not new]
    assert after == order(items, now=NOW)


@given(ITEMS, st.integers(0, 20 * MINUTE))
def test_time_alone_moves_an_item_up_only(one: TriageItem, passes: int) -> None:
    """Crossing five minutes to the deadline lifts a gate; only a lease that runs out changes anything else."""
    before, after = rank(one, NOW), rank(one, NOW + passes)
    assert after[1] <= before[1]
    assert after <= before


@given(LISTS)
def test_what_is_put_aside_stands_last(items: list[TriageItem]) -> None:
    flags = [bool(each.suppressed) for each in order(items, now=NOW)]
    assert flags == sorted(flags)


@given(LISTS)
def test_no_unverified_word_stands_above_what_burns(items: list[TriageItem]) -> None:
    shown = [each for each in order(items, now=NOW) if not each.suppressed and each.stands_as is None]
    said = [n for n, x in enumerate(shown) if x.item_class is ItemClass.MESSAGE and not x.trusted]
    burns = [
        n
        for n, x in enumerate(shown)
        if x.item_class is ItemClass.INCIDENT or (x.priority is Priority.P0 and x.item_class is not ItemClass.MESSAGE)
    ]
    assert not said or not burns or max(burns) < min(said)


def test_the_ladder_from_top_to_bottom() -> None:
    ladder = [
        item("a", ItemClass.INCIDENT, priority=Priority.P0),
        item("b", ItemClass.TASK, priority=Priority.P0, first_seen=NOW),
        item("c", ItemClass.MESSAGE, trusted=True, word="urgent"),
        item("d", ItemClass.INCIDENT, priority=Priority.P3),
        item("e", ItemClass.GATE, deadline=NOW + 4 * MINUTE),
        item("f", ItemClass.SOURCE, priority=Priority.P1),
        item("g", ItemClass.DEPLOY, priority=Priority.P1),
        item("h", ItemClass.MESSAGE, word="unverified"),
        item("i", ItemClass.GATE, deadline=NOW + 26 * MINUTE),
        item("j", ItemClass.TASK, priority=Priority.P2),
        item("k", ItemClass.INFO),
        item("l", ItemClass.INCIDENT, priority=Priority.P0, suppressed="silenced until 15:00Z"),
    ]
    mixed = list(ladder)
    random.Random(3).shuffle(mixed)
    assert [each.key for each in order(mixed, now=NOW)] == list("abcdefghijkl")


def test_within_a_class_priority_then_nobodys_then_deadline_then_oldest() -> None:
    rows = [
        item("1", priority=Priority.P0, first_seen=NOW),
        with_note(item("2", priority=Priority.P0, first_seen=NOW - 9 * MINUTE), lease=lease()),
        item("3", priority=None, deadline=NOW + MINUTE, first_seen=NOW),
        item("4", priority=Priority.P1, first_seen=NOW - MINUTE),
        item("5", priority=Priority.P1, first_seen=NOW),
        item("6", priority=Priority.P2, first_seen=NOW - 9 * MINUTE),
    ]
    assert [each.key for each in order(reversed(rows), now=NOW)] == list("123456")


def test_D9_an_unknown_priority_is_ordered_as_P1() -> None:
    unknown, first, second = (item("x", priority=p) for p in (None, Priority.P1, Priority.P2))
    assert rank(unknown, NOW) == rank(first, NOW) < rank(second, NOW)


def test_a_gate_that_runs_out_within_five_minutes_is_urgent_and_stays_so_when_overdue() -> None:
    gate, deploy = item("gate", ItemClass.GATE, deadline=NOW + 5 * MINUTE), item("deploy", ItemClass.DEPLOY)
    assert order([gate, deploy], now=NOW) == [deploy, gate], "five minutes are not less than five minutes"
    for later in (1, 5 * MINUTE, 60 * MINUTE):
        assert order([gate, deploy], now=NOW + later) == [gate, deploy]


def test_a_lease_that_has_run_out_owns_nothing() -> None:
    free, held = item("free", first_seen=NOW), with_note(item("held"), lease=lease(ends_in=MINUTE))
    assert order([free, held], now=NOW) == [free, held]
    assert order([free, held], now=NOW + MINUTE) == [held, free]
    waiting = replace(held, note=note("held", lease=lease(ends_in=MINUTE, waits_for="ci:ledger/9f2c")))
    assert order([free, waiting], now=NOW + MINUTE) == [free, waiting]


def test_each_item_is_ranked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = 0
    real = law.rank

    def counted(one: TriageItem, now: int) -> law.Rank:
        nonlocal asked
        asked += 1
        return real(one, now)

    monkeypatch.setattr(law, "rank", counted)
    rows = [item(f"alert:{n}", first_seen=NOW - n % 97) for n in range(1_000)]
    assert len(order(rows, now=NOW)) == 1_000
    assert asked <= 1_000
